/** What is known of an object from outside: its last acknowledged change. */
export interface Fact {
  readonly version: number
  readonly destroyed: boolean
}

/** What was acknowledged, kept outside of the process that is killed. */
export class Ledger {
  readonly #facts = new Map<string, Fact>()
  #changes = 0

  /** `object` in hexadecimal. Acknowledgements of one object may come in any order: the highest version counts. */
  acknowledge(object: string, fact: Fact): void {
    this.#changes++
    const known = this.#facts.get(object)
    if (known === undefined || known.version < fact.version) this.#facts.set(object, fact)
  }

  /** Acknowledged changes. */
  get changes(): number {
    return this.#changes
  }

  get facts(): ReadonlyMap<string, Fact> {
    return this.#facts
  }
}
