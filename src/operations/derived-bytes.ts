import { encryptWithKey } from '../crypto/cipher.ts'
import { agreeOnSecret } from '../crypto/key-agreement.ts'
import { deriveByHash, deriveByHmac, deriveByKdf, passwordCost } from '../crypto/key-derivation.ts'
import type { DerivationInput } from '../crypto/key-derivation.ts'
import type { KeyParts } from '../crypto/key-parts.ts'
import { ownBuffer } from '../crypto/own-buffer.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { DerivationMethod, ObjectType } from '../kmip/enums.ts'
import type { DeriveKeyRequest } from '../kmip/payloads/derive-key.ts'
import { limits } from '../limits.ts'
import { cipherUse } from '../objects/algorithms.ts'
import { type AsymmetricObjectType, keyPartsOf } from '../objects/asymmetric-format.ts'
import {
  derivationHash,
  derivationMethods,
  derivationMode,
  derivationModes,
  derivationPrf,
  derivationRoles,
} from '../objects/derivation.ts'
import { checkDerivationAllowed, type CryptoPolicy } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { withOpenKey } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'

/**
 * Refuses what a Derivation Method has no use for, before any key is looked at.
 * @throws KryptonError invalid-field, unsupported-cryptographic-parameters
 */
export function checkDerivation(
  { derivationMethod, derivationParameters }: DeriveKeyRequest,
  policy: CryptoPolicy,
): void {
  if (!derivationMethods.has(derivationMethod)) {
    throw new KryptonError(
      'invalid-field',
      'Use Derivation Method PBKDF2, HASH, HMAC, ENCRYPT, NIST800-108-C, NIST800-108-F, NIST800-108-DPI or Asymmetric Key',
    )
  }
  const { initializationVector, salt, iterationCount, derivationData } = derivationParameters
  const [saltBytes, iterations] = [salt?.byteLength ?? 0, iterationCount ?? 0]
  checkDerivationAllowed(derivationMethod, { saltBytes, iterations }, policy)
  if (derivationMethod === DerivationMethod.PBKDF2) {
    if (salt === undefined || iterationCount === undefined) {
      throw new KryptonError('invalid-field', 'Send Salt and Iteration Count: PBKDF2 needs both')
    }
    if (salt.byteLength === 0 || salt.byteLength > limits.derivationDataBytesMax || iterationCount < 1) {
      const most = limits.derivationDataBytesMax
      throw new KryptonError('invalid-field', `Send a Salt of 1 to ${most} bytes, and an Iteration Count of 1 or more`)
    }
  } else if (salt !== undefined || iterationCount !== undefined) {
    throw new KryptonError('invalid-field', 'Leave out Salt and Iteration Count: PBKDF2 alone has them')
  }
  if (initializationVector !== undefined && !methodsWithIv.has(derivationMethod)) {
    throw new KryptonError('invalid-field', 'Leave out Initialization Vector: the Derivation Method has none')
  }
  const lengths = [derivationData, initializationVector].map((bytes) => bytes?.byteLength ?? 0)
  if (lengths.every((bytes) => bytes <= limits.derivationDataBytesMax)) return
  throw new KryptonError(
    'invalid-field',
    `Send at most ${limits.derivationDataBytesMax} bytes of Derivation Data and of Initialization Vector`,
  )
}

/**
 * What the method makes of the objects: at least so many bytes, which the caller wipes.
 * @throws KryptonError invalid-field, invalid-message; cryptographic-failure: the method gives less than is asked for
 */
export function derivedBytes(
  request: DeriveKeyRequest,
  one: ManagedObject,
  other: ManagedObject | undefined,
  byteLength: number,
  context: OperationContext,
): MaybePromise<Buffer> {
  if (request.derivationMethod === DerivationMethod.AsymmetricKey) {
    return next(agreed(request, one, other, context), (derived) => enough(derived, byteLength))
  }
  const { key, data } = derivationRoles(one, other)
  checkData(request, data)
  return withOpenKey(key, context, (secret) => {
    if (data === undefined) return derive(secret, request.derivationParameters.derivationData)
    return withOpenKey(data, context, (opened) => derive(secret, opened))
  })

  function derive(secret: Secret, input: DerivationInput | undefined): MaybePromise<Buffer> {
    if (input !== undefined && input.byteLength > limits.derivationDataBytesMax) {
      throw new KryptonError(
        'invalid-field',
        `Derive over at most ${limits.derivationDataBytesMax} bytes of Secret Data`,
      )
    }
    return next(byMethod(request, key, secret, input, byteLength, context), (derived) => enough(derived, byteLength))
  }
}

