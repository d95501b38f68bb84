import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { isDestroyed } from '../objects/state.ts'
import type { Handler } from './handler.ts'
import { changedObject } from './object-change.ts'

/**
 * KMIP 1.4 sections 4.22 and 11.23. The policy of this server: an archived object stays where it is, wrapped as it was, and is neither served,
 * used nor changed until it is recovered.
 */
export const archive: Handler<typeof Operation.Archive> = (request, context) => {
  const { unit, now } = context
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (isDestroyed(object.stateAt(now))) {
      throw new KryptonError('illegal-operation', 'The object is destroyed: there is nothing to archive')
    }
    const attributes = object.attributes.clone()
    attributes.set('archiveDate', now)
    const { uniqueIdentifier } = unit.update(object, changedObject(object, now, attributes, { archived: true }))
    return { uniqueIdentifier }
  })
}
