import { expect, test } from 'vitest'
import { coresIn } from '../../src/bench/generator.ts'
import { LatencyHistogram } from '../../src/bench/latency-histogram.ts'
import { whyInvalid } from '../../src/bench/validity.ts'
import type { GeneratorLoad } from '../../src/bench/validity.ts'

const good: GeneratorLoad = {
  processCores: [0.6, 0.5],
  loopBusy: [0.7, 0.6],
  loopDelayP99Ms: [1, 2],
  coresAllowed: 2,
  lateness: new LatencyHistogram(),
}

test('a generator with time left is valid', () => {
  expect(whyInvalid(good)).toEqual([])
})

test('each sign that the generator was the bottleneck is named with its figure', () => {
  const late = new LatencyHistogram()
  for (let i = 0; i < 100; i++) late.record(8000)
  const cases: [Partial<GeneratorLoad>, RegExp][] = [
    [{ processCores: [0.2, 0.97] }, /process used 97 % of a core/],
    [{ processCores: [0.48, 0.49], coresAllowed: 1 }, /processes used 97 % of the cores they may run on/],
    [{ loopBusy: [0.2, 0.99] }, /event loop was busy for 99 %/],
    [{ loopDelayP99Ms: [40, 1] }, /event loop was 40.0 ms late/],
    [{ lateness: late }, /requests left 8.\d ms late with a connection free/],
  ]
  for (const [change, expected] of cases) {
    const reasons = whyInvalid({ ...good, ...change })
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(expected)
  }
})

test('a list of cores is counted as taskset reads it', () => {
  expect(coresIn('1')).toBe(1)
  expect(coresIn('0,2-4')).toBe(4)
})
