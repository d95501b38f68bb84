import { limits } from '../../limits.ts'
import type { Unit } from '../store.ts'
import type { LogEraser } from './log-eraser.ts'
import { couldNotBeWritten, type Outcome } from './section-writer.ts'
import { LogIsRead, writeObstacleOf } from './sqlite-error.ts'

/** True if the record of a key of the hierarchy is overwritten: by nothing when its version is retired, by the same key under another one when that was moved. */
export function overwrites({ section, changes }: Unit): boolean {
  return section === 'keys' && changes.some((change) => change.kind === 'update' && 'record' in change.row)
}

/**
 * Units that overwrite records of keys (`overwrites`): nobody is told that a key is gone while the log has its record. Where the log cannot be emptied they are refused while nothing has changed yet, so that whoever asked may ask
 * again. Between that look and the transaction another program may begin to read: then the answer waits until it has ended, or until the server stops, whose next start empties the log before it serves.
 */
export class OverwrittenRecords<Told> {
  readonly #eraser: LogEraser
  readonly #pauseMs: number
  #waiting: Told[] = []
  #ending = false

  /** `pauseMs`: between the look and the transaction, for tests. */
  constructor(eraser: LogEraser, pauseMs = 0) {
    this.#eraser = eraser
    this.#pauseMs = pauseMs
  }

  /** Why no record is to be overwritten now; undefined where one may be. Throws where the log's file fails. */
  refusal(): Outcome {
    try {
      const canErase = this.#waiting.length === 0 && this.#eraser.canErase()
      if (this.#pauseMs > 0) Atomics.wait(nobody, 0, 0, this.#pauseMs)
      return canErase ? undefined : couldNotBeWritten(new LogIsRead())
    } catch (error) {
      if (writeObstacleOf(error) !== undefined) return couldNotBeWritten(error)
      throw error
    }
  }

  /** Of units that are durable: all that are to be told of now, undefined while the log cannot be emptied. Throws as `refusal`. */
  erased(durable: readonly Told[]): readonly Told[] | undefined {
    this.#waiting.push(...durable)
    return this.#look(limits.storeEraseMs)
  }

  /** The same of those that wait, without waiting here. */
  erasedMeanwhile(): readonly Told[] | undefined {
    return this.#look(0)
  }

  /** The server stops. Those that wait, which are to be refused; from here on none does. */
  end(): readonly Told[] {
    this.#ending = true
    return this.#take()
  }

  get isEnding(): boolean {
    return this.#ending
  }

  #look(ms: number): readonly Told[] | undefined {
    try {
      return this.#eraser.eraseWithin(ms) ? this.#take() : undefined
    } catch (error) {
      // A full disk is waited for too.
      if (writeObstacleOf(error) !== undefined) return undefined
      throw error
    }
  }

  #take(): Told[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }
}

/** Nobody wakes who waits here. */
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
