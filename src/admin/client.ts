import type { Client as HttpClient } from 'undici'
import { KryptonError, errorCodes, type ErrorCode } from '../errors.ts'
import { limits } from '../limits.ts'
import type {
  AcceptedRows,
  Address,
  Backup,
  CertificateAuthority,
  ChangedTable,
  Client,
  Destroyed,
  Epoch,
  EpochEffect,
  Finding,
  ForeseenAct,
  ForeseenLinkAct,
  Grant,
  Job,
  KeyChange,
  KeyEffect,
  KeyVersion,
  Link,
  LinkAct,
  LinkEffect,
  NewBackup,
  NewCertificateAuthority,
  NewClient,
  NewCredential,
  NewGrant,
  NewLink,
  NewRole,
  RecoveryEffect,
  RecoveryFile,
  Role,
  RotationPeriods,
  ServiceName,
  Status,
  Tenant,
  UsedCertificateAuthority,
} from './services.ts'

export type {
  Address,
  CertificateAuthority,
  Client,
  Job,
  KeyVersion,
  Link,
  LinkAct,
  NewCertificateAuthority,
  NewClient,
  NewLink,
  NewRole,
  Role,
  RoleRule,
  Status,
  Tenant,
} from './services.ts'

export { credentialVerifier, type CredentialFields } from '../auth/credential-verifier.ts'

/** An answer to `createClient`. */
export interface IssuedClient {
  readonly client: Client
  readonly certificatePem: string
  readonly caPem: string
  readonly notAfter: string
  readonly kmip: Address
}

/**
 * The admin API of the running server behind a Unix socket. Every call throws the KryptonError that the server answered, or
 * 'not-running' when nobody answers on the socket.
 */
export class AdminClient {
  readonly #socket: string
  /** Loaded with the first call: the server, which has the same command line, needs none. */
  #http: HttpClient | undefined

  constructor(socket: string) {
    this.#socket = socket
  }

  status(): Promise<Status> {
    return this.#call<Status>('GET', '/v1/status')
  }

  findings(): Promise<Finding[]> {
    return this.#call<Finding[]>('GET', '/v1/doctor')
  }

  createTenant(name: string): Promise<Tenant> {
    return this.#call<Tenant>('POST', '/v1/tenants', { name })
  }

  listTenants(): Promise<Tenant[]> {
    return this.#call<Tenant[]>('GET', '/v1/tenants')
  }

  createClient({ tenant, ...body }: NewClient): Promise<IssuedClient> {
    return this.#call<IssuedClient>('POST', `/v1/tenants/${encodeURIComponent(tenant)}/clients`, body)
  }

  listClients(tenant: string): Promise<Client[]> {
    return this.#call<Client[]>('GET', `/v1/tenants/${encodeURIComponent(tenant)}/clients`)
  }

  revokeClient(tenant: string, name: string): Promise<Client> {
    const path = `/v1/tenants/${encodeURIComponent(tenant)}/clients/${encodeURIComponent(name)}/revoke`
    return this.#call<Client>('POST', path)
  }

  setClientRole(tenant: string, name: string, role: string): Promise<Client> {
    const path = `/v1/tenants/${encodeURIComponent(tenant)}/clients/${encodeURIComponent(name)}/role`
    return this.#call<Client>('POST', path, { role })
  }

  setCredential(tenant: string, name: string, credential: NewCredential): Promise<Client> {
    return this.#call<Client>('POST', credentialPath(tenant, name), credential)
  }

  removeCredential(tenant: string, name: string): Promise<Client> {
    return this.#call<Client>('POST', `${credentialPath(tenant, name)}/remove`)
  }

  listLinks(tenant: string): Promise<Link[]> {
    return this.#call<Link[]>('GET', linkPath(tenant))
  }

  link(tenant: string, system: string, request: NewLink, isSwitch: boolean): Promise<Link> {
    return this.#call<Link>('POST', linkPath(tenant, isSwitch ? 'switch' : undefined), { system, ...request })
  }

  actOnLink(tenant: string, system: string, act: LinkAct): Promise<Link> {
    return this.#call<Link>('POST', linkPath(tenant, act), { system })
  }

