import { isKryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * Rows of objects that are not as they were written (KEYS.md 3). Nothing that such a row says can be believed, so it matches no search, and
 * one damaged object does not take the search for all others away; whoever asks for the object itself is refused. Each is told once.
 */
export class DamagedObjects {
  readonly #onDamaged: (error: Error) => void
  /** Messages that were told: each names its row. */
  readonly #told = new Set<string>()

  /** @param onDamaged told of each: its message names the row, and is for the operator */
  constructor(onDamaged: (error: Error) => void) {
    this.#onDamaged = onDamaged
  }

  /**
   * Reads an object in a search; undefined for a damaged one.
   * @throws what `read` throws for another reason
   */
  leaveOut<T>(read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.tell(error)
      return undefined
    }
  }

  /** @throws the error, when it is not that of a damaged row */
  tell(error: unknown): void {
    if (!isKryptonError(error, 'row-mac-mismatch')) throw error
    if (this.#told.has(error.message) || this.#told.size >= limits.damagedObjectsToldMax) return
    this.#told.add(error.message)
    this.#onDamaged(error)
  }
}
