import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { signatureScheme } from '../objects/asymmetric-use.ts'
import { checkCurveAllowed } from '../objects/crypto-policy.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import { signPart } from './digest-part.ts'
import type { Handler } from './handler.ts'
import { comesInParts } from './stream-part.ts'
import { signedBytes } from './signed-bytes.ts'
import { allocateUsage } from './usage-allocation.ts'

/** KMIP 1.4 sections 4.31 and 11.32. */
export const sign: Handler<typeof Operation.Sign> = (request, context) => {
  if (comesInParts(request)) return signPart(request, context)
  const signed = signedBytes(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.sign, context.now)
    const scheme = signatureScheme(object, request.cryptographicParameters, { policy: context.policy, makes: true })
    checkKeyValuePresent(object)
    allocateUsage(object, signed.bytes.byteLength, context)
    const { uniqueIdentifier } = object
    return context.unit.objects.useKey(object, (key) => {
      context.unit.objects.checkProtects()
      checkCurveAllowed(key.curve, context.policy)
      return next(context.cryptoWork.sign(context.owner, key, scheme, signed), (signatureData) => ({
        uniqueIdentifier,
        signatureData,
      }))
    })
  })
}
