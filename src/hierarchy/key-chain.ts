import type { Clock } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Row } from '../store/schema.ts'
import type { Change, MaybePromise, Store } from '../store/store.ts'
import { VersionSlot } from '../store/version-table.ts'
import { OpenServiceKeys, type Scope, type ServiceKeys } from './data-key.ts'
import { Distrust } from './distrust.ts'
import {
  activeIntegrityVersion,
  newIntegrityKey,
  type NewIntegrityKey,
  openIntegrityKeys,
  openSystemIntegrityKeys,
  systemRowMacKeys,
  systemRowMacs,
} from './integrity-key.ts'
import type { Suite } from '../crypto/aead.ts'
import { checkParent, type Ivks, newIvk, openIvks, wipeIvks } from './internal-versioned-key.ts'
import { noTenant } from './key-record.ts'
import { takesNothingNew } from './held-systems.ts'
import { standingOf } from './key-standing.ts'
import { KeyState, opens } from './key-state.ts'
import { isNoLease, type Lease, type Leases, noLeases } from './lease.ts'
import { LinkSwitch, newestLink } from './link-key.ts'
import { rootIsMissing, type RootKeys, wipeRootKeys } from './root-keys.ts'
import { type Grant, grantFor } from './break-glass.ts'
import { type RowKeys, type RowMacs, type Unauthenticated, updateOf } from './row-mac.ts'
import { OpenTenantKeys, type TenantKeys } from './tenant-key.ts'
import { WrapBudget } from './wrap-budget.ts'
import { openWrappingKeys, type WrappingKeys, wipeWrappingKeys } from './wrapping-keys.ts'

export type { ObjectContext, Scope, ServiceKeys } from './data-key.ts'
export { announceKey, createServiceKeys, createTenantKeys } from './new-keys.ts'
export { exportRootKeys, importRootKeys, type RootKeys, type TransferableRootKeys } from './root-keys.ts'
export type { RowKeys, Unauthenticated } from './row-mac.ts'
export type { TenantKeys } from './tenant-key.ts'

/** MACs of system rows. */
export type SystemKeys = RowKeys

/** Something opened from rows, good while the slots of the version table are what they were before the rows were read. */
interface Opened<T> {
  readonly keysVersion: number
  readonly tenantVersion: number
  value: MaybePromise<T>
  /** Of keys of a linked system, once they are open. */
  lease: Lease | undefined
}

/**
 * The keys of one thread: opens them from verified rows when they are first asked for, and keeps them until a key of the store changes.
 * What is open is returned at once, never as a promise.
 */
export class KeyChain {
  readonly clock: Clock
  readonly #store: Store
  #root: RootKeys
  readonly #system: RowMacs
  readonly #wraps: WrapBudget
  #ivks: Opened<Ivks> | undefined
  readonly #tenants = new Map<string, Opened<OpenTenantKeys>>()
  readonly #services = new Map<string, Opened<OpenServiceKeys>>()
  /** A principal keeps its scope for life, so the common way to its keys hashes no text. */
  #byScope = new WeakMap<Scope, Opened<OpenServiceKeys>>()
  #forgotten = false
  #leases: Leases = noLeases
  #distrust = Distrust.none

  constructor(store: Store, root: RootKeys, clock: Clock) {
    this.#store = store
    this.#root = root
    this.clock = clock
    this.#system = systemRowMacs(root.cluster, root.systemIntegrityKeys)
    this.#wraps = new WrapBudget(store, () => this.system())
  }

  /** Takes leases of linked systems from there: without it nothing of them opens. */
  leaseFrom(leases: Leases): void {
    this.#leases = leases
  }

  /** What hangs on rows that were changed from outside: nothing of it opens. */
  get distrust(): Distrust {
    return this.#distrust
  }

  /** Takes what is refused from now on: every thread that shares the version table opens its keys, and looks at its clients, anew. */
  refuse(distrust: Distrust): void {
    this.#distrust = distrust
    this.#store.versions.bump(VersionSlot.keys)
    this.#store.versions.bump(VersionSlot.trust)
  }

