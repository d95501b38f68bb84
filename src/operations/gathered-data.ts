import { ownBuffer, ownCopy } from '../crypto/own-buffer.ts'
import { andFinally } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { StreamEnd, StreamWork } from './streams.ts'

/**
 * Data in parts for what is done over all of it at once: a mode that OpenSSL takes in one call, and authenticated decryption, of which nothing may be
 * seen before all of it was found genuine (docs/decisions/0009).
 */
export class GatheredData implements StreamWork {
  readonly #parts: Buffer[] = []
  readonly #finish: (data: Buffer) => MaybePromise<StreamEnd>
  #end: (() => void) | undefined
  #keptBytes = 0

  /** `finish` is given the data, which is wiped when it has ended; `end` is called once, whatever comes. */
  constructor(finish: (data: Buffer) => MaybePromise<StreamEnd>, end: () => void) {
    this.#finish = finish
    this.#end = end
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  update(data: Uint8Array): undefined {
    this.#parts.push(ownCopy(data))
    this.#keptBytes += data.byteLength
  }

  final(): MaybePromise<StreamEnd> {
    const all = ownBuffer(this.#keptBytes)
    let offset = 0
    for (const part of this.#parts) {
      all.set(part, offset)
      offset += part.byteLength
    }
    const end = this.#end
    // Whoever wipes the stream meanwhile does not take the key from what runs.
    this.#end = undefined
    this.wipe()
    return andFinally(
      () => this.#finish(all),
      () => {
        all.fill(0)
        end?.()
      },
    )
  }

  wipe(): void {
    for (const part of this.#parts.splice(0)) part.fill(0)
    this.#keptBytes = 0
    this.#end?.()
    this.#end = undefined
  }
}
