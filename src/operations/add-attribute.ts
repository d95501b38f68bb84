import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { addAttribute as added } from '../objects/attributes.ts'
import { changeAttribute } from './change-attribute.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.14 and 11.15. */
export const addAttribute: Handler<typeof Operation.AddAttribute> = (request, context) =>
  next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) =>
    changeAttribute(object, added(object, request.attribute, context.now), context),
  )
