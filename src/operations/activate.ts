import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { stateAfterActivate } from '../objects/state.ts'
import { hasState } from '../objects/stored-attributes.ts'
import type { Handler } from './handler.ts'
import { changedObject } from './object-change.ts'

/** KMIP 1.4 sections 4.19 and 11.20. An object whose Deactivation Date has passed would be Deactivated at once (3.27): it is refused. */
export const activate: Handler<typeof Operation.Activate> = (request, context) => {
  const { unit, now } = context
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (!hasState(object.fields.objectType)) {
      throw new KryptonError(
        'illegal-operation',
        'Activate a key or a secret: an Opaque Object and a Template have no State',
      )
    }
    const state = stateAfterActivate(object.stateAt(now))
    const { deactivationDate } = object.fields
    if (deactivationDate !== undefined && deactivationDate <= now) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'Set a later Deactivation Date with Modify Attribute first: that of the object has passed',
      )
    }
    const attributes = object.attributes.clone()
    attributes.set('activationDate', now)
    const { uniqueIdentifier } = unit.update(object, changedObject(object, now, attributes, { state }))
    return { uniqueIdentifier }
  })
}
