import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { handleOf, revealTo, SlotSecret } from './key-material.ts'
import { deriveSecret } from './kdf.ts'
import { labels } from './labels.ts'
import { hmac } from './mac.ts'
import { classNumbers, nativeAddon } from './native.ts'
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

/** A record or what is like one: where its parts stand. The nonce has the suite's length; ciphertext and tag end the bytes. */
export interface SealedPlace {
  readonly bytes: Uint8Array
  readonly nonceOffset: number
  readonly sealedOffset: number
}

/** Seals `plaintext` under a key of 32 bytes: ciphertext ‖ tag. `nonce` has the suite's length and is used once. */
export function sealAead(
  suite: Suite,
  key: Secret,
  nonce: Uint8Array,
  associatedData: Uint8Array,
  plaintext: Uint8Array | Secret,
): Buffer {
  const { nonce: nonceBytes } = suiteLengths[suite]
  if (nonce.byteLength !== nonceBytes) throw new TypeError(`a nonce of suite ${suite} has ${nonceBytes} bytes`)
  const bytes = Buffer.alloc(nonceBytes + plaintext.byteLength + tagBytes)
  bytes.set(nonce)
  const place = { bytes, nonceOffset: 0, sealedOffset: nonceBytes }
  sealInto(suite, key, place, associatedData, associatedData.byteLength, plaintext)
  return bytes.subarray(nonceBytes)
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
  if (nonce.byteLength !== suiteLengths[suite].nonce) throw doesNotOpen()
  const bytes = Buffer.concat([nonce, sealed])
  const place = { bytes, nonceOffset: 0, sealedOffset: nonce.byteLength }
  return openFrom(suite, key, place, associatedData, associatedData.byteLength, secretClass)
}

/**
 * Seals `plaintext` under a key of 32 bytes into a place that has its nonce already, and room for the ciphertext and the tag alone. The
 * associated data are the first `associatedBytes` of `associated`.
 */
export function sealInto(
  suite: Suite,
  key: Secret,
  place: SealedPlace,
  associated: Uint8Array,
  associatedBytes: number,
  plaintext: Uint8Array | Secret,
): void {
  const { bytes, nonceOffset, sealedOffset } = place
  if (suite === Suite.Xaes256GcmCommitted) {
    withEncryptionKey(key, (encryption) =>
      sealInto(Suite.Xaes256Gcm, encryption, place, associated, associatedBytes, plaintext),
    )
    return
  }
  if (key.secretClass === 'object' && !(plaintext instanceof Uint8Array) && plaintext.secretClass !== 'object') {
    throw new TypeError(`a key that can be copied out seals no secret of class ${plaintext.secretClass}`)
  }
  const handle = handleOf(key)
  if (handle !== undefined) {
    const source = plaintext instanceof Uint8Array ? plaintext : handleOf(plaintext)
    if (source === undefined) throw new TypeError('a key in a slot seals bytes, or a secret in a slot')
    const addon = nativeAddon()!
    addon.sealRecord(suite, handle, bytes, nonceOffset, associated, associatedBytes, source, sealedOffset)
    return
  }
  const nonce = nonceOf(suite, place)
  const cipher = createCipheriv('aes-256-gcm', gcmKey(suite, key, nonce), gcmNonce(nonce), gcmOptions)
  cipher.setAAD(associated.subarray(0, associatedBytes))
  const ciphertext =
    plaintext instanceof Uint8Array
      ? cipher.update(plaintext)
      : revealTo(plaintext).withBytes((plain) => cipher.update(plain))
  cipher.final()
  bytes.set(ciphertext, sealedOffset)
  bytes.set(cipher.getAuthTag(), sealedOffset + ciphertext.byteLength)
}

/** Opens what `sealInto` made. Throws 'record-does-not-open' for every reason alike. */
export function openFrom(
  suite: Suite,
  key: Secret,
  place: SealedPlace,
  associated: Uint8Array,
  associatedBytes: number,
  secretClass: SecretClass,
): Secret {
  const { bytes, nonceOffset, sealedOffset } = place
  const length = bytes.byteLength - sealedOffset - tagBytes
  if (length < 0) throw doesNotOpen()
  if (suite === Suite.Xaes256GcmCommitted) {
    return withEncryptionKey(key, (encryption) =>
      openFrom(Suite.Xaes256Gcm, encryption, place, associated, associatedBytes, secretClass),
    )
  }
  const handle = handleOf(key)
  if (handle !== undefined) {
    const addon = nativeAddon()!
    const classNumber = classNumbers[secretClass]
    const opened = addon.openRecord(
      suite,
      handle,
      bytes,
      nonceOffset,
      associated,
      associatedBytes,
      sealedOffset,
      classNumber,
    )
    if (opened === 0) throw doesNotOpen()
    return new SlotSecret(addon, opened, secretClass, length)
  }
  const nonce = nonceOf(suite, place)
  const decipher = createDecipheriv('aes-256-gcm', gcmKey(suite, key, nonce), gcmNonce(nonce), gcmOptions)
  decipher.setAuthTag(bytes.subarray(sealedOffset + length))
  decipher.setAAD(associated.subarray(0, associatedBytes))
  // update() hands out a buffer of its own, never a slice of the pool, so it can become the secret as it is.
  const plaintext = decipher.update(bytes.subarray(sealedOffset, sealedOffset + length))
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

/** Suite 0x03 is suite 0x02 under a key of its own. */
function withEncryptionKey<T>(key: Secret, use: (encryption: Secret) => T): T {
  const encryption = deriveSecret(key, labels.suite3Encryption, noContext, 'wrapping')
  try {
    return use(encryption)
  } finally {
    encryption.wipe()
  }
}

/** The key that AES-256-GCM itself runs under. A KeyObject: node takes a raw buffer three times slower (bench/micro/records). */
function gcmKey(suite: Suite, key: Secret, nonce: Uint8Array): KeyObject {
  if (suite === Suite.Aes256Gcm) return revealTo(key).keyObject()
  const derived = deriveXaesKey(key, nonce)
  const keyObject = createSecretKey(derived)
  derived.fill(0)
  return keyObject
}

function nonceOf(suite: Suite, { bytes, nonceOffset }: SealedPlace): Uint8Array {
  return bytes.subarray(nonceOffset, nonceOffset + suiteLengths[suite].nonce)
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
