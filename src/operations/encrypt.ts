import { encryptWithKey } from '../crypto/cipher.ts'
import type { Encrypted } from '../crypto/cipher.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import { UsageLimitsUnit } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import type { EncryptRequest, EncryptResponse } from '../kmip/payloads/encrypt.ts'
import { cipherUse } from '../objects/algorithms.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkUse, uses } from '../objects/usage.ts'
import { checkSinglePart, openKey } from './cipher-request.ts'
import type { Handler, OperationContext } from './handler.ts'
import { changedObject } from './object-change.ts'

/**
 * KMIP 1.4 sections 4.29 and 11.30. A client that sends no IV gets one made here, and gets it back, also where it forgot to ask with Random
 * IV: the alternative would be no IV at all. Before 1.4 the answer has no place for GCM's tag: it follows the data.
 */
export const encrypt: Handler<typeof Operation.Encrypt> = (request, context) => {
  const data = checkSinglePart(request)
  if (request.ivCounterNonce !== undefined && request.cryptographicParameters?.randomIV === true) {
    throw new KryptonError('invalid-field', 'Leave out IV/Counter/Nonce or Random IV: both at once say two things')
  }
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    checkUse(object, uses.encrypt, context.now)
    const use = cipherUse(object, request.cryptographicParameters)
    return next(openKey(object, context), (key) => {
      try {
        const encrypted = encryptWithKey(
          key,
          use,
          data,
          ivOf(request, use, context),
          request.authenticatedEncryptionAdditionalData,
        )
        allocate(object, data.byteLength, context)
        return answer(object, request, encrypted, context)
      } finally {
        key.wipe()
      }
    })
  })
}

function ivOf({ ivCounterNonce }: EncryptRequest, use: CipherUse, context: OperationContext): Uint8Array | undefined {
  if (ivCounterNonce !== undefined) return ivCounterNonce
  return use.ivLength === undefined ? undefined : context.randomBytes(use.ivLength)
}

/** Takes what is used from the Usage Limits (3.21), which bound protection only. */
function allocate(object: ManagedObject, dataBytes: number, { unit, now }: OperationContext): void {
  const usageLimits = object.attributes.first('usageLimits')
  if (usageLimits === undefined) return
  const used = usageLimits.usageLimitsUnit === UsageLimitsUnit.Object ? 1n : BigInt(dataBytes)
  const left = (usageLimits.usageLimitsCount ?? 0n) - used
  if (left < 0n) throw new KryptonError('permission-denied', 'The Usage Limits of the key are used up')
  const attributes = object.attributes.clone()
  attributes.set('usageLimits', { ...usageLimits, usageLimitsCount: left })
  unit.update(object, changedObject(object, now, attributes))
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