  /** The root's keys as they are now. They end with this chain, or when others take their place. */
  get root(): RootKeys {
    this.#assertUnsealed()
    return this.#root
  }

  /** Takes the root's keys as they are now in the place of those it had; what is of the former ones alone ends. */
  takeRoot(root: RootKeys): void {
    this.#assertUnsealed()
    const { cluster, systemIntegrityKeys } = root
    this.#system.become(systemRowMacKeys(cluster, systemIntegrityKeys), activeIntegrityVersion(systemIntegrityKeys))
    const former = this.#root
    this.#root = root
    wipeRootKeys(former, root)
  }

  /**
   * Opens the versions of the system integrity key as they are stored now.
   * @throws KryptonError store-conflict: another epoch is just beginning, under whose keys they may be; and as `openSystemIntegrityKeys`
   */
  async readSystemKeys(): Promise<void> {
    const rows = await this.#store.find('integrity_keys', { tenant: noTenant })
    this.#assertUnsealed()
    if (this.#root.nextWrapIvk !== undefined)
      throw new KryptonError('store-conflict', 'another epoch of the MasterKey is just beginning: run the act again')
    this.takeRoot({ ...this.#root, systemIntegrityKeys: openSystemIntegrityKeys(this.#root, rows) })
  }

  /**
   * A change that goes with each new key under the MasterKey: it holds the epoch under whose keys that was wrapped, for the beginning of another one changes the same row.
   * @throws KryptonError store-conflict: another epoch has begun, run the act again
   */
  async epochHeld(): Promise<Change> {
    const manifest = await this.#store.get('manifest', { id: 'manifest' })
    if (manifest === undefined) throw rootIsMissing()
    const keys = this.system()
    keys.verifyRow('manifest', manifest)
    if (manifest.epoch !== this.#root.epoch)
      throw new KryptonError('store-conflict', 'another epoch of the MasterKey has begun: run the act again')
    return updateOf('manifest', manifest, {}, keys)
  }

  /** The cluster that every record is bound to. */
  get cluster(): Uint8Array {
    return this.#root.cluster
  }

  /** MACs of system rows: manifest, seals, integrity keys, IVKs, and what belongs to no tenant. */
  system(): SystemKeys {
    this.#assertUnsealed()
    return this.#system
  }

  /** The versions of the IVK. */
  ivks(): MaybePromise<Ivks> {
    this.#assertUnsealed()
    const keysVersion = this.#keysVersion()
    if (this.#ivks?.keysVersion === keysVersion) return this.#ivks.value
    const opened: Opened<Ivks> = {
      keysVersion,
      tenantVersion: 0,
      lease: undefined,
      value: next(this.#store.find('ivks', {}), (rows) => openIvks(this.#root, this.#system, rows)),
    }
    this.#ivks = opened
    return settle(opened, () => {
      if (this.#ivks === opened) this.#ivks = undefined
    })
  }

  /**
   * The IVKs, the active one with `count` uses to wrap with: nobody wraps under it without asking here.
   * @throws KryptonError wrong-key-lifecycle-state: it has wrapped as much as its suite bears; rows-changed
   */
  async ivksToWrap(count: number): Promise<Ivks> {
    this.#distrust.assertWork()
    const ivks = await this.ivks()
    await this.#wraps.take(ivks.active, count)
    return ivks
  }

  /** The row of a new, pending version of the IVK. */
  newIvk(version: number, created: number, suite: Suite): Unauthenticated<'ivks'> {
    this.#assertUnsealed()
    return newIvk(this.#root, version, created, suite)
  }

  /** A new, pending version of the system integrity key: the caller wipes it. */
  newSystemIntegrityKey(version: number): NewIntegrityKey {
    this.#assertUnsealed()
    return newIntegrityKey(this.cluster, noTenant, this.#root.wrapSystem, version)
  }

  /** Keys of a tenant that open nothing: row MACs and index tokens. Throws 'not-found' when the tenant has no keys. */
  tenant(tenant: Buffer): MaybePromise<TenantKeys> {
    return this.#openTenant(tenant)
  }

  /** Keys of a service. Throws 'not-found' when the tenant or the service has no keys. */
  service(scope: Scope): MaybePromise<ServiceKeys> {
    this.#assertUnsealed()
    const known = this.#byScope.get(scope)
    if (known !== undefined && this.#isFresh(known, scope.tenant)) return known.value
    const opened = this.#cached(this.#services, scopeText(scope), scope.tenant, () => this.#loadService(scope))
    setLease(opened)
    // A promise may yet be broken: only what is open is remembered by scope.
    if (!(opened.value instanceof Promise)) this.#byScope.set(scope, opened)
    return opened.value
  }

  /**
   * The versions of the Tenant Key of a system; none when it was never made. For making keys below it: the caller wipes them.
   * @throws KryptonError as `Leases.of`, where the system is linked; rows-changed
   */
  tenantKeys(tenant: Buffer, system: Buffer): MaybePromise<WrappingKeys> {
    this.#distrust.assertTrusted({ tenant, system })
    const owner = { cluster: this.cluster, tenant, system }
    return next(this.#openTenant(tenant), (tenantKeys) =>
      next(this.ivks(), (ivks) =>
        next(this.#store.find('tenant_keys', { tenant, system }), (rows) => {
          for (const row of rows) checkParent(ivks, row)
          return next(this.links(tenant, system), (links) =>
            links.length === 0
              ? openWrappingKeys('tenant_keys', owner, tenantKeys, ivks, rows)
              : this.#openLinked({ owner, tenantKeys, ivks }, rows, links),
          )
        }),
      ),
    )
  }

  /** The versions of the link key of a system, their MACs verified; none where it is not linked. */
  links(tenant: Buffer, system: Buffer): MaybePromise<Row<'l1_links'>[]> {
    return next(this.#store.find('l1_links', { tenant, system }), (rows) =>
      rows.length === 0
        ? rows
        : next(this.#openTenant(tenant), (tenantKeys) => {
            for (const row of rows) tenantKeys.verifyRow('l1_links', row)
            return rows
          }),
    )
  }

  /** What whoever needs an active Tenant Key of a system is refused with where there is none: why there is none, and what ends that. */
  async haltOf(tenant: Buffer, system: Buffer): Promise<KryptonError> {
    const link = newestLink(await this.links(tenant, system))
    if (link !== undefined && link.switch_state !== LinkSwitch.Enabled) return takesNothingNew(link.switch_state)
    // These are the states that are written here.
    const states = (await this.#store.find('tenant_keys', { tenant, system })).map(({ state }) => state as KeyState)
    return new KryptonError(
      'wrong-key-lifecycle-state',
      `the Tenant Key of this system takes nothing new: ${standingOf(states)}`,
    )
  }

  /** The lease of a linked system: see `Leases.of`. */
  lease(tenant: Buffer, system: Buffer): MaybePromise<Lease> {
    return this.#leases.of(tenant, system)
  }

  #openLinked(
    open: {
      readonly owner: { readonly cluster: Uint8Array; readonly tenant: Buffer; readonly system: Buffer }
      readonly tenantKeys: TenantKeys
      readonly ivks: Ivks
    },
    rows: readonly Row<'tenant_keys'>[],
    links: readonly Row<'l1_links'>[],
  ): MaybePromise<WrappingKeys> {
    const { owner, tenantKeys, ivks } = open
    const { tenant, system } = owner
    const newest = newestLink(links)
    return next(newest && this.#leases.of(tenant, system), (lease) =>
      next(this.#store.find('linked_keys', { tenant, system }), (linkedRows) => {
        for (const row of linkedRows) tenantKeys.verifyRow('linked_keys', row)
        const linking = {
          lease,
          tenantKeys,
          rows: new Map(linkedRows.map((row) => [row.version, row])),
          retired: new Set(links.filter(({ state }) => !opens(state)).map(({ version }) => version)),
        }
        const keys = openWrappingKeys('tenant_keys', owner, tenantKeys, ivks, rows, linking)
        const takesNew = newest === undefined || newest.switch_state === LinkSwitch.Enabled
        return takesNew ? keys : { ...keys, active: undefined }
      }),
    )
  }

  /** The versions of the Service Key of a service, for what wraps records anew: the caller wipes them. Throws as `tenantKeys`. */
  serviceWrappingKeys(scope: Scope): MaybePromise<WrappingKeys> {
    const { tenant, system, service } = scope
    this.#distrust.assertTrusted({ tenant, system, service })
    return next(this.#openTenant(tenant), (tenantKeys) =>
      next(this.tenantKeys(tenant, system), (parents) =>
        next(this.#store.find('service_keys', { tenant, system, service }), (rows) => {
          try {
            const owner = { cluster: this.cluster, tenant, system, service }
            const { lease } = parents
            const keys = { ...openWrappingKeys('service_keys', owner, tenantKeys, parents, rows), lease }
            // A Tenant Key that is halted halts what is below it.
            return parents.active === undefined ? { ...keys, active: undefined } : keys
          } finally {
            wipeWrappingKeys(parents)
          }
        }),
      ),
    )
  }

  /**
   * Opens the IVKs as they are stored now, and the Tenant Keys of a system where one is named, those too that are yet to become active; ends
   * what this thread had opened before. From then on it wraps under no version that was active before. To be called between requests.
   */
  async refresh(meant?: { readonly tenant: Buffer; readonly system?: Buffer }): Promise<void> {
    await this.ivks()
    this.#leases.look()
    if (meant !== undefined) await this.tenant(meant.tenant)
    if (meant?.system !== undefined) await this.#openPending(meant.tenant, meant.system)
    for (const [name, opened] of this.#services) {
      if (opened.keysVersion === this.#keysVersion()) continue
      this.#services.delete(name)
      wipeWhenOpen(opened.value, (keys) => keys.wipe())
    }
  }

  /** Where the L1 gives no lease, nothing is open here that could be used, and what opens later is what is stored then. */
  async #openPending(tenant: Buffer, system: Buffer): Promise<void> {
    try {
      wipeWrappingKeys(await this.tenantKeys(tenant, system))
    } catch (error) {
      const isLinked = (await this.links(tenant, system)).some(({ state }) => opens(state))
      if (!isLinked || !isNoLease(error)) throw error
    }
  }

  /** Ends every key of this thread, the root's too: the server is sealed. */
  forget(): void {
    this.#forgotten = true
    for (const { value } of [...this.#tenants.values(), ...this.#services.values()]) {
      wipeWhenOpen(value, (keys) => keys.wipe())
    }
    if (this.#ivks !== undefined) wipeWhenOpen(this.#ivks.value, wipeIvks)
    this.#ivks = undefined
    this.#tenants.clear()
    this.#services.clear()
    this.#byScope = new WeakMap()
    this.#leases.forget()
    this.#system.wipe()
    wipeRootKeys(this.#root)
  }

  #openTenant(tenant: Buffer): MaybePromise<OpenTenantKeys> {
    this.#assertUnsealed()
    return this.#cached(this.#tenants, tenant.toString('latin1'), tenant, () => this.#loadTenant(tenant)).value
  }

  #loadTenant(tenant: Buffer): MaybePromise<OpenTenantKeys> {
    return next(this.ivks(), (ivks) =>
      next(this.#store.find('integrity_keys', { tenant }), (rows) => {
        if (rows.length === 0)
          throw new KryptonError('not-found', 'this tenant has no keys: add it with krypton tenant add')
        for (const row of rows) {
          this.#system.verifyRow('integrity_keys', row)
          checkParent(ivks, row)
        }
        const keys = openIntegrityKeys(this.cluster, tenant, ivks.byVersion, rows)
        try {
          return new OpenTenantKeys(this.cluster, tenant, keys)
        } finally {
          for (const key of keys) key.secret.wipe()
        }
      }),
    )
  }

  #loadService(scope: Scope): MaybePromise<OpenServiceKeys> {
    return next(this.#openTenant(scope.tenant), (tenantKeys) =>
      next(this.serviceWrappingKeys(scope), (keys) => {
        if (keys.byVersion.size === 0 && keys.retired.size === 0 && !keys.isAnnounced) {
          throw new KryptonError(
            'not-found',
            'this service has no active key: add a client of it with krypton client add',
          )
        }
        const make = (grant: Grant | undefined) => new OpenServiceKeys(this.cluster, scope, tenantKeys, keys, grant)
        return keys.compromised.size === 0 ? make(undefined) : next(this.#grant(scope, tenantKeys), make)
      }),
    )
  }

  /** What an operator lets through although the key is compromised. */
  #grant(scope: Scope, tenantKeys: RowKeys): MaybePromise<Grant | undefined> {
    return next(this.#store.find('break_glass', { tenant: scope.tenant }), (rows) => {
      for (const row of rows) tenantKeys.verifyRow('break_glass', row)
      return grantFor(scope, rows, this.clock)
    })
  }

  /** The entry of `key` if it is fresh, else a new one; what fails to load is not kept. Oldest entries make room. */
  #cached<T>(cache: Map<string, Opened<T>>, key: string, tenant: Buffer, load: () => MaybePromise<T>): Opened<T> {
    const known = cache.get(key)
    if (known !== undefined && this.#isFresh(known, tenant)) return known
    // The slots are read before the rows, so that a change between the two makes the entry stale, never too new.
    const keysVersion = this.#keysVersion()
    const tenantVersion = this.#tenantVersion(tenant)
    const opened: Opened<T> = { keysVersion, tenantVersion, value: load(), lease: undefined }
    cache.delete(key)
    cache.set(key, opened)
    if (cache.size > limits.keyChainEntriesMax) cache.delete(cache.keys().next().value!)
    void settle(opened, () => {
      if (cache.get(key) === opened) cache.delete(key)
    })
    return opened
  }

  #isFresh(opened: Opened<unknown>, tenant: Buffer): boolean {
    return (
      opened.keysVersion === this.#keysVersion() &&
      opened.tenantVersion === this.#tenantVersion(tenant) &&
      (opened.lease === undefined || opened.lease.isRunning)
    )
  }

  #keysVersion(): number {
    return this.#store.versions.read(VersionSlot.keys)
  }

  #tenantVersion(tenant: Buffer): number {
    const { versions } = this.#store
    return versions.read(versions.slotOf(tenant))
  }

  #assertUnsealed(): void {
    if (this.#forgotten) throw new KryptonError('seal-failed', 'the server is sealed: unseal it first')
  }
}

/** Goes on with a value at once, or when its promise is kept. */
function next<T, U>(value: MaybePromise<T>, go: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(go) : go(value)
}

/** Puts the kept value in place of its promise; `onFailure` runs when it is broken. */
function settle<T>(opened: Opened<T>, onFailure: () => void): MaybePromise<T> {
  const { value } = opened
  if (value instanceof Promise) {
    value.then((settled) => (opened.value = settled), onFailure)
  }
  return value
}

/** Remembers under which lease a service's keys were opened, now or when they are. */
function setLease(opened: Opened<OpenServiceKeys>): void {
  const { value } = opened
  if (!(value instanceof Promise)) opened.lease = value.lease
  else void value.then(({ lease }) => (opened.lease = lease)).catch(() => undefined) // who asked for the keys is told
}

/** Keys that are being opened are wiped as soon as they are; where they do not open, there are none. */
function wipeWhenOpen<T>(value: MaybePromise<T>, wipe: (keys: T) => void): void {
  if (value instanceof Promise) value.then(wipe, () => undefined)
  else wipe(value)
}

function scopeText(scope: Scope): string {
  return scope.tenant.toString('latin1') + scope.system.toString('latin1') + scope.service.toString('latin1')
}
