import { auditEvent } from '../audit/audit-event.ts'
import { type Clock, dateTime } from '../clock.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Row } from '../store/schema.ts'
import type { Scope } from './data-key.ts'
import { noTenant } from './key-record.ts'
import type { KeyWork, SystemOfKeys } from './key-versions.ts'

/** What lets requests open what is under compromised keys, in one thread. */
export interface Grant {
  /** False from its end on, by whichever clock comes there first: neither one that is set back nor one that stands still makes it longer. */
  isOpen(): boolean
}

/** A grant as it is stored. */
export type GrantRow = Row<'break_glass'>

/** Whose objects a grant opens: those of a system, or of one service in it. */
export type GrantedKeys = Omit<Scope, 'service'> & Partial<Scope>

/** The last of the grants that are meant for a service; undefined when there is none. The rows' MACs are the caller's to verify. */
export function grantFor(scope: Scope, rows: readonly GrantRow[], clock: Clock): Grant | undefined {
  const meant = rows.filter(
    ({ system, service }) => system.equals(scope.system) && (service.equals(noTenant) || service.equals(scope.service)),
  )
  if (meant.length === 0) return undefined
  const seen = clock.monotonic()
  const ends = meant.map(({ created, expires }) => ({ wall: expires, monotonic: seen + (expires - created) * 1000 }))
  return {
    isOpen: () => {
      const [wall, monotonic] = [dateTime(clock), clock.monotonic()]
      return ends.some((end) => wall < end.wall && monotonic < end.monotonic)
    },
  }
}

/** The grants of this process: they end by themselves, and with the process at the latest. */
export class BreakGlass {
  readonly #work: KeyWork
  /** End by the monotonic clock in milliseconds, by the grant's identifier in hex. */
  readonly #ends = new Map<string, number>()
  /** Systems whose threads are yet to let go of what a grant had opened. */
  readonly #toForget: SystemOfKeys[] = []

  constructor(work: KeyWork) {
    this.#work = work
  }

  /** Grants of this process that are open. */
  get size(): number {
    return this.#ends.size
  }

  /** Ends what the last process has left: how long it was gone, no clock can say. */
  async start(): Promise<void> {
    for (const row of await this.list()) await this.#end(row, 'system')
  }

  /** The grants that are open. Throws 'row-mac-mismatch'. */
  async list(): Promise<GrantRow[]> {
    const { store, chain } = this.#work
    const rows = await store.find('break_glass', {})
    for (const row of rows) (await chain.tenant(row.tenant)).verifyRow('break_glass', row)
    return rows.toSorted((a, b) => a.expires - b.expires)
  }

  /** Opens what is under compromised keys, for a time. Throws 'invalid-field' when there are too many. */
  async grant(
    what: GrantedKeys,
    request: { readonly minutes: number; readonly reason: string; readonly actor: string },
  ): Promise<GrantRow> {
    const { store, chain, clock } = this.#work
    if ((await this.list()).length >= limits.breakGlassGrantsMax)
      throw new KryptonError(
        'invalid-field',
        `end another grant first: ${limits.breakGlassGrantsMax} are open, krypton key break-glass list shows them`,
      )
    const { minutes, reason, actor } = request
    const created = dateTime(clock)
    const { tenant, system, service = noTenant } = what
    const next = {
      tenant,
      grant: randomIdentifier(),
      system,
      service,
      reason,
      actor,
      created,
      expires: created + minutes * 60,
      row_version: 1,
    }
    const row = { ...next, mac: (await chain.tenant(tenant)).macRow('break_glass', next) }
    const audit = [this.#event(row, actor, 'BreakGlassGrant', `${minutes} minutes: ${reason}`)]
    this.#ends.set(row.grant.toString('hex'), clock.monotonic() + minutes * 60_000)
    await store.commit({ section: 'keys', changes: [{ table: 'break_glass', kind: 'insert', row }], audit })
    await this.#work.users.refresh({ tenant, system })
    return row
  }

  /** Ends a grant before its time: done when every thread has let go of what it had opened. Throws 'not-found', 'not-healthy'. */
  async end(grant: string, actor: string): Promise<GrantRow> {
    const row = (await this.list()).find((candidate) => candidate.grant.toString('hex') === grant)
    if (row === undefined)
      throw new KryptonError(
        'not-found',
        'there is no such grant: it has ended, or krypton key break-glass list shows it',
      )
    await this.#end(row, actor)
    return row
  }

  /** Ends those whose time is over. Resolves to the number of those that are left. Throws 'not-healthy' when a thread does not confirm an end. */
  async look(): Promise<number> {
    await this.#forget()
    const { clock } = this.#work
    const [wall, monotonic] = [dateTime(clock), clock.monotonic()]
    const open = await this.list()
    const over = open.filter(
      ({ expires, grant }) => wall >= expires || monotonic >= (this.#ends.get(grant.toString('hex')) ?? 0),
    )
    for (const row of over) await this.#end(row, 'system')
    return open.length - over.length
  }

  async #end(row: GrantRow, actor: string): Promise<void> {
    const { tenant, grant, system } = row
    await this.#work.store.commit({
      section: 'keys',
      changes: [{ table: 'break_glass', kind: 'delete', key: { tenant, grant } }],
      audit: [this.#event(row, actor, 'BreakGlassEnd', row.reason)],
    })
    this.#ends.delete(grant.toString('hex'))
    this.#toForget.push({ tenant, system })
    await this.#forget()
  }

  /** A thread that does not confirm is asked again by the next look. */
  async #forget(): Promise<void> {
    for (let next = this.#toForget.at(-1); next !== undefined; next = this.#toForget.at(-1)) {
      await this.#work.users.refresh({ ...next, forget: true })
      this.#toForget.splice(this.#toForget.indexOf(next), 1)
    }
  }

  #event({ tenant, grant }: GrantRow, actor: string, operation: string, detail: string) {
    const { clock } = this.#work
    return auditEvent({ clock, tenant, actor, operation, object: grant, result: 'success', detail })
  }
}
