import type { Clock } from '../clock.ts'
import { FairQueue } from '../crypto/fair-queue.ts'
import { limits } from '../limits.ts'

/**
 * The time that a long request takes of one turn of the event loop. When it is over the request lets others on before its next step. Of
 * all long requests of the thread one goes on in each turn, so that the others are served after `limits.batchTurnMs`, however many there are; one of each tenant after the other.
 */
export class LoopTurn {
  readonly #clock: Clock
  readonly #tenant: string
  #sinceMs: number

  /** @param tenant who waits when there are many */
  constructor(clock: Clock, tenant: string) {
    this.#clock = clock
    this.#tenant = tenant
    this.#sinceMs = clock.monotonic()
  }

  get isOver(): boolean {
    return this.#clock.monotonic() - this.#sinceMs >= limits.batchTurnMs
  }

  /** True while others wait for a turn: who begins now begins behind them, or many that begin would be one long turn. */
  get othersWait(): boolean {
    return waiting.size > 0
  }

  /** Waits for another turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      const isFirst = waiting.size === 0
      waiting.push(this.#tenant, resolve)
      if (isFirst) setImmediate(letOneOn)
    })
    this.#sinceMs = this.#clock.monotonic()
  }
}

/** The long requests of this thread that have had their time, by tenant. */
const waiting = new FairQueue<() => void>()

function letOneOn(): void {
  waiting.shift()?.()
  if (waiting.size > 0) setImmediate(letOneOn)
}
