import { tableOf } from './schema.ts'
import type { Change, Unit } from './store.ts'
import { keyValues } from './preconditions.ts'
import type { Values } from './row-key.ts'
import { VersionSlot, type VersionTable } from './version-table.ts'

/**
 * Moves the slots of what the unit changed: an object's own, and that of its token in the index, otherwise the tenant's; besides, `any`, `trust` for who is trusted and `keys`
 * for the section of that name. To be called when the unit is durable and before anybody is told.
 */
export function bumpTouched(versions: VersionTable, unit: Unit): void {
  versions.bump(VersionSlot.any)
  if (unit.section === 'keys') versions.bump(VersionSlot.keys)
  for (const change of unit.changes) {
    const values = keyValues(change)
    const id = identifierOf(change, values)
    if (id instanceof Uint8Array) versions.bump(versions.slotOf(id))
    const token = change.table === 'object_index' ? values['token'] : undefined
    if (token instanceof Uint8Array) versions.bump(versions.slotOfToken(token))
    if (tableOf(change.table).trust) versions.bump(VersionSlot.trust)
  }
}

function identifierOf({ table }: Change, values: Values): unknown {
  // Nobody remembers what these say.
  if (table === 'nonce_counts') return undefined
  return table === 'objects' || table === 'object_index' ? values['object'] : values['tenant']
}
