import type { Clock } from '../clock.ts'
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
      const ofTenant = waiting.get(this.#tenant)
      if (ofTenant === undefined) waiting.set(this.#tenant, [resolve])
      else ofTenant.push(resolve)
      if (isFirst) setImmediate(letOneOn)
    })
    this.#sinceMs = this.#clock.monotonic()
  }
}

/** The long requests of this thread that have had their time: by tenant, those in the order in which they go on. */
const waiting = new Map<string, (() => void)[]>()

function letOneOn(): void {
  const [first] = waiting
  if (first === undefined) return
  const [tenant, ofTenant] = first
  waiting.delete(tenant)
  const goOn = ofTenant.shift()
  if (ofTenant.length > 0) waiting.set(tenant, ofTenant)
  goOn?.()
  if (waiting.size > 0) setImmediate(letOneOn)
}
