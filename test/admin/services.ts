import type {
  AcceptedRows,
  AdminServices,
  Backup,
  CertificateAuthority,
  ChangedTable,
  Client,
  Destroyed,
  Finding,
  ForeseenAct,
  ForeseenLinkAct,
  Grant,
  Job,
  KeyChange,
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
  Tenant,
  UsedCertificateAuthority,
} from '../../src/admin/services.ts'
import { KryptonError } from '../../src/errors.ts'

/** The services of a server without keys: what the routes and the commands see of one, kept in two lists. */
export class ListedServices implements AdminServices {
  readonly tenants: Tenant[] = []
  readonly clients: Client[] = []
  readonly asked: NewClient[] = []
  state: 'unsealed' | 'sealed' = 'unsealed'
  found: Finding[] = [{ check: 'swap', state: 'good', found: 'none' }]
  authority: CertificateAuthority | undefined
  readonly verifiers: string[] = []
  readonly links: Link[] = []
  changedRows: ChangedTable[] = [
    {
      table: 'clients',
      written: 2,
      found: 3,
      rows: ['tenant 1, client 2'],
      refused: 'what hangs on these rows is refused',
      code: '0123456789abcdef',
    },
  ]
  readonly roles: Role[] = [{ name: 'reader', builtIn: true, rules: [{ operations: ['Get'] }] }]
  /** Called when a client was added. */
  onCreate: () => void = () => undefined

  status() {
    return {
      version: '0.0.0',
      state: this.state,
      profile: 'development' as const,
      cryptoProfile: 'any' as const,
      pid: 1,
      started: '2026-01-01T00:00:00.000Z',
      kmip: { host: '127.0.0.1', port: 5696 },
      endpoint: { host: '127.0.0.1', port: 5696 },
      certificate: { names: ['localhost'], notAfter: '2028-01-01T00:00:00.000Z' },
      threads: 1,
      native: 'off' as const,
      memory: {
        lockedBytes: 0,
        unlockedBytes: 0,
        lockedBy: 'nothing' as const,
        slots: 0,
        slotsInUse: { object: 0, wrapping: 0, system: 0 },
      },
      seal: { type: 'static', cluster: '00', verifier: '00', epoch: 1, integrityKey: 1 },
      keys: { rotating: 1, toBeDeleted: 2, grants: 0 },
      anchor: { type: 'none' as const },
      refused: [],
      warnings: ['rollback is not detected', 'keys are held by JavaScript'],
    }
  }

  findings(): readonly Finding[] {
    return this.found
  }

  createTenant(name: string): Tenant {
    if (this.tenants.some((tenant) => tenant.name === name))
      throw new KryptonError('already-exists', `the tenant ${name} exists`)
    const tenant = { id: '01', name, state: 'active', created: '2026-01-01T00:00:00.000Z' }
    this.tenants.push(tenant)
    return tenant
  }

  listTenants(): Tenant[] {
    return this.tenants
  }

  createClient(request: NewClient) {
    this.#tenant(request.tenant)
    this.asked.push(request)
    const { csr: _, ...named } = request
    const client = {
      ...named,
      id: '02',
      state: 'active',
      created: '2026-01-01T00:00:00.000Z',
      certificateUntil: '2028-01-01T00:00:00.000Z',
    }
    this.clients.push(client)
    this.onCreate()
    return {
      client,
      certificatePem: 'CERTIFICATE\n',
      caPem: 'CA\n',
      notAfter: '2027-01-01T00:00:00.000Z',
      kmip: { host: '127.0.0.1', port: 5696 },
    }
  }

  listClients(tenant: string): Client[] {
    this.#tenant(tenant)
    return this.clients.filter((client) => client.tenant === tenant)
  }

  revokeClient(tenant: string, name: string): Client {
    const client = this.listClients(tenant).find((candidate) => candidate.name === name)
    if (client === undefined) throw new KryptonError('not-found', `tenant ${tenant} has no client ${name}`)
    const revoked = { ...client, state: 'revoked', revoked: '2026-01-02T00:00:00.000Z' }
    this.clients[this.clients.indexOf(client)] = revoked
    return revoked
  }

  setClientRole(tenant: string, name: string, role: string): Client {
    const client = this.listClients(tenant).find((candidate) => candidate.name === name)
    if (client === undefined) throw new KryptonError('not-found', `tenant ${tenant} has no client ${name}`)
    const changed = { ...client, operations: undefined, role }
    this.clients[this.clients.indexOf(client)] = changed
    return changed
  }

