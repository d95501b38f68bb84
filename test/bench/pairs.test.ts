import { expect, test } from 'vitest'
import type { LoadResult } from '../../src/bench/generator.ts'
import { ratios, takePairs } from '../../bench/pairs.ts'
import { goalAtLeast, goalAtMost, markdown, median } from '../../bench/table.ts'
import type { Window } from '../../bench/window.ts'

const none = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 }
/** Pairs look at what a window cost, never at its load. */
const noLoad: LoadResult = {
  scenario: 'get',
  mode: 'persistent',
  loop: 'closed',
  connections: 1,
  depth: 1,
  processes: 1,
  seconds: 1,
  answered: 1,
  requestsPerSecond: 1,
  tasksPerSecond: 1,
  failed: 0,
  failures: {},
  latency: none,
  latencyByOperation: {},
  taskLatency: none,
  histogram: [],
  neverSent: 0,
  generator: { cores: 0, cpuMicrosecondsPerRequest: 0, loopBusy: 0, loopDelayP99Ms: 0, latenessP99Ms: 0 },
  invalid: [],
}

/** Windows whose cost is given in order, and in which others used so many cores. */
function windows(costs: readonly number[], others: readonly number[], log: string[], name: string) {
  let next = 0
  return async (): Promise<Window> => {
    const index = next++
    log.push(name)
    return {
      load: noLoad,
      serverMicrosecondsPerRequest: costs[index % costs.length]!,
      othersCores: others[index % others.length]!,
      serverCores: 1,
    }
  }
}

test('pairs alternate which of the two goes first', async () => {
  const log: string[] = []
  const pairs = await takePairs(
    { wanted: 3, triesMax: 9 },
    windows([10], [0], log, 'echo'),
    windows([20], [0], log, 'server'),
  )
  expect(log).toEqual(['echo', 'server', 'server', 'echo', 'echo', 'server'])
  expect(ratios(pairs)).toEqual([2, 2, 2])
  expect(pairs).toMatchObject({ discarded: 0, noisy: false })
})

test('a pair in which others used the machine is repeated', async () => {
  const log: string[] = []
  const pairs = await takePairs(
    { wanted: 2, triesMax: 6 },
    windows([10], [0], log, 'echo'),
    windows([20, 90, 20], [0, 0.8, 0.1], log, 'server'),
  )
  expect(ratios(pairs)).toEqual([2, 2])
  expect(pairs).toMatchObject({ discarded: 1, noisy: false })
})

test('when the machine never gets quiet the quietest pairs are used and the row is marked', async () => {
  const others = [0.9, 0.5, 0.9, 0.4, 0.9, 0.9]
  const pairs = await takePairs(
    { wanted: 2, triesMax: 6 },
    windows([10], [0], [], 'echo'),
    windows([20], others, [], 'server'),
  )
  expect(pairs).toMatchObject({ discarded: 4, noisy: true })
  expect(pairs.used.map(({ server }) => server.othersCores)).toEqual([0.4, 0.5])
})

test('goals stand beside their figures as met or not met, and a figure that is missing meets none', () => {
  expect(goalAtMost(2.3, 2.4, 'E')).toBe('≤ 2.4 E: met')
  expect(goalAtMost(2.5, 2.4, 'E')).toBe('≤ 2.4 E: not met')
  expect(goalAtLeast(19, 20, '')).toBe('≥ 20: not met')
  expect(goalAtMost(Number.NaN, 1, 'H')).toBe('≤ 1 H: not met')
})

test('a table prints as aligned Markdown', () => {
  const text = markdown({ title: 'T', columns: ['what', 'n'], rows: [['a', '1234']], notes: ['note'] })
  expect(text).toBe('## T\n\n| what | n    |\n| ---- | ---- |\n| a    | 1234 |\n\nnote\n')
  expect(median([3, 1, 2, 10])).toBe(2.5)
})
