import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { hashOf } from '../objects/hashing.ts'
import { checkSinglePart, dataOf } from './cipher-request.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.37 and 11.38. */
export const hash: Handler<typeof Operation.Hash> = (request, { cryptoWork, owner }) => {
  checkSinglePart(request)
  const algorithm = hashOf(request.cryptographicParameters.hashingAlgorithm)
  if (algorithm === undefined) {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'Send a Hashing Algorithm in Cryptographic Parameters',
    )
  }
  return next(cryptoWork.hash(owner, algorithm, dataOf(request)), (data) => ({ data }))
}
