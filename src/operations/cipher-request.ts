import type { CipherMode } from '../crypto/cipher-form.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import { KeyForm, type ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'

interface WithIv {
  readonly ivCounterNonce?: Uint8Array
}

/** @throws KryptonError missing-data */
export function dataOf({ data }: { readonly data?: Uint8Array }): Uint8Array {
  if (data !== undefined) return data
  throw new KryptonError('missing-data', 'Send Data')
}

/**
 * What RSA cannot use is refused: who sends it believes in a protection that is not there.
 * @throws KryptonError invalid-field
 */
export function checkNoIv(request: {
  readonly ivCounterNonce?: Uint8Array
  readonly authenticatedEncryptionAdditionalData?: Uint8Array
  readonly authenticatedEncryptionTag?: Uint8Array
}): void {
  const { ivCounterNonce, authenticatedEncryptionAdditionalData, authenticatedEncryptionTag } = request
  if (
    ivCounterNonce === undefined &&
    authenticatedEncryptionAdditionalData === undefined &&
    authenticatedEncryptionTag === undefined
  ) {
    return
  }
  throw new KryptonError('invalid-field', 'Leave out IV/Counter/Nonce, Additional Data and Tag: RSA has none of them')
}

/**
 * The IV that a client sends has the length that its IV Length says (KMIP 1.4 section 3.6).
 * @throws KryptonError invalid-field
 */
export function checkIvAsSaid({ ivCounterNonce }: WithIv, { ivLength }: Pick<CipherUse, 'ivLength'>): void {
  if (ivCounterNonce === undefined || ivLength === undefined || ivCounterNonce.byteLength === ivLength) return
  throw new KryptonError(
    'invalid-field',
    `Send the IV/Counter/Nonce in the length of its IV Length, ${ivLength} bytes, or without IV Length: it has ${ivCounterNonce.byteLength}`,
  )
}

/**
 * Nothing is decrypted without the IV that it was encrypted with, where the mode has one.
 * @throws KryptonError invalid-message, invalid-field
 */
export function checkIvOfDecrypt(request: WithIv, use: Pick<CipherUse, 'mode' | 'ivLength'>): void {
  checkIvAsSaid(request, use)
  if (request.ivCounterNonce !== undefined || modesWithoutIv.has(use.mode)) return
  throw new KryptonError('invalid-message', 'Send the IV/Counter/Nonce that the data was encrypted with')
}

/**
 * The key for one operation; whoever asked wipes it.
 * @throws KryptonError key-value-not-present
 */
export function openKey(object: ManagedObject, { unit }: OperationContext): MaybePromise<Secret> {
  checkKeyValuePresent(object)
  return unit.objects.open(object)
}

/** @throws KryptonError key-value-not-present: the key, or the key that wraps it, is not here */
export function checkKeyValuePresent({ fields }: ManagedObject): void {
  if (fields.record.byteLength > 0) {
    if (fields.keyForm !== KeyForm.Wrapped) return
    throw new KryptonError(
      'key-value-not-present',
      'The key is kept wrapped, as it was registered: register it again when its wrapping key is here and may unwrap it',
    )
  }
  throw new KryptonError(
    'key-value-not-present',
    'The key was registered without its Key Value: it cannot be used here',
  )
}

const modesWithoutIv: ReadonlySet<CipherMode> = new Set<CipherMode>(['ecb', 'kw', 'kwp'])
/** `openKey` for as long as `use` takes. */
export function withOpenKey<T>(
  object: ManagedObject,
  context: OperationContext,
  use: (secret: Secret) => MaybePromise<T>,
): MaybePromise<T> {
  return next(openKey(object, context), (secret) =>
    andFinally(
      () => use(secret),
      () => secret.wipe(),
    ),
  )
}
