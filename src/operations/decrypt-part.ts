import { cipherForm } from '../crypto/cipher-form.ts'
import { beginDecryption } from '../crypto/cipher-stream.ts'
import type { Secret } from '../crypto/secret.ts'
import { bytesCopiedOnce } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType, Operation } from '../kmip/enums.ts'
import type { DecryptRequest, DecryptResponse } from '../kmip/payloads/decrypt.ts'
import { cipherUse } from '../objects/algorithms.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uses } from '../objects/usage.ts'
import { checkIvOfDecrypt, openKey } from './cipher-request.ts'
import { wholeOnly } from './encrypt-part.ts'
import { GatheredData } from './gathered-data.ts'
import type { OperationContext } from './handler.ts'
import { checkFirstOnly, partWithKey } from './stream-part.ts'
import type { StreamWork } from './streams.ts'

/**
 * KMIP 1.4 section 4.30, a part of the data. A mode that authenticates gives nothing before the last part, when all of it was found genuine
 * (docs/decisions/0009); its tag comes with the first part, or ends the data.
 */
export function decryptPart(request: DecryptRequest, context: OperationContext): MaybePromise<DecryptResponse> {
  const {
    ivCounterNonce: iv,
    authenticatedEncryptionTag: tag,
    authenticatedEncryptionAdditionalData: associatedData,
  } = request
  checkFirstOnly(request, iv, tag, associatedData)
  const part = partWithKey(request, context, { operation: Operation.Decrypt, use: uses.decrypt, begin })
  return next(part, ({ object: { uniqueIdentifier }, data, correlationValue }) => ({
    uniqueIdentifier,
    data: data && context.unit.answerWith(bytesCopiedOnce(data)),
    correlationValue,
  }))

  function begin(object: ManagedObject): MaybePromise<{ work: StreamWork }> {
    if (object.fields.objectType !== ObjectType.SymmetricKey) throw wholeOnly()
    const use = cipherUse(object, request.cryptographicParameters, context.policy)
    checkIvOfDecrypt(request, use)
    return next(openKey(object, context), (key) => {
      try {
        const { isWhole, tagBytes } = cipherForm(use, key.byteLength)
        if (isWhole || tagBytes.length > 0) return { work: gathered(key.share(), use) }
        return { work: beginDecryption(key, use, { iv, tag, associatedData }) }
      } finally {
        key.wipe()
      }
    })
  }

  function gathered(key: Secret, use: CipherUse): StreamWork {
    // The request's own bytes are gone when the last part comes.
    const [ownIv, ownTag, ownData] = [iv, tag, associatedData].map((bytes) => bytes && Buffer.from(bytes))
    return new GatheredData(
      (data) =>
        next(context.cryptoWork.decrypt(context.owner, key, use, data, ownIv, ownTag, ownData), (opened) => ({
          data: opened,
        })),
      () => key.wipe(),
    )
  }
}
