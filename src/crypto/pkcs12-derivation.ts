import { KryptonError } from '../errors.ts'
import { digest, digestLength } from './digest.ts'
import type { DigestAlgorithm } from './digest.ts'
import { revealTo } from './key-material.ts'
import { ownBuffer } from './own-buffer.ts'
import type { Secret } from './secret.ts'

/** What a key is derived for: the ID of RFC 7292 appendix B.3. */
export const Pkcs12Purpose = { key: 1, iv: 2, mac: 3 } as const
export type Pkcs12Purpose = (typeof Pkcs12Purpose)[keyof typeof Pkcs12Purpose]

export interface Pkcs12Derivation {
  readonly hash: DigestAlgorithm
  readonly purpose: Pkcs12Purpose
  readonly salt: Uint8Array
  readonly iterations: number
}

/**
 * The function of PKCS #12 itself (RFC 7292 appendix B.2), which makes the keys of MACs and of the older encryptions; the caller wipes what it gives.
 * Takes as long as `iterations` says, for each block of the hash's length.
 * @throws KryptonError invalid-field: the password is no UTF-8
 */
export function deriveByPkcs12(
  password: Secret,
  { hash, purpose, salt, iterations }: Pkcs12Derivation,
  byteLength: number,
): Buffer {
  return revealTo(password).withBytes((bytes) => {
    const blockBytes = digestLength(hash) > 32 ? 128 : 64
    const text = passwordText(bytes)
    const filled = (source: Uint8Array): number => Math.ceil(source.byteLength / blockBytes) * blockBytes
    const input = ownBuffer(blockBytes + filled(salt) + filled(text))
    input.fill(purpose, 0, blockBytes)
    for (let i = 0; i < filled(salt); i++) input[blockBytes + i] = salt[i % salt.byteLength]!
    for (let i = 0; i < filled(text); i++) input[blockBytes + filled(salt) + i] = text[i % text.byteLength]!
    const derived = ownBuffer(byteLength)
    try {
      for (let offset = 0; offset < byteLength;) {
        let key = digest(hash, input)
        for (let i = 1; i < iterations; i++) {
          const before = key
          key = digest(hash, before)
          before.fill(0)
        }
        offset += key.copy(derived, offset)
        for (let from = blockBytes; from < input.byteLength; from += blockBytes) {
          addAndOne(input.subarray(from, from + blockBytes), key)
        }
        key.fill(0)
      }
      return derived
    } finally {
      input.fill(0)
      text.fill(0)
    }
  })
}

/** How many hashes of a derivation depend on each other, for all of its blocks. */
export function pkcs12Cost(hash: DigestAlgorithm, iterations: number, byteLength: number): number {
  return iterations * Math.ceil(byteLength / digestLength(hash))
}

/** To one block of the input `key`, repeated to its length, and one: step 6C. */
function addAndOne(block: Buffer, key: Buffer): void {
  let carry = 1
  for (let i = block.byteLength - 1; i >= 0; i--) {
    const sum = block[i]! + key[i % key.byteLength]! + carry
    block[i] = sum
    carry = sum >> 8
  }
}

/**
 * A password of UTF-8 as PKCS #12 has it here: UTF-16 with the big end first, and a zero at its end. It becomes no string on the way.
 * @throws KryptonError invalid-field
 */
function passwordText(utf8: Uint8Array): Buffer {
  const text = ownBuffer(2 * utf8.byteLength + 2)
  let at = 0
  for (let i = 0; i < utf8.byteLength;) {
    const first = utf8[i++]!
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1
    let code = more === 0 ? first : first & (0x3f >> more)
    let isWhole = more >= 0
    for (let k = 0; k < more; k++) {
      const next = utf8[i++] ?? 0
      isWhole &&= (next & 0xc0) === 0x80
      code = (code << 6) | (next & 0x3f)
    }
    if (!isWhole) {
      text.fill(0)
      throw new KryptonError('invalid-field', 'Use a password in UTF-8 for PKCS#12: this one is none')
    }
    if (code >= 0x1_0000) {
      at = text.writeUInt16BE(0xd800 + ((code - 0x1_0000) >> 10), at)
      at = text.writeUInt16BE(0xdc00 + ((code - 0x1_0000) & 0x3ff), at)
    } else at = text.writeUInt16BE(code, at)
  }
  at = text.writeUInt16BE(0, at)
  const own = ownBuffer(at)
  text.copy(own, 0, 0, at)
  text.fill(0)
  return own
}
