/** What the server does for its administrators. `krypton.ts` implements it; the routes only carry it over HTTP. */
export interface AdminServices {
  status(): Awaitable<Status>
  /** How well the server keeps its secrets, part by part. */
  findings(): Awaitable<readonly Finding[]>
  /** Throws 'already-exists', 'invalid-field'. */
  createTenant(name: string): Awaitable<Tenant>
  listTenants(): Awaitable<Tenant[]>
  /** Throws 'not-found' for the tenant, 'already-exists' for the name or key, 'certificate-invalid' for a bad request. */
  createClient(request: NewClient): Awaitable<CreatedClient>
  /** Throws 'not-found' for the tenant. */
  listClients(tenant: string): Awaitable<Client[]>
  /** Ends what this client may do, on open connections too. Throws 'not-found'. */
  revokeClient(tenant: string, name: string): Awaitable<Client>
  /** Gives a client another role, from its next request on. Throws 'not-found', 'invalid-field' for one that was revoked. */
  setClientRole(tenant: string, name: string, role: string): Awaitable<Client>
  /** Asks a client for a credential with every request. Throws 'not-found', 'invalid-field' for one that was revoked. */
  setCredential(tenant: string, name: string, credential: NewCredential): Awaitable<Client>
  /** Throws 'not-found' for the client, or when it has none. */
  removeCredential(tenant: string, name: string): Awaitable<Client>
  /** The roles that every tenant has, then those of this one. Throws 'not-found' for the tenant. */
  listRoles(tenant: string): Awaitable<Role[]>
  /** Throws 'not-found' for the tenant, 'already-exists', 'invalid-field' for a name, an operation or an Object Type. */
  createRole(tenant: string, role: NewRole): Awaitable<Role>
  /** Throws 'not-found', 'invalid-field' while a client has it. */
  removeRole(tenant: string, name: string): Awaitable<Role>
  /** The periods in which a tenant's keys are rotated. Throws 'not-found'. */
  rotationPeriods(tenant: string): Awaitable<RotationPeriods>
  /** Gives a tenant periods of its own; what is not named stays. Throws 'not-found'. */
  setRotationPeriods(tenant: string, periods: Partial<RotationPeriods>): Awaitable<RotationPeriods>
  /** Every version of every key of the hierarchy, or of those of one tenant. Throws 'not-found' for the tenant. */
  listKeys(tenant?: string): Awaitable<KeyVersion[]>
  /** The versions of one key, with what is under each. Throws 'not-found', 'invalid-field' for a name that is none. */
  showKey(key: string): Awaitable<KeyVersion[]>
  /** Asks for a rotation. Throws 'not-found', 'invalid-field'. */
  rotateKey(key: string): Awaitable<Job>
  /** Asks for a rotation, and for a new key in the place of each that the old one wraps. Throws 'not-found', 'invalid-field'. */
  compromiseKey(key: string): Awaitable<Job>
  /** The keys above or below a key. Throws 'not-found', 'invalid-field'. */
  relatedKeys(key: string, which: 'ancestors' | 'descendants'): Awaitable<KeyVersion[]>
  /** Makes a key that is yet to be activated, with its system or service; one that is there stays as it is. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state'. */
  announceKey(key: string): Awaitable<KeyVersion[]>
  /** Activates, suspends, resumes or deactivates a key: done when every thread has confirmed it. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state', 'not-healthy'. */
  changeKey(key: string, act: KeyChange): Awaitable<KeyVersion[]>
  /** What an act on a key would reach; nothing is done. Throws as the act. */
  foreseeAct(key: string, act: ForeseenAct): Awaitable<KeyEffect>
  /** What the destruction of a tenant's, system's or service's keys would take. Throws as `destroyKey`. */
  foreseeDestruction(key: string, version?: number): Awaitable<Destroyed>
  /** Asks for a destruction. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state'. */
  destroyKey(key: string, version?: number): Awaitable<Job>
  /** What a new epoch of the MasterKey would touch. */
  foreseeEpoch(): Awaitable<EpochEffect>
  /** Begins a new epoch of the MasterKey: done when it is opened from the store and every thread has let go of the former one. Throws 'seal-failed', 'config-invalid', 'not-healthy', a refusal of the seal's key. */
  rotateMasterKey(): Awaitable<Epoch>
  /** Lets requests open what is under compromised keys, for a time. Throws 'not-found', 'invalid-field', 'not-healthy'. */
  breakGlass(grant: NewGrant): Awaitable<Grant>
  /** The grants that are open, the first to end first. */
  listGrants(): Awaitable<Grant[]>
  /** Ends a grant before its time: done when every thread has confirmed it. Throws 'not-found', 'not-healthy'. */
  endGrant(grant: string): Awaitable<Grant>
  /** Notes a copy of the database: the versions of keys in it are kept until it is forgotten. Throws 'already-exists', 'invalid-field'. */
  noteBackup(backup: NewBackup): Awaitable<Backup>
  listBackups(): Awaitable<Backup[]>
  /** Says that a copy is gone. Throws 'not-found'. */
  forgetBackup(name: string): Awaitable<Backup>
  /** The links of a tenant's systems with its own keys. Throws 'not-found'. */
  listLinks(tenant: string): Awaitable<Link[]>
  /** Links a system with an L1, or with `isSwitch` gives a linked one another. Throws 'not-found', 'already-exists', 'invalid-field', 'wrong-key-lifecycle-state', a refusal of the L1. */
  link(tenant: string, system: string, request: NewLink, isSwitch: boolean): Awaitable<Link>
  /** Throws 'not-found', 'wrong-key-lifecycle-state', 'not-healthy', a refusal of the L1. */
  actOnLink(tenant: string, system: string, act: LinkAct): Awaitable<Link>
  /** The Tenant Keys of a linked system, sealed to a public key in PEM. Throws 'not-found', 'invalid-field', 'permission-denied', a refusal of the L1. */
  recoveryFile(tenant: string, system: string, publicKey: string): Awaitable<RecoveryFile>
  /** What a recovery file would open; nothing is done. Throws as `recoveryFile`. */
  foreseeRecoveryFile(tenant: string, system: string, publicKey: string): Awaitable<RecoveryEffect>
  /** What an act on the link of a system would touch; nothing is done, and no L1 is asked. Throws as the act. */
  linkEffect(tenant: string, system: string, act: ForeseenLinkAct): Awaitable<LinkEffect>
  /** Tables with rows that were changed from outside, looked at now. */
  listChangedRows(): Awaitable<ChangedTable[]>
  /** Takes changed rows for those that were written, for ever. Throws 'not-found', 'store-conflict'. */
  acceptChangedRows(accepted: AcceptedRows): Awaitable<ChangedTable[]>
  /** Asks for a look at every row of the database. */
  scrub(): Awaitable<Job>
  /** The newest first. */
  listJobs(): Awaitable<Job[]>
  /** By its identifier in hex. Throws 'not-found'. */
  showJob(job: string): Awaitable<Job>
  /** Ends a job that waits, or a running one at its next step; one that has ended stays as it is. Throws 'not-found'. */
  cancelJob(job: string): Awaitable<Job>
  /** Makes the certificate authority of a service. Throws 'not-found', 'certificate-invalid' for the subject, 'invalid-field' for the name. */
  createCertificateAuthority(service: ServiceName, request: NewCertificateAuthority): Awaitable<CertificateAuthority>
  /** Names a key of the service, with its certificate, its authority. Throws 'not-found', 'item-not-found', 'invalid-field', 'certificate-invalid'. */
  useCertificateAuthority(service: ServiceName, request: UsedCertificateAuthority): Awaitable<CertificateAuthority>
  /** Throws 'not-found'. */
  certificateAuthority(service: ServiceName): Awaitable<CertificateAuthority>
}

