import { X509Certificate } from 'node:crypto'
import type {
  AcceptedRows,
  AdminServices,
  Backup,
  CertificateAuthority as CertificateAuthorityView,
  ChangedTable,
  Client as ClientView,
  CreatedClient,
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
  NewLink,
  RecoveryEffect,
  RecoveryFile,
  RotationPeriods,
  NewBackup,
  NewCertificateAuthority,
  NewClient,
  NewCredential,
  NewGrant,
  NewRole,
  Role as RoleView,
  ServiceName,
  Status,
  Tenant as TenantView,
  UsedCertificateAuthority,
} from './admin/services.ts'
import { credentialKinds, isVerifier } from './auth/credential-verifier.ts'
import { builtInRoles, rulesOfBuiltIn } from './auth/roles.ts'
import { readAuthorityCertificate } from './certificates/authority-certificate.ts'
import type { IssuedCertificate } from './certificates/certificate-authority.ts'
import { verifyClientCertificate } from './certificates/verify-client-certificate.ts'
import type { ChangedRowsWatch } from './changed-rows.ts'
import type { Clock } from './clock.ts'
import { readCertificate } from './crypto/x509-certificate.ts'
import { isKryptonError, KryptonError } from './errors.ts'
import type { Instance } from './instance.ts'
import { timeText } from './key-job-view.ts'
import type { KeyJobs } from './key-jobs.ts'
import { limits } from './limits.ts'
import type { MasterKeyActs } from './master-key-acts.ts'
import { distinguishedName } from './objects/certificate-names.ts'
import {
  certificateAuthorityOf,
  createCertificateAuthority,
  useCertificateAuthority,
} from './operations/certificate-authority.ts'
import type { CertificateIssuer } from './operations/certificate-issuer.ts'
import { operationName, operationNamed, roleNamed, roleView, ruleOf } from './role-names.ts'
import type { ServiceActs } from './service-acts.ts'
import type { Log } from './telemetry/log.ts'
import type { TenantLinks } from './tenant-links.ts'
import { type Client, type KeyIdentity, RecordState, type Tenant } from './tenants/records.ts'

/** What an administration works with. */
export interface AdministrationParts {
  readonly instance: Pick<Instance, 'registry' | 'authority'>
  readonly keyJobs: KeyJobs
  readonly changedRows: ChangedRowsWatch
  readonly masterKey: MasterKeyActs
  readonly links: TenantLinks
  readonly clock: Clock
  readonly status: () => Status
  readonly findings: () => Finding[]
  /** Each act is told to it, with names. */
  readonly log: Log
  readonly acts: ServiceActs
}

/** The acts of an administrator, over what the instance is made of. Whoever reaches the Unix socket is the operator. */
export class Administration implements AdminServices {
  readonly #instance: AdministrationParts['instance']
  readonly #keyJobs: KeyJobs
  readonly #changedRows: ChangedRowsWatch
  readonly #masterKey: MasterKeyActs
  readonly #links: TenantLinks
  readonly #clock: Clock
  readonly #status: () => Status
  readonly #findings: () => Finding[]
  readonly #log: Log
  readonly #acts: ServiceActs
  /** No certificate outlives its authority; milliseconds since 1970. */
  readonly #authorityEnd: number

  constructor(parts: AdministrationParts) {
    const { instance, keyJobs, changedRows, masterKey, links, clock, status, findings, log, acts } = parts
    this.#instance = instance
    this.#keyJobs = keyJobs
    this.#changedRows = changedRows
    this.#masterKey = masterKey
    this.#links = links
    this.#clock = clock
    this.#status = status
    this.#findings = findings
    this.#log = log
    this.#acts = acts
    this.#authorityEnd = new X509Certificate(instance.authority.certificate).validToDate.getTime()
  }

  status(): Status {
    return this.#status()
  }

  findings(): Finding[] {
    return this.#findings()
  }

  async createTenant(name: string): Promise<TenantView> {
    const tenant = await this.#instance.registry.createTenant(name, actor)
    this.#log.info('tenant added', { tenant: name })
    return tenantView(tenant)
  }

