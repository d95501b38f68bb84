import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * The requests of this thread that change stored objects, in line for each object: of those that read a row at the same time only one could
 * write it, so each reads when the one before it is done. A request takes its places in all its lines at once, so that no two wait for each
 * other. Other threads are in no line here: races with them end in 'store-conflict'.
 */
export class ChangeQueue {
  readonly #lines: Lines = new Map()

  /** Objects that somebody changes or waits for. */
  get objects(): number {
    return this.#lines.size
  }

  /** @throws KryptonError overloaded: too many wait already */
  enter(uniqueIdentifiers: readonly string[]): Places {
    for (const id of uniqueIdentifiers) {
      if ((this.#lines.get(id)?.length ?? 0) < limits.changesWaitingMax) continue
      throw new KryptonError('overloaded', 'Send the request again later: too many others change the same object')
    }
    return new Places(this.#lines, uniqueIdentifiers)
  }
}

/** By Unique Identifier. The first of a line may change the object. */
type Lines = Map<string, Places[]>

/** A request's places in the lines of the objects that it changes. Whoever enters leaves, or all after it wait for ever. */
export class Places {
  /** Kept as soon as this request is the first everywhere; undefined when it is at once. */
  readonly turn: Promise<void> | undefined
  readonly #lines: Lines
  readonly #uniqueIdentifiers: readonly string[]
  /** Lines in which others are before this one. */
  #waits = 0
  #go: (() => void) | undefined
  #left = false

  constructor(lines: Lines, uniqueIdentifiers: readonly string[]) {
    this.#lines = lines
    this.#uniqueIdentifiers = uniqueIdentifiers
    for (const id of uniqueIdentifiers) {
      const line = lines.get(id)
      if (line === undefined) lines.set(id, [this])
      else {
        line.push(this)
        this.#waits++
      }
    }
    if (this.#waits > 0) this.turn = new Promise((resolve) => (this.#go = resolve))
  }

  covers(uniqueIdentifiers: readonly string[]): boolean {
    return uniqueIdentifiers.every((id) => this.#uniqueIdentifiers.includes(id))
  }

  /** Lets the next ones on; a second time it does nothing. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    for (const id of this.#uniqueIdentifiers) {
      const line = this.#lines.get(id)!
      const at = line.indexOf(this)
      line.splice(at, 1)
      if (line.length === 0) this.#lines.delete(id)
      else if (at === 0) line[0]!.#advance()
    }
  }

  #advance(): void {
    this.#waits--
    if (this.#waits === 0) this.#go?.()
  }
}
