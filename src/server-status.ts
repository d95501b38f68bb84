import type { Status } from './admin/services.ts'
import type { ChangedRowsWatch } from './changed-rows.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import type { ControlPlane } from './control-plane.ts'
import { memoryReport } from './crypto/native.ts'
import { activeIntegrityVersion } from './hierarchy/integrity-key.ts'
import type { L1Leases } from './hierarchy/l1-leases.ts'
import { hex } from './hex.ts'
import { type Instance, pinsOf } from './instance.ts'
import { limits } from './limits.ts'
import type { Address } from './listener-threads.ts'
import type { AnchorKeeper } from './seal/anchor-keeper.ts'
import { isLoopback } from './server-certificate.ts'
import { version } from './version.ts'

/** The parts of a server as they are now: what has not been started yet is undefined. */
export interface ServerParts {
  readonly config: Config
  readonly instance: Instance
  readonly kmip: Address
  readonly health: Address | undefined
  readonly changedRows: ChangedRowsWatch | undefined
  readonly leases: L1Leases | undefined
  readonly control: ControlPlane | undefined
  readonly anchor: KeptAnchor | undefined
}

/** The anchor that goes along with the database. */
export interface KeptAnchor {
  readonly keeper: AnchorKeeper
  /** It lies on the store's own volume. */
  readonly isOnStoreVolume: boolean
}

/** What a server says of itself, to administrators and to whoever sends it requests. */
export class ServerStatus {
  readonly #started = new Date(systemClock.now())
  readonly #parts: () => ServerParts
  /** Rows that were found damaged when they were read, in words. */
  readonly #damaged = new Set<string>()

  /** `parts` are asked for with every question. */
  constructor(parts: () => ServerParts) {
    this.#parts = parts
  }

  /** Keeps what was found of a damaged row, which threads tell of it each. False for what is known already. */
  addDamage(message: string): boolean {
    if (this.#damaged.has(message) || this.#damaged.size >= limits.damagedObjectsToldMax) return false
    this.#damaged.add(message)
    return true
  }

  /** All of it, for administrators. */
  status(): Status {
    const { config, instance, kmip, health, changedRows, control } = this.#parts()
    const { root } = instance.keyChain
    const { names, notAfter } = instance.serverCertificate
    return {
      version,
      state: 'unsealed',
      profile: root.development ? 'development' : 'production',
      cryptoProfile: config.crypto.profile,
      pid: process.pid,
      started: this.#started.toISOString(),
      kmip,
      endpoint: endpointOf(kmip, names),
      certificate: { names, notAfter: notAfter.toISOString() },
      health,
      threads: config.server.threads,
      ...memoryStatus(),
      seal: {
        type: config.seal.type,
        cluster: hex(root.cluster),
        verifier: hex(root.verifier),
        epoch: root.epoch,
        integrityKey: activeIntegrityVersion(root.systemIntegrityKeys),
      },
      keys: control?.keyJobs.summary() ?? { rotating: 0, toBeDeleted: 0, grants: 0 },
      anchor: this.#anchorStatus(),
      refused: changedRows?.refusals() ?? [],
      warnings: this.warnings(),
    }
  }

  #anchorStatus(): Status['anchor'] {
    const { config, instance, anchor } = this.#parts()
    const state = anchor?.keeper.state
    return {
      type: config.anchor.type,
      place: instance.anchorPlace?.name,
      keys: state?.keys.sequence,
      data: state?.data.sequence,
      written: state?.written,
    }
  }

  /** What an operator has to know while everything works, what is worst first. */
  warnings(): string[] {
    const { config, instance, leases, control } = this.#parts()
    const { store, serverCertificate, keyChain } = instance
    const warnings = [
      ...this.#damageWarnings(),
      ...(leases?.troubles() ?? []).map((trouble) => `the L1 of ${trouble}`),
      ...(control?.warnings() ?? []),
    ]
    const trouble = store.trouble()
    // Not a reason to send nobody here: reads go on, and only a change that succeeds ends it.
    if (trouble !== undefined) warnings.push(trouble)
    warnings.push(
      ...this.#anchorWarnings(),
      ...memoryWarnings(),
      ...pinWarnings(config, { isDevelopment: keyChain.root.development }),
      'the seal is static: whoever reads its key file and the database reads every key',
    )
    const { notAfter } = serverCertificate
    if (notAfter.getTime() < systemClock.now() + limits.certificateWarningDays * 86_400_000)
      warnings.push(`the server's certificate ends on ${notAfter.toISOString()}: krypton server-certificate renew`)
    if (config.kmip.tlsProfile !== 'modern')
      warnings.push('TLS has suites without forward secrecy: kmip.tlsProfile is kmip-1.x-interop')
    if (keyChain.root.development) warnings.push('this is a development store: nobody should trust its keys')
    return warnings
  }

  #damageWarnings(): string[] {
    const shown = [...this.#damaged].slice(0, limits.damagedObjectsShownMax)
    const more = this.#damaged.size - shown.length
    return more === 0 ? shown : [...shown, `${more} more rows are damaged: the log names them`]
  }

  #anchorWarnings(): string[] {
    const { anchor } = this.#parts()
    if (anchor === undefined) return ['rollback is not detected: there is no anchor outside the database']
    const trouble = anchor.keeper.trouble()
    const warnings = trouble === undefined ? [] : [trouble]
    if (anchor.isOnStoreVolume) {
      warnings.push('the anchor is on the volume of the store: where both are rolled back together, nobody notices')
    }
    return warnings
  }
}

/** An address that stands for all of a machine's is none that a client calls: a name of the certificate stands in for it. */
function endpointOf({ host, port }: Address, names: readonly string[]): Address {
  if (host !== '0.0.0.0' && host !== '::') return { host, port }
  const outside = names.find((name) => !isLoopback(name))
  return { host: outside ?? 'localhost', port }
}

/** Who holds the bytes of keys, and in what memory. */
export function memoryStatus(): Pick<Status, 'native' | 'memory'> {
  const { making, lockedBytes, unlockedBytes, lockedBy, slots, slotsInUse } = memoryReport()
  return {
    native: making === 'native' ? 'on' : 'off',
    memory: { lockedBytes, unlockedBytes, lockedBy, slots, slotsInUse },
  }
}

/** What is not as it should be with the memory that holds keys. */
export function memoryWarnings(): string[] {
  const { making, reason, refused } = memoryReport()
  return making === 'native' ? [...refused] : [`keys are held by JavaScript, memory is not locked: ${reason}`]
}

/** A development server pins nothing; any other may, and is to know what it does without. */
export function pinWarnings(config: Config, { isDevelopment }: { readonly isDevelopment: boolean }): string[] {
  if (isDevelopment || pinsOf(config) !== undefined) return []
  return [
    'the configuration pins no root: a store with another MasterKey that somebody puts in the place of this one is served without a word; put seal.cluster, seal.verifier and seal.epoch into it as krypton init or krypton operator rotate has printed them',
  ]
}

/** Who holds keys, and in what memory, in a sentence. */
export function memoryInWords(): string {
  const { making, lockedBytes, lockedBy, reason, refused } = memoryReport()
  if (making === 'javascript') return `held by JavaScript, in memory that is not locked: ${reason}`
  const how =
    lockedBy === 'nothing' ? 'memory that could not be locked' : `locked memory (${lockedBytes} bytes, ${lockedBy})`
  return [`held by the native addon, in ${how}`, ...refused].join('; ')
}
