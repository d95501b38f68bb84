import { auditEvent } from './audit/audit-event.ts'
import type { Clock } from './clock.ts'
import { noTenant } from './hierarchy/key-record.ts'
import type { Section } from './store/schema.ts'
import type { Store } from './store/store.ts'

/** What the server itself has done or found, by nobody's order. */
export interface SystemEvent {
  readonly operation: string
  /** `success`, or why not. */
  readonly result: string
  readonly detail?: string
  /** Whose it is; nobody's where none is named. */
  readonly tenant?: Buffer
  readonly object?: Buffer
  /** Whose audit tells of it; `data` where none is named. */
  readonly section?: Section
}

/** Writes an audit record of the server's own; resolves when it is durable. */
export async function auditSystem(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { section = 'data', tenant = noTenant, ...event }: SystemEvent,
): Promise<void> {
  const audit = [auditEvent({ clock, tenant, actor: 'system', ...event })]
  await store.commit({ section, changes: [], audit })
}
