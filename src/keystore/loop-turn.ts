import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'

/**
 * The time that a long request takes of one turn of the event loop. When it is over the request lets others on before its next step. Of
 * all long requests of the thread one goes on in each turn, so that the others are served after `limits.batchTurnMs`, however many there are.
 */
export class LoopTurn {
  readonly #clock: Clock
  #sinceMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.monotonic()
  }

  get isOver(): boolean {
    return this.#clock.monotonic() - this.#sinceMs >= limits.batchTurnMs
  }

  /** Waits for another turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(letOneOn)
    })
    this.#sinceMs = this.#clock.monotonic()
  }
}

/** The long requests of this thread that have had their time, in the order in which they go on. */
const waiting: (() => void)[] = []

function letOneOn(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(letOneOn)
}
