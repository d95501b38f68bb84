import type { State } from '../../src/kmip/enums.ts'

/** A key as a client sees it. */
export interface KeyImage {
  readonly state: State
  readonly name: string
  /** Object Groups in the order of their indices. */
  readonly groups: readonly string[]
  /** A custom attribute that is modified again and again. */
  readonly count: string
  /** Nobody has got its bytes yet. */
  readonly fresh: boolean
  /** SHA-256 of its bytes in hexadecimal; undefined while only the server knows them. */
  readonly sha256: string | undefined
  /** Its changes so far; each has an audit row. */
  readonly changes: number
}

/** What is known of one key from outside. No two requests about a key are under way at once. */
export interface KeyFact {
  identifier: string | undefined
  /** After the last acknowledged request; undefined when its creation was not acknowledged. */
  acknowledged: KeyImage | undefined
  /** After the request that was never answered, if it was carried out. */
  pending: KeyImage | undefined
}

/** What was acknowledged over KMIP, kept outside of the process that is killed. */
export class KeyLedger {
  readonly facts = new Set<KeyFact>()
  /** Acknowledged changes. */
  changes = 0

  newFact(): KeyFact {
    const fact: KeyFact = { identifier: undefined, acknowledged: undefined, pending: undefined }
    this.facts.add(fact)
    return fact
  }

  /** The request that `pending` was about has been answered with success. */
  acknowledge(fact: KeyFact, image: KeyImage): void {
    // a request that changed nothing has acknowledged nothing
    if (fact.acknowledged?.changes !== image.changes) this.changes++
    fact.acknowledged = image
    fact.pending = undefined
  }

  /** A look at what was left has decided: the key is like `image`, or is not there. What was seen has to stay. */
  settle(fact: KeyFact, image: KeyImage | undefined): void {
    fact.pending = undefined
    fact.acknowledged = image
    if (image === undefined) this.facts.delete(fact)
  }
}
