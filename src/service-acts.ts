import { auditEvent } from './audit/audit-event.ts'
import type { Principal } from './auth/principal.ts'
import { type Clock, dateTime } from './clock.ts'
import { CryptoWork } from './crypto/crypto-work.ts'
import { randomBytes } from './crypto/random.ts'
import { isKryptonError } from './errors.ts'
import type { KeyChain } from './hierarchy/key-chain.ts'
import { Keystore } from './keystore/keystore.ts'
import { UnitOfWork } from './keystore/unit-of-work.ts'
import { newestVersion } from './kmip/version.ts'
import { limits } from './limits.ts'
import type { CryptoPolicy } from './objects/crypto-policy.ts'
import { OperationContext } from './operations/handler.ts'
import { Streams } from './operations/streams.ts'
import type { MaybePromise, Store } from './store/store.ts'
import type { ServiceName } from './tenants/scopes.ts'
import type { TenantRegistry } from './tenants/tenant-registry.ts'
import { version } from './version.ts'

export interface ServiceActsParts {
  /** Told of each object whose row is not as it was written. */
  readonly onDamaged: (error: Error) => void
  readonly store: Store
  readonly keyChain: KeyChain
  readonly registry: TenantRegistry
  readonly clock: Clock
  readonly policy: CryptoPolicy
}

/**
 * Acts of an operator on the objects of one service, each as one unit, as a client's request is. The main thread has its own keystore for them, which
 * is made, as the threads for cryptography are, with the first of them: most servers see none.
 */
export class ServiceActs {
  readonly #parts: ServiceActsParts
  /** Of which no act begins one. */
  readonly #streams: Streams
  #keystore: Keystore | undefined
  #cryptoWork: CryptoWork | undefined

  constructor(parts: ServiceActsParts) {
    this.#parts = parts
    this.#streams = new Streams(0, parts.clock)
  }

  /** Runs `act` and commits what it changes, with audit records of `operation` by `actor`; another time when a client was faster. */
  async run<T>(
    service: ServiceName,
    { actor, operation }: { readonly actor: string; readonly operation: string },
    act: (context: OperationContext) => MaybePromise<T>,
  ): Promise<T> {
    const { store, keyChain, registry, clock, policy, onDamaged } = this.#parts
    this.#keystore ??= new Keystore(store, keyChain, clock, onDamaged)
    this.#cryptoWork ??= new CryptoWork({ offload: 'table', loops: 1 })
    const principal = operatorOf(await registry.scopes.of(service), service, actor)
    const { tenant } = principal
    for (let conflicts = 0; ; conflicts++) {
      const unit = new UnitOfWork(this.#keystore.forPrincipal(principal), (object) =>
        auditEvent({ clock, tenant, actor, operation, object, result: 'success' }),
      )
      const result = await act(
        new OperationContext({
          unit,
          principal,
          version: newestVersion,
          now: dateTime(clock),
          randomBytes,
          cryptoWork: this.#cryptoWork,
          policy,
          streams: this.#streams,
          clock,
          server: { version, https: false },
        }),
      )
      try {
        await unit.commit(undefined)
        return result
      } catch (error) {
        unit.drop()
        const isRace = isKryptonError(error, 'store-conflict') || isKryptonError(error, 'store-unique')
        if (!isRace || conflicts === limits.conflictRetriesMax) throw error
      }
    }
  }

  /** Wipes the keys whose lease has ended. */
  forgetEnded(): void {
    this.#keystore?.forgetEnded()
  }

  /** Lets go of every key that was opened: a listener thread does the same. */
  forget(): void {
    this.#keystore?.forget()
  }

  /** Wipes the keys that were opened and ends the threads. */
  async close(): Promise<void> {
    this.#keystore?.forget()
    await this.#cryptoWork?.close(0)
  }
}

/** An operator in the place of a client of the service, for one act. */
function operatorOf(scope: Principal['scope'], { tenant, service }: ServiceName, actor: string): Principal {
  return {
    ...scope,
    scope,
    client: Buffer.alloc(16),
    tenantName: tenant,
    serviceName: service,
    clientName: actor,
    actor,
    objectRules: undefined,
    credential: undefined,
    refusal: undefined,
    allows: () => true,
  }
}
