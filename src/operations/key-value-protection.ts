import { equalBytes } from '../crypto/compare.ts'
import { unwrapKey, wrapKey } from '../crypto/key-wrap.ts'
import { bytesOfSecret, secretFromBytes } from '../crypto/secret.ts'
import type { Secret } from '../crypto/secret.ts'
import type { SignatureScheme, SignedBytes } from '../crypto/signature.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { checkCurveAllowed } from '../objects/crypto-policy.ts'
import { withOpenKey } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'
import { allocateNonce } from './nonce-allocation.ts'
import { allocateUsage } from './usage-allocation.ts'
import type { EncryptionKey, MacSignatureKey } from './wrapping-keys.ts'

/** What the keys that wrap do to the bytes of a Key Value; those of a key are the caller's to wipe. */

/** The encrypted Key Value; a tag stands at its end, for Key Wrapping Data has no other place. */
export interface EncryptedKeyValue {
  readonly data: Buffer
  /** The IV that was made for it. */
  readonly iv?: Buffer
}

/** @throws KryptonError encoding-option-error: AES key wrap without padding does not take the length; invalid-field */
export function encryptKeyValue(
  key: EncryptionKey,
  bytes: Uint8Array,
  context: OperationContext,
): MaybePromise<EncryptedKeyValue> {
  const { cryptoWork, owner } = context
  if (key.type === 'rsa') {
    const { object, padding } = key
    allocateUsage(object, bytes.byteLength, context)
    return context.unit.objects.useKey(object, (publicKey) =>
      next(cryptoWork.encryptRsa(owner, publicKey, padding, bytes), (data) => ({ data })),
    )
  }
  const { object, use } = key
  const { mode, ivLength } = use
  if (mode === 'kw' && (bytes.byteLength < 16 || bytes.byteLength % 8 !== 0)) {
    throw new KryptonError(
      'encoding-option-error',
      'Use Encoding Option TTLV Encoding, or Block Cipher Mode AES Key Wrap Padding: key wrap without padding takes 16 bytes or more, a multiple of 8',
    )
  }
  allocateUsage(object, bytes.byteLength, context)
  return next(allocateNonce(object, {}, use, context), () =>
    withOpenKey(object, context, (secret): MaybePromise<EncryptedKeyValue> => {
      if (mode === 'kw' || mode === 'kwp') return { data: wrapped(mode, secret, bytes) }
      const iv = ivLength === undefined ? undefined : context.randomBytes(ivLength)
      return next(cryptoWork.encrypt(owner, secret, use, bytes, iv, undefined), (made) => ({
        data: made.tag === undefined ? made.data : Buffer.concat([made.data, made.tag]),
        iv: made.iv,
      }))
    }),
  )
}

/** The Key Value that was encrypted; the caller wipes it. @throws KryptonError cryptographic-failure, invalid-field */
export function decryptKeyValue(
  key: EncryptionKey,
  data: Uint8Array,
  iv: Uint8Array | undefined,
  context: OperationContext,
): MaybePromise<Buffer> {
  const { cryptoWork, owner } = context
  if (key.type === 'rsa') {
    const { object, padding } = key
    return context.unit.objects.useKey(object, (privateKey) => cryptoWork.decryptRsa(owner, privateKey, padding, data))
  }
  const { object, use } = key
  const { mode } = use
  return withOpenKey(object, context, (secret) =>
    mode === 'kw' || mode === 'kwp'
      ? unwrapped(mode, secret, data)
      : cryptoWork.decrypt(owner, secret, use, data, iv, undefined, undefined),
  )
}

/** The MAC or signature of a Key Value. */
export function authenticateKeyValue(
  key: MacSignatureKey,
  bytes: Uint8Array,
  context: OperationContext,
): MaybePromise<Buffer> {
  const { object } = key
  const { cryptoWork, owner } = context
  allocateUsage(object, bytes.byteLength, context)
  if (key.type === 'mac') {
    const { algorithm } = key
    return withOpenKey(object, context, (secret) => cryptoWork.mac(owner, secret, algorithm, bytes))
  }
  const { scheme } = key
  return next(signedBytes(scheme, bytes, context), (signed) =>
    context.unit.objects.useKey(object, (privateKey) => {
      checkCurveAllowed(privateKey.curve, context.policy)
      return cryptoWork.sign(owner, privateKey, scheme, signed)
    }),
  )
}

/** Only the hash goes to where RSA is done. ECDSA over a hash needs the addon, and ECDSA over the data does not. */
function signedBytes(
  scheme: SignatureScheme,
  bytes: Uint8Array,
  { cryptoWork, owner }: OperationContext,
): MaybePromise<SignedBytes> {
  if (scheme.scheme === 'ecdsa') return { bytes, isDigest: false }
  return next(cryptoWork.hash(owner, scheme.hash, bytes), (digested) => ({ bytes: digested, isDigest: true }))
}

/** @throws KryptonError cryptographic-failure: the Key Value is not what was authenticated */
export function verifyKeyValue(
  key: MacSignatureKey,
  bytes: Uint8Array,
  macSignature: Uint8Array,
  context: OperationContext,
): MaybePromise<void> {
  return next(isAuthentic(key, bytes, macSignature, context), (isValid) => {
    if (isValid) return
    throw new KryptonError(
      'cryptographic-failure',
      'The MAC or signature is not that of the Key Value: check it and its key',
    )
  })
}

function isAuthentic(
  key: MacSignatureKey,
  bytes: Uint8Array,
  macSignature: Uint8Array,
  context: OperationContext,
): MaybePromise<boolean> {
  const { object } = key
  const { cryptoWork, owner } = context
  if (key.type === 'mac') {
    const { algorithm } = key
    return withOpenKey(object, context, (secret) =>
      next(cryptoWork.mac(owner, secret, algorithm, bytes), (expected) => equalBytes(expected, macSignature)),
    )
  }
  const { scheme } = key
  return next(signedBytes(scheme, bytes, context), (signed) =>
    context.unit.objects.useKey(object, (publicKey) => {
      checkCurveAllowed(publicKey.curve, context.policy)
      return cryptoWork.verifySignature(owner, publicKey, scheme, signed, macSignature)
    }),
  )
}

function wrapped(form: 'kw' | 'kwp', key: Secret, bytes: Uint8Array): Buffer {
  const secret = secretFromBytes(bytes, 'object')
  try {
    return wrapKey(form, key, secret)
  } finally {
    secret.wipe()
  }
}

function unwrapped(form: 'kw' | 'kwp', key: Secret, data: Uint8Array): Buffer {
  return bytesOfSecret(unwrapKey(form, key, data, 'object'))
}
