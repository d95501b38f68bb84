import { auditEvent } from './audit/audit-event.ts'
import type { AdminHttpServer } from './admin/http-server.ts'
import type { AdministrationParts } from './administration.ts'
import type { Status } from './admin/services.ts'
import { systemBootClock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { algorithmSelfTest } from './crypto/algorithm-self-test.ts'
import { decideMaking, memoryReport } from './crypto/native.ts'
import { externalKeyProviders } from './external-keys/providers.ts'
import { findingsOfProcess } from './doctor/process-findings.ts'
import { limits } from './limits.ts'
import { cannotListen } from './listen-refusal.ts'
import { ChangedRowsWatch } from './changed-rows.ts'
import { activeIntegrityVersion } from './hierarchy/integrity-key.ts'
import { checkLinkRows } from './hierarchy/sets.ts'
import { noTenant } from './hierarchy/key-record.ts'
import { exportRootKeys } from './hierarchy/key-chain.ts'
import { L1Leases } from './hierarchy/l1-leases.ts'
import { noLeases } from './hierarchy/lease.ts'
import { type Instance, openInstance, openSealKey, pinsOf } from './instance.ts'
import { KeyJobs } from './key-jobs.ts'
import { type Address, ListenerThreads } from './listener-threads.ts'
import { policyOf } from './objects/crypto-policy.ts'
import { MasterKeyActs } from './master-key-acts.ts'
import { hardenProcess } from './process/hardening.ts'
import { wipeAtEnd } from './process/wipe-at-end.ts'
import { AnchorKeeper } from './seal/anchor-keeper.ts'
import { isOnVolumeOf } from './seal/anchor-place.ts'
import type { ServiceActs } from './service-acts.ts'
import { Counters } from './telemetry/counters.ts'
import type { HealthServer } from './telemetry/health-server.ts'
import type { Log } from './telemetry/log.ts'
import { TenantLinks } from './tenant-links.ts'
import { version } from './version.ts'

export {
  acceptAnchor,
  initializeInstance,
  type InitializeOptions,
  type InitResult,
  makeInteropCertificate,
  renewServerCertificate,
} from './instance.ts'
import { isLoopback } from './server-certificate.ts'
export { serverCertificateNames } from './server-certificate.ts'

export interface StartOptions {
  readonly config: Config
  readonly log: Log
  /** Ends before the health port says that the server is ready; the admin socket answers already. */
  readonly prepare?: (server: Pick<Krypton, 'addresses'>) => Promise<void>
}

/** A server that runs. */
export interface Krypton {
  readonly addresses: {
    readonly kmip: Address
    /** KMIP over HTTPS, where it is served. */
    readonly https: Address | undefined
    readonly health: Address | undefined
    /** The Unix socket. */
    readonly admin: string
  }
  readonly development: boolean
  /** Where keys are held, in words. */
  readonly keys: string
  /** Drains and lets go of everything; calling it again waits for the same end. */
  stop(): Promise<void>
  /** 'signal' after `stop` was called; 'fatal' when the server had to stop by itself: its log says why. */
  readonly stopped: Promise<'signal' | 'fatal'>
}

/**
 * Starts a server on an instance: opens the store, unseals it, starts the threads that serve KMIP, then the admin socket, and last the
 * health port, so that whoever can reach them finds a server that serves.
 * @throws KryptonError config-invalid, not-found, store-locked, store-format, seal-failed, development-store, certificate-invalid
 */
export async function startKrypton({ config, log, prepare }: StartOptions): Promise<Krypton> {
  decideMaking(config.native)
  hardenProcess({ production: config.server.profile === 'production', log })
  const server = new RunningServer(config, log)
  try {
    await server.start(prepare)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

class RunningServer implements Krypton {
  readonly #config: Config
  readonly #log: Log
  readonly #started = new Date(systemClock.now())
  readonly #threads: ListenerThreads
  readonly stopped: Promise<'signal' | 'fatal'>
  #tellStopped: (reason: 'signal' | 'fatal') => void = () => undefined
  #ending: Promise<void> | undefined
  #serving = false
  #instance: Instance | undefined
  #wipeNoMore: () => void = () => undefined
  #anchor: AnchorKeeper | undefined
  /** The anchor lies on the store's own volume. */
  #anchorShares = false
  #changedRows: ChangedRowsWatch | undefined
  #keyJobs: KeyJobs | undefined
  #masterKey: MasterKeyActs | undefined
  #leases: L1Leases | undefined
  #leaseTimer: NodeJS.Timeout | undefined
  /** Rows that were found damaged, in words. */
  readonly #damaged = new Set<string>()
  #admin: AdminHttpServer | undefined
  #acts: ServiceActs | undefined
  #health: { readonly server: HealthServer; readonly address: Address } | undefined

  constructor(config: Config, log: Log) {
    this.#config = config
    this.#log = log
    this.#threads = new ListenerThreads(
      {
        onDamaged: (message) => this.#onDamaged(message),
        onLost: (error) => this.#log.error('a listener thread died and is replaced: its clients connect again', error),
        onGivenUp: (error) => this.#fail('listener threads die again and again', error),
      },
      () => this.#leases ?? noLeases,
      systemClock,
    )
    this.stopped = new Promise((resolve) => (this.#tellStopped = resolve))
  }

  get addresses(): Krypton['addresses'] {
    const { address, httpsAddress } = this.#threads
    return { kmip: address, https: httpsAddress, health: this.#health?.address, admin: this.#config.admin.socket }
  }

  get development(): boolean {
    return this.#opened().keyChain.root.development
  }

  get keys(): string {
    const { making, lockedBytes, lockedBy, reason, refused } = memoryReport()
    if (making === 'javascript') return `held by JavaScript, in memory that is not locked: ${reason}`
    const how =
      lockedBy === 'nothing' ? 'memory that could not be locked' : `locked memory (${lockedBytes} bytes, ${lockedBy})`
    return [`held by the native addon, in ${how}`, ...refused].join('; ')
  }

  async start(prepare: StartOptions['prepare']): Promise<void> {
    const config = this.#config
    this.#threads.prepare(config.server.threads)
    // While they load.
    algorithmSelfTest()
    this.#instance = await openInstance(config, (error) => this.#fail('the store cannot go on', error))
    const { store, keyChain } = this.#instance
    const { cluster, epoch, development } = keyChain.root
    this.#wipeNoMore = wipeAtEnd(() => keyChain.forget())
    for (const warning of memoryWarnings()) this.#log.warn(warning)
    const { native, memory } = memoryStatus()
    this.#log.info('unsealed', {
      seal: config.seal.type,
      cluster: hex(cluster),
      epoch,
      native,
      lockedBytes: memory.lockedBytes,
      lockedBy: memory.lockedBy,
    })
    await this.#tellProfile()
    this.#changedRows = new ChangedRowsWatch({
      store,
      chain: keyChain,
      clock: systemClock,
      log: this.#log,
      refuse: (changed) => this.#threads.refuse(changed),
      onReleased: () => this.#keyJobs?.goOn(),
    })
    // Before anybody is served.
    await this.#changedRows.look()
    store.whenChangedOutside(() => this.#lookAtRows())
    this.#leases = this.#startLeases(this.#changedRows)
    const leases = this.#leases.cells.memory
    const counters: Counters[] = []
    for (let thread = 0; thread < config.server.threads; thread += 1) {
      const own = new Counters()
      counters.push(own)
      await this.#threads.start(() => ({
        config,
        store: store.connect(),
        root: exportRootKeys(keyChain.root),
        counters: own.memory,
        leases,
      }))
    }
    this.#keyJobs = new KeyJobs({
      instance: this.#instance,
      users: {
        refresh: async (meant) => {
          await this.#threads.refresh(meant)
          if (meant?.forget === true) this.#acts?.forget()
        },
        takeRoot: (root) => this.#threads.takeRoot(root),
      },
      changedRows: this.#changedRows,
      rotation: config.rotation,
      scrub: config.scrub,
      clock: systemClock,
      log: this.#log,
    })
    await this.#keyJobs.start()
    const links = new TenantLinks({
      work: this.#keyJobs.work,
      leases: this.#leases,
      registry: this.#instance.registry,
      providers: externalKeyProviders,
      development,
    })
    this.#masterKey = new MasterKeyActs({
      work: this.#keyJobs.work,
      backups: this.#keyJobs.backups,
      openSealKey: () => openSealKey(config),
      pins: pinsOf(config),
      days: config.rotation.masterKeyDays,
    })
    await this.#masterKey.start()
    await this.#startAdministration({
      keyJobs: this.#keyJobs,
      changedRows: this.#changedRows,
      masterKey: this.#masterKey,
      links,
    })
    await prepare?.(this)
    if (config.health.enabled) await this.#startHealth(counters)
    await this.#startAnchor()
    this.#serving = true
    const { kmip, https } = this.addresses
    this.#log.info('serving', {
      ...kmip,
      httpsPort: https?.port,
      threads: config.server.threads,
      development,
    })
  }

  #lookAtRows(): void {
    this.#changedRows?.look().catch((error: unknown) => this.#log.error('the rows could not be looked at', error))
  }

  /** The leases of linked systems, for every thread. */
  #startLeases(changedRows: ChangedRowsWatch): L1Leases {
    const { store, keyChain: chain, registry } = this.#opened()
    const leases = new L1Leases({
      chain,
      nameOf: (tenant, system) => registry.scopes.pathOf({ tenant, system }),
      clock: systemClock,
      bootClock: systemBootClock,
      providers: externalKeyProviders,
      checkRows: async (tenant) => {
        try {
          await checkLinkRows(store, tenant)
        } catch (error) {
          await changedRows.look()
          throw error
        }
      },
      onEnded: () => this.#acts?.forgetEnded(),
      onRefused: async ({ tenant, system, name, error: { code, message } }) => {
        this.#log.warn('an L1 does not open its link key', { system: name, code, message })
        const event = { clock: systemClock, tenant, actor: 'system', operation: 'LinkKeyOpen', object: system }
        const audit = auditEvent({ ...event, result: code, detail: '' })
        await store.commit({ section: 'data', changes: [], audit: [audit] })
      },
      onReopened: (tenant) => this.#keyJobs?.goOn(tenant),
      onFault: (error) => this.#log.error('the L1 of a system could not be asked by a fault of ours', error),
    })
    chain.leaseFrom(leases)
    this.#leaseTimer = setInterval(() => leases.look(), limits.leaseLookMs).unref()
    return leases
  }

  /** That algorithms were restricted, or TLS weakened, from here on stands in the audit log. */
  async #tellProfile(): Promise<void> {
    const { profile } = this.#config.crypto
    const { tlsProfile } = this.#config.kmip
    const told: string[] = []
    if (profile !== 'any') told.push(`crypto.profile ${profile}`)
    if (tlsProfile !== 'modern') told.push(`kmip.tlsProfile ${tlsProfile}`)
    if (told.length === 0) return
    const { clock, tenant, detail } = { clock: systemClock, tenant: noTenant, detail: told.join(', ') }
    const event = auditEvent({ clock, tenant, actor: 'system', operation: 'ServerStart', result: 'success', detail })
    await this.#opened().store.commit({ section: 'data', changes: [], audit: [event] })
  }

  async stop(): Promise<void> {
    this.#ending ??= this.#end('signal')
    return this.#ending
  }

  async #startAnchor(): Promise<void> {
    const { store, keyChain, anchorPlace: place } = this.#opened()
    if (place === undefined) return
    const { anchor, store: settings } = this.#config
    if (anchor.file !== undefined) this.#anchorShares = await isOnVolumeOf(anchor.file, settings.directory)
    const anchored = { store, root: () => keyChain.root, place, clock: systemClock }
    this.#anchor = new AnchorKeeper(anchored, (error) => this.#log.error('the anchor could not be written', error))
    await this.#anchor.start()
  }

  /** What KMIP does not need is loaded when KMIP is served: the half of what this thread loads. */
  async #startAdministration(
    parts: Pick<AdministrationParts, 'keyJobs' | 'changedRows' | 'masterKey' | 'links'>,
  ): Promise<void> {
    const { Administration } = await import('./administration.ts')
    const { startAdminServer } = await import('./admin/http-server.ts')
    const { ServiceActs } = await import('./service-acts.ts')
    const { server, native, admin, crypto } = this.#config
    const instance = this.#opened()
    this.#acts = new ServiceActs({
      ...instance,
      clock: systemClock,
      policy: policyOf(crypto),
      onDamaged: ({ message }) => this.#onDamaged(message),
    })
    const administration = new Administration({
      ...parts,
      instance,
      acts: this.#acts,
      clock: systemClock,
      status: () => this.#status(),
      findings: () => findingsOfProcess({ production: server.profile === 'production', native }),
      log: this.#log,
    })
    const report = (message: string, error: unknown): void => this.#log.error(message, error)
    this.#admin = await startAdminServer(administration, report, admin.socket)
  }

  async #startHealth(counters: readonly Counters[]): Promise<void> {
    const { operationName } = await import('./role-names.ts')
    const { HealthServer } = await import('./telemetry/health-server.ts')
    const { Metrics } = await import('./telemetry/metrics.ts')
    const metrics = new Metrics(counters, operationName, this.#opened().serverCertificate.notAfter, {
      secretMemory: () => {
        const { native, memory } = memoryStatus()
        return { native: native === 'on', ...memory }
      },
      changedRows: () => this.#changedRows?.numbers() ?? new Map(),
    })
    const server = new HealthServer({
      ready: () => ({
        // While some are served, whoever sends requests by this answer goes on: what is refused is told with it.
        ok: this.#ending === undefined && !this.#opened().keyChain.distrust.ofAll,
        detail: {
          state: this.#ending === undefined ? 'unsealed' : 'draining',
          refused: this.#changedRows?.refusals() ?? [],
          ...memoryStatus(),
          warnings: this.#warnings(),
        },
      }),
      version: () => ({ version, node: process.versions.node }),
      metrics,
    })
    const { host, port } = this.#config.health
    try {
      const { address, port: given } = await server.listen(host, port)
      this.#health = { server, address: { host: address, port: given } }
    } catch (cause) {
      throw cannotListen(cause, { what: 'health', host, port, setting: 'health', flag: '--health-port' })
    }
  }

  #status(): Status {
    const { keyChain, serverCertificate } = this.#opened()
    const { root } = keyChain
    const { names, notAfter } = serverCertificate
    return {
      version,
      state: 'unsealed',
      profile: root.development ? 'development' : 'production',
      cryptoProfile: this.#config.crypto.profile,
      pid: process.pid,
      started: this.#started.toISOString(),
      kmip: this.#threads.address,
      endpoint: this.#endpoint(),
      certificate: { names, notAfter: notAfter.toISOString() },
      health: this.#health?.address,
      threads: this.#config.server.threads,
      ...memoryStatus(),
      seal: {
        type: this.#config.seal.type,
        cluster: hex(root.cluster),
        verifier: hex(root.verifier),
        epoch: root.epoch,
        integrityKey: activeIntegrityVersion(root.systemIntegrityKeys),
      },
      keys: this.#keyJobs?.summary() ?? { rotating: 0, toBeDeleted: 0, grants: 0 },
      anchor: this.#anchorStatus(),
      refused: this.#changedRows?.refusals() ?? [],
      warnings: this.#warnings(),
    }
  }

  #anchorStatus(): Status['anchor'] {
    const state = this.#anchor?.state
    const place = this.#instance?.anchorPlace?.name
    return {
      type: this.#config.anchor.type,
      place,
      keys: state?.keys.sequence,
      data: state?.data.sequence,
      written: state?.written,
    }
  }

  /** An address that stands for all of a machine's is none that a client calls: a name of the certificate stands in for it. */
  #endpoint(): Address {
    const { host, port } = this.#threads.address
    if (host !== '0.0.0.0' && host !== '::') return { host, port }
    const { names } = this.#opened().serverCertificate
    const outside = names.find((name) => !isLoopback(name))
    return { host: outside ?? 'localhost', port }
  }

  /** What an operator has to know while everything works. */
  #warnings(): string[] {
    const warnings = [
      ...this.#anchorWarnings(),
      ...memoryWarnings(),
      'the seal is static: whoever reads its key file and the database reads every key',
    ]
    const { store, serverCertificate } = this.#opened()
    const trouble = store.trouble()
    // Not a reason to send nobody here: reads go on, and only a change that succeeds ends it.
    if (trouble !== undefined) warnings.unshift(trouble)
    warnings.unshift(...(this.#keyJobs?.warnings() ?? []))
    warnings.unshift(...(this.#masterKey?.warnings() ?? []))
    warnings.unshift(...(this.#leases?.troubles() ?? []).map((trouble) => `the L1 of ${trouble}`))
    warnings.unshift(...this.#damageWarnings())
    const { notAfter } = serverCertificate
    if (notAfter.getTime() < systemClock.now() + limits.certificateWarningDays * 86_400_000)
      warnings.push(`the server's certificate ends on ${notAfter.toISOString()}: krypton server-certificate renew`)
    if (this.#config.kmip.tlsProfile !== 'modern')
      warnings.push('TLS has suites without forward secrecy: kmip.tlsProfile is kmip-1.x-interop')
    if (this.development) warnings.push('this is a development store: nobody should trust its keys')
    return warnings
  }

  #onDamaged(message: string): void {
    if (this.#damaged.has(message) || this.#damaged.size >= limits.damagedObjectsToldMax) return
    this.#damaged.add(message)
    this.#log.error('an object is damaged: it is left out of every Locate and cannot be used', new Error(message))
  }

  #damageWarnings(): string[] {
    const shown = [...this.#damaged].slice(0, limits.damagedObjectsShownMax)
    const more = this.#damaged.size - shown.length
    return more === 0 ? shown : [...shown, `${more} more rows of objects are damaged: the log names them`]
  }

  #anchorWarnings(): string[] {
    if (this.#anchor === undefined) return ['rollback is not detected: there is no anchor outside the database']
    const trouble = this.#anchor.trouble()
    const warnings = trouble === undefined ? [] : [trouble]
    if (this.#anchorShares) {
      warnings.push('the anchor is on the volume of the store: where both are rolled back together, nobody notices')
    }
    return warnings
  }

  #opened(): Instance {
    if (this.#instance === undefined) throw new Error('the instance is not open')
    return this.#instance
  }

  #fail(message: string, error: unknown): void {
    this.#log.fatal(message, error)
    this.#ending ??= this.#end('fatal')
  }

  /** In the order in which things hang on each other: nobody new, those who are served, then what served them. */
  async #end(reason: 'signal' | 'fatal'): Promise<void> {
    if (this.#serving) this.#log.info('draining', { reason })
    await this.#admin?.close()
    clearInterval(this.#leaseTimer)
    await this.#keyJobs?.stop()
    await this.#acts?.close()
    await this.#threads.stop()
    await this.#health?.server.stop()
    await this.#anchor?.stop()
    this.#instance?.keyChain.forget()
    this.#wipeNoMore()
    await this.#instance?.store.close()
    if (this.#serving) this.#log.info('stopped')
    this.#tellStopped(reason)
  }
}

/** Who holds the bytes of keys, and in what memory. */
function memoryStatus(): Pick<Status, 'native' | 'memory'> {
  const { making, lockedBytes, unlockedBytes, lockedBy, slots, slotsInUse } = memoryReport()
  return {
    native: making === 'native' ? 'on' : 'off',
    memory: { lockedBytes, unlockedBytes, lockedBy, slots, slotsInUse },
  }
}

/** What is not as it should be with the memory that holds keys. */
function memoryWarnings(): string[] {
  const { making, reason, refused } = memoryReport()
  return making === 'native' ? [...refused] : [`keys are held by JavaScript, memory is not locked: ${reason}`]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
