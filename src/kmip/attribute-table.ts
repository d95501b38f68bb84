import { ObjectType } from './enums.ts'
import type { Operation } from './enums.ts'
import { boolean, dateTime, enumeration, integer, interval, text } from './kinds.ts'
import type { Kind } from './struct.ts'
import {
  AlternativeName,
  ApplicationSpecificInformation,
  CertificateIdentifier,
  CertificateIssuer,
  CertificateSubject,
  CryptographicDomainParameters,
  CryptographicParameters,
  Digest,
  KeyValueLocation,
  Link,
  Name,
  RevocationReason,
  RngParameters,
  UsageLimits,
  X509CertificateIdentifier,
  X509CertificateIssuer,
  X509CertificateSubject,
} from './structures.ts'
import { Tag } from './tags.ts'
import type { KmipVersion } from './version.ts'

/** What KMIP 1.4 section 3 says of one attribute. Conditions ("only while Pre-Active") are for who applies the rule. */
export interface AttributeDefinition<T = unknown> {
  readonly tag: Tag
  /** Its name on the wire in KMIP 1.x. */
  readonly attributeName: string
  readonly kind: Kind<T>
  /** May an object have several instances? */
  readonly multiple: boolean
  readonly since: KmipVersion
  /** Who may set it first. */
  readonly setBy: 'client' | 'server' | 'either'
  /** May the server change it without being asked to? */
  readonly modifiableByServer: boolean
  readonly modifiableByClient: boolean
  readonly deletableByClient: boolean
  /** Every object that it applies to has a value. */
  readonly alwaysHasValue: boolean
  /** Operations that may set it unasked. */
  readonly implicitlySetBy: readonly OperationName[]
  /** Objects that may have it. What a Template says of objects that are made by it stands in its structure (2.2.6). */
  readonly appliesTo: readonly ObjectType[]
}

export type OperationName = keyof typeof Operation

const generating = ['Create', 'CreateKeyPair', 'DeriveKey', 'ReKey', 'ReKeyKeyPair', 'CreateSplitKey'] as const
const creating = [...generating, 'Register', 'Certify', 'ReCertify', 'JoinSplitKey', 'Import'] as const
const replacing = ['ReKey', 'ReKeyKeyPair', 'ReCertify'] as const
const certifying = ['Register', 'Certify', 'ReCertify', 'Import'] as const

/** The words of "Applies to Object Types". */
const keys = [
  ObjectType.SymmetricKey,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.PGPKey,
] as const
const cryptographicObjects = [...keys, ObjectType.Certificate, ObjectType.SecretData] as const
const allObjects = [...cryptographicObjects, ObjectType.OpaqueObject, ObjectType.Template] as const
const certificates = [ObjectType.Certificate] as const
const templates = [ObjectType.Template] as const
const symmetricKeys = [ObjectType.SymmetricKey, ObjectType.SplitKey] as const
const asymmetricKeys = [ObjectType.PublicKey, ObjectType.PrivateKey] as const
const withoutValue = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.SecretData,
] as const

