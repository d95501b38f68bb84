import { auditEvent } from '../audit/audit-event.ts'
import type { Clock } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { KeyChain, RowKeys } from '../hierarchy/key-chain.ts'
import type { Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import { asBuffer, RecordState, systemTenant, type Tenant } from './records.ts'

/** What an act of the registry is written in the audit log with. */
export interface Told {
  readonly actor: string
  readonly operation: string
  readonly object?: Uint8Array
  readonly detail?: string
}

/** What every part of the registry works with: rows that are verified when they are read, and changes that are committed with their audit record. */
export class RegistryWork {
  readonly store: Store
  readonly keyChain: KeyChain
  readonly clock: Clock
  /** 16 fresh random bytes. */
  readonly newIdentifier: () => Buffer

  constructor(store: Store, keyChain: KeyChain, clock: Clock, newIdentifier: () => Buffer) {
    this.store = store
    this.keyChain = keyChain
    this.clock = clock
    this.newIdentifier = newIdentifier
  }

  /** A tenant by its name, and the keys of its rows. Throws 'not-found'. */
  async tenantNamed(name: string): Promise<Tenant & { readonly keys: RowKeys }> {
    const [row] = await this.store.find('tenants', { name })
    if (row === undefined)
      throw new KryptonError('not-found', `there is no tenant ${name}: add it with krypton tenant add`)
    const keys = await this.keyChain.tenant(asBuffer(row.tenant))
    keys.verifyRow('tenants', row)
    return { ...tenantOfRow(row), keys }
  }

  /** The keys that authenticate rows of a tenant, or of the server itself. */
  keysOf(tenant: Buffer): RowKeys | Promise<RowKeys> {
    return Buffer.compare(tenant, systemTenant) === 0 ? this.keyChain.system() : this.keyChain.tenant(tenant)
  }

  /**
   * Changes rows of a tenant and writes what was done, in one transaction.
   * Somebody else may have come first with the same name or key: the store's unique indexes decide, and `taken` says it.
   */
  async commit(tenant: Buffer, changes: readonly Change[], told: Told, taken?: () => KryptonError): Promise<void> {
    const { actor, operation, detail } = told
    const object = told.object && asBuffer(told.object)
    const event = { clock: this.clock, tenant, actor, operation, result: 'success' as const, object, detail }
    try {
      await this.store.commit({ section: 'data', changes, audit: [auditEvent(event)] })
    } catch (error) {
      throw taken !== undefined && isKryptonError(error, 'store-unique') ? taken() : error
    }
  }
}

/** A tenant from its verified row. */
export function tenantOfRow(row: Row<'tenants'>): Tenant {
  const state = row.state === RecordState.active ? RecordState.active : RecordState.revoked
  return { tenant: asBuffer(row.tenant), name: row.name, state, created: row.created }
}

/** What is answered where a name is not free. */
export const nameIsTaken = (kind: string, name: string): KryptonError =>
  new KryptonError('already-exists', `choose another name: there is a ${kind} ${name} already`)
