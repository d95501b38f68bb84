import { Type, type TProperties } from 'typebox'
import { limits } from '../limits.ts'
import { foreseenActs, foreseenLinkActs, type NewCertificateAuthority } from './services.ts'

/** Bodies, parameters and answers of the routes, in JSON Schema; /v1/openapi.json is made of them. */
const closed = <T extends TProperties>(properties: T) => Type.Object(properties, { additionalProperties: false })

const forms = new Map<string, string>()

/** A string of a pattern; `description` says in words what that is. */
function inForm(pattern: string, description: string) {
  forms.set(pattern, description)
  return Type.String({ pattern, description })
}

/** What a string of that pattern is, in words; undefined for a pattern that is not of these schemas. */
export function formOf(pattern: string): string | undefined {
  return forms.get(pattern)
}

/** Names of tenants, systems, services and clients. They stand in paths and certificates, so they stay plain. */
export const Name = inForm(
  `^[A-Za-z0-9][A-Za-z0-9._-]{0,${limits.nameCharactersMax - 1}}$`,
  'A letter or digit, then letters, digits, dots, underscores and hyphens.',
)

const Identifier = Type.String({ description: '16 bytes in hex.' })
const Time = Type.String({ description: 'RFC 3339.' })
const Address = closed({ host: Type.String(), port: Type.Integer() })

export const StatusAnswer = closed({
  version: Type.String(),
  state: Type.String(),
  profile: Type.String(),
  cryptoProfile: Type.String(),
  pid: Type.Integer(),
  started: Time,
  kmip: Address,
  endpoint: Address,
  certificate: closed({ names: Type.Array(Type.String()), notAfter: Time }),
  health: Type.Optional(Address),
  threads: Type.Integer(),
  native: Type.String(),
  memory: closed({
    lockedBytes: Type.Integer(),
    unlockedBytes: Type.Integer(),
    lockedBy: Type.String(),
    slots: Type.Integer(),
    slotsInUse: closed({ object: Type.Integer(), wrapping: Type.Integer(), system: Type.Integer() }),
  }),
  seal: closed({
    type: Type.String(),
    cluster: Type.String(),
    verifier: Type.String(),
    epoch: Type.Integer(),
    integrityKey: Type.Integer(),
  }),
  keys: closed({ rotating: Type.Integer(), toBeDeleted: Type.Integer(), grants: Type.Integer() }),
  anchor: closed({
    type: Type.Union([Type.Literal('none'), Type.Literal('file'), Type.Literal('openbao')]),
    place: Type.Optional(Type.String()),
    keys: Type.Optional(Type.Integer()),
    data: Type.Optional(Type.Integer()),
    written: Type.Optional(Type.String()),
  }),
  refused: Type.Array(Type.String(), { description: 'What is refused because rows were changed from outside.' }),
  warnings: Type.Array(Type.String()),
})

export const ChangedTableAnswer = closed({
  table: Type.String(),
  written: Type.Integer(),
  found: Type.Integer(),
  rows: Type.Optional(Type.Array(Type.String(), { description: 'Absent where it is not known which rows differ.' })),
  refused: Type.String(),
  code: Type.String({ description: 'Stands for this difference and no other.' }),
})

export const AcceptedRowsBody = closed({
  table: Type.String({ minLength: 1, maxLength: 64 }),
  code: inForm('^[0-9a-f]{16}$', '16 hexadecimal digits, as they were listed.'),
  reason: Type.String({ minLength: 1, maxLength: 256, description: 'Why, for the audit.' }),
})

export const FindingsAnswer = Type.Array(
  closed({
    check: Type.String(),
    state: Type.String({ description: 'good, warning or wrong.' }),
    found: Type.String(),
    remedy: Type.Optional(Type.String({ description: 'The line that would mend it.' })),
  }),
)

export const VersionAnswer = closed({ version: Type.String(), node: Type.String() })

export const TenantAnswer = closed({ id: Identifier, name: Type.String(), state: Type.String(), created: Time })

export const TenantBody = closed({ name: Name })

export const TenantPath = closed({ tenant: Name })

export const ClientPath = closed({ tenant: Name, client: Name })

export const ClientBody = closed({
  name: Name,
  system: Type.Optional(Name),
  service: Type.Optional(Name),
  operations: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      minItems: 1,
      maxItems: 64,
      description: 'KMIP operations that this client may use; absent: all.',
    }),
  ),
  role: Type.Optional(Name),
  csr: Type.String({ minLength: 1, maxLength: 32_768, description: 'PKCS #10, PEM, of a key that stays where it is.' }),
})

export const ClientAnswer = closed({
  id: Identifier,
  tenant: Type.String(),
  system: Type.String(),
  service: Type.String(),
  name: Type.String(),
  state: Type.String(),
  operations: Type.Optional(Type.Array(Type.String())),
  role: Type.Optional(Type.String()),
  credential: Type.Optional(Type.String()),
  created: Time,
  revoked: Type.Optional(Time),
  certificateUntil: Time,
})

