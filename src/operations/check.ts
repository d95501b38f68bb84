import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import type { CheckRequest, CheckResponse } from '../kmip/payloads/check.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import { RefusalWithPayload } from './handler.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 sections 4.10 and 11.11. A refusal carries the values that were too much; a Lease Time may be as long as the object's own.
 */
export const check: Handler<typeof Operation.Check> = (request, context) =>
  next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (isDestroyed(object.stateAt(context.now))) {
      throw new KryptonError('illegal-operation', 'The object is destroyed: it has no use to check')
    }
    const refused = refusedUses(object, request)
    if (refused === undefined) return { uniqueIdentifier: object.uniqueIdentifier }
    context.idPlaceholder = undefined
    throw new RefusalWithPayload('permission-denied', 'The object may not be used so: see the payload', refused)
  })

function refusedUses({ attributes }: ManagedObject, request: CheckRequest): CheckResponse | undefined {
  const { usageLimitsCount, cryptographicUsageMask, leaseTime } = request
  const limits = attributes.first('usageLimits')
  const isTooMuch =
    usageLimitsCount !== undefined && limits !== undefined && usageLimitsCount > (limits.usageLimitsCount ?? 0n)
  const isOtherUse =
    cryptographicUsageMask !== undefined &&
    (cryptographicUsageMask & ~(attributes.first('cryptographicUsageMask') ?? 0)) !== 0
  const isTooLong = leaseTime !== undefined && leaseTime > (attributes.first('leaseTime') ?? leaseTime)
  if (!isTooMuch && !isOtherUse && !isTooLong) return undefined
  return {
    usageLimitsCount: isTooMuch ? usageLimitsCount : undefined,
    cryptographicUsageMask: isOtherUse ? cryptographicUsageMask : undefined,
    leaseTime: isTooLong ? leaseTime : undefined,
  }
}
