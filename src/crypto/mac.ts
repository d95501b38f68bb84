import { createHmac } from 'node:crypto'
import { equalBytes } from './compare.ts'
import type { DigestAlgorithm } from './digest.ts'
import { revealTo } from './key-material.ts'
import type { Secret } from './secret.ts'

/** HMAC (FIPS 198-1) of the parts, one after the other, under `key`. */
export function hmac(algorithm: DigestAlgorithm, key: Secret, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac(algorithm, revealTo(key).keyObject())
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/**
 * True if `tag` is the HMAC of `data`, or its leading bytes when shorter. A tag of less than 8 bytes is never true: it could be
 * guessed.
 */
export function verifyHmac(algorithm: DigestAlgorithm, key: Secret, data: Uint8Array, tag: Uint8Array): boolean {
  const expected = hmac(algorithm, key, data)
  if (tag.byteLength < 8 || tag.byteLength > expected.byteLength) return false
  return equalBytes(expected.subarray(0, tag.byteLength), tag)
}
