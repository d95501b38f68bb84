import { type Clock, dateTime } from '../clock.ts'
import type { AuditRow } from '../store/schema.ts'

/** Who did what, with which outcome. No field ever carries key material. */
export interface AuditEvent {
  readonly clock: Clock
  /** Zeros for the system itself. */
  readonly tenant: Buffer
  /** `client:<name>`, `operator:<name>` or `system`. */
  readonly actor: string
  /** The KMIP operation's or the administrative act's name, such as `Create` or `ClientRevoke`. */
  readonly operation: string
  readonly object?: Buffer
  /** `success`, or the code of the refusal. */
  readonly result: string
  /** What a reader needs besides, for people. */
  readonly detail?: string
}

/** The audit row of an event: it goes into the same unit as the change that it tells of. */
export function auditEvent(event: AuditEvent): AuditRow {
  const { clock, tenant, actor, operation, object = null, result, detail = '' } = event
  return { time: dateTime(clock), tenant, actor, operation, object, result, detail }
}
