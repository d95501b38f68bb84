import { workerData } from 'node:worker_threads'

/** Sleeps until each planned time and counts it in shared memory. Ends with its thread. */
const { ticks: memory, tickMs }: { ticks: SharedArrayBuffer; tickMs: number } = workerData
const ticks = new Int32Array(memory)
const start = performance.now()

for (let tick = 1; ; tick++) {
  const remaining = start + tick * tickMs - performance.now()
  // Index 1 is never notified: waiting on it is a sleep with the precision of a futex.
  if (remaining > 0) Atomics.wait(ticks, 1, 0, remaining)
  Atomics.store(ticks, 0, tick | 0)
  Atomics.notify(ticks, 0)
}
