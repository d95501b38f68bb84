import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { deleteAttribute as deleted } from '../objects/attributes.ts'
import { changeAttribute } from './change-attribute.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.16 and 11.17. */
export const deleteAttribute: Handler<typeof Operation.DeleteAttribute> = (request, context) =>
  next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) =>
    changeAttribute(object, deleted(object, request, context), context),
  )
