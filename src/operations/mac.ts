import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { macUse } from '../objects/mac-use.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { dataOf, openKey } from './cipher-request.ts'
import { macPart } from './mac-part.ts'
import type { Handler } from './handler.ts'
import { comesInParts } from './stream-part.ts'
import { allocateUsage } from './usage-allocation.ts'

/** KMIP 1.4 sections 4.33 and 11.34. */
export const mac: Handler<typeof Operation.MAC> = (request, context) => {
  if (comesInParts(request)) return macPart(request, context)
  const data = dataOf(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.macGenerate, context.now)
    const algorithm = macUse(object, request.cryptographicParameters, context.policy)
    return next(openKey(object, context), (key) =>
      andFinally(
        () => {
          context.unit.objects.checkProtects()
          return next(context.cryptoWork.mac(context.owner, key, algorithm, data), (macData) => {
            allocateUsage(object, data.byteLength, context)
            return { uniqueIdentifier: object.uniqueIdentifier, macData }
          })
        },
        () => key.wipe(),
      ),
    )
  })
}
