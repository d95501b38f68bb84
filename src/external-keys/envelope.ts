import { keyCommitment, openAead, sealAead, Suite, suiteLengths, tagBytes } from '../crypto/aead.ts'
import { equalBytes } from '../crypto/compare.ts'
import { randomBytes } from '../crypto/random.ts'
import { adoptSecret, type Secret, type SecretClass, secretFromBytes } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { ExternallyWrapped } from './external-key.ts'

/** What a service made of the bytes that it was sent. */
export interface WrappedOutside {
  /** The identifier of the key that it used, with its version, as it says. */
  readonly keyId: Uint8Array
  readonly ciphertext: Uint8Array
}

/**
 * Wraps a secret for a service that must be sent what it wraps: it is sent a key of 32 random bytes that was made for this, and the secret is sealed under that key
 * here (format KXE1, docs/formats.md). So the secret never leaves its slot, its length and class are free, and what the service answers later is proven by the commitment of
 * suite 0x03: a wrong key opens nothing.
 * @param wrapOutside has the key in a buffer that is wiped afterwards
 */
export async function wrapInEnvelope(
  secret: Secret,
  context: Uint8Array,
  mechanism: string,
  wrapOutside: (key: Uint8Array) => Promise<WrappedOutside>,
): Promise<ExternallyWrapped> {
  const bytes = randomBytes(keyBytes)
  const key = secretFromBytes(bytes, 'wrapping')
  try {
    const { keyId, ciphertext } = await wrapOutside(bytes)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(ciphertext.byteLength)
    const nonce = randomBytes(nonceBytes)
    const header = Buffer.concat([formatStart, length, ciphertext, nonce])
    const head = Buffer.concat([header, keyCommitment(key, header)])
    const sealed = sealAead(suite, key, nonce, associatedData(head, keyId, mechanism, context), secret)
    return { keyId, mechanism, ciphertext: Buffer.concat([head, sealed]) }
  } finally {
    bytes.fill(0)
    key.wipe()
  }
}

/**
 * Opens what `wrapInEnvelope` made. `openOutside` asks the service and gives what it answers, in a buffer of its own, which is wiped here.
 * @throws KryptonError external-key-mismatch: it was changed, or is not of this context; or the service answered with another key
 */
export async function unwrapEnvelope(
  { keyId, mechanism, ciphertext }: ExternallyWrapped,
  context: Uint8Array,
  secretClass: SecretClass,
  openOutside: (ciphertext: Uint8Array) => Promise<Buffer>,
): Promise<Secret> {
  const start = ciphertext.subarray(0, formatStart.byteLength)
  const noncePlace = lengthPlace + 2 + outsideBytesOf(ciphertext)
  const commitmentPlace = noncePlace + nonceBytes
  const sealedPlace = commitmentPlace + commitmentBytes
  if (!equalBytes(start, formatStart) || ciphertext.byteLength <= sealedPlace + tagBytes) throw doesNotOpen()
  const answered = await openOutside(ciphertext.subarray(lengthPlace + 2, noncePlace))
  if (answered.byteLength !== keyBytes) {
    answered.fill(0)
    throw anotherKey()
  }
  const key = adoptSecret(answered, 'wrapping')
  try {
    const commitment = ciphertext.subarray(commitmentPlace, sealedPlace)
    if (!equalBytes(keyCommitment(key, ciphertext.subarray(0, commitmentPlace)), commitment)) throw anotherKey()
    const bound = associatedData(ciphertext.subarray(0, sealedPlace), keyId, mechanism, context)
    const nonce = ciphertext.subarray(noncePlace, commitmentPlace)
    return openAead(suite, key, nonce, bound, ciphertext.subarray(sealedPlace), secretClass)
  } catch (cause) {
    throw cause instanceof KryptonError && cause.code === 'record-does-not-open' ? doesNotOpen(cause) : cause
  } finally {
    key.wipe()
  }
}

function outsideBytesOf(ciphertext: Uint8Array): number {
  return ((ciphertext[lengthPlace] ?? 0) << 8) | (ciphertext[lengthPlace + 1] ?? 0)
}

function associatedData(head: Uint8Array, keyId: Uint8Array, mechanism: string, context: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('krypton/envelope/1\0'), head, lv(keyId), lv(Buffer.from(mechanism)), context])
}

function lv(part: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(part.byteLength)
  return Buffer.concat([length, part])
}

function doesNotOpen(cause?: unknown): KryptonError {
  return new KryptonError(
    'external-key-mismatch',
    'what an outside key wrapped does not open: it was changed, or belongs to another place',
    { cause },
  )
}

function anotherKey(): KryptonError {
  return new KryptonError(
    'external-key-mismatch',
    'the outside key answered with another key than it was given to wrap: the record was changed, or the service is not to be trusted',
  )
}

const suite = Suite.Xaes256GcmCommitted
const { nonce: nonceBytes, commitment: commitmentBytes } = suiteLengths[suite]
const keyBytes = 32
const formatStart = Buffer.from([0x4b, 0x58, 0x45, 0x31, 1, suite])
const lengthPlace = formatStart.byteLength
