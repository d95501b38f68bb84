import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'

/** Where a job stands: how much is done of how much, and from where the next attempt goes on. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** Empty at the start; the kind says what it means. */
  readonly position: Uint8Array
}

/** Thrown through a job whose end was asked for. */
export class JobStopped extends Error {}

/** What runs a job of one kind. It is run again from its last position after a failure and after a crash, so each of its steps may be done twice. */
export type JobKind = (run: JobRun) => Promise<string>

/** How fast jobs go. */
export interface JobPace {
  readonly itemsPerSecond: number
}

/**
 * A job while it runs. Its kind does a little work, then calls `step`, which makes progress durable, lets requests on, and ends the job
 * when that was asked for.
 */
export class JobRun {
  readonly owner: Buffer
  readonly subject: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Aborted when the job is to end: waits of the kind end with it. */
  readonly signal: AbortSignal
  #progress: Progress
  readonly #save: (progress: Progress) => Promise<void>
  readonly #clock: Clock
  readonly #pace: JobPace
  #workSince: number
  #savedAt: number

  constructor(
    job: { owner: Buffer; subject: string; parameters: Readonly<Record<string, unknown>>; progress: Progress },
    parts: { signal: AbortSignal; save: (progress: Progress) => Promise<void>; clock: Clock; pace: JobPace },
  ) {
    this.owner = job.owner
    this.subject = job.subject
    this.parameters = job.parameters
    this.#progress = job.progress
    this.signal = parts.signal
    this.#save = parts.save
    this.#clock = parts.clock
    this.#pace = parts.pace
    this.#workSince = parts.clock.monotonic()
    this.#savedAt = this.#workSince
  }

  get progress(): Progress {
    return this.#progress
  }

  /**
   * After `items` were worked on: rests three times as long as they took, and at least as long as the pace asks for.
   * @throws JobStopped when the job is to end
   */
  async step(items: number, progress: Progress): Promise<void> {
    this.#progress = progress
    this.throwIfStopped()
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#savedAt >= limits.jobProgressMs) {
      this.#savedAt = nowMs
      await this.#save(progress)
    }
    const workMs = nowMs - this.#workSince
    const restMs = Math.max(workMs * limits.jobRestFactor, (items * 1000) / this.#pace.itemsPerSecond - workMs)
    await rest(restMs, this.signal)
    this.throwIfStopped()
    this.#workSince = this.#clock.monotonic()
  }

  /** Makes progress durable at once: what comes after it may only be done once. */
  async save(progress: Progress): Promise<void> {
    this.#progress = progress
    await this.#save(progress)
  }

  /** @throws JobStopped when the job is to end */
  throwIfStopped(): void {
    if (this.signal.aborted) throw new JobStopped('the job was told to end')
  }
}

/** Resolves after that time, or as soon as the job is to end. */
function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
  })
}
