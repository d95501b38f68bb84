import { workerData } from 'node:worker_threads'

/** Sleeps until each planned time and counts it in shared memory. Ends with its thread. */
const { ticks: memory, tickMs, startNs }: { ticks: SharedArrayBuffer; tickMs: number; startNs: bigint } = workerData
const ticks = new Int32Array(memory)
// Each thread's performance.now() begins at another time; the machine's own clock is the one they share.
const start = performance.now() + Number(startNs - process.hrtime.bigint()) / 1e6

for (let tick = 0; ; tick++) {
  const remaining = start + tick * tickMs - performance.now()
  // Index 1 is never notified: waiting on it is a sleep with the precision of a futex.
  if (remaining > 0) Atomics.wait(ticks, 1, 0, remaining)
  Atomics.add(ticks, 0, 1)
  Atomics.notify(ticks, 0)
}
