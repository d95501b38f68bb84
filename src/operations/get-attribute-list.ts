import { next } from '../keystore/maybe-promise.ts'
import { attributeNamesForVersion } from '../kmip/attributes-1x.ts'
import type { Operation } from '../kmip/enums.ts'
import { hasUnkeptDigest } from './attributes-of.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.13 and 11.14. */
export const getAttributeList: Handler<typeof Operation.GetAttributeList> = (request, context) =>
  next(context.unit.getArchivedToo(context.identifier(request.uniqueIdentifier)), (object) => {
    const attributeNames = attributeNamesForVersion(object.attributesAt(context.now), context.version)
    if (hasUnkeptDigest(object)) attributeNames.push('Digest')
    return { uniqueIdentifier: object.uniqueIdentifier, attributeNames }
  })
