import { LRUCache } from 'lru-cache'
import type { AsymmetricKey } from '../crypto/asymmetric-key.ts'
import type { Lease } from '../hierarchy/lease.ts'
import { limits } from '../limits.ts'
import type { VersionTable } from '../store/version-table.ts'
import { andFinally } from './maybe-promise.ts'
import type { MaybePromise } from './maybe-promise.ts'

/** Where an object's slot of the version table stood. */
interface Place {
  readonly slot: number
  readonly version: number
}

/**
 * Asymmetric keys that were parsed, since that takes longer than many a use. An entry is good while its object's slot of the version table stands
 * where it stood: a Destroy or Revoke in any thread ends it. It is wiped then at the latest by the next sweep, or when others push it out, and once
 * nobody uses it any more.
 */
export class ParsedKeys {
  readonly #versions: VersionTable
  readonly #entries = new LRUCache<string, SharedKey>({
    max: limits.parsedKeysMax,
    dispose: (entry) => {
      entry.end()
    },
  })
  #sweeping: NodeJS.Timeout | undefined

  constructor(versions: VersionTable) {
    this.#versions = versions
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Runs `use` with the key that is remembered under `name`, or else with the one that `parse` gives, which is remembered when `place` says where
   * its object stands. `leaseOf` tells under which lease it was opened, once it is.
   */
  use<T>(
    name: string,
    place: Place | undefined,
    parse: () => MaybePromise<AsymmetricKey>,
    use: (key: AsymmetricKey) => MaybePromise<T>,
    leaseOf: () => Lease | undefined = noLease,
  ): MaybePromise<T> {
    const known = this.#entries.get(name)
    if (known !== undefined && this.#isGood(known)) return known.use(use)
    const parsed = parse()
    return parsed instanceof Promise
      ? parsed.then((key) => this.#useParsed(name, new SharedKey(key, place, leaseOf()), use))
      : this.#useParsed(name, new SharedKey(parsed, place, leaseOf()), use)
  }

  /** Lets go of a key: its object has changed. */
  forget(name: string): void {
    this.#entries.delete(name)
  }

  /** Lets go of those whose lease has ended. */
  forgetEnded(): void {
    for (const [name, { lease }] of this.#entries.entries()) {
      if (lease !== undefined && !lease.isRunning) this.#entries.delete(name)
    }
  }

  /** Lets go of all of them. */
  clear(): void {
    this.#entries.clear()
    this.#stopSweeping()
  }

  #useParsed<T>(name: string, entry: SharedKey, use: (key: AsymmetricKey) => MaybePromise<T>): MaybePromise<T> {
    if (entry.place === undefined)
      return andFinally(
        () => entry.use(use),
        () => entry.end(),
      )
    this.#entries.set(name, entry)
    this.#sweeping ??= setInterval(() => this.#sweep(), limits.parsedKeysSweepMs).unref()
    return entry.use(use)
  }

  #sweep(): void {
    for (const [name, entry] of this.#entries.entries()) if (!this.#isGood(entry)) this.#entries.delete(name)
    if (this.#entries.size === 0) this.#stopSweeping()
  }

  #stopSweeping(): void {
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  #isGood({ place, lease }: SharedKey): boolean {
    return (
      place !== undefined &&
      this.#versions.read(place.slot) === place.version &&
      (lease === undefined || lease.isRunning)
    )
  }
}

/** A key that several requests may use at once: it is wiped when it has ended and the last of them is done. */
class SharedKey {
  readonly place: Place | undefined
  /** Absent where the object's system is not linked. */
  readonly lease: Lease | undefined
  readonly #key: AsymmetricKey
  #uses = 0
  #ended = false

  constructor(key: AsymmetricKey, place: Place | undefined, lease: Lease | undefined) {
    this.#key = key
    this.lease = lease
    this.place = place
  }

  use<T>(use: (key: AsymmetricKey) => MaybePromise<T>): MaybePromise<T> {
    this.#uses++
    return andFinally(
      () => use(this.#key),
      () => {
        this.#uses--
        this.#wipeWhenDone()
      },
    )
  }

  end(): void {
    this.#ended = true
    this.#wipeWhenDone()
  }

  #wipeWhenDone(): void {
    if (this.#ended && this.#uses === 0) this.#key.wipe()
  }
}

const noLease = (): undefined => undefined
