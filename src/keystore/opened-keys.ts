import { LRUCache } from 'lru-cache'
import { type Secret, secretsAreLocked } from '../crypto/secret.ts'
import type { Lease } from '../hierarchy/lease.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { VersionSlot, type VersionTable } from '../store/version-table.ts'

interface Entry {
  readonly secret: Secret
  /** Absent where the object's system is not linked. */
  readonly lease: Lease | undefined
  readonly slot: number
  readonly version: number
}

/**
 * Key material that was opened from its record, in locked memory, so that the next use need not open it: where JavaScript would hold it, nothing
 * is kept. It belongs to the object as it was read: whoever has another state of it finds nothing here. It is wiped when others push it out, when
 * this thread changes the object's state, and by the next sweep after any thread has changed the object.
 */
export class OpenedKeys {
  readonly #versions: VersionTable
  readonly #isUsed: boolean
  readonly #entries = new LRUCache<ManagedObject, Entry>({
    maxSize: limits.openedKeyBytesMax,
    sizeCalculation: ({ secret }) => Math.max(secret.byteLength, slotBytes),
    dispose: ({ secret }) => secret.wipe(),
  })
  #changes: number
  #sweeping: NodeJS.Timeout | undefined

  constructor(versions: VersionTable, isUsed = secretsAreLocked()) {
    this.#versions = versions
    this.#isUsed = isUsed
    this.#changes = versions.read(VersionSlot.any)
  }

  get size(): number {
    return this.#entries.size
  }

  /** The object's key for one use, which the user ends by `wipe`; undefined when it is not here. */
  take(object: ManagedObject): Secret | undefined {
    const entry = this.#entries.get(object)
    if (entry === undefined || (entry.lease !== undefined && !entry.lease.isRunning)) return undefined
    return entry.secret.share()
  }

  /**
   * Keeps a key that was opened, and gives it for one use. `place` is where the object's slot of the version table stood before the object was
   * read: undefined for one that is not as it is stored. `lease`: that under which it was opened.
   */
  keep(
    object: ManagedObject,
    secret: Secret,
    place: { slot: number; version: number } | undefined,
    lease?: Lease,
  ): Secret {
    if (!this.#isUsed || place === undefined || secret.byteLength > limits.openedKeyBytesEach) return secret
    this.#entries.set(object, { secret, lease, ...place })
    this.#sweeping ??= setInterval(() => this.sweep(), limits.openedKeysSweepMs).unref()
    return secret.share()
  }

  /** Wipes the key of an object that has changed. */
  forget(object: ManagedObject): void {
    this.#entries.delete(object)
  }

  /** Wipes the keys of objects that another thread has changed. */
  sweep(): void {
    const changes = this.#versions.read(VersionSlot.any)
    if (changes === this.#changes) return
    this.#changes = changes
    for (const [object, { slot, version }] of this.#entries.entries()) {
      if (this.#versions.read(slot) !== version) this.#entries.delete(object)
    }
    if (this.#entries.size === 0) this.#stopSweeping()
  }

  /** Wipes those whose lease has ended. */
  forgetEnded(): void {
    for (const [object, { lease }] of this.#entries.entries()) {
      if (lease !== undefined && !lease.isRunning) this.#entries.delete(object)
    }
  }

  /** Wipes all of them. */
  clear(): void {
    this.#entries.clear()
    this.#stopSweeping()
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }
}

/** The smallest slot that the addon has. */
const slotBytes = 64
