import { equalBytes } from '../crypto/compare.ts'
import { beginMac } from '../crypto/message-mac.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { Operation, ValidityIndicator } from '../kmip/enums.ts'
import type { MacRequest, MacResponse } from '../kmip/payloads/mac.ts'
import type { MacVerifyRequest, MacVerifyResponse } from '../kmip/payloads/mac-verify.ts'
import { macUse } from '../objects/mac-use.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { uses } from '../objects/usage.ts'
import { openKey } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'
import { type Begun, partWithKey } from './stream-part.ts'

/** KMIP 1.4 section 4.33, a part of the data: the last answer has the MAC. */
export function macPart(request: MacRequest, context: OperationContext): MaybePromise<MacResponse> {
  const begin = (object: ManagedObject) => beginMacOf(object, request, context)
  const part = partWithKey(request, context, { operation: Operation.MAC, use: uses.macGenerate, begin })
  return next(part, ({ object: { uniqueIdentifier }, data: macData, correlationValue }) => ({
    uniqueIdentifier,
    macData,
    correlationValue,
  }))
}

/** KMIP 1.4 section 4.34, a part of the data. MAC Data comes with any part; until the last one the validity is Unknown. */
export function macVerifyPart(request: MacVerifyRequest, context: OperationContext): MaybePromise<MacVerifyResponse> {
  const begin = (object: ManagedObject) => beginMacOf(object, request, context)
  const { macData } = request
  const step = { operation: Operation.MACVerify, use: uses.macVerify, expected: macData, begin }
  return next(partWithKey(request, context, step), ({ object, data, expected, correlationValue }) => {
    const { uniqueIdentifier } = object
    if (correlationValue !== undefined) {
      return { uniqueIdentifier, validityIndicator: ValidityIndicator.Unknown, correlationValue }
    }
    if (expected === undefined)
      throw new KryptonError('missing-data', 'Send MAC Data, at the latest with the last part')
    const isValid = data !== undefined && equalBytes(data, expected)
    return { uniqueIdentifier, validityIndicator: isValid ? ValidityIndicator.Valid : ValidityIndicator.Invalid }
  })
}

function beginMacOf(
  object: ManagedObject,
  { cryptographicParameters }: MacRequest | MacVerifyRequest,
  context: OperationContext,
): MaybePromise<Begun> {
  const algorithm = macUse(object, cryptographicParameters, context.policy)
  return next(openKey(object, context), (key) => {
    try {
      const mac = beginMac(algorithm, key)
      return {
        work: {
          update: (data) => {
            mac.update(data)
            return undefined
          },
          final: () => ({ data: mac.final() }),
          wipe: () => mac.wipe(),
        },
      }
    } finally {
      key.wipe()
    }
  })
}
