import { limits } from '../limits.ts'

/** A connection as the turn sees it. */
export interface TurnTaker {
  /** Answers what has come, up to so many requests, and returns how many it took. With more it asks for the next turn. */
  takeRequests(countMax: number): number
  /** Writes the answers that are there. */
  writeAnswers(): void
}

/**
 * The end of a turn of the loop: what all connections brought in it is answered together, then written together. The kernel and TLS, our own
 * code, and the kernel and TLS again each run many times in a row, so that each finds its code in the processor's cache; one request
 * after the other, each throws out the others' (docs/decisions/0007). Who sends many requests at once shares the turn with all others, and has
 * the rest answered in the next. One for each listener.
 */
export class Turn {
  readonly #schedule: (run: () => void) => void
  #requests: TurnTaker[] = []
  #answers: TurnTaker[] = []
  #scheduled = false

  /** @param schedule runs something once the loop has looked at all sockets */
  constructor(schedule: (run: () => void) => void = setImmediate) {
    this.#schedule = schedule
  }

  /** Something came for this one. Each asks once until it was called. */
  hasRequests(taker: TurnTaker): void {
    this.#requests.push(taker)
    this.#wake()
  }

  /** This one has answers that were waited for. Each asks once until it was called. */
  hasAnswers(taker: TurnTaker): void {
    this.#answers.push(taker)
    this.#wake()
  }

  #wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#schedule(this.#run)
  }

  readonly #run = (): void => {
    this.#scheduled = false
    const takers = this.#requests
    this.#requests = []
    const each = Math.max(limits.turnRequestsEachMin, Math.floor(limits.pipelinedRequestsMax / takers.length))
    let requests = 0
    for (const taker of takers) {
      requests += taker.takeRequests(each)
      this.#answers.push(taker)
      // The first ones do not wait for all the others.
      if (requests >= limits.turnRequestsMax) {
        this.#write()
        requests = 0
      }
    }
    this.#write()
  }

  #write(): void {
    const takers = this.#answers
    this.#answers = []
    for (const taker of takers) taker.writeAnswers()
  }
}