  recoveryFile(tenant: string, system: string, publicKey: string): Promise<RecoveryFile> {
    return this.#call<RecoveryFile>('POST', linkPath(tenant, 'recovery-file'), { system, publicKey })
  }

  foreseeRecoveryFile(tenant: string, system: string, publicKey: string): Promise<RecoveryEffect> {
    return this.#call<RecoveryEffect>('POST', linkPath(tenant, 'recovery-file/foresee'), { system, publicKey })
  }

  linkEffect(tenant: string, system: string, act: ForeseenLinkAct): Promise<LinkEffect> {
    return this.#call<LinkEffect>(
      'GET',
      `${linkPath(tenant, 'effect')}?${new URLSearchParams({ system, act }).toString()}`,
    )
  }

  listRoles(tenant: string): Promise<Role[]> {
    return this.#call<Role[]>('GET', `/v1/tenants/${encodeURIComponent(tenant)}/roles`)
  }

  createRole(tenant: string, role: NewRole): Promise<Role> {
    return this.#call<Role>('POST', `/v1/tenants/${encodeURIComponent(tenant)}/roles`, role)
  }

  removeRole(tenant: string, name: string): Promise<Role> {
    const path = `/v1/tenants/${encodeURIComponent(tenant)}/roles/${encodeURIComponent(name)}/remove`
    return this.#call<Role>('POST', path)
  }

  rotationPeriods(tenant: string): Promise<RotationPeriods> {
    return this.#call<RotationPeriods>('GET', `/v1/tenants/${encodeURIComponent(tenant)}/rotation`)
  }

  setRotationPeriods(tenant: string, periods: Partial<RotationPeriods>): Promise<RotationPeriods> {
    return this.#call<RotationPeriods>('POST', `/v1/tenants/${encodeURIComponent(tenant)}/rotation`, periods)
  }

  listKeys(tenant?: string): Promise<KeyVersion[]> {
    return this.#call<KeyVersion[]>(
      'GET',
      tenant === undefined ? '/v1/keys' : `/v1/keys?tenant=${encodeURIComponent(tenant)}`,
    )
  }

  showKey(key: string): Promise<KeyVersion[]> {
    return this.#call<KeyVersion[]>('GET', `/v1/keys?key=${encodeURIComponent(key)}`)
  }

  foreseeEpoch(): Promise<EpochEffect> {
    return this.#call<EpochEffect>('POST', '/v1/master-key/rotate/foresee')
  }

  rotateMasterKey(): Promise<Epoch> {
    return this.#call<Epoch>('POST', '/v1/master-key/rotate')
  }

  rotateKey(key: string): Promise<Job> {
    return this.#call<Job>('POST', '/v1/keys/rotate', { key })
  }

  compromiseKey(key: string): Promise<Job> {
    return this.#call<Job>('POST', '/v1/keys/compromise', { key })
  }

  relatedKeys(key: string, which: 'ancestors' | 'descendants'): Promise<KeyVersion[]> {
    return this.#call<KeyVersion[]>('GET', `/v1/keys?key=${encodeURIComponent(key)}&related=${which}`)
  }

  announceKey(key: string): Promise<KeyVersion[]> {
    return this.#call<KeyVersion[]>('POST', '/v1/keys/announce', { key })
  }

  changeKey(key: string, act: KeyChange): Promise<KeyVersion[]> {
    return this.#call<KeyVersion[]>('POST', `/v1/keys/${act}`, { key })
  }

  foreseeAct(key: string, act: ForeseenAct): Promise<KeyEffect> {
    return this.#call<KeyEffect>('POST', '/v1/keys/foresee', { key, act })
  }

  foreseeDestruction(key: string, version?: number): Promise<Destroyed> {
    return this.#call<Destroyed>('POST', '/v1/keys/destroy/foresee', { key, version })
  }

  destroyKey(key: string, version?: number): Promise<Job> {
    return this.#call<Job>('POST', '/v1/keys/destroy', { key, version })
  }

  breakGlass(grant: NewGrant): Promise<Grant> {
    return this.#call<Grant>('POST', '/v1/keys/break-glass', grant)
  }

  listGrants(): Promise<Grant[]> {
    return this.#call<Grant[]>('GET', '/v1/keys/break-glass')
  }

  endGrant(grant: string): Promise<Grant> {
    return this.#call<Grant>('POST', `/v1/keys/break-glass/${encodeURIComponent(grant)}/end`)
  }

  noteBackup(backup: NewBackup): Promise<Backup> {
    return this.#call<Backup>('POST', '/v1/backups', backup)
  }

  listBackups(): Promise<Backup[]> {
    return this.#call<Backup[]>('GET', '/v1/backups')
  }

  forgetBackup(name: string): Promise<Backup> {
    return this.#call<Backup>('POST', `/v1/backups/${encodeURIComponent(name)}/forget`)
  }

  listChangedRows(): Promise<ChangedTable[]> {
    return this.#call<ChangedTable[]>('GET', '/v1/changed-rows')
  }

  acceptChangedRows(accepted: AcceptedRows): Promise<ChangedTable[]> {
    return this.#call<ChangedTable[]>('POST', '/v1/changed-rows/accept', accepted)
  }

  scrub(): Promise<Job> {
    return this.#call<Job>('POST', '/v1/scrub')
  }

  listJobs(): Promise<Job[]> {
    return this.#call<Job[]>('GET', '/v1/jobs')
  }

  showJob(job: string): Promise<Job> {
    return this.#call<Job>('GET', `/v1/jobs/${encodeURIComponent(job)}`)
  }

  cancelJob(job: string): Promise<Job> {
    return this.#call<Job>('POST', `/v1/jobs/${encodeURIComponent(job)}/cancel`)
  }

  createCertificateAuthority(service: ServiceName, request: NewCertificateAuthority): Promise<CertificateAuthority> {
    return this.#call<CertificateAuthority>('POST', authorityPath(service), request)
  }

  useCertificateAuthority(service: ServiceName, request: UsedCertificateAuthority): Promise<CertificateAuthority> {
    return this.#call<CertificateAuthority>('POST', authorityPath(service, '/use'), request)
  }

  certificateAuthority(service: ServiceName): Promise<CertificateAuthority> {
    return this.#call<CertificateAuthority>('GET', authorityPath(service))
  }

  /** Ends the connection; whatever still runs on it fails. */
  async close(): Promise<void> {
    await this.#http?.destroy()
  }

  /** The cast to T holds because the server checks its answers against the same schemas (`schemas.ts`). */
  async #call<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const { status, answer } = await this.#exchange(method, path, body)
    if (status < 300) return answer as T
    throw refused(status, answer)
  }

  async #connected(): Promise<HttpClient> {
    if (this.#http !== undefined) return this.#http
    const { Client } = await import('undici')
    this.#http ??= new Client('http://krypton', {
      connect: { socketPath: this.#socket },
      headersTimeout: limits.adminAnswerMs,
      bodyTimeout: limits.adminAnswerMs,
      maxResponseSize: limits.adminAnswerBytesMax,
    })
    return this.#http
  }

  async #exchange(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; answer: unknown }> {
    try {
      const http = await this.#connected()
      const response = await http.request({
        method,
        path,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      return { status: response.statusCode, answer: await response.body.json() }
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES')
        throw new KryptonError(
          'permission-denied',
          `${this.#socket} belongs to another user: run the command as the user of the server`,
          { cause },
        )
      throw new KryptonError(
        'not-running',
        `no server answers on ${this.#socket}: start one with krypton server, or name its directory with --dir or KRYPTON_DIR`,
        { cause },
      )
    }
  }
}

function credentialPath(tenant: string, name: string): string {
  return `/v1/tenants/${encodeURIComponent(tenant)}/clients/${encodeURIComponent(name)}/credential`
}

function authorityPath({ tenant, system, service }: ServiceName, act = ''): string {
  const query = new URLSearchParams({ system, service }).toString()
  return `/v1/tenants/${encodeURIComponent(tenant)}/certificate-authority${act}?${query}`
}

function refused(status: number, answer: unknown): Error {
  const { code, detail } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>
  const known = errorCodes.find((name): name is ErrorCode => name === code)
  const message = typeof detail === 'string' ? detail : `the server answered with status ${status}`
  return known === undefined ? new Error(message) : new KryptonError(known, message)
}

function linkPath(tenant: string, act?: string): string {
  const path = `/v1/tenants/${encodeURIComponent(tenant)}/links`
  return act === undefined ? path : `${path}/${act}`
}
