import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import type { RowKeys } from '../hierarchy/key-chain.ts'
import { insertOf, updateOf } from '../hierarchy/row-mac.ts'
import type { Row } from '../store/schema.ts'
import { encodeAllowedOperations, encodeRoleName } from './allowed-operations.ts'
import { clientOfRow } from './client-of-row.ts'
import { checkName } from './name.ts'
import { type Client, type KeyIdentity, RecordState } from './records.ts'
import { nameIsTaken, type RegistryWork } from './registry-work.ts'
import type { RoleName, Roles } from './roles.ts'
import { defaultName, type Scopes } from './scopes.ts'

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

/** Who may speak to the server, for which service. */
export class Clients {
  readonly #work: RegistryWork
  readonly #scopes: Scopes
  readonly #roles: Roles

  constructor(work: RegistryWork, scopes: Scopes, roles: Roles) {
    this.#work = work
    this.#scopes = scopes
    this.#roles = roles
  }

  /**
   * Binds a pair of public keys to a service, which is made when it is new, as is its system.
   * Throws 'not-found' for the tenant, 'already-exists' for the name or the keys, 'invalid-field' for a name.
   */
  async create(request: NewClient, actor: string): Promise<Client> {
    const { name, system = defaultName, service = defaultName } = request
    checkName('system', system)
    checkName('service', service)
    checkName('client', name)
    const { tenant, keys } = await this.#work.tenantNamed(request.tenant)
    if ((await this.#work.store.find('clients', { tenant, name })).length > 0) throw nameIsTaken('client', name)
    if (request.role !== undefined) await this.#roles.check(tenant, request.role)
    const created = dateTime(this.#work.clock)
    const { scope, changes } = await this.#scopes.named({ tenant, system, service, created, keys }, actor)
    const client = this.#work.newIdentifier()
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
    changes.push(insertOf('clients', row, keys))
    const told = { actor, operation: 'ClientCreate', object: client, detail: name }
    await this.#work.commit(tenant, changes, told, () => clientIsThere(name))
    return clientOfRow(row, { tenantName: request.tenant, systemName: system, serviceName: service })
  }

  /** Ends what a client may do, on open connections too; a second time changes nothing. Throws 'not-found'. */
  async revoke(tenantName: string, name: string, actor: string): Promise<Client> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const found = await clientNamed(this.#work, tenant, name, keys)
    if (found.state === RecordState.revoked) return this.#named(found, tenantName, keys)
    const changed = { state: RecordState.revoked, revoked: dateTime(this.#work.clock) }
    const told = { actor, operation: 'ClientRevoke', object: found.client, detail: name }
    await this.#work.commit(tenant, [updateOf('clients', found, changed, keys)], told)
    return this.#named({ ...found, ...changed }, tenantName, keys)
  }

  /** Gives a client another role, from its next request on. Throws 'not-found' for client or role, 'invalid-field' for a client that was revoked. */
  async setRole(tenantName: string, name: string, role: RoleName, actor: string): Promise<Client> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const found = await clientNamed(this.#work, tenant, name, keys)
    if (found.state === RecordState.revoked) {
      throw new KryptonError('invalid-field', `the client ${name} was revoked: it gets no other role`)
    }
    await this.#roles.check(tenant, role)
    const changed = { operations: encodeRoleName(role.name) }
    const told = { actor, operation: 'ClientRole', object: found.client, detail: `${name}: ${role.name}` }
    await this.#work.commit(tenant, [updateOf('clients', found, changed, keys)], told)
    return this.#named({ ...found, ...changed }, tenantName, keys)
  }

  /** Throws 'not-found' for the tenant. */
  async list(tenantName: string): Promise<Client[]> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const rows = await this.#work.store.find('clients', { tenant })
    return Promise.all(
      rows.map(async (row) => {
        keys.verifyRow('clients', row)
        return this.#named(row, tenantName, keys)
      }),
    )
  }

  async #named(row: Row<'clients'>, tenantName: string, keys: RowKeys): Promise<Client> {
    const { tenant, system, service } = row
    const systemRow = await this.#work.store.get('systems', { tenant, system })
    const serviceRow = await this.#work.store.get('services', { tenant, system, service })
    if (systemRow === undefined || serviceRow === undefined) {
      throw new KryptonError('not-found', `the service of client ${row.name} is gone: restore the store from a backup`)
    }
    keys.verifyRow('systems', systemRow)
    keys.verifyRow('services', serviceRow)
    return clientOfRow(row, { tenantName, systemName: systemRow.name, serviceName: serviceRow.name })
  }
}

/** The verified row of a tenant's client. Throws 'not-found'. */
export async function clientNamed(
  { store }: RegistryWork,
  tenant: Buffer,
  name: string,
  keys: RowKeys,
): Promise<Row<'clients'>> {
  const [found] = await store.find('clients', { tenant, name })
  if (found === undefined) {
    throw new KryptonError('not-found', `there is no client ${name} in this tenant: krypton client list shows them`)
  }
  keys.verifyRow('clients', found)
  return found
}

const clientIsThere = (name: string): KryptonError =>
  new KryptonError('already-exists', `use a name and a key of its own for client ${name}: one of them is bound already`)