type Awaitable<T> = T | Promise<T>

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Status {
  readonly version: string
  readonly state: 'unsealed' | 'sealed'
  readonly profile: 'production' | 'development'
  /** `crypto.profile`: which algorithms clients may use. */
  readonly cryptoProfile: 'any' | 'approved'
  /** Process of the server. */
  readonly pid: number
  /** RFC 3339. */
  readonly started: string
  /** Where KMIP is served. */
  readonly kmip: Address
  /** Where a client finds it, by a name of the server's certificate. */
  readonly endpoint: Address
  readonly certificate: {
    /** Names and addresses for which the server's certificate is good. */
    readonly names: readonly string[]
    /** RFC 3339. */
    readonly notAfter: string
  }
  readonly health?: Address
  readonly threads: number
  /** `off`: keys are held by JavaScript, which cannot lock memory. */
  readonly native: 'off' | 'on'
  readonly memory: {
    /** Bytes of memory for secrets that are never swapped and in no core file. */
    readonly lockedBytes: number
    /** Bytes of memory for secrets that may be swapped, because locking them was refused. */
    readonly unlockedBytes: number
    readonly lockedBy: 'memfd_secret' | 'mlock' | 'nothing'
    /** Places for secrets, used and free. */
    readonly slots: number
    /** Secrets by class. */
    readonly slotsInUse: { readonly object: number; readonly wrapping: number; readonly system: number }
  }
  readonly seal: {
    readonly type: string
    /** Hex. */
    readonly cluster: string
    /** Hex. */
    readonly verifier: string
    readonly epoch: number
    /** The version of the system's integrity key that is active. */
    readonly integrityKey: number
  }
  readonly keys: {
    /** Rotations that run or wait. */
    readonly rotating: number
    /** Versions that are to be deleted. */
    readonly toBeDeleted: number
    /** Grants that open what is under compromised keys. */
    readonly grants: number
  }
  /** What tells the database from an older one. */
  readonly anchor: {
    readonly type: 'none' | 'file' | 'openbao'
    /** Where it is. */
    readonly place?: string
    /** The newest change of each section that it has seen. */
    readonly keys?: number
    readonly data?: number
    /** RFC 3339. */
    readonly written?: string
  }
  /** What is refused because rows of the database were changed from outside: nothing, where all are as they were written. */
  readonly refused: readonly string[]
  /** What an operator should know of: "rollback is not detected", for one. */
  readonly warnings: readonly string[]
}

