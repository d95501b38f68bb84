import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { ValidityIndicator } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { signatureScheme } from '../objects/asymmetric-use.ts'
import { checkCurveAllowed } from '../objects/crypto-policy.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import { signatureVerifyPart } from './digest-part.ts'
import type { Handler } from './handler.ts'
import { comesInParts } from './stream-part.ts'
import { signedBytes } from './signed-bytes.ts'

/** KMIP 1.4 sections 4.32 and 11.33. A signature that is wrong in any way is Invalid, and the operation a success. */
export const signatureVerify: Handler<typeof Operation.SignatureVerify> = (request, context) => {
  if (comesInParts(request)) return signatureVerifyPart(request, context)
  const signed = signedBytes(request)
  const { signatureData } = request
  if (signatureData === undefined) throw new KryptonError('missing-data', 'Send Signature Data')
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.verify, context.now)
    const scheme = signatureScheme(object, request.cryptographicParameters, {
      policy: context.policy,
      makes: false,
    })
    checkKeyValuePresent(object)
    const { uniqueIdentifier } = object
    return context.unit.objects.useKey(object, (key) => {
      checkCurveAllowed(key.curve, context.policy)
      const verified = context.cryptoWork.verifySignature(context.owner, key, scheme, signed, signatureData)
      return next(verified, (isValid) => ({
        uniqueIdentifier,
        validityIndicator: isValid ? ValidityIndicator.Valid : ValidityIndicator.Invalid,
      }))
    })
  })
}
