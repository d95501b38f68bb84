import { readAuthorityCertificate } from '../certificates/authority-certificate.ts'
import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import { insertOf } from '../hierarchy/row-mac.ts'
import { type Authority, readAuthority } from './authority.ts'
import { asBuffer, RecordState, systemTenant } from './records.ts'
import type { RegistryWork } from './registry-work.ts'

export interface NewAuthority {
  /** DER or PEM. */
  readonly certificate: Uint8Array | string
  /** Name of the tenant whose clients it vouches for; absent: the server's own authority, for clients of any tenant. */
  readonly tenant?: string
}

/** Whose certificates a client may show. */
export class Authorities {
  readonly #work: RegistryWork

  constructor(work: RegistryWork) {
    this.#work = work
  }

  /**
   * Registers an authority by its public key. Registering one of the same tenant again changes nothing.
   * Throws 'certificate-invalid', 'not-found' for the tenant, 'already-exists' when its public key is another tenant's or the server's.
   */
  async register(request: NewAuthority, actor: string): Promise<Authority> {
    const { certificate, tenant: tenantName } = request
    const read = readAuthorityCertificate(certificate)
    const tenant = tenantName === undefined ? systemTenant : (await this.#work.tenantNamed(tenantName)).tenant
    const keys = await this.#work.keysOf(tenant)
    const [known] = await this.#work.store.find('authorities', { public_key_hash: read.publicKeyHash })
    if (known !== undefined) {
      if (!asBuffer(known.tenant).equals(tenant)) throw authorityIsTaken()
      keys.verifyRow('authorities', known)
      return readAuthority(known)
    }
    const row = {
      authority: this.#work.newIdentifier(),
      tenant,
      public_key_hash: read.publicKeyHash,
      certificate: read.certificate,
      state: RecordState.active,
      created: dateTime(this.#work.clock),
    }
    const told = { actor, operation: 'AuthorityRegister', object: row.authority }
    await this.#work.commit(tenant, [insertOf('authorities', row, keys)], told, authorityIsTaken)
    return readAuthority(row)
  }
}

const authorityIsTaken = (): KryptonError =>
  new KryptonError('already-exists', 'use an authority of your own: this public key is registered for somebody else')
