import { auditEvent } from '../audit/audit-event.ts'
import { KryptonError } from '../errors.ts'
import { retrying } from '../store/retrying.ts'
import type { AuditRow, Row } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import { takesNothingNew } from './held-systems.ts'
import { KeyState } from './key-state.ts'
import { activeOf, type KeyWork, type SystemOfKeys, verified } from './key-versions.ts'
import { activeLink, LinkSwitch, newestLink } from './link-key.ts'
import { referencesOf } from './references.ts'
import { updateOf } from './row-mac.ts'
import { tenantKeyOf } from './versioned-keys.ts'

/** Who asks for an act, and what it is called. */
export interface Asked {
  readonly actor: string
  /** The system by its names. */
  readonly subject: string
}

/** The rows of links: which one counts, and how they are changed. */
export class LinkRows {
  readonly #work: KeyWork

  constructor(work: KeyWork) {
    this.#work = work
  }

  /** The version of a system's link that counts. Throws 'not-found'. */
  async newest({ tenant, system }: SystemOfKeys): Promise<Row<'l1_links'>> {
    const newest = newestLink(await this.#work.chain.links(tenant, system))
    if (newest === undefined)
      throw new KryptonError('not-found', 'this system is not linked: krypton tenant link gives it an L1')
    return newest
  }

  /** The same of one that is unlinked; undefined of a system that has none and whose Tenant Key takes what is new. Throws 'already-exists', 'wrong-key-lifecycle-state'. */
  async unlinked(system: SystemOfKeys): Promise<Row<'l1_links'> | undefined> {
    const newest = newestLink(await this.#work.chain.links(system.tenant, system.system))
    if (newest === undefined) activeOf(await verified(tenantKeyOf(this.#work, system)))
    else if (newest.switch_state !== LinkSwitch.Unlinked)
      throw new KryptonError(
        'already-exists',
        `this system is linked already, with ${newest.key_name} at ${newest.provider}: krypton tenant switch gives it another L1`,
      )
    return newest
  }

  /** The version that counts of one that is not unlinked. Throws 'not-found', 'wrong-key-lifecycle-state'. */
  async linked(system: SystemOfKeys): Promise<Row<'l1_links'>> {
    const newest = await this.newest(system)
    if (newest.switch_state === LinkSwitch.Unlinked) throw takesNothingNew(newest.switch_state)
    return newest
  }

  /** The same of one that is neither locked, nor unlinked, nor on its way out. Throws 'not-found', 'wrong-key-lifecycle-state'. */
  async usable(system: SystemOfKeys): Promise<Row<'l1_links'>> {
    const newest = await this.newest(system)
    const { switch_state: state } = newest
    if (activeLink([newest]) === undefined)
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        'this system is leaving its L1: krypton job list shows how far that is',
      )
    if (state !== LinkSwitch.Enabled && state !== LinkSwitch.DecryptOnly) throw takesNothingNew(state)
    return newest
  }

  /** The same of one that is not disabled either: new keys can be made in it, and what hangs on the old ones moved. Throws as `usable`. */
  async movable(system: SystemOfKeys): Promise<Row<'l1_links'>> {
    const newest = await this.usable(system)
    if (newest.switch_state !== LinkSwitch.Enabled) throw takesNothingNew(newest.switch_state)
    activeOf(await verified(tenantKeyOf(this.#work, system)))
    return newest
  }

  /** Changes what `to` changes of a system's rows, with the audit row of that. */
  async change(
    system: SystemOfKeys,
    { operation, asked }: { readonly operation: string; readonly asked: Asked },
    to: (row: Row<'l1_links'>) => Row<'l1_links'>,
  ): Promise<void> {
    await retrying(async () => {
      const changes: Change[] = []
      for (const row of await this.#work.chain.links(system.tenant, system.system)) {
        const next = to(row)
        if (next !== row) changes.push(await this.changed(row, next))
      }
      await this.#work.store.commit({ section: 'keys', changes, audit: [this.event(system, operation, asked)] })
    })
  }

  /** The change of a row to another. */
  async changed(before: Row<'l1_links'>, after: Row<'l1_links'>): Promise<Change> {
    return updateOf('l1_links', before, after, await this.#work.chain.tenant(before.tenant))
  }

  /** The audit row of an act on the link of a system. */
  event({ tenant, system }: SystemOfKeys, operation: string, { actor, subject }: Asked): AuditRow {
    const { clock } = this.#work
    return auditEvent({ clock, tenant, actor, operation, object: system, result: 'success', detail: subject })
  }
}

/**
 * Lets go of the versions of S that nothing is under any more: their L1 is needed no more. One under which a Tenant Key still counts stays, and so does one on whose Tenant Key something hangs: an operator may have
 * begun another act while the job ran that made them.
 */
export async function retireOldLinks(work: KeyWork, system: SystemOfKeys, pause: () => Promise<void>): Promise<void> {
  const { chain, store, clock, users } = work
  const links = await chain.links(system.tenant, system.system)
  const left = links.filter(({ state }) => state === KeyState.Grace)
  if (left.length === 0) return
  const needed = await neededLinks(work, system, pause)
  const old = left.filter(({ version }) => !needed.has(version))
  if (old.length === 0) return
  const keys = await chain.tenant(system.tenant)
  const none = Buffer.alloc(0)
  const changes = old.map((row) =>
    updateOf('l1_links', row, { state: KeyState.Retired, record: none, wrapped: none }, keys),
  )
  const { tenant } = system
  const detail = `versions ${old.map(({ version }) => version).join(', ')} of its link key`
  const event = { clock, tenant, actor: 'system', operation: 'LinkKeyRetire', object: system.system }
  await store.commit({ section: 'keys', changes, audit: [auditEvent({ ...event, result: 'success', detail })] })
  await users.refresh(system)
}

/** The versions of S that Tenant Keys are under which are used, may yet be, or hold something. */
async function neededLinks(
  { chain, store }: KeyWork,
  { tenant, system }: SystemOfKeys,
  pause: () => Promise<void>,
): Promise<ReadonlySet<number>> {
  const keys = await chain.tenant(tenant)
  const needed = new Set<number>()
  for (const row of await store.find('tenant_keys', { tenant, system })) {
    keys.verifyRow('tenant_keys', row)
    if (row.state === KeyState.Retired) continue
    const linked = await store.get('linked_keys', { tenant, system, version: row.version })
    if (linked === undefined || needed.has(linked.link_version)) continue
    keys.verifyRow('linked_keys', linked)
    const isThis = (version: number): boolean => version === row.version
    const { count } = await referencesOf(store, { table: 'tenant_keys', tenant, system }, isThis, pause)
    if (count > 0 || !isReplaced(row.state)) needed.add(linked.link_version)
  }
  return needed
}

function isReplaced(state: number): boolean {
  return state === KeyState.Grace || state === KeyState.Deprecated || state === KeyState.Compromised
}

/** True if nothing of a system is left where it was before its last link, switch or detach: neither its Tenant Key, whose active version is named, nor what that is above, nor a link. */
export async function isMoved(work: KeyWork, system: SystemOfKeys, active: number): Promise<boolean> {
  if (!(await isUnderItsLink(work, system, active))) return false
  const { chain, store } = work
  const { tenant, system: ofSystem } = system
  if ((await chain.links(tenant, ofSystem)).some(({ state }) => state === KeyState.Grace)) return false
  const rows = await store.find('tenant_keys', { tenant, system: ofSystem })
  const left = new Set(rows.filter(({ state }) => state === KeyState.Deprecated).map(({ version }) => version))
  const below = left.size === 0 ? [] : await store.find('service_keys', { tenant, system: ofSystem })
  return !below.some(({ record, parent_version: parent }) => record.byteLength > 0 && left.has(parent))
}

/** True if a version of a Tenant Key is where its system is: under the link that counts, or under none where there is none. */
export async function isUnderItsLink(
  { chain, store }: KeyWork,
  system: SystemOfKeys,
  version: number,
): Promise<boolean> {
  const { tenant, system: ofSystem } = system
  const linked = await store.get('linked_keys', { tenant, system: ofSystem, version })
  return linked?.link_version === activeLink(await chain.links(tenant, ofSystem))?.version
}
