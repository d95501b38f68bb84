import { ChangedRowsWatch } from './changed-rows.ts'
import { systemBootClock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import type { ControlPlane } from './control-plane.ts'
import { algorithmSelfTest } from './crypto/algorithm-self-test.ts'
import { decideMaking } from './crypto/native.ts'
import { externalKeyProviders } from './external-keys/providers.ts'
import { hex } from './hex.ts'
import { checkLinkRows } from './hierarchy/sets.ts'
import { exportRootKeys } from './hierarchy/key-chain.ts'
import { L1Leases } from './hierarchy/l1-leases.ts'
import { noLeases } from './hierarchy/lease.ts'
import { type Instance, openInstance } from './instance.ts'
import { limits } from './limits.ts'
import { cannotListen } from './listen-refusal.ts'
import { type Address, ListenerThreads } from './listener-threads.ts'
import { hardenProcess } from './process/hardening.ts'
import { wipeAtEnd } from './process/wipe-at-end.ts'
import { isOnVolumeOf } from './seal/anchor-place.ts'
import {
  type KeptAnchor,
  memoryInWords,
  memoryStatus,
  memoryWarnings,
  pinWarnings,
  type ServerParts,
  ServerStatus,
} from './server-status.ts'
import { auditSystem } from './system-audit.ts'
import { Counters } from './telemetry/counters.ts'
import type { HealthServer } from './telemetry/health-server.ts'
import type { Log } from './telemetry/log.ts'
import { version } from './version.ts'

export {
  acceptAnchor,
  initializeInstance,
  type InitializeOptions,
  type InitResult,
  makeInteropCertificate,
  renewServerCertificate,
} from './instance.ts'
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
  readonly #status = new ServerStatus(() => this.#parts())
  readonly #threads: ListenerThreads
  readonly stopped: Promise<'signal' | 'fatal'>
  #tellStopped: (reason: 'signal' | 'fatal') => void = () => undefined
  #ending: Promise<void> | undefined
  #serving = false
  #instance: Instance | undefined
  #wipeNoMore: () => void = () => undefined
  #anchor: KeptAnchor | undefined
  #changedRows: ChangedRowsWatch | undefined
  #control: ControlPlane | undefined
  #leases: L1Leases | undefined
  #leaseTimer: NodeJS.Timeout | undefined
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
    return memoryInWords()
  }

  async start(prepare: StartOptions['prepare']): Promise<void> {
    const config = this.#config
    this.#threads.prepare(config.server.threads)
    // While they load.
    algorithmSelfTest()
    this.#instance = await openInstance(config, (error) => this.#fail('the store cannot go on', error))
    const { store, keyChain } = this.#instance
    this.#wipeNoMore = wipeAtEnd(() => keyChain.forget())
    this.#tellUnsealed()
    await this.#tellProfile()
    this.#changedRows = new ChangedRowsWatch({
      store,
      chain: keyChain,
      clock: systemClock,
      log: this.#log,
      refuse: (changed) => this.#threads.refuse(changed),
      onReleased: () => this.#control?.keyJobs.goOn(),
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
    await this.#startControlPlane(this.#changedRows, this.#leases)
    await prepare?.(this)
    if (config.health.enabled) await this.#startHealth(counters)
    await this.#startAnchor()
    this.#serving = true
    const { kmip, https } = this.addresses
    this.#log.info('serving', {
      ...kmip,
      httpsPort: https?.port,
      threads: config.server.threads,
      development: this.development,
    })
  }

  #tellUnsealed(): void {
    const { cluster, epoch, development } = this.#opened().keyChain.root
    const warnings = [...memoryWarnings(), ...pinWarnings(this.#config, { isDevelopment: development })]
    for (const warning of warnings) this.#log.warn(warning)
    const { native, memory } = memoryStatus()
    this.#log.info('unsealed', {
      seal: this.#config.seal.type,
      cluster: hex(cluster),
      epoch,
      native,
      lockedBytes: memory.lockedBytes,
      lockedBy: memory.lockedBy,
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
      onEnded: () => this.#control?.forgetEnded(),
      onRefused: async ({ tenant, system, name, error: { code, message } }) => {
        this.#log.warn('an L1 does not open its link key', { system: name, code, message })
        const event = { tenant, operation: 'LinkKeyOpen', object: system, result: code }
        await auditSystem({ store, clock: systemClock }, event)
      },
      onReopened: (tenant) => this.#control?.keyJobs.goOn(tenant),
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
    const event = { operation: 'ServerStart', result: 'success', detail: told.join(', ') }
    await auditSystem({ store: this.#opened().store, clock: systemClock }, event)
  }

  async stop(): Promise<void> {
    this.#ending ??= this.#end('signal')
    return this.#ending
  }

  async #startAnchor(): Promise<void> {
    const { store, keyChain, anchorPlace: place } = this.#opened()
    if (place === undefined) return
    const { AnchorKeeper } = await import('./seal/anchor-keeper.ts')
    const { anchor, store: settings } = this.#config
    const isOnStoreVolume = anchor.file !== undefined && (await isOnVolumeOf(anchor.file, settings.directory))
    const anchored = { store, root: () => keyChain.root, place, clock: systemClock }
    const keeper = new AnchorKeeper(anchored, (error) => this.#log.error('the anchor could not be written', error))
    this.#anchor = { keeper, isOnStoreVolume }
    await keeper.start()
  }

  async #startControlPlane(changedRows: ChangedRowsWatch, leases: L1Leases): Promise<void> {
    const { ControlPlane } = await import('./control-plane.ts')
    this.#control = new ControlPlane({
      config: this.#config,
      instance: this.#opened(),
      threads: this.#threads,
      changedRows,
      leases,
      status: this.#status,
      log: this.#log,
      onDamaged: (message) => this.#onDamaged(message),
    })
    await this.#control.start()
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
          warnings: this.#status.warnings(),
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

  #parts(): ServerParts {
    return {
      config: this.#config,
      instance: this.#opened(),
      kmip: this.#threads.address,
      health: this.#health?.address,
      changedRows: this.#changedRows,
      leases: this.#leases,
      control: this.#control,
      anchor: this.#anchor,
    }
  }

  #onDamaged(message: string): void {
    if (this.#status.addDamage(message))
      this.#log.error(
        'a row is not as it was written: what hangs on it is refused, and Locate leaves an object out',
        new Error(message),
      )
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
    this.#instance?.store.beginClose()
    await this.#control?.stop()
    clearInterval(this.#leaseTimer)
    await this.#threads.stop()
    await this.#health?.server.stop()
    await this.#anchor?.keeper.stop()
    this.#instance?.keyChain.forget()
    this.#wipeNoMore()
    await this.#instance?.store.close()
    if (this.#serving) this.#log.info('stopped')
    this.#tellStopped(reason)
  }
}
