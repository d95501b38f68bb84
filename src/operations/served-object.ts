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
  const { sensitive, extractable, fresh } = object.serving
  if (isDestroyed(object.stateAt(context.now))) {
    throw new KryptonError('illegal-operation', 'The object is destroyed: only its attributes are left')
  }
  if (!extractable) throw new KryptonError('not-extractable', 'The object is not Extractable: use it on the server')
  const { keyWrappingSpecification, keyWrapType } = request
  if (keyWrappingSpecification !== undefined) return serveWrapped(object, request, keyWrappingSpecification, context)
  if (object.fields.keyForm !== KeyForm.Plain && isAskedAsRegistered(object, keyWrapType)) {
    return serveAsRegistered(object, request, context)
  }
  if (sensitive) throw new KryptonError('sensitive', 'The object is Sensitive: ask for it wrapped, by another key')
  if (fresh) markServed(object, context)
  return serveInTheClear(object, request, context)
}

/** What was never opened comes as it was registered, unless it is asked for otherwise; what was opened the other way round. */
function isAskedAsRegistered({ fields }: ManagedObject, keyWrapType: number | undefined): boolean {
  if (keyWrapType === undefined) return fields.keyForm === KeyForm.Wrapped
  return keyWrapType === KeyWrapType.AsRegistered
}
