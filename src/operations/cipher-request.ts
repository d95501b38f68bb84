import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'

/**
 * A cryptographic operation that comes in one part (KMIP 1.4 section 4): it says nothing of parts, or that the first is the last.
 * @throws KryptonError feature-not-supported
 */
export function checkSinglePart(request: {
  readonly correlationValue?: Uint8Array
  readonly initIndicator?: boolean
  readonly finalIndicator?: boolean
}): void {
  const { correlationValue, initIndicator = false, finalIndicator = false } = request
  if (correlationValue === undefined && initIndicator === finalIndicator) return
  throw new KryptonError('feature-not-supported', 'Send the data whole: operations in several parts are not served')
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
 * The key for one operation; whoever asked wipes it.
 * @throws KryptonError key-value-not-present
 */
export function openKey(object: ManagedObject, { unit }: OperationContext): MaybePromise<Secret> {
  checkKeyValuePresent(object)
  return unit.objects.open(object)
}

/** @throws KryptonError key-value-not-present */
export function checkKeyValuePresent(object: ManagedObject): void {
  if (object.fields.record.byteLength > 0) return
  throw new KryptonError(
    'key-value-not-present',
    'The key was registered without its Key Value: it cannot be used here',
  )
}
