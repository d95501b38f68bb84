import { KryptonError } from './errors.ts'
import type { Destruction } from './hierarchy/key-destruction.ts'
import { noTenant } from './hierarchy/key-record.ts'
import type { KeyAddress } from './hierarchy/rotation-jobs.ts'
import type { TenantRegistry } from './tenants/tenant-registry.ts'

/** What people call the keys of the hierarchy: `ivk`, TENANT/SYSTEM, TENANT/SYSTEM/SERVICE, `integrity:TENANT`, `integrity`. */
export class KeyNames {
  readonly #registry: TenantRegistry

  constructor(registry: TenantRegistry) {
    this.#registry = registry
  }

  /** The key of that name. Throws 'not-found', 'invalid-field'. */
  async addressOf(name: string): Promise<KeyAddress> {
    if (name === 'ivk') return { table: 'ivks' }
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || system === undefined || more.length > 0)
      throw new KryptonError(
        'invalid-field',
        'name a key by ivk, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE; integrity and integrity:TENANT can only be shown, rotated or declared compromised',
      )
    const scope = await this.#registry.scopes.at({ tenant, system, ...(service === undefined ? {} : { service }) })
    return scope.service === undefined
      ? { table: 'tenant_keys', tenant: scope.tenant, system: scope.system }
      : { table: 'service_keys', tenant: scope.tenant, system: scope.system, service: scope.service }
  }

  /** The inverse of `addressOf`. */
  async nameOf(address: KeyAddress): Promise<string> {
    return address.table === 'ivks' ? 'ivk' : this.#registry.scopes.pathOf(address)
  }

  /** A tenant, system or service by its names. */
  pathOf(scope: Parameters<TenantRegistry['scopes']['pathOf']>[0]): Promise<string> {
    return this.#registry.scopes.pathOf(scope)
  }

  /** The tenant whose integrity key has that name, zeros for the system's own; undefined for other keys. Throws 'not-found'. */
  async ownerOfIntegrityKey(name: string): Promise<Buffer | undefined> {
    if (name === systemName) return noTenant
    if (!name.startsWith(integrityPrefix)) return undefined
    return (await this.#registry.tenantNamed(name.slice(integrityPrefix.length))).tenant
  }

  /** The inverse of `ownerOfIntegrityKey`: no system has a colon in its name. */
  async nameOfIntegrityKey(tenant: Buffer): Promise<string> {
    return tenant.equals(noTenant) ? systemName : `${integrityPrefix}${await this.#registry.scopes.pathOf({ tenant })}`
  }

  /** What a destruction of that name takes. Throws 'not-found', 'invalid-field'. */
  async destructionOf(name: string, version: number | undefined): Promise<Destruction> {
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || name === 'ivk' || more.length > 0 || (version !== undefined && service === undefined))
      throw new KryptonError(
        'invalid-field',
        'name what is destroyed: TENANT, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE; a version is one of a service',
      )
    if (system === undefined) return { tenant: (await this.#registry.tenantNamed(tenant)).tenant }
    const scope = await this.#registry.scopes.at({ tenant, system, ...(service === undefined ? {} : { service }) })
    return { ...scope, ...(version === undefined ? {} : { version }) }
  }
}

const systemName = 'integrity'
const integrityPrefix = `${systemName}:`
