import { dateTime } from '../clock.ts'
import { retrying } from '../store/retrying.ts'
import type { Row } from '../store/schema.ts'
import { limits } from '../limits.ts'
import { integrityRotationJob, madeAt, versionsOf } from './integrity-rotation.ts'
import { KeyState, opens } from './key-state.ts'
import { changeState, type KeyWork, type SystemOfKeys, verified, type VersionedTable } from './key-versions.ts'
import { isMoved, isUnderItsLink } from './link-rows.ts'
import { referencesOf } from './references.ts'
import type { RotationPolicy } from './rotation.ts'
import { deletionJob, type KeyAddress, rotationJob } from './rotation-jobs.ts'
import { keyAt } from './versioned-keys.ts'
import { wrapsMax } from './wrap-budget.ts'

/** When keys are rotated, and how long old versions stay. */
export interface MaintenancePolicy extends RotationPolicy {
  readonly ivkDays: number
  readonly integrityKeyDays: number
  /** How long a version that was replaced still opens before it is on its way out. */
  readonly graceSeconds: number
  /** How long after its grace a version of the IVK expires, whatever hangs on it. */
  readonly expirySeconds: number
  /** Periods of a tenant's keys. */
  periodsOf(tenant: Buffer): Promise<{ readonly tenantKeyDays: number; readonly serviceKeyDays: number }>
}

/**
 * Looks after every key of the hierarchy from time to time: asks for a rotation when one is due, for what an earlier one has left over, and lets versions go that nothing refers to.
 */
export class KeyMaintenance {
  readonly #work: KeyWork
  readonly #policy: MaintenancePolicy

  constructor(work: KeyWork, policy: MaintenancePolicy) {
    this.#work = work
    this.#policy = policy
  }

