import type { Clock } from '../clock.ts'
import { limits } from '../limits.ts'
import type { AuditRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Counters } from '../telemetry/counters.ts'
import { auditEvent } from './audit-event.ts'

/** Who was refused what: an object that is none of its own, or an operation that it may not ask for. */
export interface Refusal {
  /** The caller's. */
  readonly tenant: Buffer
  readonly actor: string
  readonly operation: string
  /** The object that was asked for, as far as the request names one by an identifier of ours. */
  readonly object: Buffer | undefined
  readonly code: 'item-not-found' | 'permission-denied' | 'authentication-not-successful'
}

/**
 * Leaves an audit record of each refusal in the caller's tenant. Nobody waits for it: a refusal is written in the transaction after the
 * turn in which it was told. Of one client so many are written in a while; the others are counted, in the metric and in the record that
 * stands for them. One for each thread.
 */
export class RefusalRecords {
  readonly #store: Pick<Store, 'commit'>
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #onFault: (error: unknown) => void
  #sinceMs: number
  readonly #clients = new Map<string, ClientRefusals>()
  #waiting: AuditRow[] = []
  #writing: Promise<void> | undefined

  constructor(store: Pick<Store, 'commit'>, clock: Clock, counters: Counters, onFault: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#counters = counters
    this.#onFault = onFault
    this.#sinceMs = clock.monotonic()
  }

  add(refusal: Refusal): void {
    this.#counters.add(counterOf[refusal.code])
    this.enforceTime(this.#clock.monotonic())
    const { tenant, actor, operation, object, code } = refusal
    const client = this.#clientOf(tenant, actor)
    const isFull = this.#waiting.length >= limits.refusalRecordsWaitingMax
    if (client === undefined || isFull || client.written >= limits.refusalRecordsMax) {
      if (client !== undefined) client.leftOut += 1
      this.#counters.add('refusalRecordsLeftOut')
      return
    }
    client.written += 1
    this.#write(auditEvent({ clock: this.#clock, tenant, actor, operation, object, result: code }))
  }

  /** Begins anew when the while is over, and records how many were left out in it; the thread asks a few times a second. */
  enforceTime(nowMs: number): void {
    if (nowMs - this.#sinceMs < limits.refusalRecordsMs) return
    this.#sinceMs = nowMs
    for (const { tenant, actor, leftOut } of this.#clients.values()) {
      if (leftOut === 0) continue
      const detail = `${leftOut} more refusals`
      this.#write(
        auditEvent({ clock: this.#clock, tenant, actor, operation: 'RefusalsLeftOut', result: 'left-out', detail }),
      )
    }
    this.#clients.clear()
  }

  /** Resolves when all that was added is durable, or could not be made so. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  #clientOf(tenant: Buffer, actor: string): ClientRefusals | undefined {
    const key = `${tenant.toString('latin1')}${actor}`
    const known = this.#clients.get(key)
    if (known !== undefined || this.#clients.size >= limits.refusalClientsMax) return known
    const client = { tenant, actor, written: 0, leftOut: 0 }
    this.#clients.set(key, client)
    return client
  }

  #write(row: AuditRow): void {
    this.#waiting.push(row)
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    // What the same turn adds goes along.
    await new Promise(setImmediate)
    try {
      while (this.#waiting.length > 0) {
        const audit = this.#waiting
        this.#waiting = []
        await this.#store.commit({ section: 'data', changes: [], audit })
      }
    } catch (error) {
      this.#onFault(error)
    } finally {
      this.#writing = undefined
    }
  }
}

const counterOf = {
  'item-not-found': 'refusalsNotFound',
  'permission-denied': 'refusalsPermission',
  'authentication-not-successful': 'refusalsCredential',
} as const

interface ClientRefusals {
  readonly tenant: Buffer
  readonly actor: string
  written: number
  leftOut: number
}