/** One part of how secrets are kept: what `krypton doctor` shows. */
export interface Finding {
  readonly check: string
  readonly state: 'good' | 'warning' | 'wrong'
  readonly found: string
  /** The line that would mend it. */
  readonly remedy?: string
}

export interface Tenant {
  /** Hex. */
  readonly id: string
  readonly name: string
  readonly state: string
  /** RFC 3339. */
  readonly created: string
}

/** How often a tenant's keys are rotated, a tenth more or less. */
export interface RotationPeriods {
  readonly tenantKeyDays: number
  readonly serviceKeyDays: number
}

/** A version of a key of the hierarchy. */
export interface KeyVersion {
  /** `ivk`, TENANT/SYSTEM, TENANT/SYSTEM/SERVICE, `integrity:TENANT`, or `integrity` for the system's own. */
  readonly key: string
  readonly level: 'IVK' | 'L2' | 'L3' | 'integrity'
  readonly version: number
  readonly state: string
  /** `activating`: threads are opening it; `usable`; `re-wrapping`: what hangs on it is being moved. Absent where none of these is. */
  readonly processing?: 'activating' | 'usable' | 're-wrapping'
  /** Version of the key that wraps it; for the IVK and the system's integrity key, the epoch of the MasterKey. */
  readonly parentVersion: number
  /** RFC 3339. */
  readonly created: string
  /** When the active version is to be rotated, RFC 3339. */
  readonly rotates?: string
  /** When a version of the IVK that was replaced opens for no request any more, RFC 3339. */
  readonly expires?: string
  /** What is under this version, in words: only where one key is shown. */
  readonly holds?: string
}

/** What an operator does to a key that can be told from its name. */
export type KeyChange = 'activate' | 'suspend' | 'resume' | 'deactivate'

/** An act whose reach can be foreseen. */
export const foreseenActs = [
  'rotate',
  'compromise',
  'activate',
  'suspend',
  'resume',
  'deactivate',
  'break-glass',
] as const
export type ForeseenAct = (typeof foreseenActs)[number]

