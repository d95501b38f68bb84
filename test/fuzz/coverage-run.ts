import { parentPort, workerData } from 'node:worker_threads'
import { coverageOf } from './coverage.ts'

/** A thread of its own, so that coverage starts before the decoder is loaded. */
const { seed, count } = workerData as { seed: number; count: number }
Error.stackTraceLimit = 0
const coverage = await coverageOf(async () => {
  const { loadSeeds } = await import('./seeds.ts')
  const { Executor } = await import('./executor.ts')
  const { realTarget } = await import('./target.ts')
  new Executor(realTarget, await loadSeeds()).run(seed, 0, count, 500)
})
parentPort!.postMessage(coverage)
