import { type CipherForm, cipherForm } from '../crypto/cipher-form.ts'
import { beginEncryption } from '../crypto/cipher-stream.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType, Operation } from '../kmip/enums.ts'
import type { EncryptRequest, EncryptResponse } from '../kmip/payloads/encrypt.ts'
import { cipherUse } from '../objects/algorithms.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uses } from '../objects/usage.ts'
import { checkIvAsSaid, openKey } from './cipher-request.ts'
import { GatheredData } from './gathered-data.ts'
import type { OperationContext } from './handler.ts'
import { allocateNonce } from './nonce-allocation.ts'
import { checkFirstOnly, partWithKey } from './stream-part.ts'
import type { StreamWork } from './streams.ts'

/**
 * KMIP 1.4 section 4.29, a part of the data. Each answer has what is encrypted so far; that of the first part the IV when it was made here, that of the
 * last the tag. What OpenSSL encrypts in one call alone (CCM, XTS, key wrap) comes with the last answer whole.
 */
export function encryptPart(request: EncryptRequest, context: OperationContext): MaybePromise<EncryptResponse> {
  const { ivCounterNonce: givenIv, authenticatedEncryptionAdditionalData: associatedData } = request
  checkFirstOnly(request, givenIv, associatedData)
  let madeIv: Buffer | undefined
  const part = partWithKey(request, context, { operation: Operation.Encrypt, use: uses.encrypt, begin })
  return next(part, ({ object: { uniqueIdentifier }, data, tag, correlationValue }) => {
    const answer = { uniqueIdentifier, data, ivCounterNonce: madeIv, correlationValue }
    if (tag === undefined) return answer
    // Before 1.4 the answer has no place for the tag: it follows the data.
    if (context.version < 14) return { ...answer, data: Buffer.concat([data ?? nothing, tag]) }
    return { ...answer, authenticatedEncryptionTag: tag }
  })

  function begin(object: ManagedObject): MaybePromise<{ work: StreamWork }> {
    if (object.fields.objectType !== ObjectType.SymmetricKey) throw wholeOnly()
    const use = cipherUse(object, request.cryptographicParameters, context.policy)
    checkIvAsSaid(request, use)
    const nonce = allocateNonce(object, request, use, context)
    return next(nonce, () =>
      next(openKey(object, context), (key) => {
        let form: CipherForm
        try {
          form = cipherForm(use, key.byteLength)
        } catch (error) {
          key.wipe()
          throw error
        }
        if (givenIv === undefined && form.ivBytesMax > 0)
          madeIv = context.randomBytes(use.ivLength ?? form.ivBytesUsual)
        return { work: workOf(key, use, form, madeIv ?? givenIv) }
      }),
    )
  }

  function workOf(key: Secret, use: CipherUse, { isWhole }: CipherForm, iv: Uint8Array | undefined): StreamWork {
    if (!isWhole) {
      return andFinally(
        () => beginEncryption(key, use, { iv, associatedData }),
        () => key.wipe(),
      ) as StreamWork // what is given at once is no promise
    }
    // The request's own bytes are gone when the last part comes.
    const [ownIv, ownData] = [iv && Buffer.from(iv), associatedData && Buffer.from(associatedData)]
    return new GatheredData(
      (data) => context.cryptoWork.encrypt(context.owner, key, use, data, ownIv, ownData),
      () => key.wipe(),
    )
  }
}

/** RSA encrypts and decrypts what fits its modulus. */
export function wholeOnly(): KryptonError {
  return new KryptonError('feature-not-supported', 'Send the data whole: RSA takes no more than one part')
}

const nothing = Buffer.alloc(0)
