import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { Operation } from '../kmip/enums.ts'
import { checkProtects, isForProtection } from '../objects/usage.ts'
import type { Handler } from './handler.ts'
import { takeUsage } from './usage-allocation.ts'

/**
 * KMIP 1.4 sections 4.18 and 11.19. What is allocated counts as used, whatever the client does with it; it is written before the answer leaves, and
 * requests for one key wait for each other, so nobody gets what another got.
 */
export const getUsageAllocation: Handler<typeof Operation.GetUsageAllocation> = (request, context) => {
  const { usageLimitsCount } = request
  if (usageLimitsCount < 0n) throw new KryptonError('invalid-field', 'Send a Usage Limits Count of 0 or more')
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    if (!object.attributes.has('usageLimits')) {
      throw new KryptonError('illegal-operation', 'The object has no Usage Limits: there is nothing to allocate')
    }
    if (!isForProtection(object)) {
      throw new KryptonError('illegal-operation', 'The Cryptographic Usage Mask allows nothing that Usage Limits count')
    }
    checkProtects(object, context.now, 'illegal-operation')
    return next(context.unit.objects.serviceKeys(), ({ lease }) => {
      // Whoever has the key would protect with it.
      context.unit.objects.checkProtects(lease)
      takeUsage(object, usageLimitsCount, context)
      return { uniqueIdentifier: object.uniqueIdentifier }
    })
  })
}
