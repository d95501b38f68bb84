import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { block, type LogEraser } from './log-eraser.ts'
import { couldNotBeWritten, type Outcome } from './section-writer.ts'
import { LogIsRead, writeObstacleOf } from './sqlite-error.ts'

/**
 * Units that take records of keys out of their rows: nobody is told that a key is gone while the log has its record. Where the log cannot be emptied they are refused while nothing has changed yet, so that whoever asked may ask
 * again. Between that look and the transaction another program may begin to read: then the answer waits until it has ended, or until the server stops, whose next start empties the log before it serves.
 */
export class ErasedRecords<Told> {
  readonly #eraser: LogEraser
  readonly #pauseMs: number
  readonly #waiting: Told[] = []
  #isOwed = false
  #failedLooks = 0
  #isBlocked = false
  #isEnding = false

  /** `pauseMs`: between the look and the transaction, for tests. */
  constructor(eraser: LogEraser, pauseMs = 0) {
    this.#eraser = eraser
    this.#pauseMs = pauseMs
  }

  /** True while another program keeps the log from being emptied, as far as is known. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Why no record is to be taken out now; undefined where one may be. All other writes wait meanwhile, once for each program that reads. Throws where the log's file fails. */
  refusal(): Outcome {
    try {
      const isFree =
        this.#waiting.length === 0 && this.#eraser.canEraseWithin(this.#isBlocked ? 0 : limits.storeEraseMs)
      if (this.#pauseMs > 0) block(this.#pauseMs)
      this.#isBlocked = !isFree
      return isFree ? undefined : couldNotBeWritten(new LogIsRead())
    } catch (error) {
      if (writeObstacleOf(error) !== undefined) return couldNotBeWritten(error)
      throw error
    }
  }

  /** Of units that are durable: all that are to be told of now, undefined while the log cannot be emptied. Throws as `refusal`. */
  erased(durable: readonly Told[]): readonly Told[] | undefined {
    this.#waiting.push(...durable)
    if (this.#tries(() => this.#eraser.eraseWithin(limits.storeEraseMs))) return this.#take()
    this.#isBlocked = true
    return undefined
  }

  /** True once the server stops. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** A unit has taken out records that nobody says are gone: the log is to be emptied of them when it can be. Throws as `refusal`. */
  owe(): void {
    this.#isOwed = !this.#tries(() => this.#eraser.erase())
  }

  /** From time to time: those that are to be told of now. Throws as `refusal`. */
  look(): readonly Told[] {
    if (this.#waiting.length === 0 && !this.#isOwed && !this.#isBlocked) return []
    if (this.#tries(() => this.#eraser.canEraseWithin(0))) return this.#take()
    // Our own threads read for milliseconds.
    this.#failedLooks++
    if (this.#failedLooks * limits.outsideLookMs >= limits.storeBusyMs) this.#isBlocked = true
    return []
  }

  /** The server stops: nobody waits from here on. Those that wait, to be refused as `notErased`. */
  end(): readonly Told[] {
    this.#isEnding = true
    return this.#waiting.splice(0)
  }

  /** A full disk, or a lock, is waited for too. */
  #tries(attempt: () => boolean): boolean {
    try {
      return attempt()
    } catch (error) {
      if (writeObstacleOf(error) !== undefined) return false
      throw error
    }
  }

  #take(): readonly Told[] {
    this.#isBlocked = false
    this.#isOwed = false
    this.#failedLooks = 0
    return this.#waiting.splice(0)
  }
}

/** What is said of a unit that is durable when the server stops before the log could be emptied. */
export function notErased(): KryptonError {
  return new KryptonError(
    'store-failed',
    'it is done, and what was erased is in the log of the keys still, which another program reads: end that program, the next start of the server empties the log',
  )
}
