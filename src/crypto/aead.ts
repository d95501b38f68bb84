import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { revealTo } from './key-material.ts'
import { deriveSecret } from './kdf.ts'
import { labels } from './labels.ts'
import { hmac } from './mac.ts'
import { adoptSecret, type Secret, type SecretClass } from './secret.ts'
import { deriveXaesKey } from './xaes.ts'

/** The suites that records are written in. The number stands in every record and never changes its meaning. */
export const Suite = {
  /** AES-256-GCM with a random nonce of 12 bytes: at most 2^30 records a key. */
  Aes256Gcm: 0x01,
  /** XAES-256-GCM (C2SP) with a random nonce of 24 bytes: needs no count. */
  Xaes256Gcm: 0x02,
  /** The same, with a commitment to the key: for keys that somebody else chose or holds. */
  Xaes256GcmCommitted: 0x03,
} as const
export type Suite = (typeof Suite)[keyof typeof Suite]

/** Lengths in bytes of what a suite adds to a plaintext. */
export const suiteLengths = {
  [Suite.Aes256Gcm]: { nonce: 12, commitment: 0 },
  [Suite.Xaes256Gcm]: { nonce: 24, commitment: 0 },
  [Suite.Xaes256GcmCommitted]: { nonce: 24, commitment: 32 },
} as const satisfies Record<Suite, { nonce: number; commitment: number }>

/** Length in bytes of every suite's tag. */
export const tagBytes = 16

/** True if `number` is a suite of this table. */
export function isSuite(number: number): number is Suite {
  return number in suiteLengths
}

const gcmOptions = { authTagLength: tagBytes } as const

/** Seals `plaintext` under a key of 32 bytes: ciphertext ‖ tag. `nonce` has the suite's length and is used once. */
export function sealAead(
  suite: Suite,
  key: Secret,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  plaintext: Uint8Array | Secret,
): Buffer {
  if (nonce.byteLength !== suiteLengths[suite].nonce)
    throw new TypeError(`a nonce of suite ${suite} has ${suiteLengths[suite].nonce} bytes`)
  const cipher = createCipheriv('aes-256-gcm', gcmKey(suite, key, nonce), gcmNonce(nonce), gcmOptions)
  cipher.setAAD(associatedData)
  const ciphertext =
    plaintext instanceof Uint8Array
      ? cipher.update(plaintext)
      : revealTo(plaintext).withBytes((bytes) => cipher.update(bytes))
  cipher.final()
  return Buffer.concat([ciphertext, cipher.getAuthTag()])
}

/**
 * Opens what `sealAead` made. Nothing of the plaintext leaves before the tag was found right. Throws 'record-does-not-open' for
 * every reason alike.
 */
export function openAead(
  suite: Suite,
  key: Secret,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  sealed: Uint8Array,
  secretClass: SecretClass,
): Secret {
  const length = sealed.byteLength - tagBytes
  if (length < 0 || nonce.byteLength !== suiteLengths[suite].nonce) throw doesNotOpen()
  const decipher = createDecipheriv('aes-256-gcm', gcmKey(suite, key, nonce), gcmNonce(nonce), gcmOptions)
  decipher.setAuthTag(sealed.subarray(length))
  decipher.setAAD(associatedData)
  // update() hands out a buffer of its own, never a slice of the pool, so it can become the secret as it is.
  const plaintext = decipher.update(sealed.subarray(0, length))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw doesNotOpen()
  }
  return adoptSecret(plaintext, secretClass)
}

/** The commitment of suite 0x03 to `key`: HMAC-SHA-256 over what stands before it in the record. */
export function keyCommitment(key: Secret, header: Uint8Array): Buffer {
  const committing = deriveSecret(key, labels.suite3Commitment, noContext, 'system')
  try {
    return hmac('sha256', committing, header)
  } finally {
    committing.wipe()
  }
}

const noContext = new Uint8Array(0)

/** The key that AES-256-GCM itself runs under. A KeyObject: node takes a raw buffer three times slower (bench/micro/records). */
function gcmKey(suite: Suite, key: Secret, nonce: Uint8Array): KeyObject {
  if (suite === Suite.Aes256Gcm) return revealTo(key).keyObject()
  if (suite === Suite.Xaes256Gcm) return xaesKeyObject(key, nonce)
  const encryption = deriveSecret(key, labels.suite3Encryption, noContext, 'wrapping')
  try {
    return xaesKeyObject(encryption, nonce)
  } finally {
    encryption.wipe()
  }
}

function xaesKeyObject(key: Secret, nonce: Uint8Array): KeyObject {
  const derived = deriveXaesKey(key, nonce)
  const keyObject = createSecretKey(derived)
  derived.fill(0)
  return keyObject
}

function gcmNonce(nonce: Uint8Array): Uint8Array {
  return nonce.byteLength === 12 ? nonce : nonce.subarray(12)
}

function doesNotOpen(): KryptonError {
  return new KryptonError(
    'record-does-not-open',
    'a sealed record does not open here: it was changed, moved, or sealed under another key',
  )
}
