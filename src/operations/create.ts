import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import { KeyFormatType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { generatedLength, materialBytes, setParity } from '../objects/algorithms.ts'
import { newObject } from '../objects/new-object.ts'
import type { Handler } from './handler.ts'
import { checkNames } from './names.ts'
import { requestedAttributes, requestedNumber } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.1 and 11.2. A Cryptographic Length that is left out is the algorithm's usual one; a mask that is
 * left out, as the conformance cases do, is a mask of 0: the key can be fetched, and not used on the server.
 */
export const create: Handler<typeof Operation.Create> = (request, context) => {
  const { unit, version, now } = context
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

  const material = context.randomBytes(materialBytes(algorithm, lengthBits))
  setParity(algorithm, material)
  const wipe = (): void => {
    material.fill(0)
  }
  const make = () => {
    const draft = newObject({
      id: context.randomBytes(16),
      sequence: unit.objects.nextSequence(),
      objectType,
      requested,
      algorithm,
      lengthBits,
      keyFormatType: KeyFormatType.Raw,
      dataType: 0,
      digest: digest('sha256', material),
      keyValuePresent: true,
      generated: true,
      version,
      now,
    })
    return next(checkNames(unit, draft, 'invalid-field'), () =>
      next(unit.create(draft, material), ({ uniqueIdentifier }) => {
        context.idPlaceholder = uniqueIdentifier
        return { objectType, uniqueIdentifier }
      }),
    )
  }
  return andFinally(make, wipe)
}
