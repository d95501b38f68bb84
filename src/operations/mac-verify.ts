import { equalBytes } from '../crypto/compare.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import { ValidityIndicator } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { macUse } from '../objects/mac-use.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { dataOf, openKey } from './cipher-request.ts'
import { macVerifyPart } from './mac-part.ts'
import type { Handler } from './handler.ts'
import { comesInParts } from './stream-part.ts'

/**
 * KMIP 1.4 sections 4.34 and 11.35. A MAC that is wrong in any way is Invalid, and the operation a success; one that was shortened is wrong: who made
 * it here got all of it.
 */
export const macVerify: Handler<typeof Operation.MACVerify> = (request, context) => {
  if (comesInParts(request)) return macVerifyPart(request, context)
  const data = dataOf(request)
  const { macData } = request
  if (macData === undefined) throw new KryptonError('missing-data', 'Send MAC Data')
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.macVerify, context.now)
    const algorithm = macUse(object, request.cryptographicParameters, context.policy)
    return next(openKey(object, context), (key) =>
      andFinally(
        () =>
          next(context.cryptoWork.mac(context.owner, key, algorithm, data), (expected) => ({
            uniqueIdentifier: object.uniqueIdentifier,
            validityIndicator: equalBytes(expected, macData) ? ValidityIndicator.Valid : ValidityIndicator.Invalid,
          })),
        () => key.wipe(),
      ),
    )
  })
}
