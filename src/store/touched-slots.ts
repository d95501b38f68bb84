import { tableOf } from './schema.ts'
import type { Change, Unit } from './store.ts'
import { keyValues } from './preconditions.ts'
import { VersionSlot, type VersionTable } from './version-table.ts'

/**
 * Moves the slots of what the unit changed: an object's own, otherwise the tenant's; besides, `any`, `trust` for who is trusted and `keys`
 * for the section of that name. To be called when the unit is durable and before anybody is told.
 */
export function bumpTouched(versions: VersionTable, unit: Unit): void {
  versions.bump(VersionSlot.any)
  if (unit.section === 'keys') versions.bump(VersionSlot.keys)
  for (const change of unit.changes) {
    const id = identifierOf(change)
    if (id instanceof Uint8Array) versions.bump(versions.slotOf(id))
    if (tableOf(change.table).trust) versions.bump(VersionSlot.trust)
  }
}

function identifierOf(change: Change): unknown {
  // Nobody remembers what these say.
  if (change.table === 'nonce_counts') return undefined
  const values = keyValues(change)
  return change.table === 'objects' || change.table === 'object_index' ? values['object'] : values['tenant']
}
