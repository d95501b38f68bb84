import { bytesCopiedOnce } from '../keystore/copied-once.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { DecryptRequest, DecryptResponse } from '../kmip/payloads/decrypt.ts'
import { cipherUse } from '../objects/algorithms.ts'
import { rsaPadding } from '../objects/asymmetric-use.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkIvOfDecrypt, checkKeyValuePresent, checkNoIv, dataOf, openKey } from './cipher-request.ts'
import { decryptPart } from './decrypt-part.ts'
import type { Handler, OperationContext } from './handler.ts'
import { comesInParts } from './stream-part.ts'

/** KMIP 1.4 sections 4.30 and 11.31. GCM's tag has a field from 1.4 on; before, and without it, it follows the data. */
export const decrypt: Handler<typeof Operation.Decrypt> = (request, context) => {
  if (comesInParts(request)) return decryptPart(request, context)
  const data = dataOf(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.decrypt, context.now)
    if (object.fields.objectType === ObjectType.PrivateKey) return decryptWithPrivateKey(object, request, data, context)
    const use = cipherUse(object, request.cryptographicParameters, context.policy)
    checkIvOfDecrypt(request, use)
    const { uniqueIdentifier } = object
    return next(openKey(object, context), (key) =>
      andFinally(
        () =>
          next(
            context.cryptoWork.decrypt(
              context.owner,
              key,
              use,
              data,
              request.ivCounterNonce,
              request.authenticatedEncryptionTag,
              request.authenticatedEncryptionAdditionalData,
            ),
            (plaintext) => ({ uniqueIdentifier, data: context.unit.answerWith(bytesCopiedOnce(plaintext)) }),
          ),
        () => key.wipe(),
      ),
    )
  })
}

function decryptWithPrivateKey(
  object: ManagedObject,
  request: DecryptRequest,
  data: Uint8Array,
  context: OperationContext,
): MaybePromise<DecryptResponse> {
  checkNoIv(request)
  const padding = rsaPadding(object, request.cryptographicParameters, context.policy)
  checkKeyValuePresent(object)
  const { uniqueIdentifier } = object
  return context.unit.objects.useKey(object, (key) =>
    next(context.cryptoWork.decryptRsa(context.owner, key, padding, data), (plaintext) => ({
      uniqueIdentifier,
      data: context.unit.answerWith(bytesCopiedOnce(plaintext)),
    })),
  )
}