  async listTenants(): Promise<TenantView[]> {
    return byName(await this.#instance.registry.listTenants()).map(tenantView)
  }

  async createClient({ operations, role: roleName, csr, ...request }: NewClient): Promise<CreatedClient> {
    const { authority, registry } = this.#instance
    const allowed = operations?.map(operationNamed)
    if (allowed !== undefined && roleName !== undefined) {
      throw new KryptonError('invalid-field', 'give a client a role or a list of operations, not both')
    }
    const role = roleName === undefined ? undefined : roleNamed(roleName)
    const { issued, identity } = await this.#certificate(request.name, csr)
    const client = await registry.clients
      .create({ ...request, ...identity, operations: allowed, role }, actor)
      .catch((error: unknown) => this.#nameIsTaken(request.tenant, request.name, error))
    const { tenantName: tenant, systemName: system, serviceName: service, name } = client
    this.#log.info('client added', { tenant, system, service, client: name })
    return {
      client: this.#clientView(client),
      certificatePem: issued.certificatePem,
      caPem: authority.certificatePem,
      notAfter: issued.notAfter.toISOString(),
      kmip: this.#status().endpoint,
    }
  }

  async listClients(tenant: string): Promise<ClientView[]> {
    const { registry } = this.#instance
    const credentials = await registry.credentials.list(tenant)
    return byName(await registry.clients.list(tenant)).map((client) => {
      const view = this.#clientView(client)
      const type = credentials.get(view.id)
      return type === undefined ? view : { ...view, credential: credentialName(type) }
    })
  }

  async revokeClient(tenant: string, name: string): Promise<ClientView> {
    const client = await this.#instance.registry.clients.revoke(tenant, name, actor)
    this.#log.info('client revoked', { tenant, client: name })
    return this.#clientView(client)
  }

  async setClientRole(tenant: string, name: string, role: string): Promise<ClientView> {
    const client = await this.#instance.registry.clients.setRole(tenant, name, roleNamed(role), actor)
    this.#log.info('client has another role', { tenant, client: name, role })
    return this.#clientView(client)
  }

  async setCredential(tenant: string, name: string, { type, verifier }: NewCredential): Promise<ClientView> {
    const bytes = Buffer.from(verifier, 'hex')
    if (!isVerifier(bytes)) {
      throw new KryptonError('invalid-field', 'send a verifier of this version: krypton client credential add makes it')
    }
    const credential = { type: credentialKinds[type], verifier: bytes }
    await this.#instance.registry.credentials.set(tenant, name, credential, actor)
    this.#log.info('client needs a credential', { tenant, client: name, type })
    return this.#client(tenant, name)
  }

  async removeCredential(tenant: string, name: string): Promise<ClientView> {
    await this.#instance.registry.credentials.remove(tenant, name, actor)
    this.#log.info('client needs no credential', { tenant, client: name })
    return this.#client(tenant, name)
  }

  async #client(tenant: string, name: string): Promise<ClientView> {
    return (await this.listClients(tenant)).find((client) => client.name === name)! // it was there just now, and none is taken away
  }

  async listRoles(tenant: string): Promise<RoleView[]> {
    const own = byName(await this.#instance.registry.roles.list(tenant)).map((role) => roleView(role))
    return [...builtInRoles.map((name) => roleView({ name, rules: rulesOfBuiltIn(name)! }, true)), ...own] // as they are listed
  }

  async createRole(tenant: string, { name, rules }: NewRole): Promise<RoleView> {
    if (rulesOfBuiltIn(name) !== undefined) {
      throw new KryptonError('already-exists', `choose another name: every tenant has a role ${name}`)
    }
    const role = { name, rules: rules.map(ruleOf) }
    const made = await this.#instance.registry.roles.create(tenant, role, actor)
    this.#log.info('role made', { tenant, role: name })
    return roleView(made)
  }

  async removeRole(tenant: string, name: string): Promise<RoleView> {
    const { registry } = this.#instance
    if (rulesOfBuiltIn(name) !== undefined) {
      throw new KryptonError('invalid-field', `${name} is a role of every tenant: it is not removed`)
    }
    const role = (await registry.roles.list(tenant)).find((candidate) => candidate.name === name)
    await registry.roles.remove(tenant, name, actor)
    this.#log.info('role removed', { tenant, role: name })
    return roleView(role!) // it has just been removed
  }

  rotationPeriods(tenant: string): Promise<RotationPeriods> {
    return this.#keyJobs.periods(tenant)
  }

  async setRotationPeriods(tenant: string, periods: Partial<RotationPeriods>): Promise<RotationPeriods> {
    const set = await this.#keyJobs.setPeriods(tenant, periods, actor)
    this.#log.info('rotation periods set', { tenant, ...set })
    return set
  }

  listKeys(tenant?: string): Promise<KeyVersion[]> {
    return this.#keyJobs.views.all(tenant)
  }

  showKey(key: string): Promise<KeyVersion[]> {
    return this.#keyJobs.views.withReferences(key)
  }

  foreseeEpoch(): Promise<EpochEffect> {
    return this.#masterKey.foresee()
  }

  async rotateMasterKey(): Promise<Epoch> {
    const epoch = await this.#masterKey.rotate(actor)
    this.#log.warn('the MasterKey has a new epoch', { epoch: epoch.epoch, verifier: epoch.verifier })
    return epoch
  }

  async rotateKey(key: string): Promise<Job> {
    const job = await this.#keyJobs.rotate(key, 'command', actor)
    this.#log.info('rotation asked for', { key, job: job.id })
    return job
  }

  async compromiseKey(key: string): Promise<Job> {
    const job = await this.#keyJobs.rotate(key, 'compromise', actor)
    this.#log.warn('a key is compromised: it is replaced with all below it', { key, job: job.id })
    return job
  }

  relatedKeys(key: string, which: 'ancestors' | 'descendants'): Promise<KeyVersion[]> {
    return this.#keyJobs.views.related(key, which)
  }

  async announceKey(key: string): Promise<KeyVersion[]> {
    const versions = await this.#keyJobs.announce(key, actor)
    this.#log.info('key announced', { key })
    return versions
  }

  async changeKey(key: string, act: KeyChange): Promise<KeyVersion[]> {
    const versions = await this.#keyJobs.change(key, act, actor)
    this.#log.info(`${act} of a key`, { key })
    return versions
  }

  foreseeAct(key: string, act: ForeseenAct): Promise<KeyEffect> {
    return this.#keyJobs.foreseeAct(key, act)
  }

  foreseeDestruction(key: string, version?: number): Promise<Destroyed> {
    return this.#keyJobs.foresee(key, version)
  }

  async destroyKey(key: string, version?: number): Promise<Job> {
    const job = await this.#keyJobs.destroy(key, version, actor)
    this.#log.warn('the destruction of keys is asked for', { key, version, job: job.id })
    return job
  }

  async breakGlass({ key, minutes, reason }: NewGrant): Promise<Grant> {
    const grant = await this.#keyJobs.grants.make(key, { minutes, reason, actor })
    this.#log.warn('compromised keys are opened for a time', { key, minutes, reason, grant: grant.id })
    return grant
  }

  listGrants(): Promise<Grant[]> {
    return this.#keyJobs.grants.list()
  }

  async endGrant(id: string): Promise<Grant> {
    const grant = await this.#keyJobs.grants.end(id, actor)
    this.#log.info('a grant has ended', { key: grant.key, grant: id })
    return grant
  }

  async noteBackup({ name, until }: NewBackup): Promise<Backup> {
    const backup = await this.#keyJobs.backups.note(name, until, actor)
    this.#log.info('backup noted', { backup: name, until: backup.until })
    return backup
  }

  listBackups(): Promise<Backup[]> {
    return this.#keyJobs.backups.list()
  }

  async forgetBackup(name: string): Promise<Backup> {
    const backup = await this.#keyJobs.backups.forget(name, actor)
    this.#log.info('backup forgotten', { backup: name })
    return backup
  }

  listLinks(tenant: string): Promise<Link[]> {
    return this.#links.list(tenant)
  }

  async link(tenant: string, system: string, request: NewLink, isSwitch: boolean): Promise<Link> {
    const link = await this.#links.link(tenant, system, request, isSwitch, actor)
    const { provider, key, mode } = link
    this.#log.warn(isSwitch ? 'a system has another L1' : 'a system is linked', { tenant, system, provider, key, mode })
    return link
  }

  async actOnLink(tenant: string, system: string, act: LinkAct): Promise<Link> {
    const link = await this.#links.act(tenant, system, act, actor)
    this.#log.warn(`${act} of a link`, { tenant, system, state: link.state })
    return link
  }

  async recoveryFile(tenant: string, system: string, publicKey: string): Promise<RecoveryFile> {
    const file = await this.#links.recoveryFile(tenant, system, publicKey, actor)
    this.#log.warn('a recovery file is made', { tenant, system, recipient: file.recipient })
    return file
  }

  foreseeRecoveryFile(tenant: string, system: string, publicKey: string): Promise<RecoveryEffect> {
    return this.#links.foreseeRecoveryFile(tenant, system, publicKey)
  }

  linkEffect(tenant: string, system: string, act: ForeseenLinkAct): Promise<LinkEffect> {
    return this.#links.foresee(tenant, system, act)
  }

  listChangedRows(): Promise<ChangedTable[]> {
    return this.#changedRows.list()
  }

  async acceptChangedRows({ table, code, reason }: AcceptedRows): Promise<ChangedTable[]> {
    await this.#changedRows.accept(table, { code, reason, actor })
    this.#log.warn('rows that were changed from outside are taken as they are', { table, code, reason })
    return this.#changedRows.list()
  }

  scrub(): Promise<Job> {
    return this.#keyJobs.askForScrub(actor)
  }

  listJobs(): Promise<Job[]> {
    return this.#keyJobs.list()
  }

  showJob(job: string): Promise<Job> {
    return this.#keyJobs.show(job)
  }

  async cancelJob(id: string): Promise<Job> {
    const job = await this.#keyJobs.cancel(id, actor)
    this.#log.info('job cancelled', { job: id, subject: job.subject })
    return job
  }

  async createCertificateAuthority(
    service: ServiceName,
    request: NewCertificateAuthority,
  ): Promise<CertificateAuthorityView> {
    const act = { actor, operation: 'CertificateAuthorityCreate' }
    const issuer = await this.#acts.run(service, act, (context) => createCertificateAuthority(request, context))
    return this.#namedAuthority('certificate authority made', service, issuer)
  }

  async useCertificateAuthority(
    service: ServiceName,
    request: UsedCertificateAuthority,
  ): Promise<CertificateAuthorityView> {
    const act = { actor, operation: 'CertificateAuthorityUse' }
    const issuer = await this.#acts.run(service, act, (context) => useCertificateAuthority(request, context))
    return this.#namedAuthority('certificate authority named', service, issuer)
  }

  async certificateAuthority(service: ServiceName): Promise<CertificateAuthorityView> {
    const act = { actor, operation: 'CertificateAuthorityShow' }
    return authorityView(await this.#acts.run(service, act, certificateAuthorityOf))
  }

  #namedAuthority(message: string, service: ServiceName, issuer: CertificateIssuer): CertificateAuthorityView {
    const view = authorityView(issuer)
    this.#log.info(message, { ...service, subject: view.subject, privateKey: view.privateKey })
    return view
  }

  async #certificate(name: string, csr: string): Promise<{ issued: IssuedCertificate; identity: KeyIdentity }> {
    const { authority } = this.#instance
    try {
      const issued = await authority.issueClient({ name, csr }, new Date(this.#clock.now()))
      // What the server will do when the client comes, done once now: what it would refuse is bound to nobody.
      const verified = verifyClientCertificate(issued.certificate, [readAuthorityCertificate(authority.certificate)])
      return {
        issued,
        identity: { issuerKeyHash: verified.authority.publicKeyHash, leafKeyHash: verified.leafKeyHash },
      }
    } catch (cause) {
      if (!isKryptonError(cause, 'certificate-invalid')) throw cause
      throw new KryptonError(
        'certificate-invalid',
        `the certificate request cannot be used: ${cause.message}; its key may be RSA of ${limits.rsaCertificateBitsMin} bits or more, P-256, P-384, P-521 or Ed25519`,
        { cause },
      )
    }
  }

  /** A name stays with the client that had it, so that a log says who did what: the refusal says why the name is not free. */
  async #nameIsTaken(tenant: string, name: string, error: unknown): Promise<never> {
    if (!isKryptonError(error, 'already-exists')) throw error
    const clients = await this.#instance.registry.clients.list(tenant)
    const revoked = clients.some((client) => client.name === name && client.state === RecordState.revoked)
    if (!revoked) throw error
    throw new KryptonError(
      'already-exists',
      `the client ${name} was revoked, and its name is not given to another: choose a new one`,
      { cause: error },
    )
  }

  #clientView(client: Client): ClientView {
    const issued = client.created * 1000 + limits.clientCertificateDays * 86_400_000
    const until = Math.min(issued, this.#authorityEnd)
    return {
      id: client.client.toString('hex'),
      tenant: client.tenantName,
      system: client.systemName,
      service: client.serviceName,
      name: client.name,
      state: stateName(client.state),
      operations:
        client.operations === undefined || client.role !== undefined
          ? undefined
          : [...client.operations].map(operationName),
      role: client.role,
      created: timeText(client.created),
      revoked: client.revoked === undefined ? undefined : timeText(client.revoked),
      certificateUntil: new Date(until).toISOString(),
    }
  }
}

function authorityView({ privateKey, certificate, der }: CertificateIssuer): CertificateAuthorityView {
  const { validToDate } = new X509Certificate(der)
  return {
    privateKey: privateKey.uniqueIdentifier,
    certificate: certificate.uniqueIdentifier,
    subject: distinguishedName(readCertificate(der).subject),
    notAfter: validToDate.toISOString(),
    certificatePem: `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`,
  }
}

/** By code units: the same order on every machine. */
function byName<T extends { readonly name: string }>(things: readonly T[]): T[] {
  return things.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

const actor = 'operator:socket'

function tenantView({ tenant, name, state, created }: Tenant): TenantView {
  return { id: tenant.toString('hex'), name, state: stateName(state), created: timeText(created) }
}

function credentialName(type: number): string {
  return Object.entries(credentialKinds).find(([, number]) => number === type)?.[0] ?? String(type)
}

const stateName = (state: RecordState): string => (state === RecordState.active ? 'active' : 'revoked')