  /** One look at every key but those of systems that take nothing new. After a long absence it finds each due once, whatever time has passed. */
  async look(): Promise<void> {
    const { held } = this.#work
    await this.#lookAt({ table: 'ivks' }, this.#policy.ivkDays)
    await this.#lookAtVolume()
    await this.#lookAtLinks()
    for await (const row of this.#actives('integrity_keys')) await this.#lookAtIntegrityKey(row)
    for await (const row of this.#actives('tenant_keys')) {
      if (held.isHeld(row)) continue
      const { tenantKeyDays } = await this.#policy.periodsOf(row.tenant)
      await this.#lookAt({ table: 'tenant_keys', tenant: row.tenant, system: row.system }, tenantKeyDays)
    }
    for await (const row of this.#actives('service_keys')) {
      if (held.isHeld(row)) continue
      const { serviceKeyDays } = await this.#policy.periodsOf(row.tenant)
      const { tenant, system, service } = row
      await this.#lookAt({ table: 'service_keys', tenant, system, service }, serviceKeyDays)
    }
  }

  /** Rotates an integrity key when its time is over, and goes on with a rotation that was given up. */
  async #lookAtIntegrityKey({ tenant }: Row<'integrity_keys'>): Promise<void> {
    const { clock, schedule } = this.#work
    const rows = await versionsOf(this.#work, tenant)
    const active = rows.find(({ state }) => state === KeyState.Active)
    const created = active && (await madeAt(this.#work, active))
    if (active === undefined || created === undefined) return
    const now = dateTime(clock)
    const left = rows.find(({ state }) => state === KeyState.Grace)
    const isLeft = left !== undefined && now >= created + this.#policy.graceSeconds
    if (!isLeft && now < rotationTime({ created, key_id: active.key_id }, this.#policy.integrityKeyDays)) return
    const subject = await this.#policy.integritySubjectOf(tenant)
    const [from, reason] = isLeft ? ([left.version, 'left over'] as const) : ([active.version, 'time'] as const)
    await schedule(integrityRotationJob(tenant, { from, reason, actor: 'system', subject }))
  }

  /** Before the IVK has wrapped as much as its suite bears, another takes its place. */
  async #lookAtVolume(): Promise<void> {
    const { chain, schedule, store } = this.#work
    const { active } = await chain.ivks()
    const budget = await store.get('wrap_budgets', { key_id: Buffer.from(active.keyId) })
    if (budget === undefined) return
    chain.system().verifyRow('wrap_budgets', budget)
    if (budget.reserved < wrapsMax(active.suite) * limits.wrapsRotateFrom) return
    const address = { table: 'ivks' } as const
    const subject = await this.#policy.subjectOf(address)
    await schedule(rotationJob(address, { from: active.version, reason: 'volume', actor: 'system', subject }))
  }

  /** A system that is not all under the link that it has, or that has something under one that it has left: the job that moves it has failed or was cancelled, and is asked for again. */
  async #lookAtLinks(): Promise<void> {
    const { held, schedule, store } = this.#work
    const systems = new Map<string, SystemOfKeys>()
    for (const { tenant, system, state } of await store.find('l1_links', {})) {
      if (opens(state)) systems.set(`${tenant.toString('hex')}${system.toString('hex')}`, { tenant, system })
    }
    for (const { tenant, system } of systems.values()) {
      const address = { table: 'tenant_keys', tenant, system } as const
      if (held.isHeld({ tenant, system })) continue
      const active = (await verified(keyAt(this.#work, address, this.#policy.ivkSuite))).find(
        ({ state }) => state === KeyState.Active,
      )
      if (active === undefined) continue
      if (await isMoved(this.#work, address, active.version)) continue
      const subject = await this.#policy.subjectOf(address)
      // What is under its link already gets no other key: what is left is moved under that.
      const from = (await isUnderItsLink(this.#work, address, active.version)) ? active.version - 1 : active.version
      await schedule(rotationJob(address, { from, reason: 'link', actor: 'system', subject }))
      await pause()
    }
  }

  async #lookAt(address: KeyAddress, days: number): Promise<void> {
    const { clock, schedule } = this.#work
    const key = keyAt(this.#work, address, this.#policy.ivkSuite)
    const rows = await verified(key)
    const now = dateTime(clock)
    for (const row of rows) {
      if (row.state === KeyState.Active && now >= rotationTime(row, days)) {
        const subject = await this.#policy.subjectOf(address)
        await schedule(rotationJob(address, { from: row.version, reason: 'time', actor: 'system', subject }))
      }
      const next = rows.find(({ version }) => version > row.version)
      if (next === undefined) continue
      const isHeld =
        row.state === KeyState.Grace && now >= next.created + this.#policy.graceSeconds
          ? await this.#endGrace(address, row)
          : row.state !== KeyState.Grace
      if (isHeld && address.table === 'ivks' && expires(row) && now >= expiryTime(next, this.#policy))
        await this.#changeState(address, row, KeyState.Expired, 'KeyExpire')
      if (row.state === KeyState.Expired) await this.#isLeftOver(address, row)
    }
  }

  /** Whether something still hangs on a version: that is asked to be wrapped anew. */
  async #isLeftOver(address: KeyAddress, row: Row<VersionedTable>): Promise<boolean> {
    const { schedule, store } = this.#work
    const { count } = await referencesOf(store, address, (version) => version === row.version, pause)
    if (count === 0) return false
    const subject = await this.#policy.subjectOf(address)
    await schedule(rotationJob(address, { from: row.version, reason: 'left over', actor: 'system', subject }))
    return true
  }

  /** A version on which something still hangs is not let go. Resolves to whether it is held so. */
  async #endGrace(address: KeyAddress, row: Row<VersionedTable>): Promise<boolean> {
    const { clock, schedule } = this.#work
    if (await this.#isLeftOver(address, row)) return true
    const subject = await this.#policy.subjectOf(address)
    const due = dateTime(clock) + this.#policy.deletionSeconds
    const deletion = { version: row.version, due, actor: 'system', subject: `version ${row.version} of ${subject}` }
    // The job first: what a crash between the two leaves is asked for again, and is the same job.
    await schedule(deletionJob(address, deletion))
    await this.#changeState(address, row, KeyState.Deprecated, 'KeyGraceEnd')
    return false
  }

  /** Unless somebody else has changed it meanwhile. */
  async #changeState(address: KeyAddress, row: Row<VersionedTable>, state: KeyState, operation: string): Promise<void> {
    const key = keyAt(this.#work, address, this.#policy.ivkSuite)
    await retrying(async () => {
      const current = (await verified(key)).find(({ version }) => version === row.version)
      if (current?.state !== row.state) return
      await changeState(this.#work, key, current, { state, operation, actor: 'system' })
    })
  }

  /** The keys of a table, each by its active version. */
  async *#actives<T extends 'integrity_keys' | 'tenant_keys' | 'service_keys'>(table: T): AsyncGenerator<Row<T>> {
    let last: Row<T> | undefined
    for (;;) {
      const rows: Row<T>[] = await this.#work.store.scan(table, last, limits.jobBatchRows)
      if (rows.length === 0) return
      for (const row of rows) if (row.state === KeyState.Active) yield row
      last = rows.at(-1)
      await pause()
    }
  }
}

/**
 * When a version's time is over, in seconds since 1970: its period after it was made, a tenth more or less by its random identifier, so that clusters and tenants that were made
 * together are not rotated together.
 */
export function rotationTime(row: { readonly created: number; readonly key_id: Uint8Array }, days: number): number {
  const random = ((row.key_id[0]! << 8) | row.key_id[1]!) / 0xffff
  return row.created + Math.round(days * 86_400 * (0.9 + 0.2 * random))
}

/** When a version of the IVK expires that `next` has replaced, in seconds since 1970. */
export function expiryTime(
  next: { readonly created: number },
  { graceSeconds, expirySeconds }: Pick<MaintenancePolicy, 'graceSeconds' | 'expirySeconds'>,
): number {
  return next.created + graceSeconds + expirySeconds
}

function expires({ state }: { readonly state: number }): boolean {
  return state === KeyState.Grace || state === KeyState.Deprecated || state === KeyState.Compromised
}

/** Lets whatever else the thread has to do go first. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, limits.keyLookPauseMs))
}
