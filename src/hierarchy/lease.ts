import { isKryptonError, KryptonError } from '../errors.ts'
import { isExternalKeyRefusal } from '../external-keys/external-key.ts'
import type { MaybePromise } from '../store/store.ts'
import type { LeaseCells, LeasePlace } from './lease-cells.ts'
import type { WrappingKey } from './root-keys.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/** What hangs on a lease and ends with it. */
interface Wipeable {
  wipe(): void
}

/**
 * The right to use the keys of one linked system in one thread, until the lease ends: for as long as its tenant's L1 has lately opened the link key S. What was opened under it is refused and wiped afterwards.
 */
export class Lease {
  /** The versions of S that have opened. */
  readonly linkKeys: ReadonlyMap<number, WrappingKey>
  /** An operator has disabled the system: keys open and verify, and protect nothing new. */
  readonly opensOnly: boolean
  readonly #cells: LeaseCells
  readonly #place: LeasePlace
  /** Weak, so that what the garbage collector has wiped is not kept for it. */
  readonly #held = new Set<WeakRef<Wipeable>>()
  #used = true

  constructor(
    cells: LeaseCells,
    place: LeasePlace,
    { linkKeys, opensOnly }: { readonly linkKeys: ReadonlyMap<number, WrappingKey>; readonly opensOnly: boolean },
  ) {
    this.opensOnly = opensOnly
    this.#cells = cells
    this.#place = place
    this.linkKeys = linkKeys
  }

  get place(): LeasePlace {
    return this.#place
  }

  /** To be asked before each use of whatever was opened under it. */
  get isRunning(): boolean {
    this.#used = true
    return this.#cells.isRunning(this.#place)
  }

  /** @throws KryptonError external-key-unreachable: it has ended */
  assertRunning(): void {
    if (this.isRunning) return
    throw new KryptonError(
      'external-key-unreachable',
      "Repeat the request: the lease of the tenant's own key (L1) has ended meanwhile",
    )
  }

  /** Takes care of keys that were opened under it: they are wiped when it ends. */
  hold(keys: Wipeable): void {
    for (const reference of this.#held) if (reference.deref() === undefined) this.#held.delete(reference)
    this.#held.add(new WeakRef(keys))
  }

  /** Looks whether it has ended, without counting as a use, and tells the main thread of uses. */
  look(): boolean {
    const isRunning = this.#cells.isRunning(this.#place)
    if (isRunning && this.#used) this.#cells.markUsed(this.#place)
    this.#used = false
    return isRunning
  }

  /** Wipes S and all that was opened under it in this thread. */
  wipe(): void {
    for (const reference of this.#held) reference.deref()?.wipe()
    this.#held.clear()
    wipeWrappingKeys({ byVersion: this.linkKeys })
  }
}

/** Where a thread gets its leases from. */
export interface Leases {
  /**
   * The lease of a linked system: at once while one runs, else by asking its L1, which takes `limits.externalKeyMs` at most.
   * @throws KryptonError one of `externalKeyRefusals`; external-key-disabled also for a system that its operator has locked
   */
  of(tenant: Buffer, system: Buffer): MaybePromise<Lease>
  /** Wipes what hung on leases that have ended. */
  look(): void
  /** Wipes all of them. */
  forget(): void
}

/** Of who opens no key of a linked system: a command that works on the files of a server that is not running. */
export const noLeases: Leases = {
  of: () => {
    throw new KryptonError('external-key-unreachable', "start the server: only a running one asks a tenant's own key")
  },
  look: () => undefined,
  forget: () => undefined,
}

/** True for what says that a linked system is not served now: its L1 gives no lease, or it is locked. */
export function isNoLease(error: unknown): boolean {
  return isKryptonError(error) && isExternalKeyRefusal(error.code)
}

/** The leases that a thread has, by system. */
export class HeldLeases {
  readonly #held = new Map<string, { readonly lease: Lease; readonly tenant: Buffer; readonly system: Buffer }>()
  readonly #onEnded: (tenant: Buffer, system: Buffer) => void

  /** @param onEnded told of each that has ended, after its keys were wiped */
  constructor(onEnded: (tenant: Buffer, system: Buffer) => void) {
    this.#onEnded = onEnded
  }

  /** The one that runs for a system. */
  running(tenant: Buffer, system: Buffer): Lease | undefined {
    const entry = this.#held.get(systemText(tenant, system))
    return entry?.lease.isRunning === true ? entry.lease : undefined
  }

  /** Takes one in the place of what was held for the system. */
  add(tenant: Buffer, system: Buffer, lease: Lease): void {
    this.#held.get(systemText(tenant, system))?.lease.wipe()
    this.#held.set(systemText(tenant, system), { lease, tenant, system })
  }

  /** Wipes those that have ended. */
  look(): void {
    for (const [name, { lease, tenant, system }] of this.#held) {
      if (lease.look()) continue
      this.#held.delete(name)
      lease.wipe()
      this.#onEnded(tenant, system)
    }
  }

  forget(): void {
    for (const { lease } of this.#held.values()) lease.wipe()
    this.#held.clear()
  }
}

/** A system among those of all tenants, as the key of a map. */
export function systemText(tenant: Buffer, system: Buffer): string {
  return tenant.toString('latin1') + system.toString('latin1')
}
