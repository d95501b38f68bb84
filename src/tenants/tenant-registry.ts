import { type Clock, dateTime } from '../clock.ts'
import { createTenantKeys, type KeyChain } from '../hierarchy/key-chain.ts'
import { insertOf, updateOf } from '../hierarchy/row-mac.ts'
import type { Store } from '../store/store.ts'
import { Authorities } from './authorities.ts'
import { Clients } from './clients.ts'
import { Credentials } from './credentials.ts'
import { checkName } from './name.ts'
import { asBuffer, RecordState, type Tenant } from './records.ts'
import { nameIsTaken, RegistryWork, tenantOfRow } from './registry-work.ts'
import { Roles } from './roles.ts'
import { defaultName, Scopes, serviceRow, systemRow } from './scopes.ts'

/** How often a tenant's keys are rotated. */
export interface RotationPeriods {
  readonly tenantKeyDays: number
  readonly serviceKeyDays: number
}

/** Makes and changes tenants and what belongs to them. Every change is authenticated, audited, and durable when it is told. */
export class TenantRegistry {
  readonly #work: RegistryWork
  readonly scopes: Scopes
  readonly roles: Roles
  readonly clients: Clients
  readonly credentials: Credentials
  readonly authorities: Authorities

  /** @param newIdentifier 16 fresh random bytes */
  constructor(store: Store, keyChain: KeyChain, clock: Clock, newIdentifier: () => Buffer) {
    this.#work = new RegistryWork(store, keyChain, clock, newIdentifier)
    this.scopes = new Scopes(this.#work)
    this.roles = new Roles(this.#work)
    this.clients = new Clients(this.#work, this.scopes, this.roles)
    this.credentials = new Credentials(this.#work)
    this.authorities = new Authorities(this.#work)
  }

  /** A new tenant with the system and the service `default`. Throws 'invalid-field', 'already-exists'. */
  async createTenant(name: string, actor: string): Promise<Tenant> {
    checkName('tenant', name)
    const { store, keyChain, clock, newIdentifier } = this.#work
    const taken = () => nameIsTaken('tenant', name)
    if ((await store.find('tenants', { name })).length > 0) throw taken()
    const scope = { tenant: newIdentifier(), system: newIdentifier(), service: newIdentifier() }
    // Keys first: a row that refers to a key that was lost in a crash would be worse than a key that nothing refers to.
    await store.commit(await createTenantKeys(keyChain, scope, actor))
    const keys = await keyChain.tenant(scope.tenant)
    const created = dateTime(clock)
    const row = { tenant: scope.tenant, name, state: RecordState.active, created }
    const changes = [
      insertOf('tenants', row, keys),
      insertOf('systems', systemRow(scope, defaultName, created), keys),
      insertOf('services', serviceRow(scope, defaultName, created), keys),
    ]
    await this.#work.commit(scope.tenant, changes, { actor, operation: 'TenantCreate', detail: name }, taken)
    return row
  }

  async listTenants(): Promise<Tenant[]> {
    const { store, keyChain } = this.#work
    const rows = await store.find('tenants', {})
    return Promise.all(
      rows.map(async (row) => {
        const keys = await keyChain.tenant(asBuffer(row.tenant))
        keys.verifyRow('tenants', row)
        return tenantOfRow(row)
      }),
    )
  }

  /** Throws 'not-found'. */
  async tenantNamed(name: string): Promise<Tenant> {
    const { keys: _, ...tenant } = await this.#work.tenantNamed(name)
    return tenant
  }

  /** The periods in which a tenant's keys are rotated; undefined when it has none of its own. */
  async rotationPeriods(tenant: Buffer): Promise<RotationPeriods | undefined> {
    const row = await this.#work.store.get('rotation_periods', { tenant })
    if (row === undefined) return undefined
    const keys = await this.#work.keysOf(tenant)
    keys.verifyRow('rotation_periods', row)
    return { tenantKeyDays: row.tenant_key_days, serviceKeyDays: row.service_key_days }
  }

  /** Gives a tenant periods of its own. Throws 'not-found'. */
  async setRotationPeriods(tenantName: string, periods: RotationPeriods, actor: string): Promise<void> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const old = await this.#work.store.get('rotation_periods', { tenant })
    if (old !== undefined) keys.verifyRow('rotation_periods', old)
    const { tenantKeyDays: tenant_key_days, serviceKeyDays: service_key_days } = periods
    const row = { tenant, tenant_key_days, service_key_days }
    const change =
      old === undefined ? insertOf('rotation_periods', row, keys) : updateOf('rotation_periods', old, row, keys)
    const detail = `Tenant Keys ${tenant_key_days} days, Service Keys ${service_key_days} days`
    await this.#work.commit(tenant, [change], { actor, operation: 'RotationPeriodsSet', detail })
  }
}
