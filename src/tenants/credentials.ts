import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { insertOf, updateOf } from '../hierarchy/row-mac.ts'
import type { Change } from '../store/store.ts'
import { clientNamed } from './clients.ts'
import { asBuffer, RecordState } from './records.ts'
import type { RegistryWork } from './registry-work.ts'

/** What a client must send besides its certificate. */
export interface ClientCredential {
  /** KMIP's Credential Type: 1 Username and Password, 2 Device. */
  readonly type: number
  /** What of it is kept (`auth/credential-verifier.ts`). */
  readonly verifier: Uint8Array
}

/** Which clients need more than their certificate. */
export class Credentials {
  readonly #work: RegistryWork

  constructor(work: RegistryWork) {
    this.#work = work
  }

  /** Asks a client for a credential with every request from now on, in the place of the one before. Throws 'not-found', 'invalid-field' for one that was revoked. */
  async set(tenantName: string, name: string, credential: ClientCredential, actor: string): Promise<void> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const { client, state } = await clientNamed(this.#work, tenant, name, keys)
    if (state === RecordState.revoked) {
      throw new KryptonError('invalid-field', `the client ${name} was revoked: it needs no credential any more`)
    }
    const { type, verifier } = credential
    const old = await this.#work.store.get('credentials', { tenant, client })
    const row = { tenant, client, type, verifier: Buffer.from(verifier), created: dateTime(this.#work.clock) }
    const change = old === undefined ? insertOf('credentials', row, keys) : updateOf('credentials', old, row, keys)
    await this.#work.commit(tenant, [change], { actor, operation: 'CredentialSet', object: client, detail: name })
  }

  /** Asks a client for its certificate alone. Throws 'not-found' for the client, or when it has no credential. */
  async remove(tenantName: string, name: string, actor: string): Promise<void> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const { client } = await clientNamed(this.#work, tenant, name, keys)
    const row = await this.#work.store.get('credentials', { tenant, client })
    if (row === undefined) throw new KryptonError('not-found', `the client ${name} has no credential`)
    keys.verifyRow('credentials', row)
    const change: Change = {
      table: 'credentials',
      kind: 'delete',
      key: { tenant, client },
      expectedVersion: row.row_version,
    }
    await this.#work.commit(tenant, [change], { actor, operation: 'CredentialRemove', object: client, detail: name })
  }

  /** Which clients of a tenant need a credential, by their identifier in hex, and of which type. */
  async list(tenantName: string): Promise<ReadonlyMap<string, number>> {
    const { tenant, keys } = await this.#work.tenantNamed(tenantName)
    const rows = await this.#work.store.find('credentials', { tenant })
    for (const row of rows) keys.verifyRow('credentials', row)
    return new Map(rows.map(({ client, type }) => [asBuffer(client).toString('hex'), type]))
  }
}
