import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { generatedLength } from '../objects/algorithms.ts'
import type { Handler } from './handler.ts'
import { createSymmetricKey } from './new-symmetric-key.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.1 and 11.2. A Cryptographic Length that is left out is the algorithm's usual one; a mask that is
 * left out, as the conformance cases do, is a mask of 0: the key can be fetched, and not used on the server.
 */
export const create: Handler<typeof Operation.Create> = (request, context) => {
  const objectType = ObjectType.SymmetricKey
  if (request.objectType !== objectType) {
    throw new KryptonError('invalid-field', 'Create a Symmetric Key: objects of other types are registered')
  }
  const requested = requestedAttributes(request.templateAttribute)
  const algorithm = requestedNumber(requested, 'cryptographicAlgorithm')
  if (algorithm === undefined) {
    throw new KryptonError('missing-data', 'Send the Cryptographic Algorithm of the key to create')
  }
  const lengthBits = generatedLength(algorithm, requestedNumber(requested, 'cryptographicLength'))

  return next(createSymmetricKey(context, { algorithm, lengthBits, requested }), ({ uniqueIdentifier }) => ({
    objectType,
    uniqueIdentifier,
  }))
}
