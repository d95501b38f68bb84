import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { insertOf } from '../hierarchy/row-mac.ts'
import type { Change } from '../store/store.ts'
import { decodeRoleName } from './allowed-operations.ts'
import { checkName } from './name.ts'
import { RecordState } from './records.ts'
import { nameIsTaken, type RegistryWork } from './registry-work.ts'
import { decodeRules, encodeRules, type Role } from './role.ts'

/** `builtIn`: one that every tenant has, and of which the registry keeps nothing. */
export interface RoleName {
  readonly name: string
  readonly builtIn: boolean
}

/** The roles that a tenant has made. */
export class Roles {
  readonly #work: RegistryWork

  constructor(work: RegistryWork) {
    this.#work = work
  }

  /** Makes a role of a tenant. Throws 'not-found' for the tenant, 'already-exists', 'invalid-field' for the name. */
  async create(tenantName: string, { name, rules }: Role, actor: string): Promise<Role> {
    checkName('role', name)
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const row = { tenant, name, rules: encodeRules(rules), created: dateTime(this.#work.clock) }
    const taken = (): KryptonError => nameIsTaken('role', name)
    if ((await this.#work.store.get('roles', { tenant, name })) !== undefined) throw taken()
    const told = { actor, operation: 'RoleCreate', detail: name }
    await this.#work.commit(tenant, [insertOf('roles', row, keys)], told, taken)
    return { name, rules }
  }

  /** Throws 'not-found' for the tenant. */
  async list(tenantName: string): Promise<Role[]> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const rows = await this.#work.store.find('roles', { tenant })
    return rows.map((row) => {
      keys.verifyRow('roles', row)
      return { name: row.name, rules: decodeRules(row.rules) }
    })
  }

  /** Throws 'not-found'; 'invalid-field' while a client has the role. */
  async remove(tenantName: string, name: string, actor: string): Promise<void> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    for (const client of await this.#work.store.find('clients', { tenant })) {
      keys.verifyRow('clients', client)
      if (client.state !== RecordState.active || decodeRoleName(client.operations) !== name) continue
      throw new KryptonError('invalid-field', `give the client ${client.name} another role first: it has ${name}`)
    }
    const row = await this.#work.store.get('roles', { tenant, name })
    if (row === undefined) throw noRole(name)
    keys.verifyRow('roles', row)
    const change: Change = { table: 'roles', kind: 'delete', key: { tenant, name }, expectedVersion: row.row_version }
    await this.#work.commit(tenant, [change], { actor, operation: 'RoleRemove', detail: name })
  }

  /** Throws 'not-found' for a role that neither every tenant has nor this one has made. */
  async check(tenant: Buffer, { name, builtIn }: RoleName): Promise<void> {
    if (builtIn || (await this.#work.store.get('roles', { tenant, name })) !== undefined) return
    throw noRole(name)
  }
}

const noRole = (name: string): KryptonError =>
  new KryptonError('not-found', `there is no role ${name} in this tenant: krypton role list shows them`)
