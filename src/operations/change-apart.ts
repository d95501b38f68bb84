import { isKryptonError } from '../errors.ts'
import type { UnitOfWork } from '../keystore/unit-of-work.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'

/**
 * Changes an object in a unit of its own, which is durable when the promise is kept: for what cannot be taken back with the request, because what
 * follows cannot. `change` is run again, on the object as it is then, when another request was faster.
 */
export async function changeApart(
  uniqueIdentifier: string,
  context: OperationContext,
  change: (object: ManagedObject, unit: UnitOfWork) => void,
): Promise<void> {
  for (let conflicts = 0; ; conflicts++) {
    const unit = context.unit.apart()
    change(await unit.get(uniqueIdentifier), unit)
    try {
      await unit.commit()
      return
    } catch (error) {
      if (!isKryptonError(error, 'store-conflict') || conflicts >= limits.conflictRetriesMax) throw error
    }
  }
}
