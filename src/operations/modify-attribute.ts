import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { modifyAttribute as modified } from '../objects/attributes.ts'
import { changeAttribute } from './change-attribute.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.15 and 11.16. */
export const modifyAttribute: Handler<typeof Operation.ModifyAttribute> = (request, context) =>
  next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) =>
    changeAttribute(object, modified(object, request.attribute, context.now), context),
  )
