import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'

/**
 * The data of an Encrypt or a Decrypt that comes in one part (KMIP 1.4 section 4): it says nothing of parts, or that the first is the last.
 * @throws KryptonError feature-not-supported, missing-data
 */
export function checkSinglePart(request: {
  readonly data?: Uint8Array
  readonly correlationValue?: Uint8Array
  readonly initIndicator?: boolean
  readonly finalIndicator?: boolean
}): Uint8Array {
  const { data, correlationValue, initIndicator = false, finalIndicator = false } = request
  if (correlationValue !== undefined || initIndicator !== finalIndicator) {
    throw new KryptonError('feature-not-supported', 'Send the data whole: operations in several parts are not served')
  }
  if (data === undefined) throw new KryptonError('missing-data', 'Send Data')
  return data
}

/**
 * The key for one operation; whoever asked wipes it.
 * @throws KryptonError key-value-not-present
 */
export function openKey(object: ManagedObject, { unit }: OperationContext): MaybePromise<Secret> {
  if (object.fields.record.byteLength > 0) return unit.objects.open(object)
  throw new KryptonError(
    'key-value-not-present',
    'The key was registered without its Key Value: it cannot be used here',
  )
}
