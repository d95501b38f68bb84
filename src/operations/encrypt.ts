import type { Encrypted } from '../crypto/cipher.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { EncryptRequest, EncryptResponse } from '../kmip/payloads/encrypt.ts'
import { cipherUse } from '../objects/algorithms.ts'
import { rsaPadding } from '../objects/asymmetric-use.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkIvAsSaid, checkKeyValuePresent, checkNoIv, dataOf, openKey } from './cipher-request.ts'
import { encryptPart } from './encrypt-part.ts'
import type { Handler, OperationContext } from './handler.ts'
import { allocateNonce } from './nonce-allocation.ts'
import { comesInParts } from './stream-part.ts'
import { allocateUsage } from './usage-allocation.ts'

/**
 * KMIP 1.4 sections 4.29 and 11.30. A client that sends no IV gets one made here, and gets it back, also where it forgot to ask with Random
 * IV: the alternative would be no IV at all. One that is sent is used and not sent back, also with Random IV (Table 230). Before 1.4 the answer has no place for GCM's tag: it follows the data.
 */
export const encrypt: Handler<typeof Operation.Encrypt> = (request, context) => {
  if (comesInParts(request)) return encryptPart(request, context)
  const data = dataOf(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.encrypt, context.now)
    if (object.fields.objectType === ObjectType.PublicKey) return encryptWithPublicKey(object, request, data, context)
    const use = cipherUse(object, request.cryptographicParameters, context.policy)
    checkIvAsSaid(request, use)
    allocateUsage(object, data.byteLength, context)
    const nonce = allocateNonce(object, request, use, context)
    return nonce instanceof Promise
      ? nonce.then(() => encryptWithSymmetricKey(object, request, use, data, context))
      : encryptWithSymmetricKey(object, request, use, data, context)
  })
}

function encryptWithSymmetricKey(
  object: ManagedObject,
  request: EncryptRequest,
  use: CipherUse,
  data: Uint8Array,
  context: OperationContext,
): MaybePromise<EncryptResponse> {
  return next(openKey(object, context), (key) =>
    andFinally(
      () => {
        context.unit.objects.checkProtects()
        const iv = ivOf(request, use, context)
        const { authenticatedEncryptionAdditionalData: associatedData } = request
        const encrypted = context.cryptoWork.encrypt(context.owner, key, use, data, iv, associatedData)
        return next(encrypted, (made) => answer(object, request, made, context))
      },
      () => key.wipe(),
    ),
  )
}

/** RSA has neither IV nor tag: all there is to say is its padding. */
function encryptWithPublicKey(
  object: ManagedObject,
  request: EncryptRequest,
  data: Uint8Array,
  context: OperationContext,
): MaybePromise<EncryptResponse> {
  checkNoIv(request)
  const padding = rsaPadding(object, request.cryptographicParameters, context.policy)
  checkKeyValuePresent(object)
  allocateUsage(object, data.byteLength, context)
  const { uniqueIdentifier } = object
  return context.unit.objects.useKey(object, (key) => {
    context.unit.objects.checkProtects()
    return next(context.cryptoWork.encryptRsa(context.owner, key, padding, data), (encrypted) => ({
      uniqueIdentifier,
      data: encrypted,
    }))
  })
}

function ivOf({ ivCounterNonce }: EncryptRequest, use: CipherUse, context: OperationContext): Uint8Array | undefined {
  if (ivCounterNonce !== undefined) return ivCounterNonce
  return use.ivLength === undefined ? undefined : context.randomBytes(use.ivLength)
}

function answer(
  { uniqueIdentifier }: ManagedObject,
  request: EncryptRequest,
  { data, iv, tag }: Encrypted,
  { version }: OperationContext,
): EncryptResponse {
  const ivCounterNonce = request.ivCounterNonce === undefined ? iv : undefined
  if (tag === undefined) return { uniqueIdentifier, data, ivCounterNonce }
  if (version < 14) return { uniqueIdentifier, data: Buffer.concat([data, tag]), ivCounterNonce }
  return { uniqueIdentifier, data, ivCounterNonce, authenticatedEncryptionTag: tag }
}
