import type { MacAlgorithm } from '../crypto/message-mac.ts'
import type { RsaPadding } from '../crypto/rsa-cipher.ts'
import type { SignatureScheme } from '../crypto/signature.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { LinkType, ObjectType } from '../kmip/enums.ts'
import type { EncryptionKeyInformation, MacSignatureKeyInformation } from '../kmip/key-block.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { cipherUse } from '../objects/algorithms.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import { rsaPadding, signatureScheme } from '../objects/asymmetric-use.ts'
import { matchingParameters } from '../objects/key-wrapping.ts'
import { macUse } from '../objects/mac-use.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'

/** Keys that wrap others (KMIP 1.4 sections 2.1.5, 2.1.6), found in the service of who asks and fit for it. */

/** A key that encrypts or decrypts a Key Value, and how. */
export type EncryptionKey = { readonly object: ManagedObject; readonly parameters: CryptographicParameters } & (
  | { readonly type: 'cipher'; readonly use: CipherUse }
  | { readonly type: 'rsa'; readonly padding: RsaPadding }
)

/** A key that makes or verifies the MAC or the signature of a Key Value, and how. */
export type MacSignatureKey = { readonly object: ManagedObject; readonly parameters: CryptographicParameters } & (
  | { readonly type: 'mac'; readonly algorithm: MacAlgorithm }
  | { readonly type: 'signature'; readonly scheme: SignatureScheme }
)

/** Wrapping takes parameters that the key has itself; so does unwrapping, or those that came with the wrapped key where it has none. */
export type Direction = 'wraps' | 'unwraps'

/**
 * The key of Encryption Key Information. What a Public Key has encrypted its Private Key opens, to which it has a Link.
 * @throws KryptonError item-not-found, illegal-operation, permission-denied, wrong-key-lifecycle-state, key-value-not-present,
 *   unsupported-cryptographic-parameters (11.12)
 */
export function encryptionKey(
  { uniqueIdentifier, cryptographicParameters }: EncryptionKeyInformation,
  direction: Direction,
  context: OperationContext,
): MaybePromise<EncryptionKey> {
  const half = direction === 'unwraps' ? ObjectType.PublicKey : undefined
  return next(namedKey(uniqueIdentifier, half, context), ({ named, object }) => {
    checkUse(object, direction === 'wraps' ? uses.wrapKey : uses.unwrapKey, context.now)
    checkKeyValuePresent(object)
    const parameters = parametersOf(named, cryptographicParameters, direction)
    return object.fields.objectType === ObjectType.SymmetricKey
      ? { object, parameters, type: 'cipher', use: cipherUse(object, parameters, context.policy) }
      : { object, parameters, type: 'rsa', padding: rsaPadding(object, parameters, context.policy) }
  })
}

/**
 * The key of MAC/Signature Key Information: a Symmetric Key, or either half of a key pair, whose other half is found by its Link.
 * @throws KryptonError as `encryptionKey`
 */
export function macSignatureKey(
  { uniqueIdentifier, cryptographicParameters }: MacSignatureKeyInformation,
  direction: Direction,
  context: OperationContext,
): MaybePromise<MacSignatureKey> {
  const half = direction === 'wraps' ? ObjectType.PublicKey : ObjectType.PrivateKey
  return next(namedKey(uniqueIdentifier, half, context), ({ named, object }) => {
    const parameters = parametersOf(named, cryptographicParameters, direction)
    if (object.fields.objectType === ObjectType.SymmetricKey) {
      checkUse(object, direction === 'wraps' ? uses.macGenerate : uses.macVerify, context.now)
      checkKeyValuePresent(object)
      return { object, parameters, type: 'mac', algorithm: macUse(object, parameters, context.policy) }
    }
    checkUse(object, direction === 'wraps' ? uses.sign : uses.verify, context.now)
    checkKeyValuePresent(object)
    const use = { policy: context.policy, makes: direction === 'wraps' }
    return { object, parameters, type: 'signature', scheme: signatureScheme(object, parameters, use) }
  })
}

/** The object of that identifier, and the one to be used: where it is the wrong half of a pair, the other. */
function namedKey(
  uniqueIdentifier: string,
  wrongHalf: ObjectType | undefined,
  { unit }: OperationContext,
): MaybePromise<{ named: ManagedObject; object: ManagedObject }> {
  return next(unit.get(uniqueIdentifier), (named) => {
    const { objectType } = named.fields
    if (!keys.has(objectType)) {
      throw new KryptonError('illegal-operation', 'Name a Symmetric, Public or Private Key to wrap with: this is none')
    }
    if (objectType !== wrongHalf) return { named, object: named }
    const linkType = objectType === ObjectType.PublicKey ? LinkType.PrivateKeyLink : LinkType.PublicKeyLink
    const found = named.attributes.all('link').find(({ value }) => value.linkType === linkType)
    if (found === undefined) {
      throw new KryptonError('permission-denied', 'Name the other half of the key pair: this one has no Link to it')
    }
    return next(unit.get(found.value.linkedObjectIdentifier), (object) => ({ named, object }))
  })
}

function parametersOf(
  key: ManagedObject,
  requested: CryptographicParameters | undefined,
  direction: Direction,
): CryptographicParameters {
  // By others than its own, unwrapping would decrypt for who may not.
  const isFree = direction === 'unwraps' && requested !== undefined && !key.attributes.has('cryptographicParameters')
  return isFree ? requested : matchingParameters(key, requested)
}

const keys: ReadonlySet<ObjectType> = new Set([ObjectType.SymmetricKey, ObjectType.PublicKey, ObjectType.PrivateKey])
