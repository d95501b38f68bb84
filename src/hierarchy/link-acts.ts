import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { recipientOf } from '../crypto/seal-to.ts'
import type { ExternalKey, ExternalKeyProvider, ExternallyWrapped } from '../external-keys/external-key.ts'
import { providerNamed } from '../external-keys/providers.ts'
import { retrying } from '../store/retrying.ts'
import type { Row } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import { KeyState } from './key-state.ts'
import { activeOf, type KeyWork, type SystemOfKeys, verified } from './key-versions.ts'
import type { L1Leases } from './l1-leases.ts'
import { takesNothingNew } from './held-systems.ts'
import { LinkSwitch, newLinkKey } from './link-key.ts'
import { rebuildTenantKeys } from './link-repair.ts'
import { type Asked, LinkRows } from './link-rows.ts'
import { openLinkKey, wrappedColumns, wrappedIn, wrapLinkKey } from './link-wrapping.ts'
import { checkNewLink, type NewLink, refuseUnusable, sealCredentials } from './new-link.ts'
import { type RecoveryFile, sealRecoveryFile } from './recovery-file.ts'
import { rotationJob } from './rotation-jobs.ts'
import { updateOf } from './row-mac.ts'
import { tenantKeyOf } from './versioned-keys.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/** An act on the link of a system, before it is done. */
export type ForeseenLinkAct = keyof typeof found

/** How an act has to find the link: see `LinkRows`. */
const found = {
  link: 'unlinked',
  switch: 'movable',
  detach: 'movable',
  disable: 'usable',
  rotate: 'usable',
  'recovery-file': 'usable',
  enable: 'linked',
  lock: 'newest',
  unlink: 'newest',
  check: 'newest',
  repair: 'newest',
} as const satisfies Readonly<Record<string, keyof LinkRows>>

/**
 * What an operator does to the link of a system with its tenant's own key (L1). Each act is done when every thread has confirmed it, and stands in the audit.
 */
export class LinkActs {
  readonly #work: KeyWork
  readonly #rows: LinkRows
  readonly #leases: L1Leases
  readonly #providers: readonly ExternalKeyProvider[]
  readonly #development: boolean

  constructor(
    work: KeyWork,
    leases: L1Leases,
    { providers, development }: { readonly providers: readonly ExternalKeyProvider[]; readonly development: boolean },
  ) {
    this.#work = work
    this.#rows = new LinkRows(work)
    this.#leases = leases
    this.#providers = providers
    this.#development = development
  }

  /**
   * Links a system with an L1: makes its link key S, and asks for the job that makes a new Tenant Key under S, new Service Keys under that, and wraps the objects anew. One that was unlinked is linked again
   * with the key that it had, and nothing else of it changes.
   * @throws KryptonError already-exists, invalid-field, wrong-key-lifecycle-state, one of `externalKeyRefusals`
   */
  async link(system: SystemOfKeys, request: NewLink, asked: Asked): Promise<void> {
    const newest = await this.#rows.unlinked(system)
    if (newest === undefined) return this.#rekey(system, { request, before: undefined, operation: 'TenantLink' }, asked)
    await this.#linkAgain(system, newest, request, asked)
  }

  /** Gives a linked system another L1. Both are needed until the job has ended. Throws as `link`, and 'not-found'; one that is disabled is refused, for new keys are made. */
  async switch(system: SystemOfKeys, request: NewLink, asked: Asked): Promise<void> {
    const before = await this.#rows[found.switch](system)
    await this.#rekey(system, { request, before, operation: 'TenantSwitch' }, asked)
  }

  /** Refuses what an act would be refused for before an L1 is asked; nothing is done. Throws as the act. */
  async foresee(system: SystemOfKeys, act: ForeseenLinkAct): Promise<void> {
    if (act === 'recovery-file') this.#assertApproved()
    await this.#rows[found[act]](system)
  }

  /** The same of a recovery file. Resolves to the fingerprint of its recipient, hex. Throws as `recoveryFile`. */
  async foreseeRecoveryFile(system: SystemOfKeys, publicKey: string): Promise<string> {
    await this.foresee(system, 'recovery-file')
    return recipientOf(publicKey).fingerprint.toString('hex')
  }

