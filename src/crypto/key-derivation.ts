import { type DigestAlgorithm, digest, digestLength } from './digest.ts'
import { revealTo } from './key-material.ts'
import { hmac } from './mac.ts'
import { ownBuffer } from './own-buffer.ts'
import type { Secret } from './secret.ts'

/** What a client's key gives by the methods of KMIP 1.4 section 4.6. Every result is the caller's, who wipes it. */

/** Data to derive over: a client's, or another of its secrets. */
export type DerivationInput = Uint8Array | Secret

/** HASH: the digest of the key. */
export function deriveByHash(algorithm: DigestAlgorithm, key: Secret): Buffer {
  return revealTo(key).withBytes((bytes) => digest(algorithm, bytes))
}

/** HMAC: the MAC of the data under the key. */
export function deriveByHmac(algorithm: DigestAlgorithm, key: Secret, data: DerivationInput): Buffer {
  return withInput(data, (bytes) => hmac(algorithm, key, bytes))
}

/**
 * NIST800-108-C: SP 800-108r1 §4.1 with HMAC, r = 32. `data` is all that follows the counter, which KMIP leaves to the client: no length is put
 * after it.
 */
export function deriveByCounterMode(
  algorithm: DigestAlgorithm,
  key: Secret,
  data: DerivationInput,
  byteLength: number,
): Buffer {
  return withInput(data, (bytes) => {
    const derived = ownBuffer(byteLength)
    const counter = Buffer.alloc(4)
    for (let offset = 0, i = 1; offset < byteLength; offset += digestLength(algorithm), i++) {
      counter.writeUInt32BE(i, 0)
      const block = hmac(algorithm, key, counter, bytes)
      block.copy(derived, offset)
      block.fill(0)
    }
    return derived
  })
}

function withInput<T>(data: DerivationInput, use: (bytes: Uint8Array) => T): T {
  return data instanceof Uint8Array ? use(data) : revealTo(data).withBytes(use)
}
