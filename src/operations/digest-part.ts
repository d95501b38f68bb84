import { beginDigest, type DigestAlgorithm } from '../crypto/digest.ts'
import { secretsAreLocked } from '../crypto/secret.ts'
import type { SignatureScheme } from '../crypto/signature.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { Operation, ValidityIndicator } from '../kmip/enums.ts'
import type { HashRequest, HashResponse } from '../kmip/payloads/hash.ts'
import type { SignRequest, SignResponse } from '../kmip/payloads/sign.ts'
import type { SignatureVerifyRequest, SignatureVerifyResponse } from '../kmip/payloads/signature-verify.ts'
import { signatureScheme } from '../objects/asymmetric-use.ts'
import { checkCurveAllowed } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uses } from '../objects/usage.ts'
import type { OperationContext } from './handler.ts'
import { requestedHash } from './requested-hash.ts'
import { type Begun, partWithKey, partWithoutKey } from './stream-part.ts'
import type { StreamWork } from './streams.ts'

/** KMIP 1.4 section 4.37, a part of the data: the last answer has the hash. */
export function hashPart(request: HashRequest, context: OperationContext): MaybePromise<HashResponse> {
  const part = partWithoutKey(request, context, Operation.Hash, () => ({ work: digestWork(requestedHash(request)) }))
  return next(part, ({ data, correlationValue }) => ({ data, correlationValue }))
}

/** KMIP 1.4 section 4.31, a part of the data: the last answer has the signature of its digest. */
export function signPart(request: SignRequest, context: OperationContext): MaybePromise<SignResponse> {
  const begin = (object: ManagedObject) => beginSigned(object, request, context, true)
  const part = partWithKey(request, context, { operation: Operation.Sign, use: uses.sign, begin })
  return next(part, ({ object, data, memo, correlationValue }): MaybePromise<SignResponse> => {
    const { uniqueIdentifier } = object
    if (correlationValue !== undefined) return { uniqueIdentifier, correlationValue }
    const signed = { bytes: data!, isDigest: true } // the last part gives the digest
    return context.unit.objects.useKey(object, (key) =>
      next(context.cryptoWork.sign(context.owner, key, memo as SignatureScheme, signed), (signatureData) => ({
        uniqueIdentifier,
        signatureData,
      })),
    )
  })
}

/** KMIP 1.4 section 4.32, a part of the data. Signature Data comes with any part; until the last one the validity is Unknown. */
export function signatureVerifyPart(
  request: SignatureVerifyRequest,
  context: OperationContext,
): MaybePromise<SignatureVerifyResponse> {
  const begin = (object: ManagedObject) => beginSigned(object, request, context, false)
  const { signatureData } = request
  const step = { operation: Operation.SignatureVerify, use: uses.verify, expected: signatureData, begin }
  const part = partWithKey(request, context, step)
  return next(part, ({ object, data, memo, expected, correlationValue }): MaybePromise<SignatureVerifyResponse> => {
    const { uniqueIdentifier } = object
    if (correlationValue !== undefined) {
      return { uniqueIdentifier, validityIndicator: ValidityIndicator.Unknown, correlationValue }
    }
    if (expected === undefined) {
      throw new KryptonError('missing-data', 'Send Signature Data, at the latest with the last part')
    }
    const signed = { bytes: data!, isDigest: true } // as above
    return context.unit.objects.useKey(object, (key) =>
      next(
        context.cryptoWork.verifySignature(context.owner, key, memo as SignatureScheme, signed, expected),
        (isValid) => ({
          uniqueIdentifier,
          validityIndicator: isValid ? ValidityIndicator.Valid : ValidityIndicator.Invalid,
        }),
      ),
    )
  })
}

/** The memo is the scheme: a later part need not name it again. `makes`: a signature is made rather than verified. */
function beginSigned(
  object: ManagedObject,
  { cryptographicParameters, digestedData }: SignRequest | SignatureVerifyRequest,
  { unit, policy }: OperationContext,
  makes: boolean,
): MaybePromise<Begun> {
  if (digestedData !== undefined) throw new KryptonError('invalid-field', 'Send Data: a digest is not sent in parts')
  const scheme = signatureScheme(object, cryptographicParameters, { policy, makes })
  if (scheme.scheme === 'ecdsa' && !secretsAreLocked()) {
    throw new KryptonError(
      'feature-not-supported',
      'Send the data whole: without the native addon only RSA signs digests',
    )
  }
  return unit.objects.useKey(object, (key) => {
    checkCurveAllowed(key.curve, policy)
    return { work: digestWork(scheme.hash), memo: scheme }
  })
}

function digestWork(algorithm: DigestAlgorithm): StreamWork {
  const digest = beginDigest(algorithm)
  return {
    update: (data) => {
      digest.update(data)
      return undefined
    },
    final: () => ({ data: digest.final() }),
    wipe: () => undefined,
  }
}
