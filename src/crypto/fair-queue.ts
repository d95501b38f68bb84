/** Waiting work of several owners, taken one of each in turn: whoever brings much waits for its own, and not the others for it. */
export class FairQueue<T> {
  /** In the order in which they are served next. */
  readonly #byOwner = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** How many of one owner wait. */
  sizeOf(owner: string): number {
    return this.#byOwner.get(owner)?.length ?? 0
  }

  push(owner: string, item: T): void {
    const own = this.#byOwner.get(owner)
    if (own === undefined) this.#byOwner.set(owner, [item])
    else own.push(item)
    this.#size++
  }

  /** The oldest of the owner whose turn it is; undefined when nothing waits. */
  shift(): T | undefined {
    for (const [owner, own] of this.#byOwner) {
      this.#byOwner.delete(owner)
      const item = own.shift()!
      if (own.length > 0) this.#byOwner.set(owner, own)
      this.#size--
      return item
    }
    return undefined
  }
}