/** What a new epoch of the MasterKey touches. */
export interface EpochEffect {
  /** The one that would begin. */
  readonly epoch: number
  /** So many versions are wrapped anew. */
  readonly ivks: number
  readonly integrityKeys: number
  /** Copies of the database that open with the MasterKey of before. */
  readonly backups: readonly Backup[]
}

/** An epoch of the MasterKey that has begun: what the configuration is to pin. */
export interface Epoch {
  /** Hex. */
  readonly cluster: string
  /** Hex. */
  readonly verifier: string
  readonly epoch: number
  /** False where the configuration pins nothing: there is nothing to change. */
  readonly pinned: boolean
}

/** What a destruction takes. */
export interface Destroyed {
  /** Versions of Tenant Keys. */
  readonly tenantKeys: number
  /** Versions of Service Keys. */
  readonly serviceKeys: number
  /** Objects that nobody can open any more. */
  readonly objects: number
  /** Copies of the database in which the keys remain until they are gone too. */
  readonly backups: readonly Backup[]
}

/** What is to be opened although its key is compromised. */
export interface NewGrant {
  /** TENANT/SYSTEM or TENANT/SYSTEM/SERVICE. */
  readonly key: string
  readonly minutes: number
  /** Why, for the audit. */
  readonly reason: string
}

/** A grant that is open. */
export interface Grant extends Omit<NewGrant, 'minutes'> {
  /** Hex. */
  readonly id: string
  /** Who asked for it. */
  readonly actor: string
  /** RFC 3339. */
  readonly created: string
  /** RFC 3339. */
  readonly expires: string
}

/** A copy of the database that is to be kept. */
export interface NewBackup {
  readonly name: string
  /** Until when, RFC 3339. */
  readonly until: string
}

/** A copy of the database that is kept. */
export interface Backup extends NewBackup {
  /** When it was noted, RFC 3339. */
  readonly noted: string
}

/** What is done to a link that needs nothing but its name. */
export const linkActs = ['check', 'lock', 'disable', 'enable', 'rotate', 'unlink', 'detach', 'repair'] as const
export type LinkAct = (typeof linkActs)[number]

/** What can be foreseen of a link by its name alone. */
export const foreseenLinkActs = ['link', 'switch', ...linkActs] as const
export type ForeseenLinkAct = (typeof foreseenLinkActs)[number]

/** A key outside that is to be the L1 of a system. */
export interface NewLink {
  readonly provider: string
  /** Name of the key at its provider. */
  readonly key: string
  readonly settings?: Readonly<Record<string, string>>
  /** Base64. */
  readonly credentials?: string
  /** Absent: strict. */
  readonly mode?: 'strict' | 'available'
  readonly leaseSeconds?: number
}

/** The link of a system with its tenant's own key. */
export interface Link {
  readonly tenant: string
  readonly system: string
  readonly provider: string
  readonly key: string
  readonly mode: 'strict' | 'available'
  readonly state: 'enabled' | 'decrypt-only' | 'locked' | 'unlinked' | 'detaching'
  /** Of the link key S. */
  readonly version: number
  readonly leaseSeconds: number
  /** Seconds until the keys below are used no more, unless the L1 is heard of; 0 while none is open. */
  readonly leaseLeft: number
  /** When the L1 has last opened S, RFC 3339. */
  readonly renewed?: string
  /** Why the last try failed. */
  readonly lastError?: string
}

/** A tenant's way out without us; docs/formats.md says how it is opened. */
export interface RecoveryFile {
  readonly format: string
  readonly cluster: string
  readonly tenant: string
  readonly system: string
  readonly recipient: string
  readonly wrapping: string
  readonly wrappedKey: string
  readonly keyId: string
  readonly keys: readonly { readonly version: number; readonly keyId: string; readonly record: string }[]
}

/** What is below the keys of a system. */
export type LinkEffect = Omit<Destroyed, 'backups'>

/** What a recovery file would open. */
export interface RecoveryEffect extends LinkEffect {
  /** SHA-256 of the public key of whoever could open it, hex. */
  readonly recipient: string
}

