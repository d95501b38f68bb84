import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkBaseline, saveBaseline } from '../../bench/baseline.ts'
import { goodSection, verdict } from '../../bench/figure.ts'
import type { Figure } from '../../bench/figure.ts'
import { adr604 } from '../../bench/latency.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-figure-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const figure = (change: Partial<Figure>): Figure => ({
  id: 'get',
  what: 'Get',
  value: 1.5,
  unit: 'E',
  detail: '',
  remarks: [],
  ...change,
})

describe('a goal', () => {
  test('is met, met with its stretch, or not met', () => {
    expect(verdict(figure({ atMost: 1.6, stretch: 1.45 }))).toBe('met')
    expect(verdict(figure({ atMost: 1.6, stretch: 1.5 }))).toBe('stretch met')
    expect(verdict(figure({ atMost: 1.4 }))).toBe('not met')
    expect(verdict(figure({ atLeast: 1.6 }))).toBe('not met')
    expect(verdict(figure({ atLeast: 1.2, stretch: 1.4 }))).toBe('stretch met')
    expect(verdict(figure({}))).toBe('')
  })

  test('is not met by a figure of failed requests, nor by one that is no number', () => {
    expect(verdict(figure({ atMost: 1.6, remarks: ['failed: 3'] }))).toBe('not met')
    expect(verdict(figure({ atMost: 1.6, value: Number.NaN }))).toBe('not met')
  })

  test('that could not be measured has a row that says why', () => {
    const { table } = goodSection('x', [], [], [{ what: 'Sign', why: 'not served' }])
    expect(table.rows[0]).toEqual(['Sign', '-', '', '', 'skipped', 'not served', ''])
  })
})

test('ADR-604 takes the worst of the three', () => {
  const of = (p50: number, p99: number, p999: number): string =>
    adr604({ count: 1, mean: 0, p50, p90: 0, p99, p999, max: 0 })
  expect(of(199, 999, 9999)).toBe('pass')
  expect(of(199, 1000, 9999)).toBe('warn')
  expect(of(199, 999, 50_000)).toBe('fail')
  expect(of(500, 999, 9999)).toBe('fail')
})

describe('the baseline', () => {
  test('names what moved by more than 15 %, what is new and what is gone', () => {
    const file = join(directory, 'baseline.json')
    saveBaseline([figure({}), figure({ id: 'steady', value: 2 }), figure({ id: 'old' })], file)
    const slower = figure({ value: 1.8, what: 'Get of a slower server' })
    const told = checkBaseline([slower, figure({ id: 'steady', value: 2.2 }), figure({ id: 'fresh' })], file)
    expect(told).toContain('moved +20 %: Get of a slower server: 1.5 -> 1.80 E')
    expect(told).toContain('new: Get')
    expect(told).toContain('gone: old')
    expect(told).toContain('3 figures, 3 of them')
  })

  test('that is missing says how to make one', () => {
    expect(checkBaseline([], join(directory, 'none.json'))).toContain('--update')
  })
})
