import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { Executor } from './executor.ts'
import { realTarget } from './target.ts'

/** One thread of the run: takes chunks, gives results, with the memory that is left after a collection. */
const { seeds, seed } = workerData as { seeds: Uint8Array[]; seed: number }
const port = parentPort!
Error.stackTraceLimit = 0 // most inputs are refused, and the trace of a refusal is half of its cost
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const executor = new Executor(
  realTarget,
  seeds.map((one) => Buffer.from(one)),
)

port.on('message', ({ chunk, count, discoveries }: { chunk: number; count: number; discoveries: number }) => {
  const result = executor.run(seed, chunk, count, discoveries)
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  port.postMessage({ chunk, ...result, memoryBytes: heapUsed + external + arrayBuffers })
})
