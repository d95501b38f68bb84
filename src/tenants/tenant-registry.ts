import { auditEvent } from '../audit/audit-event.ts'
import { readAuthorityCertificate } from '../certificates/authority-certificate.ts'
import { type Clock, dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import {
  announceKey,
  createServiceKeys,
  createTenantKeys,
  type KeyChain,
  type RowKeys,
  type Scope,
} from '../hierarchy/key-chain.ts'
import type { AuditRow, Row, TableName } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import { encodeAllowedOperations, encodeRoleName } from './allowed-operations.ts'
import { type Authority, readAuthority } from './authority.ts'
import { clientOfRow } from './client-of-row.ts'
import { checkName } from './name.ts'
import { type Client, type KeyIdentity, RecordState, systemTenant, type Tenant } from './records.ts'
import { decodeRules, encodeRules, type Role } from './role.ts'

export interface NewClient extends KeyIdentity {
  readonly tenant: string
  /** 'default' where nothing is said. */
  readonly system?: string
  readonly service?: string
  readonly name: string
  /** KMIP numbers; absent: all operations, or those of its role. */
  readonly operations?: Iterable<number>
  /** A role that every tenant has, or one of this tenant. */
  readonly role?: RoleName
}

/** A service by the names of what it belongs to. */
export interface ServiceName {
  readonly tenant: string
  readonly system: string
  readonly service: string
}

/** What a client must send besides its certificate. */
export interface ClientCredential {
  /** KMIP's Credential Type: 1 Username and Password, 2 Device. */
  readonly type: number
  /** What of it is kept (`auth/credential-verifier.ts`). */
  readonly verifier: Uint8Array
}

/** `builtIn`: one that every tenant has, and of which the registry keeps nothing. */
export interface RoleName {
  readonly name: string
  readonly builtIn: boolean
}

export interface NewAuthority {
  /** DER or PEM. */
  readonly certificate: Uint8Array | string
  /** Name of the tenant whose clients it vouches for; absent: the server's own authority, for clients of any tenant. */
  readonly tenant?: string
}

/** How often a tenant's keys are rotated. */
export interface RotationPeriods {
  readonly tenantKeyDays: number
  readonly serviceKeyDays: number
}

/** Makes and changes tenants, their systems, services, clients and authorities. Every change is authenticated, audited, and durable when it is told. */
export class TenantRegistry {
  readonly #store: Store
  readonly #keyChain: KeyChain
  readonly #clock: Clock
  readonly #newIdentifier: () => Buffer

  /** @param newIdentifier 16 fresh random bytes */
  constructor(store: Store, keyChain: KeyChain, clock: Clock, newIdentifier: () => Buffer) {
    this.#store = store
    this.#keyChain = keyChain
    this.#clock = clock
    this.#newIdentifier = newIdentifier
  }

  /** A new tenant with the system and the service `default`. Throws 'invalid-field', 'already-exists'. */
  async createTenant(name: string, actor: string): Promise<Tenant> {
    checkName('tenant', name)
    if ((await this.#store.find('tenants', { name })).length > 0) throw nameIsTaken('tenant', name)
    const scope = { tenant: this.#newIdentifier(), system: this.#newIdentifier(), service: this.#newIdentifier() }
    // Keys first: a row that refers to a key that was lost in a crash would be worse than a key that nothing refers to.
    await this.#store.commit(await createTenantKeys(this.#keyChain, scope, actor))
    const keys = await this.#keyChain.tenant(scope.tenant)
    const created = dateTime(this.#clock)
    const row = { tenant: scope.tenant, name, state: RecordState.active, created }
    const changes = [
      insert('tenants', row, keys),
      insert('systems', { ...systemRow(scope, defaultName, created) }, keys),
      insert('services', { ...serviceRow(scope, defaultName, created) }, keys),
    ]
    await this.#commit(changes, this.#event(scope.tenant, actor, 'TenantCreate', { detail: name }), () =>
      nameIsTaken('tenant', name),
    )
    return row
  }

  /**
   * Binds a pair of public keys to a service, which is made when it is new, as is its system.
   * Throws 'not-found' for the tenant, 'already-exists' for the name or the keys, 'invalid-field' for a name.
   */
  async createClient(request: NewClient, actor: string): Promise<Client> {
    const { name, system = defaultName, service = defaultName } = request
    checkName('system', system)
    checkName('service', service)
    checkName('client', name)
    const { tenant } = await this.tenantNamed(request.tenant)
    const keys = await this.#keyChain.tenant(tenant)
    if ((await this.#store.find('clients', { tenant, name })).length > 0) throw nameIsTaken('client', name)
    if (request.role !== undefined) await this.#checkRole(tenant, request.role)
    const created = dateTime(this.#clock)
    const { scope, changes } = await this.#scopeNamed({ tenant, system, service, created, keys }, actor)
    const client = this.#newIdentifier()
    const row = {
      ...scope,
      client,
      name,
      issuer_key_hash: request.issuerKeyHash,
      leaf_key_hash: request.leafKeyHash,
      operations:
        request.role === undefined ? encodeAllowedOperations(request.operations) : encodeRoleName(request.role.name),
      state: RecordState.active,
      created,
      revoked: null,
    }
    changes.push(insert('clients', row, keys))
    const event = this.#event(tenant, actor, 'ClientCreate', { object: client, detail: name })
    await this.#commit(changes, event, () => clientIsThere(name))
    return clientOfRow(row, { tenantName: request.tenant, systemName: system, serviceName: service })
  }

  /** Ends what a client may do, on open connections too; a second time changes nothing. Throws 'not-found'. */
  async revokeClient(tenantName: string, name: string, actor: string): Promise<Client> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const [found] = await this.#store.find('clients', { tenant, name })
    if (found === undefined) throw noClient(name)
    keys.verifyRow('clients', found)
    if (found.state === RecordState.revoked) return this.#named(found, tenantName)
    const { mac: _, ...old } = found
    const row = { ...old, state: RecordState.revoked, revoked: dateTime(this.#clock), row_version: old.row_version + 1 }
    const signed = { ...row, mac: keys.macRow('clients', row) }
    const change: Change = { table: 'clients', kind: 'update', row: signed, expectedVersion: old.row_version }
    const event = this.#event(tenant, actor, 'ClientRevoke', { object: found.client, detail: name })
    await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
    return this.#named(signed, tenantName)
  }

  /** Gives a client another role, from its next request on. Throws 'not-found' for client or role, 'invalid-field' for a client that was revoked. */
  async setClientRole(tenantName: string, name: string, role: RoleName, actor: string): Promise<Client> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const [found] = await this.#store.find('clients', { tenant, name })
    if (found === undefined) throw noClient(name)
    keys.verifyRow('clients', found)
    if (found.state === RecordState.revoked) {
      throw new KryptonError('invalid-field', `the client ${name} was revoked: it gets no other role`)
    }
    await this.#checkRole(tenant, role)
    const { mac: _, ...old } = found
    const row = { ...old, operations: encodeRoleName(role.name), row_version: old.row_version + 1 }
    const signed = { ...row, mac: keys.macRow('clients', row) }
    const change: Change = { table: 'clients', kind: 'update', row: signed, expectedVersion: old.row_version }
    const event = this.#event(tenant, actor, 'ClientRole', { object: found.client, detail: `${name}: ${role.name}` })
    await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
    return this.#named(signed, tenantName)
  }

  /** Asks a client for a credential with every request from now on, in the place of the one before. Throws 'not-found', 'invalid-field' for one that was revoked. */
  async setCredential(tenantName: string, name: string, credential: ClientCredential, actor: string): Promise<void> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const { client, state } = await this.#clientNamed(tenant, name, keys)
    if (state === RecordState.revoked) {
      throw new KryptonError('invalid-field', `the client ${name} was revoked: it needs no credential any more`)
    }
    const { type, verifier } = credential
    const old = await this.#store.get('credentials', { tenant, client })
    const row = { tenant, client, type, verifier: Buffer.from(verifier), created: dateTime(this.#clock) }
    const event = this.#event(tenant, actor, 'CredentialSet', { object: asBuffer(client), detail: name })
    await this.#store.commit({ section: 'data', changes: [put('credentials', row, keys, old)], audit: [event] })
  }

  /** Asks a client for its certificate alone. Throws 'not-found' for the client, or when it has no credential. */
  async removeCredential(tenantName: string, name: string, actor: string): Promise<void> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const { client } = await this.#clientNamed(tenant, name, keys)
    const row = await this.#store.get('credentials', { tenant, client })
    if (row === undefined) throw new KryptonError('not-found', `the client ${name} has no credential`)
    keys.verifyRow('credentials', row)
    const change: Change = {
      table: 'credentials',
      kind: 'delete',
      key: { tenant, client },
      expectedVersion: row.row_version,
    }
    const event = this.#event(tenant, actor, 'CredentialRemove', { object: asBuffer(client), detail: name })
    await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
  }

  /** Which clients of a tenant need a credential, by their identifier in hex, and of which type. */
  async listCredentials(tenantName: string): Promise<ReadonlyMap<string, number>> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const rows = await this.#store.find('credentials', { tenant })
    for (const row of rows) keys.verifyRow('credentials', row)
    return new Map(rows.map(({ client, type }) => [asBuffer(client).toString('hex'), type]))
  }

  async #clientNamed(tenant: Buffer, name: string, keys: RowKeys): Promise<Row<'clients'>> {
    const [found] = await this.#store.find('clients', { tenant, name })
    if (found === undefined) throw noClient(name)
    keys.verifyRow('clients', found)
    return found
  }

  /** Makes a role of a tenant. Throws 'not-found' for the tenant, 'already-exists', 'invalid-field' for the name. */
  async createRole(tenantName: string, { name, rules }: Role, actor: string): Promise<Role> {
    checkName('role', name)
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const row = { tenant, name, rules: encodeRules(rules), created: dateTime(this.#clock) }
    if ((await this.#store.get('roles', { tenant, name })) !== undefined) throw nameIsTaken('role', name)
    const event = this.#event(tenant, actor, 'RoleCreate', { detail: name })
    await this.#commit([insert('roles', row, keys)], event, () => nameIsTaken('role', name))
    return { name, rules }
  }

  /** Throws 'not-found' for the tenant. */
  async listRoles(tenantName: string): Promise<Role[]> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const rows = await this.#store.find('roles', { tenant })
    return rows.map((row) => {
      keys.verifyRow('roles', row)
      return { name: row.name, rules: decodeRules(row.rules) }
    })
  }

  /** Throws 'not-found'; 'invalid-field' while a client has the role. */
  async removeRole(tenantName: string, name: string, actor: string): Promise<void> {
    const clients = await this.listClients(tenantName)
    const holder = clients.find((client) => client.role === name && client.state === RecordState.active)
    if (holder !== undefined) {
      throw new KryptonError('invalid-field', `give the client ${holder.name} another role first: it has ${name}`)
    }
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const row = await this.#store.get('roles', { tenant, name })
    if (row === undefined) throw noRole(name)
    keys.verifyRow('roles', row)
    const change: Change = { table: 'roles', kind: 'delete', key: { tenant, name }, expectedVersion: row.row_version }
    const event = this.#event(tenant, actor, 'RoleRemove', { detail: name })
    await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
  }

  async #checkRole(tenant: Buffer, { name, builtIn }: RoleName): Promise<void> {
    if (builtIn || (await this.#store.get('roles', { tenant, name })) !== undefined) return
    throw noRole(name)
  }

  /**
   * Registers an authority by its public key. Registering one of the same tenant again changes nothing.
   * Throws 'certificate-invalid', 'not-found' for the tenant, 'already-exists' when its public key is another tenant's or the server's.
   */
  async registerAuthority(request: NewAuthority, actor: string): Promise<Authority> {
    const { certificate, tenant: tenantName } = request
    const read = readAuthorityCertificate(certificate)
    const tenant = tenantName === undefined ? systemTenant : (await this.tenantNamed(tenantName)).tenant
    const [known] = await this.#store.find('authorities', { public_key_hash: read.publicKeyHash })
    if (known !== undefined) {
      if (!equal(known.tenant, tenant)) throw authorityIsTaken()
      const keys = await this.#keysOf(tenant)
      keys.verifyRow('authorities', known)
      return readAuthority(known)
    }
    const keys = await this.#keysOf(tenant)
    const row = {
      authority: this.#newIdentifier(),
      tenant,
      public_key_hash: read.publicKeyHash,
      certificate: read.certificate,
      state: RecordState.active,
      created: dateTime(this.#clock),
    }
    const event = this.#event(tenant, actor, 'AuthorityRegister', { object: row.authority })
    const change = insert('authorities', row, keys)
    await this.#commit([change], event, authorityIsTaken)
    return readAuthority(row)
  }

  /**
   * The identifiers of a tenant's system, and of its service where one is named.
   * Throws 'not-found' with what there is not.
   */
  async scopeAt(names: {
    tenant: string
    system: string
    service?: string
  }): Promise<Omit<Scope, 'service'> & Partial<Scope>> {
    const { tenant } = await this.tenantNamed(names.tenant)
    const keys = await this.#keyChain.tenant(tenant)
    const [system] = await this.#store.find('systems', { tenant, name: names.system })
    if (system === undefined)
      throw new KryptonError('not-found', `tenant ${names.tenant} has no system ${names.system}`)
    keys.verifyRow('systems', system)
    if (names.service === undefined) return { tenant, system: system.system }
    const [service] = await this.#store.find('services', { tenant, system: system.system, name: names.service })
    if (service === undefined)
      throw new KryptonError('not-found', `system ${names.tenant}/${names.system} has no service ${names.service}`)
    keys.verifyRow('services', service)
    return { tenant, system: system.system, service: service.service }
  }

  /**
   * A new system of a tenant, or a new service in a system, with a key that is yet to be activated. One of that name that is there stays as it is.
   * Throws 'not-found' for the tenant, or for the system of a service; 'invalid-field' for a name; 'wrong-key-lifecycle-state' when the system's key is not active.
   */
  async announce(names: { tenant: string; system: string; service?: string }, actor: string): Promise<void> {
    checkName('system', names.system)
    if (names.service !== undefined) checkName('service', names.service)
    const { tenant } = await this.tenantNamed(names.tenant)
    const keys = await this.#keyChain.tenant(tenant)
    const [system] = await this.#store.find('systems', { tenant, name: names.system })
    if (names.service !== undefined && system === undefined)
      throw new KryptonError(
        'not-found',
        `tenant ${names.tenant} has no system ${names.system}: announce and activate ${names.tenant}/${names.system} first`,
      )
    if (system !== undefined) keys.verifyRow('systems', system)
    const found =
      names.service === undefined || system === undefined
        ? system
        : (await this.#store.find('services', { tenant, system: system.system, name: names.service }))[0]
    if (found !== undefined) return
    const scope = { tenant, system: system?.system ?? this.#newIdentifier(), service: this.#newIdentifier() }
    const created = dateTime(this.#clock)
    const isService = names.service !== undefined
    await this.#store.commit(
      await announceKey(this.#keyChain, isService ? scope : { tenant, system: scope.system }, actor),
    )
    const change = isService
      ? insert('services', serviceRow(scope, names.service!, created), keys)
      : insert('systems', systemRow(scope, names.system, created), keys)
    const detail = isService ? `${names.system}/${names.service}` : names.system
    const event = this.#event(tenant, actor, isService ? 'ServiceAnnounce' : 'SystemAnnounce', { detail })
    try {
      await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
    } catch (error) {
      // Somebody was faster: it is there.
      if (!isKryptonError(error, 'store-unique')) throw error
    }
  }

  /** The periods in which a tenant's keys are rotated; undefined when it has none of its own. */
  async rotationPeriods(tenant: Buffer): Promise<RotationPeriods | undefined> {
    const row = await this.#store.get('rotation_periods', { tenant })
    if (row === undefined) return undefined
    const keys = await this.#keyChain.tenant(tenant)
    keys.verifyRow('rotation_periods', row)
    return { tenantKeyDays: row.tenant_key_days, serviceKeyDays: row.service_key_days }
  }

  /** Gives a tenant periods of its own. Throws 'not-found'. */
  async setRotationPeriods(tenantName: string, periods: RotationPeriods, actor: string): Promise<void> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const old = await this.#store.get('rotation_periods', { tenant })
    if (old !== undefined) keys.verifyRow('rotation_periods', old)
    const { tenantKeyDays: tenant_key_days, serviceKeyDays: service_key_days } = periods
    const next = { tenant, tenant_key_days, service_key_days, row_version: (old?.row_version ?? 0) + 1 }
    const row = { ...next, mac: keys.macRow('rotation_periods', next) }
    const change: Change =
      old === undefined
        ? { table: 'rotation_periods', kind: 'insert', row }
        : { table: 'rotation_periods', kind: 'update', row, expectedVersion: old.row_version }
    const detail = `Tenant Keys ${tenant_key_days} days, Service Keys ${service_key_days} days`
    const event = this.#event(tenant, actor, 'RotationPeriodsSet', { detail })
    await this.#store.commit({ section: 'data', changes: [change], audit: [event] })
  }

  /** The names of a tenant, its system and service as far as they are given, with slashes between; what has no row is shown by its identifier. */
  async pathOf({ tenant, system, service }: { tenant: Buffer; system?: Buffer; service?: Buffer }): Promise<string> {
    const keys = await this.#keyChain.tenant(tenant)
    const name = <T extends 'tenants' | 'systems' | 'services'>(
      table: T,
      row: Row<T> | undefined,
      id: Buffer,
    ): string => {
      if (row === undefined) return id.toString('hex')
      keys.verifyRow(table, row)
      return row.name
    }
    const path = [name('tenants', await this.#store.get('tenants', { tenant }), tenant)]
    if (system === undefined) return path.join('/')
    path.push(name('systems', await this.#store.get('systems', { tenant, system }), system))
    if (service !== undefined) {
      path.push(name('services', await this.#store.get('services', { tenant, system, service }), service))
    }
    return path.join('/')
  }

  async listTenants(): Promise<Tenant[]> {
    const rows = await this.#store.find('tenants', {})
    return Promise.all(
      rows.map(async (row) => {
        const keys = await this.#keyChain.tenant(asBuffer(row.tenant))
        keys.verifyRow('tenants', row)
        return tenantOfRow(row)
      }),
    )
  }

  /** Throws 'not-found' for the tenant. */
  async listClients(tenantName: string): Promise<Client[]> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const rows = await this.#store.find('clients', { tenant })
    return Promise.all(
      rows.map(async (row) => {
        keys.verifyRow('clients', row)
        return this.#named(row, tenantName)
      }),
    )
  }

  /** Where a service's objects are. Throws 'not-found' for tenant, system or service. */
  async scopeOf({ tenant: tenantName, system: systemName, service: serviceName }: ServiceName): Promise<Scope> {
    const { tenant } = await this.tenantNamed(tenantName)
    const keys = await this.#keyChain.tenant(tenant)
    const [system] = await this.#store.find('systems', { tenant, name: systemName })
    const [service] =
      system === undefined
        ? []
        : await this.#store.find('services', { tenant, system: system.system, name: serviceName })
    if (system === undefined || service === undefined) {
      throw new KryptonError(
        'not-found',
        `tenant ${tenantName} has no service ${serviceName} in a system ${systemName}: krypton client list shows them`,
      )
    }
    keys.verifyRow('systems', system)
    keys.verifyRow('services', service)
    return { tenant, system: asBuffer(system.system), service: asBuffer(service.service) }
  }

  /** Throws 'not-found'. */
  async tenantNamed(name: string): Promise<Tenant> {
    const [row] = await this.#store.find('tenants', { name })
    if (row === undefined)
      throw new KryptonError('not-found', `there is no tenant ${name}: add it with krypton tenant add`)
    const keys = await this.#keyChain.tenant(asBuffer(row.tenant))
    keys.verifyRow('tenants', row)
    return tenantOfRow(row)
  }

  /** The identifiers of a system and a service; for new ones their keys are made durable and their rows returned as changes. */
  async #scopeNamed(wanted: WantedScope, actor: string): Promise<{ scope: Scope; changes: Change[] }> {
    const { tenant, created, keys } = wanted
    const changes: Change[] = []
    const [system] = await this.#store.find('systems', { tenant, name: wanted.system })
    const [service] =
      system === undefined
        ? []
        : await this.#store.find('services', { tenant, system: system.system, name: wanted.service })
    const scope = {
      tenant,
      system: system === undefined ? this.#newIdentifier() : asBuffer(system.system),
      service: service === undefined ? this.#newIdentifier() : asBuffer(service.service),
    }
    if (system === undefined) changes.push(insert('systems', systemRow(scope, wanted.system, created), keys))
    else keys.verifyRow('systems', system)
    if (service === undefined) {
      await this.#store.commit(await createServiceKeys(this.#keyChain, scope, actor))
      changes.push(insert('services', serviceRow(scope, wanted.service, created), keys))
    } else {
      keys.verifyRow('services', service)
    }
    return { scope, changes }
  }

  async #named(row: Row<'clients'>, tenantName: string): Promise<Client> {
    const { tenant, system, service } = row
    const keys = await this.#keyChain.tenant(asBuffer(tenant))
    const systemFound = await this.#store.get('systems', { tenant, system })
    const serviceFound = await this.#store.get('services', { tenant, system, service })
    if (systemFound === undefined || serviceFound === undefined) {
      throw new KryptonError('not-found', `the service of client ${row.name} is gone: restore the store from a backup`)
    }
    keys.verifyRow('systems', systemFound)
    keys.verifyRow('services', serviceFound)
    return clientOfRow(row, { tenantName, systemName: systemFound.name, serviceName: serviceFound.name })
  }

  /** The keys that authenticate rows of a tenant, or of the server itself. */
  #keysOf(tenant: Buffer): RowKeys | Promise<RowKeys> {
    return equal(tenant, systemTenant) ? this.#keyChain.system() : this.#keyChain.tenant(tenant)
  }

  #event(tenant: Buffer, actor: string, operation: string, more: { object?: Buffer; detail?: string } = {}): AuditRow {
    return auditEvent({ clock: this.#clock, tenant, actor, operation, result: 'success', ...more })
  }

  /** Somebody else may have come first with the same name or key: the store's unique indexes decide. */
  async #commit(changes: readonly Change[], event: AuditRow, taken: () => KryptonError): Promise<void> {
    try {
      await this.#store.commit({ section: 'data', changes, audit: [event] })
    } catch (error) {
      throw isKryptonError(error, 'store-unique') ? taken() : error
    }
  }
}

interface WantedScope {
  readonly tenant: Buffer
  readonly system: string
  readonly service: string
  readonly created: number
  readonly keys: RowKeys
}

const defaultName = 'default'

function insert<T extends TableName>(table: T, row: Omit<Row<T>, 'row_version' | 'mac'>, keys: RowKeys): Change {
  const versioned = { ...row, row_version: 1 }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of T without its last two columns, and those two
  return {
    table,
    kind: 'insert',
    row: { ...versioned, mac: keys.macRow(table, versioned as never) },
  } as unknown as Change
}

/** Puts a row in the place of `old`, or where there is none. */
function put(
  table: 'credentials',
  row: Omit<Row<'credentials'>, 'row_version' | 'mac'>,
  keys: RowKeys,
  old: Row<'credentials'> | undefined,
): Change {
  if (old === undefined) return insert(table, row, keys)
  const versioned = { ...row, row_version: old.row_version + 1 }
  const signed = { ...versioned, mac: keys.macRow(table, versioned) }
  return { table, kind: 'update', row: signed, expectedVersion: old.row_version }
}

const systemRow = ({ tenant, system }: Scope, name: string, created: number) => ({
  tenant,
  system,
  name,
  state: RecordState.active,
  created,
})

const serviceRow = ({ tenant, system, service }: Scope, name: string, created: number) => ({
  tenant,
  system,
  service,
  name,
  state: RecordState.active,
  created,
})

function tenantOfRow(row: Row<'tenants'>): Tenant {
  const state = row.state === RecordState.active ? RecordState.active : RecordState.revoked
  return { tenant: asBuffer(row.tenant), name: row.name, state, created: row.created }
}

const nameIsTaken = (kind: string, name: string): KryptonError =>
  new KryptonError('already-exists', `choose another name: there is a ${kind} ${name} already`)

const noClient = (name: string): KryptonError =>
  new KryptonError('not-found', `there is no client ${name} in this tenant: krypton client list shows them`)

const noRole = (name: string): KryptonError =>
  new KryptonError('not-found', `there is no role ${name} in this tenant: krypton role list shows them`)

const clientIsThere = (name: string): KryptonError =>
  new KryptonError('already-exists', `use a name and a key of its own for client ${name}: one of them is bound already`)

const authorityIsTaken = (): KryptonError =>
  new KryptonError('already-exists', 'use an authority of your own: this public key is registered for somebody else')

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0