  /** Asks for the job that moves a system from its L1 back to the keys of this server. The L1 is needed until it has ended. One that is disabled is refused: the link that says so would go. Throws 'not-found', 'wrong-key-lifecycle-state', one of `externalKeyRefusals`. */
  async detach(system: SystemOfKeys, asked: Asked): Promise<void> {
    const before = await this.#rows[found.detach](system)
    await this.#leases.ask(system.tenant, system.system)
    await this.#changeAndConfirm(system, { operation: 'TenantDetach', asked }, (row) =>
      row.version === before.version ? { ...row, state: KeyState.Grace } : row,
    )
    await this.#scheduleRekey(system, asked)
  }

  /** Ends the use of everything below, in every thread, until `enable`. Throws 'not-found', 'not-healthy'. */
  async lock(system: SystemOfKeys, asked: Asked): Promise<void> {
    this.#leases.end(system.tenant, system.system)
    await this.#switch(system, LinkSwitch.Locked, { operation: 'TenantLock', asked })
  }

  /** Lets the keys open what they hold, and take nothing new, until `enable`. Throws 'not-found', 'wrong-key-lifecycle-state', 'not-healthy'. */
  async disable(system: SystemOfKeys, asked: Asked): Promise<void> {
    await this.#rows[found.disable](system)
    await this.#switch(system, LinkSwitch.DecryptOnly, { operation: 'TenantDisable', asked })
  }

  /** Ends `lock` or `disable`, and asks the L1. Throws 'not-found', 'wrong-key-lifecycle-state' for one that is unlinked, one of `externalKeyRefusals` when it does not open: it is enabled all the same. */
  async enable(system: SystemOfKeys, asked: Asked): Promise<void> {
    await this.#rows[found.enable](system)
    await this.#switch(system, LinkSwitch.Enabled, { operation: 'TenantEnable', asked })
    await this.#leases.ask(system.tenant, system.system)
  }

  /** Ends the use of everything below and lets go of the credentials for the L1. Throws 'not-found', 'not-healthy'. */
  async unlink(system: SystemOfKeys, asked: Asked): Promise<void> {
    this.#leases.end(system.tenant, system.system)
    await this.#switch(system, LinkSwitch.Unlinked, { operation: 'TenantUnlink', asked })
  }

  /** Has S wrapped by the version that the L1 has now, and makes check values anew under the tenant's integrity key as it is now. Throws 'not-found', 'wrong-key-lifecycle-state', one of `externalKeyRefusals`. */
  async rotate(system: SystemOfKeys, asked: Asked): Promise<void> {
    const newest = await this.#rows[found.rotate](system)
    const { chain } = this.#work
    const external = await this.#leases.external(newest)
    let wrapped: ExternallyWrapped
    let check_value: Buffer
    try {
      const key = await openLinkKey(chain, external, system, { link: newest, wrapped: wrappedIn(newest) })
      try {
        wrapped = await wrapLinkKey(chain, external, system, key)
        check_value = (await chain.tenant(system.tenant)).checkValue(key)
      } finally {
        key.secret.wipe()
      }
    } finally {
      external.wipe()
    }
    await retrying(() => this.#renewCheckValues(system))
    await this.#changeAndConfirm(system, { operation: 'TenantRotate', asked }, (row) =>
      row.version === newest.version ? { ...row, ...wrappedColumns(wrapped), check_value } : row,
    )
  }

  /** Of the Tenant Keys that are under S: an older version of the integrity key is needed for them no more. */
  async #renewCheckValues({ tenant, system }: SystemOfKeys): Promise<void> {
    const { chain, store } = this.#work
    const tenantKeys = await chain.tenant(tenant)
    const opened = await chain.tenantKeys(tenant, system)
    try {
      const changes: Change[] = []
      for (const row of await store.find('linked_keys', { tenant, system })) {
        const key = opened.byVersion.get(row.version)
        if (key === undefined) continue
        tenantKeys.verifyRow('linked_keys', row)
        changes.push(updateOf('linked_keys', row, { check_value: tenantKeys.checkValue(key) }, tenantKeys))
      }
      await store.commit({ section: 'keys', changes, audit: [] })
    } finally {
      wipeWrappingKeys(opened)
    }
  }

  /** Asks the L1 now. Throws 'not-found', 'wrong-key-lifecycle-state', one of `externalKeyRefusals`. */
  async check(system: SystemOfKeys): Promise<void> {
    await this.#rows[found.check](system)
    await this.#leases.ask(system.tenant, system.system)
  }

  /**
   * The Tenant Keys of a linked system, sealed to a public key of its tenant's: a way out without us. Who names that key decides who can open everything, so that outside of development it needs a second approval.
   * @throws KryptonError permission-denied: there is nobody yet who could give that; not-found, invalid-field, one of `externalKeyRefusals`
   */
  async recoveryFile(system: SystemOfKeys, publicKey: string, asked: Asked): Promise<RecoveryFile> {
    this.#assertApproved()
    const { chain, store } = this.#work
    await this.#rows[found['recovery-file']](system)
    await this.#leases.ask(system.tenant, system.system)
    const opened = await chain.tenantKeys(system.tenant, system.system)
    try {
      const file = sealRecoveryFile({ cluster: chain.cluster, ...system }, opened.byVersion.values(), publicKey)
      const subject = `${asked.subject} to ${file.recipient}`
      const audit = [this.#rows.event(system, 'TenantRecoveryFile', { ...asked, subject })]
      await store.commit({ section: 'keys', changes: [], audit })
      return file
    } finally {
      wipeWrappingKeys(opened)
    }
  }

  #assertApproved(): void {
    if (this.#development) return
    throw new KryptonError(
      'permission-denied',
      'a recovery file needs the approval of a second person, which comes with the governance service: until then a development server alone makes one',
    )
  }

  /** Makes damaged rows of the system's Tenant Keys anew from their copies: see `rebuildTenantKeys`. */
  async repair(system: SystemOfKeys, asked: Asked): Promise<void> {
    await this.#rows[found.repair](system)
    await this.#leases.ask(system.tenant, system.system)
    const rebuilt = await rebuildTenantKeys(this.#work, system, asked)
    if (rebuilt.length === 0)
      throw new KryptonError('not-found', 'nothing is damaged: every Tenant Key of this system opens as it is')
    await this.#confirmed(system)
  }

  async #rekey(
    system: SystemOfKeys,
    act: { readonly request: NewLink; readonly before: Row<'l1_links'> | undefined; readonly operation: string },
    asked: Asked,
  ): Promise<void> {
    const { chain, clock, store } = this.#work
    const { request, before, operation } = act
    checkNewLink(request, this.#development)
    const links = await chain.links(system.tenant, system.system)
    const version = (links.at(-1)?.version ?? 0) + 1
    const key = newLinkKey(version)
    try {
      const external = this.#open(request)
      let wrapped: ExternallyWrapped
      try {
        await refuseUnusable(external)
        wrapped = await wrapLinkKey(chain, external, system, key)
      } finally {
        external.wipe()
      }
      const { active: ivk } = await chain.ivksToWrap(1)
      const owner = { cluster: chain.cluster, ...system }
      const tenantKeys = await chain.tenant(system.tenant)
      const row = {
        ...system,
        version,
        key_id: Buffer.from(key.keyId),
        state: KeyState.Active,
        provider: request.provider,
        key_name: request.key,
        settings: JSON.stringify(request.settings),
        parent_version: ivk.version,
        record: sealCredentials(owner, key, ivk, request.credentials),
        ...wrappedColumns(wrapped),
        check_value: tenantKeys.checkValue(key),
        mode: request.mode,
        lease_seconds: request.leaseSeconds,
        switch_state: LinkSwitch.Enabled,
        created: dateTime(clock),
        row_version: 1,
      }
      const changes: Change[] = [
        { table: 'l1_links', kind: 'insert', row: { ...row, mac: tenantKeys.macRow('l1_links', row) } },
      ]
      if (before !== undefined) changes.push(await this.#rows.changed(before, { ...before, state: KeyState.Grace }))
      await store.commit({ section: 'keys', changes, audit: [this.#rows.event(system, operation, asked)] })
    } finally {
      key.secret.wipe()
    }
    await this.#confirmed(system)
    await this.#scheduleRekey(system, asked)
  }

  /** A link that was unlinked takes new credentials, if the L1 still opens its S. */
  async #linkAgain(system: SystemOfKeys, newest: Row<'l1_links'>, request: NewLink, asked: Asked): Promise<void> {
    checkNewLink(request, this.#development)
    const { chain } = this.#work
    const owner = { cluster: chain.cluster, ...system }
    const external = this.#open(request)
    try {
      const { secret } = await openLinkKey(chain, external, system, { link: newest, wrapped: wrappedIn(newest) })
      secret.wipe()
    } finally {
      external.wipe()
    }
    const { active: ivk } = await chain.ivksToWrap(1)
    const link = { keyId: newest.key_id, version: newest.version }
    const record = sealCredentials(owner, link, ivk, request.credentials)
    await this.#changeAndConfirm(system, { operation: 'TenantLink', asked }, (row) =>
      row.version !== newest.version
        ? row
        : {
            ...row,
            provider: request.provider,
            key_name: request.key,
            settings: JSON.stringify(request.settings),
            parent_version: ivk.version,
            record,
            mode: request.mode,
            lease_seconds: request.leaseSeconds,
            switch_state: LinkSwitch.Enabled,
          },
    )
    await this.#leases.ask(system.tenant, system.system)
  }

  #open({ provider: type, key, settings, credentials }: NewLink): ExternalKey {
    const provider = providerNamed(this.#providers, type)
    if (provider.developmentOnly && !this.#development)
      throw new KryptonError(
        'invalid-field',
        `a development server alone links a key of ${type}: name another provider`,
      )
    return provider.open({ key, settings, credentials })
  }

  async #scheduleRekey(system: SystemOfKeys, { actor, subject }: Asked): Promise<void> {
    const { version: from } = activeOf(await verified(tenantKeyOf(this.#work, system)))
    await this.#work.schedule(
      rotationJob({ table: 'tenant_keys', ...system }, { from, reason: 'link', actor, subject }),
    )
  }

  async #switch(
    system: SystemOfKeys,
    state: LinkSwitch,
    act: { readonly operation: string; readonly asked: Asked },
  ): Promise<void> {
    const newest = await this.#rows.newest(system)
    if (state !== LinkSwitch.Enabled) this.#work.held.hold(system, state)
    await this.#changeAndConfirm(system, act, (row) => {
      if (row.version !== newest.version) return row
      const before = row.switch_state
      const isOff = before === LinkSwitch.Locked || before === LinkSwitch.Unlinked
      // Somebody was faster, whom this must not undo: what is unlinked stays so, and disabling serves nobody.
      if (state === LinkSwitch.DecryptOnly && isOff) throw takesNothingNew(before)
      if (state === LinkSwitch.Enabled && before === LinkSwitch.Unlinked) throw takesNothingNew(before)
      if (state === LinkSwitch.Locked && before === LinkSwitch.Unlinked) return row
      const record = state === LinkSwitch.Unlinked ? Buffer.alloc(0) : row.record
      return { ...row, record, switch_state: state }
    })
  }

  /** Done when every thread has confirmed it. Jobs that wait for the system go on then. */
  async #changeAndConfirm(...change: Parameters<LinkRows['change']>): Promise<void> {
    const [system] = change
    try {
      await this.#rows.change(...change)
      await this.#confirmed(system)
    } finally {
      await this.#work.held.look(system)
    }
  }

  /** What was open under the link as it was is used no more, in any thread. */
  async #confirmed(system: SystemOfKeys): Promise<void> {
    this.#leases.end(system.tenant, system.system)
    await this.#work.users.refresh({ ...system, forget: true })
  }
}
