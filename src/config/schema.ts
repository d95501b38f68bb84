import { Type, type Static } from 'typebox'
import { limits } from '../limits.ts'

/**
 * Every setting there is, with its default: the one description from which the checks of the file, the names of the
 * environment's variables, `config print` and the type `Config` come. No setting holds a secret: secrets are named by their file.
 */
const section = { additionalProperties: false } as const

const host = (value: string, description: string) =>
  Type.String({ minLength: 1, maxLength: 253, format: 'host', default: value, description })
const port = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: value, description })
const path = (value: string, description: string) =>
  Type.String({ minLength: 1, maxLength: 4096, default: value, path: true, description })
const count = (value: number, range: { minimum: number; maximum: number }, description: string) =>
  Type.Integer({ ...range, default: value, description })
const milliseconds = (value: number, description: string) =>
  Type.Integer({ minimum: 100, maximum: 86_400_000, default: value, description })
const file = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))
const text = (pattern: string, description: string) => Type.Optional(Type.String({ pattern, description }))
const choice = <const T extends readonly [string, ...string[]]>(values: T, value: T[number], description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], default: value, description })

export const configSchema = Type.Object(
  {
    version: Type.Integer({
      minimum: 1,
      maximum: 1,
      default: 1,
      fileOnly: true,
      description: 'Version of the form of this file.',
    }),
    server: Type.Object(
      {
        directory: path('.', 'Directory of the instance. Relative to the configuration file.'),
        profile: choice(['production', 'development'], 'production', 'A store made in development opens in no other.'),
        region: Type.String({
          pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
          default: 'local',
          description: 'Name of the region that this cluster serves.',
        }),
        threads: count(1, { minimum: 1, maximum: 64 }, 'Listener threads, each with its own TLS socket on the port.'),
        drainMs: milliseconds(limits.drainMs, 'How long open requests may take to finish after SIGTERM.'),
      },
      section,
    ),
    kmip: Type.Object(
      {
        host: host('127.0.0.1', 'Address on which KMIP is served.'),
        port: port(5696, 'Port of KMIP over TLS. 0 takes a free one.'),
        httpsPort: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 65_535,
            description:
              'Port of KMIP over HTTPS, with TTLV, JSON and XML. 0 takes a free one; left out: it is not served.',
          }),
        ),
        certificateFile: path('server.pem', 'Certificate of the server, PEM.'),
        keyFile: path('server.key', 'Private key of the server, PEM.'),
        tlsMin: choice(['TLSv1.2', 'TLSv1.3'], 'TLSv1.2', 'Oldest TLS version that is spoken.'),
        tlsProfile: choice(
          ['modern', 'kmip-1.x-interop'],
          'modern',
          'With kmip-1.x-interop, an RSA certificate and suites without forward secrecy too, for arrays that know nothing newer.',
        ),
        interopCertificateFile: path(
          'server-rsa.pem',
          'RSA certificate of the server for kmip-1.x-interop, PEM: krypton server-certificate interop makes it.',
        ),
        interopKeyFile: path('server-rsa.key', 'Private key of that certificate, PEM.'),
      },
      section,
    ),
    health: Type.Object(
      {
        enabled: Type.Boolean({
          default: true,
          description: 'Serve /livez, /readyz, /metrics and /version over HTTP.',
        }),
        host: host('127.0.0.1', 'Address of the health port.'),
        port: port(8696, 'Port of the health server. 0 takes a free one.'),
      },
      section,
    ),
    admin: Type.Object(
      { socket: path('krypton.sock', 'Unix socket on which the commands reach the server. Mode 0600.') },
      section,
    ),
    store: Type.Object(
      {
        type: choice(['sqlite'], 'sqlite', 'Where records are kept.'),
        directory: path('data', 'Directory of the database files.'),
      },
      section,
    ),
    seal: Type.Object(
      {
        type: choice(['static'], 'static', 'What protects the MasterKey.'),
        keyFile: path('seal.key', 'File of 32 random bytes, mode 0400, outside the directory of the store.'),
        cluster: Type.Optional(
          Type.String({
            pattern: '^[0-9a-f]{32}$',
            description: 'Pin: the cluster, 16 bytes in hex, as printed by init.',
          }),
        ),
        verifier: Type.Optional(
          Type.String({
            pattern: '^[0-9a-f]{64}$',
            description: 'Pin: the verifier of the MasterKey, 32 bytes in hex, as printed by init.',
          }),
        ),
        epoch: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 4_294_967_295,
            description: 'Pin: the epoch of the MasterKey, as printed by init.',
          }),
        ),
      },
      section,
    ),
    anchor: Type.Object(
      {
        type: choice(
          ['none', 'file', 'openbao'],
          'none',
          'What detects that an older database was put back. With none, nothing does.',
        ),
        file: file('With type file: where the anchor is kept, on another volume than the store.'),
        address: text('^https://[^/?#@]+$', 'With type openbao: https://HOST:PORT of OpenBao.'),
        caFile: file("Authorities that sign OpenBao's certificate, PEM: no others are believed."),
        namespace: text('^[A-Za-z0-9_/.-]{1,256}$', 'Namespace in OpenBao. Left out: none.'),
        mount: Type.String({
          pattern: '^[A-Za-z0-9_/.-]{1,256}$',
          default: 'secret',
          description: 'Where the KV engine, of version 2, is mounted.',
        }),
        path: text('^[A-Za-z0-9_/.-]{1,256}$', 'Path of the anchor in that engine.'),
        login: choice(['approle', 'token', 'certificate'], 'approle', 'How the server proves to OpenBao who it is.'),
        loginMount: text('^[A-Za-z0-9_/.-]{1,256}$', 'Where that method is mounted. Left out: approle or cert.'),
        role: text(
          '^[A-Za-z0-9_.-]{1,256}$',
          'With login certificate: name of the role. Left out: one that the certificate fits.',
        ),
        roleIdFile: file('With login approle: file with the role id.'),
        secretIdFile: file('With login approle: file with the secret id, which not everybody may read.'),
        tokenFile: file('With login token: file with the token, as an OpenBao Agent writes it.'),
        certificateFile: file('With login certificate: certificate, PEM.'),
        keyFile: file('With login certificate: private key of that certificate, PEM.'),
      },
      section,
    ),
    native: choice(
      ['auto', 'required', 'off'],
      'auto',
      'Use of the native addon, which keeps keys in locked memory. Left out: required in production, auto in development.',
    ),
    crypto: Type.Object(
      {
        profile: choice(
          ['any', 'approved'],
          'any',
          'With approved, only algorithms that FIPS 140-3 approves are used for clients and on TLS; others are refused.',
        ),
        offload: choice(
          ['table', 'always'],
          'table',
          'What leaves the event loop for worker threads: what costs it more than handing it over, or all that can.',
        ),
        tripleDes: Type.Boolean({
          default: false,
          description: 'Encrypt and Decrypt with keys of 3DES too, for clients that have nothing newer.',
        }),
        clientNonces: Type.Boolean({
          default: true,
          description:
            'Let clients bring the nonce of GCM, CCM, CTR and ChaCha20. With false the server makes and counts all of them.',
        }),
      },
      section,
    ),
    rotation: Type.Object(
      {
        ivkDays: count(30, { minimum: 1, maximum: 90 }, 'Days after which the IVK is rotated, a tenth more or less.'),
        ivkExpiryDays: count(
          90,
          { minimum: 8, maximum: 3_650 },
          'Days after its grace from which a version of the IVK that was replaced opens for no request, only to move what hangs on it.',
        ),
        ivkSuite: choice(
          ['xaes-256-gcm', 'aes-256-gcm'],
          'xaes-256-gcm',
          'What the next version of the IVK wraps with. A version keeps what it was made with.',
        ),
        integrityKeyDays: count(
          365,
          { minimum: 1, maximum: 730 },
          "Days after which a tenant's integrity key is rotated, and the system's own.",
        ),
        masterKeyDays: count(
          730,
          { minimum: 1, maximum: 3_650 },
          'Days after which krypton status asks for a new epoch of the MasterKey: krypton operator rotate begins it.',
        ),
        tenantKeyDays: count(90, { minimum: 1, maximum: 365 }, 'Days after which a Tenant Key (L2) is rotated.'),
        serviceKeyDays: count(30, { minimum: 1, maximum: 365 }, 'Days after which a Service Key (L3) is rotated.'),
        graceHours: count(
          24,
          { minimum: 1, maximum: 168 },
          'Hours for which a version that was replaced stays before it is on its way out.',
        ),
        deletionDays: count(
          7,
          { minimum: 7, maximum: 365 },
          'Days in which the deletion of a version can be called back. Kept backups that are noted hold it back longer: krypton backup.',
        ),
        itemsPerSecond: count(
          2_000,
          { minimum: 1, maximum: 1_000_000 },
          'Keys and objects that a job wraps anew in a second, at most. It rests three times as long as it works in any case.',
        ),
      },
      section,
    ),
    scrub: Type.Object(
      {
        everyHours: count(
          24,
          { minimum: 1, maximum: 720 },
          'Hours between the looks at every row of the database, which find what was changed from outside.',
        ),
      },
      section,
    ),
    audit: Type.Object({}, section),
    limits: Type.Object(
      {
        connectionsMax: count(limits.connectionsMax, { minimum: 1, maximum: 1_000_000 }, 'Connections open at once.'),
        connectionsPerCertificateMax: count(
          limits.connectionsPerCertificateMax,
          { minimum: 1, maximum: 1_000_000 },
          'Connections open at once with one certificate.',
        ),
        connectionsPerAddressMax: count(
          limits.connectionsPerAddressMax,
          { minimum: 1, maximum: 1_000_000 },
          'Connections open at once from one IP address, those in their handshake too. Lower it where no proxy stands before many clients.',
        ),
        handshakesMax: count(
          limits.handshakesMax,
          { minimum: 1, maximum: 10_000 },
          'TLS handshakes that one listener thread works on at once.',
        ),
        handshakeMs: milliseconds(limits.handshakeMs, 'Time for a TLS handshake, from the connection on.'),
        firstByteMs: milliseconds(limits.firstByteMs, 'Time from the handshake to the first byte of a request.'),
        frameMs: milliseconds(
          limits.frameMs,
          'Time for which more of a request is waited for. One that keeps coming, with 1,024 bytes in each second, may take longer.',
        ),
        writeMs: milliseconds(
          limits.writeMs,
          'Time in which a client must take its answer. One that keeps reading may take longer.',
        ),
        idleMs: milliseconds(limits.idleMs, 'A connection without a request for this long is closed.'),
      },
      section,
    ),
    log: Type.Object(
      { level: choice(['debug', 'info', 'warn', 'error', 'fatal'], 'info', 'Least severe line that is written.') },
      section,
    ),
  },
  section,
)

/** All settings after defaults, file, environment and flags; every path is absolute. */
export type Config = Static<typeof configSchema>
