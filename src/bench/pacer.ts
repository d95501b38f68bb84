import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Wake-ups a second are bounded: each costs some 30 µs, and more of them would make the pacer the load. */
const tickMsMin = 0.5

/** A plan of equal distances: `perTick` tasks are meant to start at `start + n * tickMs`. */
export interface Pace {
  readonly tickMs: number
  readonly perTick: number
}

/** The pace for so many tasks a second. Above 2,000 a second several tasks share a tick; their number may be a fraction. */
export function paceOf(tasksPerSecond: number): Pace {
  const distance = 1000 / tasksPerSecond
  const tickMs = Math.max(distance, tickMsMin)
  return { tickMs, perTick: tickMs / distance }
}

/**
 * Wakes the event loop at planned times. Node's own timers know only whole milliseconds, as much as some answers take; so a
 * thread sleeps on a futex until each tick and wakes us. Ticks that pass while the loop is busy are not lost: `onTick` is told
 * up to which time the plan has come, and how late we are is what makes the correction for coordinated omission.
 */
export class Pacer {
  readonly #ticks = new Int32Array(new SharedArrayBuffer(8))
  readonly #onTick: () => void
  readonly #worker: Worker
  #stopped = false

  /** The first tick is at `startMs` of performance.now(). */
  constructor(startMs: number, tickMs: number, onTick: () => void) {
    this.#onTick = onTick
    const startNs = process.hrtime.bigint() + BigInt(Math.round((startMs - performance.now()) * 1e6))
    this.#worker = new Worker(new URL(`./pacer-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: { ticks: this.#ticks.buffer, tickMs, startNs },
    })
    this.#worker.unref()
    this.#wait(0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#worker.terminate()
  }

  #wait(seen: number): void {
    const wait = Atomics.waitAsync(this.#ticks, 0, seen)
    const wake = (): void => {
      if (this.#stopped) return
      const now = Atomics.load(this.#ticks, 0)
      this.#onTick()
      this.#wait(now)
    }
    if (wait.async) void wait.value.then(wake)
    else setImmediate(wake)
  }
}
