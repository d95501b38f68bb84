import { createHmac } from 'node:crypto'
import { equalBytes } from './compare.ts'
import { type DigestAlgorithm, digestLength, digestNumber } from './digest.ts'
import { handleOf, revealTo } from './key-material.ts'
import { nativeAddon } from './native.ts'
import type { Secret } from './secret.ts'

/**
 * HMAC (FIPS 198-1) of the parts, one after the other, under `key`. Throws a TypeError for a key of another class than `object` over what
 * begins with three zero bytes, as the input of a derivation does: that would be a derived key.
 */
export function hmac(algorithm: DigestAlgorithm, key: Secret, ...parts: readonly Uint8Array[]): Buffer {
  checkInput(key, parts)
  const handle = handleOf(key)
  if (handle === undefined) {
    const mac = createHmac(algorithm, revealTo(key).keyObject())
    for (const part of parts) mac.update(part)
    return mac.digest()
  }
  const mac = Buffer.allocUnsafe(digestLength(algorithm))
  nativeAddon()!.hmac(handle, digestNumber(algorithm), parts.length === 1 ? parts[0]! : Buffer.concat(parts), mac, 0)
  return mac
}

/**
 * True if `tag`, from `tagOffset` on, is the HMAC of `data`, or its leading bytes when shorter. A tag of less than 8 bytes is never
 * true: it could be guessed. Throws as `hmac`.
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
    const number = digestNumber(algorithm)
    return nativeAddon()!.verifyHmac(handle, number, data, 0, data.byteLength, tag, tagOffset, tagBytes)
  }
  const expected = hmac(algorithm, key, data)
  if (tagBytes < 8 || tagBytes > expected.byteLength) return false
  return equalBytes(expected.subarray(0, tagBytes), tag.subarray(tagOffset))
}

function checkInput(key: Secret, parts: readonly Uint8Array[]): void {
  if (key.secretClass === 'object') return
  let zeros = 0
  for (const part of parts) {
    for (let i = 0; i < part.byteLength; i++) {
      if (part[i] !== 0) return
      zeros++
      if (zeros < 3) continue
      throw new TypeError(`a key of class ${key.secretClass} gives no MAC over the input of a derivation`)
    }
  }
}
