import { LRUCache } from 'lru-cache'
import { isKryptonError, KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { ObjectsOfService } from './objects-of-service.ts'
import type { Auditor } from './unit-of-work.ts'

const leases = { count: limits.nonceLease, most: limits.noncesPerKeyMax }

interface Lease {
  left: number
  /** While more are asked for. */
  renewing: Promise<void> | undefined
}

/**
 * Counts the random nonces of 96 bits that are made for each key: after 2^32 the chance that two are the same is no longer negligible (NIST SP 800-38D
 * section 8.3), and a repeated one gives the key's data away. They are leased in blocks that are durable before the first of a block is used, so
 * that no crash and no other thread makes one too many, with an audit row of who asked first; what is left of a block when a thread ends is not used.
 */
export class NonceCounts {
  readonly #leases = new LRUCache<string, Lease>({ max: limits.nonceLeasesMax })

  /**
   * Takes one nonce from those of the key.
   * @throws KryptonError permission-denied: there are none left
   */
  take(objects: ObjectsOfService, object: ManagedObject, audit: Auditor): MaybePromise<void> {
    const lease = this.#leases.get(objects.nameInThread(object))
    if (lease !== undefined && lease.left > 0) {
      lease.left--
      return undefined
    }
    return this.#takeRenewed(objects, object, lease ?? this.#newLease(objects, object), audit)
  }

  #newLease(objects: ObjectsOfService, object: ManagedObject): Lease {
    const lease = { left: 0, renewing: undefined }
    this.#leases.set(objects.nameInThread(object), lease)
    return lease
  }

  async #takeRenewed(objects: ObjectsOfService, object: ManagedObject, lease: Lease, audit: Auditor): Promise<void> {
    while (lease.left === 0) {
      lease.renewing ??= this.#renew(objects, object, lease, audit).finally(() => (lease.renewing = undefined))
      await lease.renewing
    }
    lease.left--
  }

  async #renew(objects: ObjectsOfService, object: ManagedObject, lease: Lease, audit: Auditor): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      try {
        lease.left += await objects.leaseNonces(object, leases, audit)
        break
      } catch (error) {
        if (!isKryptonError(error, 'store-conflict') || conflicts >= limits.conflictRetriesMax) throw error
      }
    }
    if (lease.left > 0) return
    throw new KryptonError(
      'permission-denied',
      'Replace the key (Re-key): it has encrypted as often as is safe with nonces that are made here',
    )
  }
}
