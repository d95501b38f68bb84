import { createRequire } from 'node:module'
import { Bench } from 'tinybench'
import { median } from '../table.ts'
import type { Case } from './suite.ts'

/** Nanoseconds an operation, by both tools; medians, since the machine is rarely ours alone. */
export interface Timing {
  readonly tinybenchNs: number
  readonly benchmarkNs: number
}

/** What of benchmark.js is used here; it brings no types. */
interface BenchmarkRun {
  /** Seconds a call, one for each batch of calls. */
  readonly stats: { readonly sample: readonly number[] }
  readonly error?: Error
  run(): void
}
type BenchmarkClass = new (name: string, fn: () => void, options: { maxTime: number; minTime?: number }) => BenchmarkRun

// The package is CommonJS, and what it exports is a class.
const Benchmark: BenchmarkClass = createRequire(import.meta.url)('benchmark')

/**
 * Times each case with both tools, for `seconds` each. tinybench looks at the clock around every call, and the look costs some
 * 40 ns; benchmark.js puts many calls between two looks. tinybench's cases take turns, so that a slow moment hits all of them.
 */
export async function timeCases(cases: readonly Case[], seconds: number): Promise<Map<string, Timing>> {
  const bench = new Bench({ time: seconds * 1000, warmupTime: Math.min(100, seconds * 200), throws: true })
  for (const { name, fn } of cases) bench.add(name, fn)
  await bench.run()
  const timings = new Map<string, Timing>()
  for (const { name, fn, batch = 1 } of cases) {
    const result = bench.getTask(name)?.result
    const tinybenchNs = result && 'latency' in result ? (result.latency.p50 * 1e6) / batch : Number.NaN
    const run = new Benchmark(name, fn, { maxTime: seconds })
    run.run()
    if (run.error) throw run.error
    timings.set(name, { tinybenchNs, benchmarkNs: (median(run.stats.sample) * 1e9) / batch })
  }
  return timings
}

/** Under this a case is shorter than 25 looks at the clock, and benchmark.js is believed. */
export const clockBoundNs = 1000

/** The figure to quote. */
export function believed(timing: Timing): number {
  return timing.benchmarkNs < clockBoundNs ? timing.benchmarkNs : timing.tinybenchNs
}

/** True when the two tools are more than 10 % apart. */
export function disagree({ tinybenchNs, benchmarkNs }: Timing): boolean {
  return Math.abs(tinybenchNs - benchmarkNs) > 0.1 * Math.min(tinybenchNs, benchmarkNs)
}
