import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { attributesForVersion } from '../kmip/attributes-1x.ts'
import type { Operation } from '../kmip/enums.ts'
import { objectFieldOfType } from '../kmip/object.ts'
import type { GetResponse } from '../kmip/payloads/get.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import { attributesOf } from './attributes-of.ts'
import { checkKeyWrapType } from './get.ts'
import type { Handler } from './handler.ts'
import { answerWith } from './served-in-the-clear.ts'
import { serve } from './served-object.ts'

/** KMIP 1.4 sections 4.40 and 11.41: what Get gives, with all attributes. Of a destroyed object there are only these, and what its Key Block says. */
export const exportObject: Handler<typeof Operation.Export> = (request, context) => {
  const { unit, now, version } = context
  if (request.keyWrapType !== undefined) checkKeyWrapType(request.keyWrapType)
  return next(unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    const served: MaybePromise<GetResponse> = isDestroyed(object.stateAt(now))
      ? withoutMaterial(object)
      : serve(object, request, context)
    // As the object is now: it is not Fresh any more.
    return next(served, (answer) =>
      next(unit.get(object.uniqueIdentifier), (current) =>
        next(attributesOf(current, context), (attributes) => {
          context.idPlaceholder = object.uniqueIdentifier
          return { ...answer, attributes: attributesForVersion(attributes, version) }
        }),
      ),
    )
  })
}

function withoutMaterial(object: ManagedObject): GetResponse {
  const { uniqueIdentifier, fields } = object
  const { objectType, keyFormatType, algorithm, lengthBits } = fields
  const field = objectFieldOfType[objectType]
  if (field === 'certificate' || field === 'opaqueObject' || field === 'template')
    return { objectType, uniqueIdentifier }
  const isDescribed = algorithm !== 0 && lengthBits !== 0
  return answerWith(object, {
    keyFormatType,
    cryptographicAlgorithm: isDescribed ? algorithm : undefined,
    cryptographicLength: isDescribed ? lengthBits : undefined,
  })
}
