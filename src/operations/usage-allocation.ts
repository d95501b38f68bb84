import { KryptonError } from '../errors.ts'
import { UsageLimitsUnit } from '../kmip/enums.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'
import { changedObject } from './object-change.ts'

/**
 * Takes what is used from the Usage Limits of a key (KMIP 1.4 section 3.21), which bound protection only: the change commits with the answer.
 * @throws KryptonError permission-denied
 */
export function allocateUsage(object: ManagedObject, dataBytes: number, context: OperationContext): void {
  const usageLimits = object.attributes.first('usageLimits')
  if (usageLimits === undefined) return
  const used = usageLimits.usageLimitsUnit === UsageLimitsUnit.Object ? 1n : BigInt(dataBytes)
  takeUsage(object, used, context)
}

/**
 * Takes so many units from the Usage Limits of a key that has them.
 * @throws KryptonError permission-denied: there are not so many left
 */
export function takeUsage(object: ManagedObject, units: bigint, { unit, now }: OperationContext): void {
  const usageLimits = object.attributes.first('usageLimits')!
  const left = (usageLimits.usageLimitsCount ?? 0n) - units
  if (left < 0n) throw new KryptonError('permission-denied', 'The Usage Limits of the key are used up')
  const attributes = object.attributes.clone()
  attributes.set('usageLimits', { ...usageLimits, usageLimitsCount: left })
  unit.update(object, changedObject(object, now, attributes))
}
