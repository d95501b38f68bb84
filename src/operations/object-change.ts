import type { Attributes } from '../kmip/attribute.ts'
import type { State } from '../kmip/enums.ts'
import type { ManagedObject, ObjectFields } from '../objects/managed-object.ts'

/**
 * The object after a change by a client at `now`: Last Change Date moves (KMIP 1.4 section 3.38), and a state that a date has reached is
 * written down on the occasion.
 */
export function changedObject(
  object: ManagedObject,
  now: number,
  attributes: Attributes,
  change: Partial<ObjectFields> & { readonly state?: State } = {},
): ManagedObject {
  attributes.set('lastChangeDate', now)
  return object.with({ state: object.stateAt(now), ...change }, attributes)
}