function byMethod(
  { derivationMethod, derivationParameters }: DeriveKeyRequest,
  key: ManagedObject,
  secret: Secret,
  input: DerivationInput | undefined,
  byteLength: number,
  context: OperationContext,
): MaybePromise<Buffer> {
  const { cryptographicParameters, initializationVector } = derivationParameters
  const mode = derivationModes.get(derivationMethod)
  if (mode !== undefined) {
    const prf = derivationPrf(derivationMethod, key, cryptographicParameters, context.policy)
    return deriveByKdf({ prf, mode, initializationVector }, secret, input!, byteLength) // checkData
  }
  if (derivationMethod === DerivationMethod.ENCRYPT) {
    return encrypted(key, secret, input!, derivationParameters, context) // as above
  }
  const hash = derivationHash(derivationMethod, key, cryptographicParameters)
  switch (derivationMethod) {
    case DerivationMethod.PBKDF2: {
      const { salt, iterationCount } = derivationParameters
      const password = { hash, salt: salt!, iterations: iterationCount! } // checkDerivation
      if (passwordCost(hash, password.iterations, byteLength) > limits.passwordIterationsMax) {
        const most = Math.floor(limits.passwordIterationsMax / passwordCost(hash, 1, byteLength))
        throw new KryptonError('invalid-field', `Send an Iteration Count of at most ${most} for a key of this length`)
      }
      return context.cryptoWork.deriveByPassword(context.owner, secret, password, byteLength)
    }
    case DerivationMethod.HASH:
      return deriveByHash(hash, secret)
    default:
      return deriveByHmac(hash, secret, input!) // checkData
  }
}

/** Modes that authenticate or wrap would make something that is no key. */
function encrypted(
  key: ManagedObject,
  secret: Secret,
  input: DerivationInput,
  { cryptographicParameters, initializationVector }: DeriveKeyRequest['derivationParameters'],
  { policy }: OperationContext,
): Buffer {
  const use = cipherUse(key, derivationMode(key, cryptographicParameters), policy)
  if (!derivingModes.has(use.mode)) {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'Derive with Block Cipher Mode ECB, CBC, CFB, OFB or CTR',
    )
  }
  if (initializationVector === undefined && use.mode !== 'ecb') {
    throw new KryptonError('invalid-field', 'Send an Initialization Vector: the Block Cipher Mode needs one')
  }
  const plain = ownBuffer(input.byteLength)
  try {
    if (input instanceof Uint8Array) plain.set(input)
    else input.copyInto(plain, 0)
    return encryptWithKey(secret, use, plain, initializationVector).data
  } finally {
    plain.fill(0)
  }
}

/** Asymmetric Key: ECDH of a Private Key and a Public Key (added to the enumeration by 1.4; KMIP 2.1 section 11.17 says what it does). */
function agreed(
  { derivationParameters }: DeriveKeyRequest,
  one: ManagedObject,
  other: ManagedObject | undefined,
  context: OperationContext,
): MaybePromise<Buffer> {
  const [privateKey] = [one, other].filter((base) => base?.fields.objectType === ObjectType.PrivateKey)
  const [publicKey] = [one, other].filter((base) => base?.fields.objectType === ObjectType.PublicKey)
  if (privateKey === undefined || publicKey === undefined) {
    throw new KryptonError('invalid-field', 'Name a Private Key and a Public Key to derive by Asymmetric Key')
  }
  const { cryptographicParameters, derivationData } = derivationParameters
  if (derivationData !== undefined || cryptographicParameters !== undefined) {
    throw new KryptonError(
      'invalid-field',
      'Leave out Derivation Data and Cryptographic Parameters: the keys alone agree on the secret',
    )
  }
  return withParts(privateKey, context, (own) => withParts(publicKey, context, (theirs) => agreeOnSecret(own, theirs)))
}

/** HASH and PBKDF2 take the key alone; the others take data, from the request or from a Secret Data object. */
function checkData(
  { derivationMethod, derivationParameters }: DeriveKeyRequest,
  data: ManagedObject | undefined,
): void {
  const { derivationData } = derivationParameters
  if (derivationData !== undefined && data !== undefined) {
    throw new KryptonError('invalid-message', 'Leave out Derivation Data, or the Secret Data object')
  }
  const hasData = derivationData !== undefined || data !== undefined
  if (derivationMethod === DerivationMethod.HASH || derivationMethod === DerivationMethod.PBKDF2) {
    if (!hasData) return
    throw new KryptonError(
      'invalid-field',
      'Send HASH and PBKDF2 one object and no Derivation Data: its value is what is hashed, or the password',
    )
  }
  if (hasData) return
  throw new KryptonError('invalid-field', 'Send Derivation Data, or the Unique Identifier of a Secret Data object')
}

function enough(derived: Buffer, byteLength: number): Buffer {
  if (derived.byteLength >= byteLength) return derived
  const { byteLength: given } = derived
  derived.fill(0)
  throw new KryptonError(
    'cryptographic-failure',
    `Ask for a Cryptographic Length of at most ${given * 8}: the Derivation Method gives no more`,
  )
}

/** The numbers of a key, which are gone when `use` has ended. */
function withParts<T>(
  object: ManagedObject,
  context: OperationContext,
  use: (parts: KeyParts) => MaybePromise<T>,
): MaybePromise<T> {
  const objectType = object.fields.objectType as AsymmetricObjectType // checkDerivesKeys has let no other through
  return withOpenKey(object, context, (secret) => {
    const material = ownBuffer(secret.byteLength)
    return andFinally(
      () => {
        secret.copyInto(material, 0)
        return use(keyPartsOf(objectType, object.fields.keyFormatType, material))
      },
      () => material.fill(0),
    )
  })
}

const methodsWithIv: ReadonlySet<number> = new Set([DerivationMethod.ENCRYPT, DerivationMethod.NIST800_108F])
const derivingModes: ReadonlySet<string> = new Set(['ecb', 'cbc', 'cfb', 'ofb', 'ctr'])
