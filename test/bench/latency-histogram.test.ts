import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from '../../src/bench/latency-histogram.ts'

test('a percentile is never below the true one and at most 0.8 % and one microsecond above it', () => {
  const values = fc.array(fc.double({ min: 0, max: 4e9, noNaN: true }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(values, fc.constantFrom(1, 50, 90, 99, 100), (list, percent) => {
      const histogram = new LatencyHistogram()
      for (const value of list) histogram.record(value)
      const sorted = [...list].sort((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil((percent / 100) * list.length)) - 1]!
      const found = histogram.percentile(percent)
      expect(found).toBeGreaterThanOrEqual(exact)
      expect(found).toBeLessThanOrEqual(exact * 1.008 + 1)
    }),
  )
})

test('the counts of two processes add up to the histogram of all values', () => {
  const [one, two, all] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()]
  for (let value = 1; value < 100_000; value += 7) {
    ;(value % 2 ? one : two).record(value)
    all.record(value)
  }
  const sum = new LatencyHistogram()
  for (const part of [one, two]) sum.add(new LatencyHistogram(part.counts))
  expect(sum.counts).toEqual(all.counts)
  expect(sum.total).toBe(all.total)
  expect(Math.abs(sum.mean / all.mean - 1)).toBeLessThan(0.01)
})

test('a histogram without values has percentiles of 0', () => {
  expect(new LatencyHistogram().summary()).toEqual({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
})