  setCredential(tenant: string, name: string, { type, verifier }: NewCredential): Client {
    this.verifiers.push(verifier)
    return this.#change(tenant, name, { credential: type })
  }

  removeCredential(tenant: string, name: string): Client {
    return this.#change(tenant, name, { credential: undefined })
  }

  #change(tenant: string, name: string, change: Partial<Client>): Client {
    const client = this.listClients(tenant).find((candidate) => candidate.name === name)
    if (client === undefined) throw new KryptonError('not-found', `tenant ${tenant} has no client ${name}`)
    const changed = { ...client, ...change }
    this.clients[this.clients.indexOf(client)] = changed
    return changed
  }

  listRoles(tenant: string): Role[] {
    this.#tenant(tenant)
    return this.roles
  }

  createRole(tenant: string, role: NewRole): Role {
    this.#tenant(tenant)
    const made = { ...role, builtIn: false }
    this.roles.push(made)
    return made
  }

  removeRole(tenant: string, name: string): Role {
    const role = this.listRoles(tenant).find((candidate) => candidate.name === name)
    if (role === undefined) throw new KryptonError('not-found', `there is no role ${name}`)
    this.roles.splice(this.roles.indexOf(role), 1)
    return role
  }

  readonly jobs: Job[] = [
    {
      id: '0'.repeat(32),
      kind: 'rotate-ivk',
      subject: 'IVK',
      state: 'running',
      created: '2026-01-01T00:00:00.000Z',
      due: '2026-01-01T00:00:00.000Z',
      attempts: 1,
      done: 3,
      total: 10,
      detail: '',
    },
  ]

  readonly keys: KeyVersion[] = [
    { key: 'ivk', level: 'IVK', version: 2, state: 'active', parentVersion: 0, created: '2026-01-01T00:00:00.000Z' },
  ]

  periods: RotationPeriods = { tenantKeyDays: 90, serviceKeyDays: 30 }

  listLinks(tenant: string): Link[] {
    this.#tenant(tenant)
    return this.links
  }

  link(
    tenant: string,
    system: string,
    { provider, key, mode = 'strict', leaseSeconds = 300 }: NewLink,
    isSwitch: boolean,
  ): Link {
    this.#tenant(tenant)
    const version = isSwitch ? 2 : 1
    const link: Link = { tenant, system, provider, key, mode, leaseSeconds, state: 'enabled', version, leaseLeft: 0 }
    this.links.push(link)
    return link
  }

  actOnLink(tenant: string, system: string, act: LinkAct): Link {
    const link = this.listLinks(tenant).find((one) => one.system === system)
    if (link === undefined) throw new KryptonError('not-found', 'this system is not linked')
    return { ...link, state: act === 'lock' ? 'locked' : 'enabled', lastError: act }
  }

  recoveryFile(tenant: string, system: string, publicKey: string): RecoveryFile {
    const parts = { cluster: '00', recipient: publicKey, wrapping: 'none', wrappedKey: '', keyId: '00', keys: [] }
    return { format: 'krypton-recovery/1', tenant, system, ...parts }
  }

  foreseeRecoveryFile(tenant: string, system: string, publicKey: string): RecoveryEffect {
    return { recipient: publicKey, ...this.linkEffect(tenant, system, 'check') }
  }

  linkEffect(tenant: string, system: string, act: ForeseenLinkAct): LinkEffect {
    this.#tenant(tenant)
    if (act !== 'link' && act !== 'check') this.actOnLink(tenant, system, 'check')
    return { tenantKeys: 1, serviceKeys: 2, objects: 3 }
  }

  rotationPeriods(tenant: string): RotationPeriods {
    this.#tenant(tenant)
    return this.periods
  }

  setRotationPeriods(tenant: string, periods: Partial<RotationPeriods>): RotationPeriods {
    this.#tenant(tenant)
    return (this.periods = { ...this.periods, ...periods })
  }

  listKeys(tenant?: string): KeyVersion[] {
    return tenant === undefined ? this.keys : []
  }

  showKey(key: string): KeyVersion[] {
    return this.keys.filter((version) => version.key === key).map((version) => ({ ...version, holds: '3 Tenant Keys' }))
  }

  epoch = 1

  foreseeEpoch() {
    return { epoch: this.epoch + 1, ivks: 2, integrityKeys: 1, backups: [] }
  }

  rotateMasterKey() {
    this.epoch++
    return { cluster: '00', verifier: '01', epoch: this.epoch, pinned: true }
  }

  rotateKey(key: string): Job {
    return { ...this.jobs[0]!, subject: key }
  }

  compromiseKey(key: string): Job {
    return { ...this.jobs[0]!, subject: key, detail: 'compromised' }
  }

  relatedKeys(key: string, which: 'ancestors' | 'descendants'): KeyVersion[] {
    return which === 'ancestors' ? this.keys.filter((version) => version.key !== key) : []
  }

  announceKey(key: string): KeyVersion[] {
    return [{ ...this.keys[0]!, key, level: 'L3', version: 1, state: 'pending' }]
  }

  changeKey(key: string, act: KeyChange): KeyVersion[] {
    return [{ ...this.keys[0]!, key, level: 'L2', state: act === 'resume' ? 'active' : `${act}ed` }]
  }

  foreseeAct(_key: string, act: ForeseenAct): LinkEffect {
    return { tenantKeys: 0, serviceKeys: act === 'rotate' ? 2 : 3, objects: 0 }
  }

  foreseeDestruction(): Destroyed {
    return { tenantKeys: 1, serviceKeys: 2, objects: 30, backups: this.backups }
  }

  readonly grants: Grant[] = []

  breakGlass({ key, reason }: NewGrant): Grant {
    const [created, expires] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:30:00.000Z']
    const grant = { id: 'a'.repeat(32), key, reason, actor: 'operator:socket', created, expires }
    this.grants.push(grant)
    return grant
  }

  listGrants(): Grant[] {
    return this.grants
  }

  endGrant(id: string): Grant {
    const at = this.grants.findIndex((grant) => grant.id === id)
    if (at === -1) throw new KryptonError('not-found', `there is no grant ${id}`)
    return this.grants.splice(at, 1)[0]!
  }

  readonly backups: Backup[] = []

  noteBackup(backup: NewBackup): Backup {
    const noted = { ...backup, noted: '2026-01-01T00:00:00.000Z' }
    this.backups.push(noted)
    return noted
  }

  listBackups(): Backup[] {
    return this.backups
  }

  forgetBackup(name: string): Backup {
    const at = this.backups.findIndex((backup) => backup.name === name)
    if (at === -1) throw new KryptonError('not-found', `there is no backup ${name}`)
    return this.backups.splice(at, 1)[0]!
  }

  destroyKey(key: string, version?: number): Job {
    return { ...this.jobs[0]!, kind: 'destroy-keys', subject: `${key} ${version ?? 'whole'}` }
  }

  listChangedRows(): ChangedTable[] {
    return this.changedRows
  }

  acceptChangedRows({ table, code }: AcceptedRows): ChangedTable[] {
    const at = this.changedRows.findIndex((changed) => changed.table === table && changed.code === code)
    if (at === -1) throw new KryptonError('store-conflict', 'look at them again')
    this.changedRows.splice(at, 1)
    return this.changedRows
  }

  scrub(): Job {
    return { ...this.jobs[0]!, kind: 'scrub' }
  }

  listJobs(): Job[] {
    return this.jobs
  }

  showJob(id: string): Job {
    const job = this.jobs.find((candidate) => candidate.id === id)
    if (job === undefined) throw new KryptonError('not-found', `there is no job ${id}`)
    return job
  }

  cancelJob(id: string): Job {
    return { ...this.showJob(id), state: 'cancelling' }
  }

  createCertificateAuthority({ tenant }: ServiceName, { subject }: NewCertificateAuthority): CertificateAuthority {
    this.#tenant(tenant)
    this.authority = { ...noAuthority, subject }
    return this.authority
  }

  useCertificateAuthority({ tenant }: ServiceName, request: UsedCertificateAuthority): CertificateAuthority {
    this.#tenant(tenant)
    this.authority = { ...noAuthority, ...request }
    return this.authority
  }

  certificateAuthority({ tenant }: ServiceName): CertificateAuthority {
    this.#tenant(tenant)
    if (this.authority === undefined) throw new KryptonError('not-found', 'there is no authority')
    return this.authority
  }

  #tenant(name: string): void {
    if (name === 'broken') throw new TypeError('secret detail of a fault')
    if (!this.tenants.some((tenant) => tenant.name === name))
      throw new KryptonError('not-found', `there is no tenant ${name}`)
  }
}

const noAuthority: CertificateAuthority = {
  privateKey: 'key',
  certificate: 'certificate',
  subject: 'CN=CA',
  notAfter: '2036-01-01T00:00:00.000Z',
  certificatePem: 'CERTIFICATE\n',
}