/** Every attribute of KMIP 1.0 to 1.4, by its name inside the server, in the order of section 3. */
export const attributeTable = {
  uniqueIdentifier: attribute(Tag.UniqueIdentifier, 'Unique Identifier', text, {
    setBy: 'server',
    always: true,
    implicitlySetBy: creating,
  }),
  name: attribute(Tag.Name, 'Name', Name, {
    setBy: 'client',
    serverModifies: true,
    multiple: true,
    modifiable: true,
    deletable: true,
    implicitlySetBy: replacing,
  }),
  objectType: attribute(Tag.ObjectType, 'Object Type', enumeration('ObjectType'), {
    setBy: 'server',
    always: true,
    implicitlySetBy: creating,
  }),
  cryptographicAlgorithm: attribute(
    Tag.CryptographicAlgorithm,
    'Cryptographic Algorithm',
    enumeration('CryptographicAlgorithm'),
    {
      setBy: 'server',
      appliesTo: [...keys, ...certificates, ObjectType.SecretData, ...templates],
      always: true,
      implicitlySetBy: creating,
    },
  ),
  cryptographicLength: attribute(Tag.CryptographicLength, 'Cryptographic Length', integer, {
    setBy: 'server',
    appliesTo: [...keys, ...certificates, ObjectType.SecretData, ...templates],
    always: true,
    implicitlySetBy: creating,
  }),
  cryptographicParameters: attribute(Tag.CryptographicParameters, 'Cryptographic Parameters', CryptographicParameters, {
    setBy: 'client',
    appliesTo: [...keys, ...certificates, ObjectType.SecretData, ...templates],
    multiple: true,
    modifiable: true,
    deletable: true,
    implicitlySetBy: replacing,
  }),
  cryptographicDomainParameters: attribute(
    Tag.CryptographicDomainParameters,
    'Cryptographic Domain Parameters',
    CryptographicDomainParameters,
    { setBy: 'client', appliesTo: [...asymmetricKeys, ...templates], implicitlySetBy: ['ReKey', 'ReKeyKeyPair'] },
  ),
  certificateType: attribute(Tag.CertificateType, 'Certificate Type', enumeration('CertificateType'), {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    implicitlySetBy: certifying,
  }),
  certificateLength: attribute(Tag.CertificateLength, 'Certificate Length', integer, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    since: 11,
    implicitlySetBy: certifying,
  }),
  x509CertificateIdentifier: attribute(
    Tag.X509CertificateIdentifier,
    'X.509 Certificate Identifier',
    X509CertificateIdentifier,
    { setBy: 'server', appliesTo: certificates, always: true, since: 11, implicitlySetBy: certifying },
  ),
  x509CertificateSubject: attribute(Tag.X509CertificateSubject, 'X.509 Certificate Subject', X509CertificateSubject, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    since: 11,
    implicitlySetBy: certifying,
  }),
  x509CertificateIssuer: attribute(Tag.X509CertificateIssuer, 'X.509 Certificate Issuer', X509CertificateIssuer, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    since: 11,
    implicitlySetBy: certifying,
  }),
  certificateIdentifier: attribute(Tag.CertificateIdentifier, 'Certificate Identifier', CertificateIdentifier, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    implicitlySetBy: certifying,
  }),
  certificateSubject: attribute(Tag.CertificateSubject, 'Certificate Subject', CertificateSubject, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    implicitlySetBy: certifying,
  }),
  certificateIssuer: attribute(Tag.CertificateIssuer, 'Certificate Issuer', CertificateIssuer, {
    setBy: 'server',
    appliesTo: certificates,
    always: true,
    implicitlySetBy: certifying,
  }),
  digitalSignatureAlgorithm: attribute(
    Tag.DigitalSignatureAlgorithm,
    'Digital Signature Algorithm',
    enumeration('DigitalSignatureAlgorithm'),
    {
      setBy: 'server',
      appliesTo: [...certificates, ObjectType.PGPKey],
      multiple: true,
      always: true,
      since: 11,
      implicitlySetBy: certifying,
    },
  ),
  digest: attribute(Tag.Digest, 'Digest', Digest, {
    setBy: 'server',
    appliesTo: [...cryptographicObjects, ObjectType.OpaqueObject],
    multiple: true,
    always: true,
    implicitlySetBy: creating,
  }),
  operationPolicyName: attribute(Tag.OperationPolicyName, 'Operation Policy Name', text, {
    setBy: 'either',
    serverModifies: true,
    implicitlySetBy: creating,
  }),
  cryptographicUsageMask: attribute(Tag.CryptographicUsageMask, 'Cryptographic Usage Mask', integer, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...cryptographicObjects, ...templates],
    always: true,
    implicitlySetBy: creating,
  }),
  leaseTime: attribute(Tag.LeaseTime, 'Lease Time', interval, {
    setBy: 'server',
    serverModifies: true,
    appliesTo: [...cryptographicObjects, ...templates],
    implicitlySetBy: creating,
  }),
  usageLimits: attribute(Tag.UsageLimits, 'Usage Limits', UsageLimits, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...keys, ...templates],
    modifiable: true,
    deletable: true,
    implicitlySetBy: [
      'Create',
      'CreateKeyPair',
      'Register',
      'DeriveKey',
      'ReKey',
      'ReKeyKeyPair',
      'GetUsageAllocation',
    ],
  }),
  state: attribute(Tag.State, 'State', enumeration('State'), {
    setBy: 'server',
    serverModifies: true,
    appliesTo: cryptographicObjects,
    always: true,
    implicitlySetBy: [...creating, 'Activate', 'Revoke', 'Destroy'],
  }),
  initialDate: attribute(Tag.InitialDate, 'Initial Date', dateTime, {
    setBy: 'server',
    always: true,
    implicitlySetBy: creating,
  }),
  activationDate: attribute(Tag.ActivationDate, 'Activation Date', dateTime, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...cryptographicObjects, ...templates],
    modifiable: true,
    implicitlySetBy: [...creating, 'Activate'],
  }),
  processStartDate: attribute(Tag.ProcessStartDate, 'Process Start Date', dateTime, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...symmetricKeys, ...templates],
    modifiable: true,
    implicitlySetBy: ['Create', 'Register', 'ReKey', 'DeriveKey'],
  }),
  protectStopDate: attribute(Tag.ProtectStopDate, 'Protect Stop Date', dateTime, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...symmetricKeys, ...templates],
    modifiable: true,
    implicitlySetBy: ['Create', 'Register', 'ReKey', 'DeriveKey'],
  }),
  deactivationDate: attribute(Tag.DeactivationDate, 'Deactivation Date', dateTime, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: [...cryptographicObjects, ...templates],
    modifiable: true,
    implicitlySetBy: [...creating, 'Revoke'],
  }),
  destroyDate: attribute(Tag.DestroyDate, 'Destroy Date', dateTime, {
    setBy: 'server',
    appliesTo: [...cryptographicObjects, ObjectType.OpaqueObject],
    implicitlySetBy: ['Destroy'],
  }),
  compromiseOccurrenceDate: attribute(Tag.CompromiseOccurrenceDate, 'Compromise Occurrence Date', dateTime, {
    setBy: 'server',
    appliesTo: [...cryptographicObjects, ObjectType.OpaqueObject],
    implicitlySetBy: ['Revoke'],
  }),
  compromiseDate: attribute(Tag.CompromiseDate, 'Compromise Date', dateTime, {
    setBy: 'server',
    appliesTo: [...cryptographicObjects, ObjectType.OpaqueObject],
    implicitlySetBy: ['Revoke'],
  }),
  revocationReason: attribute(Tag.RevocationReason, 'Revocation Reason', RevocationReason, {
    setBy: 'server',
    serverModifies: true,
    appliesTo: [...cryptographicObjects, ObjectType.OpaqueObject],
    implicitlySetBy: ['Revoke'],
  }),
  archiveDate: attribute(Tag.ArchiveDate, 'Archive Date', dateTime, { setBy: 'server', implicitlySetBy: ['Archive'] }),
  objectGroup: attribute(Tag.ObjectGroup, 'Object Group', text, {
    setBy: 'either',
    serverModifies: true,
    multiple: true,
    modifiable: true,
    deletable: true,
    implicitlySetBy: creating,
  }),
  fresh: attribute(Tag.Fresh, 'Fresh', boolean, {
    setBy: 'either',
    serverModifies: true,
    appliesTo: cryptographicObjects,
    since: 11,
    implicitlySetBy: creating,
  }),
  link: attribute(Tag.Link, 'Link', Link, {
    setBy: 'either',
    serverModifies: true,
    multiple: true,
    modifiable: true,
    deletable: true,
    implicitlySetBy: ['CreateKeyPair', 'ReKey', 'ReKeyKeyPair', 'DeriveKey', 'Certify', 'ReCertify'],
  }),
  applicationSpecificInformation: attribute(
    Tag.ApplicationSpecificInformation,
    'Application Specific Information',
    ApplicationSpecificInformation,
    {
      setBy: 'either',
      serverModifies: true,
      multiple: true,
      modifiable: true,
      deletable: true,
      implicitlySetBy: replacing,
    },
  ),
  contactInformation: attribute(Tag.ContactInformation, 'Contact Information', text, {
    setBy: 'either',
    serverModifies: true,
    modifiable: true,
    deletable: true,
    implicitlySetBy: creating,
  }),
  lastChangeDate: attribute(Tag.LastChangeDate, 'Last Change Date', dateTime, {
    setBy: 'server',
    serverModifies: true,
    always: true,
    implicitlySetBy: [
      ...creating,
      'Activate',
      'Revoke',
      'Destroy',
      'Archive',
      'Recover',
      'GetUsageAllocation',
      'AddAttribute',
      'ModifyAttribute',
      'DeleteAttribute',
    ],
  }),
  alternativeName: attribute(Tag.AlternativeName, 'Alternative Name', AlternativeName, {
    setBy: 'client',
    serverModifies: true,
    multiple: true,
    modifiable: true,
    deletable: true,
    since: 12,
    implicitlySetBy: replacing,
  }),
  keyValuePresent: attribute(Tag.KeyValuePresent, 'Key Value Present', boolean, {
    setBy: 'server',
    appliesTo: withoutValue,
    since: 12,
    implicitlySetBy: ['Register'],
  }),
  keyValueLocation: attribute(Tag.KeyValueLocation, 'Key Value Location', KeyValueLocation, {
    setBy: 'client',
    appliesTo: withoutValue,
    multiple: true,
    modifiable: true,
    deletable: true,
    since: 12,
  }),
  originalCreationDate: attribute(Tag.OriginalCreationDate, 'Original Creation Date', dateTime, {
    setBy: 'either',
    since: 12,
    implicitlySetBy: [...generating, 'Certify', 'ReCertify'],
  }),
  randomNumberGenerator: attribute(Tag.RandomNumberGenerator, 'Random Number Generator', RngParameters, {
    setBy: 'either',
    appliesTo: cryptographicObjects,
    since: 13,
    implicitlySetBy: generating,
  }),
  pkcs12FriendlyName: attribute(Tag.PKCS12FriendlyName, 'PKCS#12 Friendly Name', text, {
    setBy: 'either',
    appliesTo: cryptographicObjects,
    modifiable: true,
    deletable: true,
    since: 14,
    implicitlySetBy: replacing,
  }),
  description: attribute(Tag.Description, 'Description', text, {
    setBy: 'either',
    serverModifies: true,
    modifiable: true,
    deletable: true,
    since: 14,
    implicitlySetBy: replacing,
  }),
  comment: attribute(Tag.Comment, 'Comment', text, {
    setBy: 'either',
    serverModifies: true,
    modifiable: true,
    deletable: true,
    since: 14,
    implicitlySetBy: replacing,
  }),
  sensitive: attribute(Tag.Sensitive, 'Sensitive', boolean, {
    setBy: 'either',
    serverModifies: true,
    modifiable: true,
    always: true,
    since: 14,
    implicitlySetBy: creating,
  }),
  alwaysSensitive: attribute(Tag.AlwaysSensitive, 'Always Sensitive', boolean, {
    setBy: 'server',
    serverModifies: true,
    always: true,
    since: 14,
    implicitlySetBy: [...creating, 'ModifyAttribute'],
  }),
  extractable: attribute(Tag.Extractable, 'Extractable', boolean, {
    setBy: 'either',
    serverModifies: true,
    modifiable: true,
    always: true,
    since: 14,
    implicitlySetBy: creating,
  }),
  neverExtractable: attribute(Tag.NeverExtractable, 'Never Extractable', boolean, {
    setBy: 'server',
    serverModifies: true,
    always: true,
    since: 14,
    implicitlySetBy: [...creating, 'ModifyAttribute'],
  }),
} satisfies Record<string, AttributeDefinition>

