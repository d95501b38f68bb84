import { LRUCache } from 'lru-cache'
import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { KeyChain } from '../hierarchy/key-chain.ts'
import { limits } from '../limits.ts'
import type { Store } from '../store/store.ts'
import { DamagedObjects } from './damaged-objects.ts'
import { IndexAnswers } from './index-answers.ts'
import { NonceCounts } from './nonce-counts.ts'
import { ObjectCache } from './object-cache.ts'
import { ObjectsOfService } from './objects-of-service.ts'
import { OpenedKeys } from './opened-keys.ts'
import { ParsedKeys } from './parsed-keys.ts'

/**
 * Where a stored object meets its key; one per thread. There is no other way to an object than through the principal that asks: the tenant,
 * system and service of everything that is read or written are the principal's own.
 */
export class Keystore {
  readonly #store: Store
  readonly #keyChain: KeyChain
  readonly #clock: Clock
  readonly #cache: ObjectCache
  readonly #parsedKeys: ParsedKeys
  readonly #openedKeys: OpenedKeys
  readonly #nonceCounts = new NonceCounts()
  readonly #indexAnswers: IndexAnswers
  readonly #damaged: DamagedObjects
  readonly #services = new LRUCache<string, ObjectsOfService>({ max: limits.keyChainEntriesMax })
  #byPrincipal = new WeakMap<Principal, ObjectsOfService>()
  #count = 0
  #lastSequence = 0

  /** @param onDamaged told once of each object whose row is not as it was written */
  constructor(store: Store, keyChain: KeyChain, clock: Clock, onDamaged: (error: Error) => void) {
    this.#store = store
    this.#keyChain = keyChain
    this.#clock = clock
    this.#damaged = new DamagedObjects(onDamaged)
    this.#cache = new ObjectCache(store.versions)
    this.#indexAnswers = new IndexAnswers(store.versions)
    this.#parsedKeys = new ParsedKeys(store.versions)
    this.#openedKeys = new OpenedKeys(store.versions)
  }

  /** The objects of the principal's service. */
  forPrincipal(principal: Principal): ObjectsOfService {
    const known = this.#byPrincipal.get(principal)
    if (known !== undefined) return known
    const { tenant, system, service } = principal.scope
    const key = Buffer.concat([tenant, system, service]).toString('latin1')
    let objects = this.#services.get(key)
    if (objects === undefined) {
      // The number sets the service's entries in the shared cache apart; it is never used twice.
      const caches = {
        objects: this.#cache,
        parsedKeys: this.#parsedKeys,
        openedKeys: this.#openedKeys,
        nonceCounts: this.#nonceCounts,
        indexAnswers: this.#indexAnswers,
        damaged: this.#damaged,
      }
      const number = this.#count++
      objects = new ObjectsOfService(this.#store, this.#keyChain, caches, principal.scope, number, () =>
        this.#nextSequence(),
      )
      this.#services.set(key, objects)
    }
    this.#byPrincipal.set(principal, objects)
    return objects
  }

  /** Wipes every key that is kept: the thread stops, or the server is sealed. */
  forget(): void {
    this.#parsedKeys.clear()
    this.#openedKeys.clear()
  }

  /** Wipes the keys whose lease has ended. */
  forgetEnded(): void {
    this.#parsedKeys.forgetEnded()
    this.#openedKeys.forgetEnded()
  }

  /** Microseconds since 1970, each number once and in order (docs/decisions/0003). */
  #nextSequence(): number {
    this.#lastSequence = Math.max(this.#lastSequence + 1, Math.floor(this.#clock.now() * 1000))
    return this.#lastSequence
  }
}
