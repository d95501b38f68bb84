import { auditEvent } from '../audit/audit-event.ts'
import { KryptonError } from '../errors.ts'
import type { AuditRow, Row } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import { KeyState } from './key-state.ts'
import { type KeyWork, retrying, type SystemOfKeys } from './key-versions.ts'
import { activeLink, LinkSwitch, newestLink } from './link-key.ts'
import { updateOf } from './row-mac.ts'

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

  /** The same of one that is neither locked, nor unlinked, nor on its way out. Throws 'not-found', 'wrong-key-lifecycle-state'. */
  async usable(system: SystemOfKeys): Promise<Row<'l1_links'>> {
    const newest = await this.newest(system)
    const isMoving = activeLink([newest]) === undefined
    if (isMoving || (newest.switch_state !== LinkSwitch.Enabled && newest.switch_state !== LinkSwitch.DecryptOnly)) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        isMoving
          ? 'this system is leaving its L1: krypton job list shows how far that is'
          : 'the link of this system is locked or unlinked: krypton tenant enable, or krypton tenant link, ends that',
      )
    }
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

/** Lets go of the versions of S that nothing is under any more: their L1 is needed no more. */
export async function retireOldLinks({ chain, store, clock, users }: KeyWork, system: SystemOfKeys): Promise<void> {
  const links = await chain.links(system.tenant, system.system)
  const old = links.filter(({ state }) => state === KeyState.Grace)
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