export type AttributeName = keyof typeof attributeTable

/** The attribute's name inside the server -> the type of one instance. */
export type AttributeValues = {
  [K in AttributeName]: (typeof attributeTable)[K] extends AttributeDefinition<infer T> ? T : never
}

export const attributeNames = Object.keys(attributeTable) as readonly AttributeName[]

const byWireName = new Map<string, AttributeName>(
  attributeNames.map((name) => [attributeTable[name].attributeName, name]),
)

/** 'Cryptographic Algorithm' -> 'cryptographicAlgorithm'; undefined for a name that is not in the specification. */
export function attributeByWireName(attributeName: string): AttributeName | undefined {
  return byWireName.get(attributeName)
}

/** The definition of a name inside the server; undefined for a custom one. */
export function attributeDefinition(name: string): AttributeDefinition | undefined {
  return definitions.get(name)
}

/** A look-up in a Map takes a third of one by `Object.hasOwn`: each attribute of each answer asks. */
const definitions: ReadonlyMap<string, AttributeDefinition> = new Map(Object.entries(attributeTable))

/** Custom attributes: x- of clients, y- of the server (3.39). */
export function isCustomName(attributeName: string): boolean {
  return attributeName.startsWith('x-') || attributeName.startsWith('y-')
}

interface Rules {
  readonly setBy: AttributeDefinition['setBy']
  /** All objects, when it is left out. */
  readonly appliesTo?: readonly ObjectType[]
  readonly multiple?: true
  readonly serverModifies?: true
  readonly modifiable?: true
  readonly deletable?: true
  readonly always?: true
  readonly since?: KmipVersion
  readonly implicitlySetBy?: readonly OperationName[]
}

function attribute<T>(tag: Tag, attributeName: string, kind: Kind<T>, rules: Rules): AttributeDefinition<T> {
  return {
    tag,
    attributeName,
    kind,
    multiple: rules.multiple ?? false,
    since: rules.since ?? 10,
    setBy: rules.setBy,
    modifiableByServer: rules.serverModifies ?? false,
    modifiableByClient: rules.modifiable ?? false,
    deletableByClient: rules.deletable ?? false,
    alwaysHasValue: rules.always ?? false,
    implicitlySetBy: rules.implicitlySetBy ?? [],
    appliesTo: rules.appliesTo ?? allObjects,
  }
}
