import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { dataOf } from './cipher-request.ts'
import { hashPart } from './digest-part.ts'
import type { Handler } from './handler.ts'
import { requestedHash } from './requested-hash.ts'
import { comesInParts } from './stream-part.ts'

/** KMIP 1.4 sections 4.37 and 11.38. */
export const hash: Handler<typeof Operation.Hash> = (request, context) => {
  if (comesInParts(request)) return hashPart(request, context)
  const hashed = context.cryptoWork.hash(context.owner, requestedHash(request), dataOf(request))
  return next(hashed, (data) => ({ data }))
}