const namesOf = (maxItems: number, description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems, description })

const RoleRule = closed({
  operations: namesOf(64, 'KMIP operations, or names of roles that every tenant has.'),
  objectTypes: Type.Optional(namesOf(16, 'Object Types; absent: all.')),
  objectGroups: Type.Optional(namesOf(limits.roleGroupsMax, 'Object Groups; absent: all objects.')),
})

export const RoleBody = closed({
  name: Name,
  rules: Type.Array(RoleRule, { minItems: 1, maxItems: limits.roleRulesMax }),
})

export const RoleAnswer = closed({
  name: Type.String(),
  builtIn: Type.Boolean(),
  rules: Type.Array(
    closed({
      operations: Type.Array(Type.String()),
      objectTypes: Type.Optional(Type.Array(Type.String())),
      objectGroups: Type.Optional(Type.Array(Type.String())),
    }),
  ),
})

export const RolePath = closed({ tenant: Name, role: Name })

export const ClientRoleBody = closed({ role: Name })

export const CredentialBody = closed({
  type: Type.Union([Type.Literal('username-and-password'), Type.Literal('device')]),
  verifier: inForm('^[0-9a-f]{104}$', 'What krypton client credential makes of the password: docs/formats.md.'),
})

export const CreatedClientAnswer = closed({
  client: ClientAnswer,
  certificatePem: Type.String(),
  caPem: Type.String(),
  notAfter: Time,
  kmip: Address,
})

const Days = Type.Integer({ minimum: 1, maximum: 365 })

export const RotationPeriodsBody = closed({
  tenantKeyDays: Type.Optional(Days),
  serviceKeyDays: Type.Optional(Days),
})

export const RotationPeriodsAnswer = closed({ tenantKeyDays: Type.Integer(), serviceKeyDays: Type.Integer() })

export const SystemBody = closed({ system: Name })

export const LinkEffectQuery = closed({
  system: Name,
  act: Type.Union(foreseenLinkActs.map((act) => Type.Literal(act))),
})

export const LinkBody = closed({
  system: Name,
  provider: Type.String({ minLength: 1, maxLength: 64 }),
  key: Type.String({ minLength: 1, maxLength: 2048, description: 'Name of the key at its provider.' }),
  settings: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 8192 }))),
  credentials: Type.Optional(Type.String({ maxLength: 22_000, description: 'Base64: what authenticates us there.' })),
  mode: Type.Optional(Type.Union([Type.Literal('strict'), Type.Literal('available')])),
  leaseSeconds: Type.Optional(
    Type.Integer({ minimum: limits.leaseSecondsDevelopmentMin, maximum: limits.leaseSecondsMax }),
  ),
})

export const LinkAnswer = closed({
  tenant: Type.String(),
  system: Type.String(),
  provider: Type.String(),
  key: Type.String(),
  mode: Type.Union([Type.Literal('strict'), Type.Literal('available')]),
  state: Type.Union([
    Type.Literal('enabled'),
    Type.Literal('decrypt-only'),
    Type.Literal('locked'),
    Type.Literal('unlinked'),
    Type.Literal('detaching'),
  ]),
  version: Type.Integer(),
  leaseSeconds: Type.Integer(),
  leaseLeft: Type.Integer(),
  renewed: Type.Optional(Type.String()),
  lastError: Type.Optional(Type.String()),
})

export const RecoveryBody = closed({
  system: Name,
  publicKey: Type.String({ minLength: 1, maxLength: 4096, description: 'PEM: an RSA public key.' }),
})

export const RecoveryFileAnswer = closed({
  format: Type.String(),
  cluster: Type.String(),
  tenant: Type.String(),
  system: Type.String(),
  recipient: Type.String(),
  wrapping: Type.String(),
  wrappedKey: Type.String(),
  keyId: Type.String(),
  keys: Type.Array(closed({ version: Type.Integer(), keyId: Type.String(), record: Type.String() })),
})

export const LinkEffectAnswer = closed({
  tenantKeys: Type.Integer(),
  serviceKeys: Type.Integer(),
  objects: Type.Integer(),
})

export const KeyEffectAnswer = closed({
  tenantKeys: Type.Integer(),
  serviceKeys: Type.Integer(),
  objects: Type.Integer(),
  integrityKeys: Type.Optional(Type.Integer({ description: "Tenants' integrity keys, which the IVK wraps." })),
  rows: Type.Optional(Type.Integer({ description: 'Rows whose MACs are made anew.' })),
})

export const RecoveryEffectAnswer = closed({
  recipient: Type.String({ description: 'SHA-256 of the public key, hex.' }),
  tenantKeys: Type.Integer(),
  serviceKeys: Type.Integer(),
  objects: Type.Integer(),
})

