import type { Row } from './schema.ts'
import type { LocateQuery } from './store.ts'

/** Stored states that dates change by themselves (KMIP 1.4 §3.22). */
export const PendingState = { preActive: 1, active: 2, deactivated: 3 } as const

/** True if the object's type and its state, stored or due, are what the query asks for. */
export function matchesTypeAndState(row: Row<'objects'>, query: LocateQuery): boolean {
  if (query.objectType !== undefined && row.object_type !== query.objectType) return false
  const { states, now } = query
  if (states === undefined || states.includes(row.state)) return true
  const { preActive, active, deactivated } = PendingState
  if (row.state > active) return false
  if (states.includes(deactivated) && isDue(row.deactivation_date, now)) return true
  return row.state === preActive && states.includes(active) && isDue(row.activation_date, now)
}

/** The order of answers: by sequence, then by identifier. */
export function compareInOrder(a: Place, b: Place): number {
  return a.sequence - b.sequence || Buffer.compare(a.object, b.object)
}

/** Where an object stands in that order. */
export interface Place {
  readonly sequence: number
  readonly object: Uint8Array
}

function isDue(date: number | null, now: number): boolean {
  return date !== null && date <= now
}
