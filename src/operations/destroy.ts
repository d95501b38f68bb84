import { next } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { withoutTemplate } from '../objects/managed-object.ts'
import { stateAfterDestroy } from '../objects/state.ts'
import type { Handler } from './handler.ts'
import { changedObject } from './object-change.ts'

/** KMIP 1.4 sections 4.21 and 11.22. The record goes, the attributes stay; the Names may be given to other objects. Of a Template nothing stays. */
export const destroy: Handler<typeof Operation.Destroy> = (request, context) => {
  const { unit, now } = context
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (object.fields.objectType === ObjectType.Template) {
      return { uniqueIdentifier: unit.update(object, withoutTemplate(object)).uniqueIdentifier }
    }
    const state = stateAfterDestroy(object.stateAt(now))
    const attributes = object.attributes.clone()
    attributes.set('destroyDate', now)
    const record = new Uint8Array(0)
    const { uniqueIdentifier } = unit.update(object, changedObject(object, now, attributes, { state, record }))
    return { uniqueIdentifier }
  })
}