const KeyName = inForm(
  `^(ivk|integrity(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?|[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){1,2})$`,
  'ivk, integrity, integrity:TENANT, TENANT/SYSTEM for a Tenant Key, or TENANT/SYSTEM/SERVICE for a Service Key.',
)

export const KeyBody = closed({ key: KeyName })

/** A tenant, a system or a service: what a destruction names. */
export const ForeseenActBody = closed({ key: KeyName, act: Type.Union(foreseenActs.map((act) => Type.Literal(act))) })

export const DestructionBody = closed({
  key: inForm(
    '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,2}$',
    'TENANT, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE.',
  ),
  version: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 4_294_967_295, description: 'One version of a service.' }),
  ),
})

export const GrantBody = closed({
  key: inForm(
    '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){1,2}$',
    'TENANT/SYSTEM or TENANT/SYSTEM/SERVICE.',
  ),
  minutes: Type.Integer({ minimum: 1, maximum: limits.breakGlassMinutesMax }),
  reason: Type.String({ minLength: 1, maxLength: 256, description: 'Why, for the audit.' }),
})

export const GrantPath = closed({ grant: inForm('^[0-9a-f]{32}$', '16 bytes in hex.') })

export const GrantAnswer = closed({
  id: Identifier,
  key: Type.String(),
  reason: Type.String(),
  actor: Type.String(),
  created: Time,
  expires: Time,
})

export const BackupBody = closed({
  name: Name,
  until: inForm('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,3})?Z$', 'RFC 3339, in UTC.'),
})

export const BackupPath = closed({ backup: Name })

export const BackupAnswer = closed({ name: Type.String(), noted: Time, until: Time })

export const DestroyedAnswer = closed({
  tenantKeys: Type.Integer(),
  serviceKeys: Type.Integer(),
  objects: Type.Integer(),
  backups: Type.Array(BackupAnswer),
})

export const EpochEffectAnswer = closed({
  epoch: Type.Integer(),
  ivks: Type.Integer(),
  integrityKeys: Type.Integer(),
  backups: Type.Array(BackupAnswer),
})

export const EpochAnswer = closed({
  cluster: Type.String(),
  verifier: Type.String(),
  epoch: Type.Integer(),
  pinned: Type.Boolean({ description: 'Whether the configuration pins an epoch: it is to pin this one from now on.' }),
})

export const KeyQuery = closed({
  tenant: Type.Optional(Name),
  key: Type.Optional(KeyName),
  related: Type.Optional(Type.Union([Type.Literal('ancestors'), Type.Literal('descendants')])),
})

export const KeyVersionAnswer = closed({
  key: Type.String(),
  level: Type.String(),
  version: Type.Integer(),
  state: Type.String(),
  processing: Type.Optional(
    Type.Union([Type.Literal('activating'), Type.Literal('usable'), Type.Literal('re-wrapping')]),
  ),
  parentVersion: Type.Integer(),
  created: Time,
  rotates: Type.Optional(Time),
  expires: Type.Optional(Time),
  holds: Type.Optional(Type.String()),
})

export const JobPath = closed({ job: inForm('^[0-9a-f]{32}$', '16 bytes in hex.') })

export const JobAnswer = closed({
  id: Identifier,
  kind: Type.String(),
  subject: Type.String(),
  state: Type.String({ description: 'queued, running, done, failed, cancelled or cancelling.' }),
  created: Time,
  due: Time,
  started: Type.Optional(Time),
  ended: Type.Optional(Time),
  attempts: Type.Integer(),
  done: Type.Integer(),
  total: Type.Integer(),
  detail: Type.String(),
})

export const ServiceQuery = closed({ system: Type.Optional(Name), service: Type.Optional(Name) })

const ObjectIdentifier = Type.String({ minLength: 1, maxLength: 64, description: 'Unique Identifier of an object.' })

export const CertificateAuthorityBody = closed({
  name: Type.String({ minLength: 1, maxLength: 128, description: "Name of the certificate's object." }),
  subject: Type.String({ minLength: 1, maxLength: 512, description: 'CN=Example CA,O=Example' }),
  key: Type.Union(
    ['p256', 'p384', 'p521', 'rsa-3072', 'rsa-4096'].map((key) => Type.Literal(key as NewCertificateAuthority['key'])),
  ),
  days: Type.Integer({ minimum: 1, maximum: limits.certificateAuthorityDaysMax }),
})

export const UsedCertificateAuthorityBody = closed({ privateKey: ObjectIdentifier, certificate: ObjectIdentifier })

export const CertificateAuthorityAnswer = closed({
  privateKey: Type.String(),
  certificate: Type.String(),
  subject: Type.String(),
  notAfter: Time,
  certificatePem: Type.String(),
})

export const ProblemAnswer = closed({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
})
