import { createHmac } from 'node:crypto'
import { equalBytes } from './compare.ts'
import type { DigestAlgorithm } from './digest.ts'
import { handleOf, revealTo } from './key-material.ts'
import { nativeAddon } from './native.ts'
import type { Secret } from './secret.ts'

/**
 * HMAC (FIPS 198-1) of the parts, one after the other, under `key`. A key in a slot of another class than `object` gives none over what
 * begins with three zero bytes, as the input of a derivation does: that would be a derived key.
 */
export function hmac(algorithm: DigestAlgorithm, key: Secret, ...parts: readonly Uint8Array[]): Buffer {
  const handle = handleOf(key)
  if (handle === undefined) {
    const mac = createHmac(algorithm, revealTo(key).keyObject())
    for (const part of parts) mac.update(part)
    return mac.digest()
  }
  const { number, bytes } = digests[algorithm]
  const mac = Buffer.allocUnsafe(bytes)
  nativeAddon()!.hmac(handle, number, parts.length === 1 ? parts[0]! : Buffer.concat(parts), mac, 0)
  return mac
}

/**
 * True if `tag`, from `tagOffset` on, is the HMAC of `data`, or its leading bytes when shorter. A tag of less than 8 bytes is never
 * true: it could be guessed.
 */
export function verifyHmac(
  algorithm: DigestAlgorithm,
  key: Secret,
  data: Uint8Array,
  tag: Uint8Array,
  tagOffset = 0,
): boolean {
  const handle = handleOf(key)
  const tagBytes = tag.byteLength - tagOffset
  if (handle !== undefined) {
    const { number } = digests[algorithm]
    return nativeAddon()!.verifyHmac(handle, number, data, 0, data.byteLength, tag, tagOffset, tagBytes)
  }
  const expected = hmac(algorithm, key, data)
  if (tagBytes < 8 || tagBytes > expected.byteLength) return false
  return equalBytes(expected.subarray(0, tagBytes), tag.subarray(tagOffset))
}

/** Numbers of the digests in the addon (`native/hmac.h`), and the lengths of their MACs. */
const digests = {
  sha1: { number: 0, bytes: 20 },
  sha224: { number: 1, bytes: 28 },
  sha256: { number: 2, bytes: 32 },
  sha384: { number: 3, bytes: 48 },
  sha512: { number: 4, bytes: 64 },
  'sha512-224': { number: 5, bytes: 28 },
  'sha512-256': { number: 6, bytes: 32 },
  'sha3-224': { number: 7, bytes: 28 },
  'sha3-256': { number: 8, bytes: 32 },
  'sha3-384': { number: 9, bytes: 48 },
  'sha3-512': { number: 10, bytes: 64 },
} as const satisfies Record<DigestAlgorithm, { number: number; bytes: number }>
