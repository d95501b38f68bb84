import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import type { Handler } from './handler.ts'
import { changedObject } from './object-change.ts'

/** KMIP 1.4 sections 4.23 and 11.24. An object that is on-line is there already: nothing changes. Its identifier is the ID Placeholder (4). */
export const recover: Handler<typeof Operation.Recover> = (request, context) => {
  const { unit, now } = context
  return next(unit.getArchivedToo(context.identifier(request.uniqueIdentifier)), (object) => {
    const { uniqueIdentifier } = object
    context.idPlaceholder = uniqueIdentifier
    if (!object.fields.archived) return { uniqueIdentifier }
    const attributes = object.attributes.clone()
    attributes.remove('archiveDate')
    unit.update(object, changedObject(object, now, attributes, { archived: false }))
    return { uniqueIdentifier }
  })
}
