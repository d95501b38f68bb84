import { KryptonError } from '../errors.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { KeyWrapType } from '../kmip/enums.ts'
import type { GetResponse } from '../kmip/payloads/get.ts'
import { KeyForm } from '../objects/managed-object.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import type { OperationContext } from './handler.ts'
import { markServed, serveInTheClear } from './served-in-the-clear.ts'
import type { ServingRequest } from './served-in-the-clear.ts'
import { serveAsRegistered, serveWrapped } from './served-wrapped.ts'

/**
 * An object that is not destroyed, whatever its state and its mask: clients get keys that they never activated. Its record is opened for this
 * answer alone.
 * @throws KryptonError with the reasons of section 11.12
 */
export function serve(
  object: ManagedObject,
  request: ServingRequest,
  context: OperationContext,
): MaybePromise<GetResponse> {
  checkServable(object, context.now)
  const { keyWrappingSpecification, keyWrapType } = request
  if (keyWrappingSpecification !== undefined) return serveWrapped(object, request, keyWrappingSpecification, context)
  if (object.fields.keyForm !== KeyForm.Plain && isAskedAsRegistered(object, keyWrapType)) {
    return serveAsRegistered(object, request, context)
  }
  checkNotSensitive(object)
  if (object.serving.fresh) markServed(object, context)
  return serveInTheClear(object, request, context)
}

/** @throws KryptonError illegal-operation, not-extractable: the object leaves the server in no way */
export function checkServable(object: ManagedObject, now: number): void {
  if (isDestroyed(object.stateAt(now))) {
    throw new KryptonError('illegal-operation', 'The object is destroyed: only its attributes are left')
  }
  if (object.serving.extractable) return
  throw new KryptonError('not-extractable', 'The object is not Extractable: use it on the server')
}

/** @throws KryptonError sensitive: the object leaves the server only under another key */
export function checkNotSensitive({ serving }: ManagedObject): void {
  if (!serving.sensitive) return
  throw new KryptonError('sensitive', 'The object is Sensitive: ask for it wrapped, by another key')
}

/** What was never opened comes as it was registered, unless it is asked for otherwise; what was opened the other way round. */
function isAskedAsRegistered({ fields }: ManagedObject, keyWrapType: number | undefined): boolean {
  if (keyWrapType === undefined) return fields.keyForm === KeyForm.Wrapped
  return keyWrapType === KeyWrapType.AsRegistered
}
