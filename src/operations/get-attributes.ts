import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { attributesForVersion } from '../kmip/attributes-1x.ts'
import type { Operation } from '../kmip/enums.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 sections 4.12 and 11.13. An attribute that the object does not have is simply not in the answer, whatever its name; without
 * names all are.
 */
export const getAttributes: Handler<typeof Operation.GetAttributes> = (request, context) => {
  const { attributeNames } = request
  if (attributeNames.length > 1 && new Set(attributeNames).size < attributeNames.length) {
    throw new KryptonError('invalid-message', 'Send each Attribute Name once')
  }
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => ({
    uniqueIdentifier: object.uniqueIdentifier,
    attributes: attributesForVersion(
      object.attributesAt(context.now),
      context.version,
      attributeNames.length === 0 ? undefined : attributeNames,
    ),
  }))
}