/** What an act on a key reaches. */
export interface KeyEffect extends LinkEffect {
  /** Tenants' integrity keys: of the IVK alone. */
  readonly integrityKeys?: number
  /** Rows whose MACs are made anew: of integrity keys, and of the IVK when it is declared compromised. */
  readonly rows?: number
}

/** A table with rows that were changed from outside. */
export interface ChangedTable {
  readonly table: string
  /** Rows that were written. */
  readonly written: number
  /** Rows that there are. */
  readonly found: number
  /** Those that differ, by their primary keys; absent where it is not known which ones do. */
  readonly rows?: readonly string[]
  /** What is refused because of them. */
  readonly refused: string
  /** Stands for this difference and no other. */
  readonly code: string
}

/** Rows that an operator takes as they are. */
export interface AcceptedRows {
  readonly table: string
  /** As it was listed. */
  readonly code: string
  /** Why, for the audit. */
  readonly reason: string
}

/** A long act of the server. */
export interface Job {
  /** Hex. */
  readonly id: string
  readonly kind: string
  /** What it is about. */
  readonly subject: string
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'cancelling'
  /** RFC 3339. */
  readonly created: string
  /** When it may run, RFC 3339. */
  readonly due: string
  readonly started?: string
  readonly ended?: string
  readonly attempts: number
  /** So many of `total` things are done. */
  readonly done: number
  readonly total: number
  /** Its result, or why the last attempt failed. */
  readonly detail: string
}

export interface NewClient {
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly name: string
  /** KMIP operations by the specification's name, case ignored; absent: all, or those of its role. */
  readonly operations?: readonly string[]
  /** Name of a role; not together with `operations`. */
  readonly role?: string
  /** PKCS #10, PEM: the private key stays with who made it. */
  readonly csr: string
}

export interface Client {
  /** Hex. */
  readonly id: string
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly name: string
  readonly state: string
  /** What it sends besides its certificate; absent: nothing. */
  readonly credential?: string
  /** Absent: all, or what the role allows. */
  readonly operations?: readonly string[]
  readonly role?: string
  /** RFC 3339. */
  readonly created: string
  readonly revoked?: string
  /** End of the certificate that was issued when the client was added, RFC 3339. */
  readonly certificateUntil: string
}

export interface CreatedClient {
  readonly client: Client
  readonly certificatePem: string
  readonly caPem: string
  /** End of the certificate's validity, RFC 3339. */
  readonly notAfter: string
  /** Where the client finds the server, for the snippets. */
  readonly kmip: Address
}

/** A service, by the names of what it belongs to. */
export interface ServiceName {
  readonly tenant: string
  readonly system: string
  readonly service: string
}

export interface NewCertificateAuthority {
  /** Name of the certificate's object. */
  readonly name: string
  /** As `CN=Example CA,O=Example`. */
  readonly subject: string
  readonly key: 'p256' | 'p384' | 'p521' | 'rsa-3072' | 'rsa-4096'
  readonly days: number
}

/** Unique Identifiers of two objects. */
export interface UsedCertificateAuthority {
  readonly privateKey: string
  readonly certificate: string
}

/** What signs for Certify in a service. */
export interface CertificateAuthority extends UsedCertificateAuthority {
  readonly subject: string
  /** RFC 3339. */
  readonly notAfter: string
  readonly certificatePem: string
}

/** Operations, and the objects on which they are allowed, by the specification's names. */
export interface RoleRule {
  readonly operations: readonly string[]
  /** Absent: all. */
  readonly objectTypes?: readonly string[]
  /** Absent: all, also objects without a group. */
  readonly objectGroups?: readonly string[]
}

export interface NewRole {
  readonly name: string
  readonly rules: readonly RoleRule[]
}

export interface Role extends NewRole {
  /** Every tenant has it. */
  readonly builtIn: boolean
}

/** What is kept of a credential: who sets it has made the verifier, and the server never sees the password. */
export interface NewCredential {
  readonly type: 'username-and-password' | 'device'
  /** Hex. */
  readonly verifier: string
}
