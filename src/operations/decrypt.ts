import { decryptWithKey } from '../crypto/cipher.ts'
import { KryptonError } from '../errors.ts'
import { bytesCopiedOnce } from '../keystore/copied-once.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { cipherUse } from '../objects/algorithms.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkSinglePart, openKey } from './cipher-request.ts'
import type { Handler } from './handler.ts'

/** KMIP 1.4 sections 4.30 and 11.31. GCM's tag has a field from 1.4 on; before, and without it, it follows the data. */
export const decrypt: Handler<typeof Operation.Decrypt> = (request, context) => {
  const data = checkSinglePart(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.decrypt, context.now)
    const use = cipherUse(object, request.cryptographicParameters)
    if (request.ivCounterNonce === undefined && use.mode !== 'ecb') {
      throw new KryptonError('invalid-message', 'Send the IV/Counter/Nonce that the data was encrypted with')
    }
    return next(openKey(object, context), (key) => {
      try {
        const plaintext = decryptWithKey(
          key,
          use,
          data,
          request.ivCounterNonce,
          request.authenticatedEncryptionTag,
          request.authenticatedEncryptionAdditionalData,
        )
        return {
          uniqueIdentifier: object.uniqueIdentifier,
          data: context.unit.answerWith(bytesCopiedOnce(plaintext)),
        }
      } finally {
        key.wipe()
      }
    })
  })
}
