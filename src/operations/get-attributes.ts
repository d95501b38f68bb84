import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { attributesForVersion } from '../kmip/attributes-1x.ts'
import type { Operation } from '../kmip/enums.ts'
import { isEachOnce } from '../kmip/payloads/get-attributes.ts'
import { attributesOf } from './attributes-of.ts'
import type { Handler } from './handler.ts'
import { shownAttributes } from './shown-attributes.ts'

/**
 * KMIP 1.4 sections 4.12 and 11.13. An attribute that the object does not have is simply not in the answer, whatever its name; without
 * names all are.
 */
export const getAttributes: Handler<typeof Operation.GetAttributes> = (request, context) => {
  const { attributeNames } = request
  if (!isEachOnce(attributeNames)) {
    throw new KryptonError('invalid-message', 'Send each Attribute Name once')
  }
  return next(context.unit.getArchivedToo(context.identifier(request.uniqueIdentifier)), (object) => {
    const { uniqueIdentifier } = object
    const { version } = context
    if (attributeNames.length > 0 && !attributeNames.includes('Digest')) {
      const attributes = object.attributesAt(context.now)
      return { uniqueIdentifier, attributes: shownAttributes(object, attributes, version, attributeNames) }
    }
    const asked = attributeNames.length === 0 ? undefined : attributeNames
    return next(attributesOf(object, context), (attributes) => ({
      uniqueIdentifier,
      attributes: attributesForVersion(attributes, version, asked),
    }))
  })
}
