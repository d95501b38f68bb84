import { createHmac, type Hmac } from 'node:crypto'
import { Cmac } from './cmac.ts'
import type { DigestAlgorithm } from './digest.ts'
import { revealTo } from './key-material.ts'
import { hmac } from './mac.ts'
import type { Secret } from './secret.ts'

/** The MACs that clients ask for: HMAC with a hash, or CMAC with a block cipher. */
export type MacAlgorithm = DigestAlgorithm | 'aes-cmac' | '3des-cmac'

/** Data on its way into a MAC, a part at a time. Whoever has begun one ends it, by `final` or by `wipe`. */
export interface MacStream {
  update(data: Uint8Array): void
  final(): Buffer
  /** Ends it; a second time it does nothing. */
  wipe(): void
}

/** KMIP 1.4 §4.33 MAC over all of `data`. Throws 'unsupported-cryptographic-parameters' for a key that the cipher of a CMAC does not have. */
export function macWithKey(algorithm: MacAlgorithm, key: Secret, data: Uint8Array): Buffer {
  if (algorithm !== 'aes-cmac' && algorithm !== '3des-cmac') return hmac(algorithm, key, data)
  const stream = beginMac(algorithm, key)
  stream.update(data)
  return stream.final()
}

/** The same over data that comes in parts. The key is taken at once: it stays the caller's to wipe. */
export function beginMac(algorithm: MacAlgorithm, key: Secret): MacStream {
  if (algorithm === 'aes-cmac') return new Cmac(key, 'aes')
  if (algorithm === '3des-cmac') return new Cmac(key, '3des')
  return new HmacStream(revealTo(key).withBytes((bytes) => createHmac(algorithm, bytes)))
}

class HmacStream implements MacStream {
  #hmac: Hmac | undefined

  constructor(hmac: Hmac) {
    this.#hmac = hmac
  }

  update(data: Uint8Array): void {
    this.#held().update(data)
  }

  final(): Buffer {
    const mac = this.#held().digest()
    this.#hmac = undefined
    return mac
  }

  /** OpenSSL overwrites the key when the context ends, which `digest` does. */
  wipe(): void {
    this.#hmac?.digest()
    this.#hmac = undefined
  }

  #held(): Hmac {
    if (this.#hmac === undefined) throw new Error('a MAC was used after its end')
    return this.#hmac
  }
}
