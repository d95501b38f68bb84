/** What one turn of the event loop may still spend, in microseconds of estimated cost. The next turn begins anew. */
export class LoopBudget {
  readonly #turnUs: number
  #spentUs = 0
  readonly #begin = (): void => {
    this.#spentUs = 0
  }

  constructor(turnUs: number) {
    this.#turnUs = turnUs
  }

  /** True, and spent, if this turn has so much left. */
  take(costUs: number): boolean {
    if (this.#spentUs + costUs > this.#turnUs) return false
    if (this.#spentUs === 0) setImmediate(this.#begin)
    this.#spentUs += costUs
    return true
  }
}
