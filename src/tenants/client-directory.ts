import { isKryptonError, type KryptonError } from '../errors.ts'
import { type Dependent, rowsChanged } from '../hierarchy/distrust.ts'
import type { KeyChain, RowKeys } from '../hierarchy/key-chain.ts'
import { rowMismatch } from '../hierarchy/row-mac.ts'
import type { TenantKeys } from '../hierarchy/tenant-key.ts'
import type { Row } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { VersionSlot } from '../store/version-table.ts'
import { type Authority, readAuthority } from './authority.ts'
import { clientOfRow } from './client-of-row.ts'
import { asBuffer, type Client, type KeyIdentity, RecordState, systemTenant } from './records.ts'
import { decodeRules, type RoleRule } from './role.ts'

/** What the registry holds, as the threads that serve clients look it up: by public keys, every row verified before it is believed. */
export class ClientDirectory {
  readonly #store: Store
  readonly #keyChain: KeyChain
  #authorities: ({ readonly trustVersion: number } & KnownAuthorities) | undefined

  constructor(store: Store, keyChain: KeyChain) {
    this.#store = store
    this.#keyChain = keyChain
  }

  /** Changes whenever a tenant, an authority or a client does: what was looked up before is then stale. */
  get trustVersion(): number {
    return this.#store.versions.read(VersionSlot.trust)
  }

  /** The authorities in force. Their rows are not verified yet: `verifyAuthority` does it for the one that counts. */
  async authorities(): Promise<KnownAuthorities> {
    const { trustVersion } = this
    if (this.#authorities?.trustVersion === trustVersion) return this.#authorities
    const all: Authority[] = []
    let damaged: KryptonError | undefined
    for (const row of await this.#store.find('authorities', {})) {
      try {
        const authority = readAuthority(row)
        if (authority.state === RecordState.active) all.push(authority)
      } catch (cause) {
        if (!isKryptonError(cause, 'certificate-invalid')) throw cause
        damaged ??= rowMismatch('authorities', row, "holds no authority's certificate", cause)
      }
    }
    const known = { trustVersion, all, damaged }
    // What is damaged may be restored, which nobody tells.
    this.#authorities = damaged === undefined ? known : undefined
    return known
  }

  /** Throws 'row-mac-mismatch' when the authority is not as it was registered. */
  async verifyAuthority(authority: Authority): Promise<void> {
    const { row, tenant } = authority
    if (row === undefined) throw new Error('an authority that was not read from the store')
    try {
      const isSystems = tenant.equals(systemTenant)
      const keys = isSystems ? this.#keyChain.system() : await this.#keysOf('authorities', row)
      keys.verifyRow('authorities', row)
    } catch (error) {
      // It may be restored, which nobody tells.
      this.#authorities = undefined
      throw error
    }
    if (!authority.publicKeyHash.equals(row.public_key_hash)) throw new Error('an authority beside its public key')
  }

  /** The client of these keys, which `authority` has vouched for, with its tenant and service, revoked or not, and the rules of its role where the tenant has made that; undefined when there is none. Throws 'row-mac-mismatch'. */
  async find(identity: KeyIdentity, authority?: Authority): Promise<FoundClient | undefined> {
    const [row] = await this.#store.find('clients', {
      issuer_key_hash: identity.issuerKeyHash,
      leaf_key_hash: identity.leafKeyHash,
    })
    if (row === undefined) return undefined
    const { tenant, system, service } = row
    const keys = await this.#keysOf('clients', row)
    keys.verifyRow('clients', row)
    const tenantRow = await this.#store.get('tenants', { tenant })
    const systemRow = await this.#store.get('systems', { tenant, system })
    const serviceRow = await this.#store.get('services', { tenant, system, service })
    if (tenantRow === undefined || systemRow === undefined || serviceRow === undefined) return undefined
    keys.verifyRow('tenants', tenantRow)
    keys.verifyRow('systems', systemRow)
    keys.verifyRow('services', serviceRow)
    const client = clientOfRow(row, {
      tenantName: tenantRow.name,
      systemName: systemRow.name,
      serviceName: serviceRow.name,
    })
    const rules = client.role === undefined ? undefined : await this.#rulesOf(tenant, client.role, keys)
    const credential = await this.#credentialOf(row, keys)
    const dependent = {
      ...client.scope,
      client: client.client,
      role: client.role,
      authority: authority?.row?.authority,
    }
    const refusal = this.refusalOf(dependent)
    return { client, tenantActive: tenantRow.state === RecordState.active, rules, credential, dependent, refusal }
  }

  /** The keys of the tenant that a row names, which is not verified yet. Throws 'row-mac-mismatch' where there is no such tenant. */
  async #keysOf<T extends 'authorities' | 'clients'>(table: T, row: Row<T>): Promise<TenantKeys> {
    try {
      return await this.#keyChain.tenant(asBuffer(row.tenant))
    } catch (cause) {
      if (!isKryptonError(cause, 'not-found')) throw cause
      throw rowMismatch(table, row, 'names a tenant that has no keys', cause)
    }
  }

  /** What is refused because rows that it hangs on were changed from outside; undefined when nothing keeps it from being served. */
  refusalOf(dependent: Dependent): KryptonError | undefined {
    return this.#keyChain.distrust.refusalOf(dependent)
  }

  /** What whoever was known is refused with while a row that says who it is does not verify. */
  refusalOfDamaged(): KryptonError {
    return rowsChanged()
  }

  /** What is kept of the client's credential; undefined when it needs none. */
  async #credentialOf({ tenant, client }: Row<'clients'>, keys: RowKeys): Promise<Buffer | undefined> {
    const row = await this.#store.get('credentials', { tenant, client })
    if (row === undefined) return undefined
    keys.verifyRow('credentials', row)
    return Buffer.from(row.verifier)
  }

  /** The rules of a role that the tenant has made; undefined when it has none of that name. */
  async #rulesOf(
    tenant: Row<'clients'>['tenant'],
    name: string,
    keys: RowKeys,
  ): Promise<readonly RoleRule[] | undefined> {
    const row = await this.#store.get('roles', { tenant, name })
    if (row === undefined) return undefined
    keys.verifyRow('roles', row)
    return decodeRules(row.rules)
  }
}

/** Who may vouch for clients. */
export interface KnownAuthorities {
  readonly all: readonly Authority[]
  /** One cannot be read, since its row was changed from outside: whoever none of the others vouches for may be its client. */
  readonly damaged: KryptonError | undefined
}

/** A client as the registry has it, with what goes with it. */
export interface FoundClient {
  readonly client: Client
  readonly tenantActive: boolean
  /** Of its role, where the tenant has made that. */
  readonly rules: readonly RoleRule[] | undefined
  readonly credential: Buffer | undefined
  /** What it hangs on. */
  readonly dependent: Dependent
  /** What every request of it is refused with: rows that it hangs on were changed from outside. */
  readonly refusal: KryptonError | undefined
}
