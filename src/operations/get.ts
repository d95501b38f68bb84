import { KryptonError } from '../errors.ts'
import { KeyWrapType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { Handler } from './handler.ts'
import { serve } from './served-object.ts'

/** KMIP 1.4 sections 4.11 and 11.12. */
export const get: Handler<typeof Operation.Get> = (request, context) => {
  if (request.keyWrapType !== undefined) checkKeyWrapType(request.keyWrapType)
  const object = context.unit.get(context.identifier(request.uniqueIdentifier))
  return object instanceof Promise
    ? object.then((loaded) => serve(loaded, request, context))
    : serve(object, request, context)
}

/** @throws KryptonError feature-not-supported */
export function checkKeyWrapType(keyWrapType: number): void {
  if (wrapTypes.has(keyWrapType)) return
  throw new KryptonError('feature-not-supported', 'Send a Key Wrap Type of Not Wrapped or As Registered, or none')
}

const wrapTypes: ReadonlySet<number> = new Set(Object.values(KeyWrapType))
