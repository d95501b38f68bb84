import { limits } from '../limits.ts'

/** What of an object's row has no fixed size. */
export interface Sized {
  readonly attributes: Uint8Array
  readonly record: Uint8Array
}

/**
 * A page of `locate` while it is filled: it takes rows until it has `limit` of them, or their bytes reach the bound. So one page of
 * large objects costs about what one of keys costs.
 */
export class LocatePage {
  #rowsLeft: number
  #bytesLeft: number = limits.storeLocateBytesMax

  constructor(limit: number) {
    this.#rowsLeft = limit
  }

  /** True after the row that fills the page: there may be more rows, on the next one. A page that is not full is the last. */
  get isFull(): boolean {
    return this.#rowsLeft <= 0 || this.#bytesLeft <= 0
  }

  add({ attributes, record }: Sized): void {
    this.#rowsLeft--
    this.#bytesLeft -= attributes.byteLength + record.byteLength
  }
}
