import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { benchMicro } from '../../bench/micro/main.ts'
import { believed, disagree } from '../../bench/micro/measure.ts'
import { saveResults } from '../../bench/results.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-micro-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('under a microsecond benchmark.js is believed, above it tinybench', () => {
  expect(believed({ tinybenchNs: 140, benchmarkNs: 100 })).toBe(100)
  expect(believed({ tinybenchNs: 2000, benchmarkNs: 3000 })).toBe(2000)
})

test('a row is marked when the two tools are more than 10 % apart', () => {
  expect(disagree({ tinybenchNs: 109, benchmarkNs: 100 })).toBe(false)
  expect(disagree({ tinybenchNs: 140, benchmarkNs: 100 })).toBe(true)
  expect(disagree({ tinybenchNs: 100, benchmarkNs: 140 })).toBe(true)
})

test('suites are found, timed by both tools, and their goals judged; modules without cases are passed over', async () => {
  writeFileSync(
    join(directory, 'sums.ts'),
    `let kept = 0
     const sum = (n: number) => () => { for (let i = 0; i < n; i++) kept += i }
     export const name = 'sums'
     export const cases = [{ name: 'short', fn: sum(100) }, { name: 'long', fn: sum(50_000) }, { name: 'batch', fn: sum(50_000), batch: 1000 }]
     export const goals = [{ name: 'short beside long', slow: 'long', fast: 'short', atLeast: 10 }]`,
  )
  writeFileSync(join(directory, 'helper.ts'), 'export const helps = true')
  const sections = await benchMicro({ seconds: 0.05, onProgress: () => undefined }, directory)
  expect(sections).toHaveLength(1)
  const { table } = sections[0]!
  expect(table.title).toBe('Micro: sums')
  expect(table.rows.map(([name]) => name)).toEqual(['short', 'long', 'batch'])
  const [short, long, batch] = table.rows.map((row) => Number(row[1]))
  expect(long! / short!).toBeGreaterThan(20)
  expect(long! / batch!).toBeGreaterThan(100)
  expect(table.notes.join()).toMatch(/short beside long: [\d.]+ times, ≥ 10: met/)

  const saved = saveResults('micro', sections, directory)
  expect(readFileSync(saved, 'utf8')).toContain('## Micro: sums')
  const json = JSON.parse(readFileSync(saved.replace('.md', '.json'), 'utf8'))
  expect(json.machine).toMatchObject({ node: process.version, cores: expect.any(Number), commit: expect.any(String) })
})
