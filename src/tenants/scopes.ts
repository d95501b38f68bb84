import { dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { announceKey, createServiceKeys, type RowKeys, type Scope } from '../hierarchy/key-chain.ts'
import { isDestroyed } from '../hierarchy/key-destruction.ts'
import { insertOf } from '../hierarchy/row-mac.ts'
import type { Row } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import { checkName } from './name.ts'
import { asBuffer, RecordState } from './records.ts'
import type { RegistryWork } from './registry-work.ts'

/** A service by the names of what it belongs to. */
export interface ServiceName {
  readonly tenant: string
  readonly system: string
  readonly service: string
}

/** The systems of tenants and the services in them, by their names and identifiers. */
export class Scopes {
  readonly #work: RegistryWork

  constructor(work: RegistryWork) {
    this.#work = work
  }

  /** Where a service's objects are. Throws 'not-found' for tenant, system or service. */
  async of({ tenant: tenantName, system: systemName, service: serviceName }: ServiceName): Promise<Scope> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const { system, service } = await this.#find({ tenant, system: systemName, service: serviceName, keys })
    if (system === undefined || service === undefined) {
      throw new KryptonError(
        'not-found',
        `tenant ${tenantName} has no service ${serviceName} in a system ${systemName}: krypton client list shows them`,
      )
    }
    return { tenant, system: asBuffer(system.system), service: asBuffer(service.service) }
  }

  /**
   * The identifiers of a tenant's system, and of its service where one is named.
   * Throws 'not-found' with what there is not.
   */
  async at(names: {
    tenant: string
    system: string
    service?: string
  }): Promise<Omit<Scope, 'service'> & Partial<Scope>> {
    const { tenant, keys } = await this.#work.tenantNamed(names.tenant)
    const { system, service } = await this.#find({ ...names, tenant, keys })
    if (system === undefined) {
      throw new KryptonError(
        'not-found',
        `tenant ${names.tenant} has no system ${names.system}: krypton key list --tenant ${names.tenant} shows them`,
      )
    }
    if (names.service === undefined) return { tenant, system: system.system }
    if (service === undefined) {
      throw new KryptonError(
        'not-found',
        `system ${names.tenant}/${names.system} has no service ${names.service}: krypton key descendants ${names.tenant}/${names.system} shows them`,
      )
    }
    return { tenant, system: system.system, service: service.service }
  }

  /** The names of a tenant, its system and service as far as they are given, with slashes between; what has no row is shown by its identifier. */
  async pathOf({ tenant, system, service }: { tenant: Buffer; system?: Buffer; service?: Buffer }): Promise<string> {
    const { store, keyChain } = this.#work
    const keys = await keyChain.tenant(tenant)
    const name = <T extends 'tenants' | 'systems' | 'services'>(
      table: T,
      row: Row<T> | undefined,
      id: Buffer,
    ): string => {
      if (row === undefined) return id.toString('hex')
      keys.verifyRow(table, row)
      return row.name
    }
    const path = [name('tenants', await store.get('tenants', { tenant }), tenant)]
    if (system === undefined) return path.join('/')
    path.push(name('systems', await store.get('systems', { tenant, system }), system))
    if (service !== undefined) {
      path.push(name('services', await store.get('services', { tenant, system, service }), service))
    }
    return path.join('/')
  }

  /**
   * A new system of a tenant, or a new service in a system, with a key that is yet to be activated. One of that name that is there stays as it is.
   * Throws 'not-found' for the tenant, or for the system of a service; 'invalid-field' for a name; 'wrong-key-lifecycle-state' when the system's key is not active.
   */
  async announce(names: { tenant: string; system: string; service?: string }, actor: string): Promise<void> {
    checkName('system', names.system)
    if (names.service !== undefined) checkName('service', names.service)
    const { tenant, keys } = await this.#work.tenantNamed(names.tenant)
    const { system, service } = await this.#find({ ...names, tenant, keys })
    if (names.service !== undefined && system === undefined)
      throw new KryptonError(
        'not-found',
        `tenant ${names.tenant} has no system ${names.system}: announce and activate ${names.tenant}/${names.system} first`,
      )
    if ((names.service === undefined ? system : service) !== undefined) return
    const { store, keyChain, clock, newIdentifier } = this.#work
    const scope = { tenant, system: system?.system ?? newIdentifier(), service: newIdentifier() }
    const created = dateTime(clock)
    const isService = names.service !== undefined
    await store.commit(await announceKey(keyChain, isService ? scope : { tenant, system: scope.system }, actor))
    const change = isService
      ? insertOf('services', serviceRow(scope, names.service!, created), keys)
      : insertOf('systems', systemRow(scope, names.system, created), keys)
    const detail = isService ? `${names.system}/${names.service}` : names.system
    const operation = isService ? 'ServiceAnnounce' : 'SystemAnnounce'
    try {
      await this.#work.commit(tenant, [change], { actor, operation, detail })
    } catch (error) {
      // Somebody was faster: it is there.
      if (!isKryptonError(error, 'store-unique')) throw error
    }
  }

  /** The identifiers of a system and a service; for new ones their keys are made durable and their rows returned as changes. Throws 'wrong-key-lifecycle-state' for a service whose keys were destroyed. */
  async named(wanted: WantedScope, actor: string): Promise<{ scope: Scope; changes: Change[] }> {
    const { tenant, created, keys } = wanted
    const { store, keyChain, newIdentifier } = this.#work
    const { system, service } = await this.#find(wanted)
    const scope = {
      tenant,
      system: system === undefined ? newIdentifier() : asBuffer(system.system),
      service: service === undefined ? newIdentifier() : asBuffer(service.service),
    }
    const changes: Change[] = []
    if (system === undefined) changes.push(insertOf('systems', systemRow(scope, wanted.system, created), keys))
    if (service === undefined) {
      await store.commit(await createServiceKeys(keyChain, scope, actor))
      changes.push(insertOf('services', serviceRow(scope, wanted.service, created), keys))
    } else if (await isDestroyed(store, keys, scope)) {
      throw new KryptonError(
        'wrong-key-lifecycle-state',
        `the keys of service ${wanted.service} of system ${wanted.system} were destroyed, and it takes no clients any more: name another with --service`,
      )
    }
    return { scope, changes }
  }

  /** The rows of a system and of a service in it, as far as there are any, verified. */
  async #find(wanted: Pick<WantedScope, 'tenant' | 'system' | 'keys'> & { readonly service?: string }): Promise<{
    system: Row<'systems'> | undefined
    service: Row<'services'> | undefined
  }> {
    const { tenant, keys } = wanted
    const { store } = this.#work
    const [system] = await store.find('systems', { tenant, name: wanted.system })
    if (system === undefined) return { system, service: undefined }
    keys.verifyRow('systems', system)
    if (wanted.service === undefined) return { system, service: undefined }
    const [service] = await store.find('services', { tenant, system: system.system, name: wanted.service })
    if (service !== undefined) keys.verifyRow('services', service)
    return { system, service }
  }
}

interface WantedScope {
  readonly tenant: Buffer
  readonly system: string
  readonly service: string
  readonly created: number
  readonly keys: RowKeys
}

/** What a system or a service is called where nothing is said. */
export const defaultName = 'default'

/** A new row of `systems`, without version and MAC. `created` in seconds since 1970. */
export const systemRow = ({ tenant, system }: Pick<Scope, 'tenant' | 'system'>, name: string, created: number) => ({
  tenant,
  system,
  name,
  state: RecordState.active,
  created,
})

/** A new row of `services`, without version and MAC. `created` in seconds since 1970. */
export const serviceRow = ({ tenant, system, service }: Scope, name: string, created: number) => ({
  tenant,
  system,
  service,
  name,
  state: RecordState.active,
  created,
})
