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
  }
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

export interface NewClient {
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly name: string
  /** KMIP operations by the specification's name, case ignored; absent: all. */
  readonly operations?: readonly string[]
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
  /** Absent: all. */
  readonly operations?: readonly string[]
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
