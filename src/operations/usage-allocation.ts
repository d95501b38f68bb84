import { KryptonError } from '../errors.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { UsageLimitsUnit } from '../kmip/enums.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { changeApart } from './change-apart.ts'
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
 * The same for a later part of what comes in parts, whose bytes alone still count. It is durable before the part is worked on, which cannot be
 * taken back: a part that fails after it was counted for nothing.
 * @throws KryptonError permission-denied
 */
export function allocatePartUsage(
  object: ManagedObject,
  dataBytes: number,
  context: OperationContext,
): MaybePromise<void> {
  const usageLimits = object.attributes.first('usageLimits')
  if (usageLimits?.usageLimitsUnit !== UsageLimitsUnit.Byte || dataBytes === 0) return undefined
  return changeApart(object.uniqueIdentifier, context, (current, unit) => {
    takeUsage(current, BigInt(dataBytes), { unit, now: context.now })
  })
}

/**
 * Takes so many units from the Usage Limits of a key that has them.
 * @throws KryptonError permission-denied: there are not so many left
 */
export function takeUsage(
  object: ManagedObject,
  units: bigint,
  { unit, now }: Pick<OperationContext, 'unit' | 'now'>,
): void {
  const usageLimits = object.attributes.first('usageLimits')!
  const left = (usageLimits.usageLimitsCount ?? 0n) - units
  if (left < 0n) throw new KryptonError('permission-denied', 'The Usage Limits of the key are used up')
  const attributes = object.attributes.clone()
  attributes.set('usageLimits', { ...usageLimits, usageLimitsCount: left })
  unit.update(object, changedObject(object, now, attributes))
}
