import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CertificateRequestType,
  CertificateType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  DigitalSignatureAlgorithm,
  EncodingOption,
  enumTables,
  HashingAlgorithm,
  KeyFormatType,
  LinkType,
  NameType,
  ObjectType,
  Operation,
  SplitKeyMethod,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import type { ServedOperation } from '../../src/kmip/payloads/index.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import { limits } from '../../src/limits.ts'
import { absent, sharedDirectory } from '../kmip/shared.ts'
import { errorTables } from '../kmip/specification-tables.ts'
import { createAuthority } from './authority.ts'
import {
  attribute,
  createPayload,
  custom,
  item,
  named,
  newServer,
  refusalOf,
  registerKey,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Client, Item, Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic } from './key-pairs.ts'
import { referenceRows } from './reference-rows.ts'

/** Every condition of the tables of section 11 of 1.4, provoked in every operation that has it: the Result Reason is the table's. */

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  server.clock.seconds = Math.floor(Date.now() / 1000)
  client = server.client
  await createAuthority(server, 'issuer', 'p256')
  await client.register(material, [named('taken')])
  const uniqueIdentifier = await made(templateNamed('archived template'))
  await client.send(Operation.Archive, { uniqueIdentifier })
})
afterAll(() => server.services.cryptoWork.close(0))

const material = Buffer.alloc(16, 5)
const active = attribute('activationDate', 0)
const everyUse = 0x1f_ffff
const mask = CryptographicUsageMask

/** How an operation is named in the headings of section 11. */
type Name = string

const operations = new Map<Name, ServedOperation>(
  [...enumTables.Operation].map(([operation, { name }]) => [
    name === 'Hash' ? 'HASH' : name,
    operation as ServedOperation,
  ]),
)

const send = async ({ operation, requestPayload }: Item): Promise<ResponseBatchItem> =>
  client.item(operation as typeof Operation.Get, requestPayload as never)
const register = (...of: Parameters<typeof registerKey>) => made(item(Operation.Register, registerKey(...of)))
const made = async (request: Item) => {
  const { responsePayload, resultMessage } = await send(request)
  const { uniqueIdentifier } = (responsePayload ?? {}) as { uniqueIdentifier?: string }
  if (uniqueIdentifier === undefined) throw new Error(resultMessage)
  return uniqueIdentifier
}

/** A request of the operation on one object, as another test refers to it. */
function on(name: Name, uniqueIdentifier: string): Item {
  const places = ['Unique Identifier', 'Private Key Unique Identifier', 'key to be split']
  const row = referenceRows.find(({ operation, place }) => operation === operations.get(name) && places.includes(place))
  return row!.request({ uniqueIdentifier, name: 'unused' })[0]!
}

const template = (attributes: readonly WireAttribute[], names: readonly string[] = []) => ({
  names: names.map((nameValue) => ({ nameValue, nameType: NameType.UninterpretedTextString })),
  attributes,
})

async function pair(...attributes: WireAttribute[]) {
  const answer = await client.send(
    Operation.CreateKeyPair,
    createPair([
      attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
      attribute('cryptographicLength', 256),
      ...attributes,
    ]),
  )
  return { privateKey: answer.privateKeyUniqueIdentifier, publicKey: answer.publicKeyUniqueIdentifier }
}

async function certificate() {
  const { publicKey } = await pair()
  return made(item(Operation.Certify, { uniqueIdentifier: publicKey, templateAttribute: template([x509]) }))
}
const x509 = attribute('certificateType', CertificateType.X509)

const aes = createPayload().templateAttribute.attributes

/** A request of an operation that makes an object with these attributes, and those of the templates of these Names. */
const making: Readonly<
  Record<Name, (attributes: readonly WireAttribute[], templates?: readonly string[]) => Item | Promise<Item>>
> = {
  Create: (attributes, names) =>
    item(Operation.Create, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: template([...aes, ...attributes], names),
    }),
  'Create Key Pair': (attributes, names) =>
    item(Operation.CreateKeyPair, {
      commonTemplateAttribute: template([
        attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
        attribute('cryptographicLength', 256),
      ]),
      privateKeyTemplateAttribute: template(attributes, names),
    }),
  Register: (attributes, names) =>
    item(Operation.Register, { ...registerKey(material), templateAttribute: template(attributes, names) }),
  'Re-key': async (attributes, names) =>
    item(Operation.ReKey, { uniqueIdentifier: await client.create(), templateAttribute: template(attributes, names) }),
  'Re-key Key Pair': async (attributes, names) =>
    item(Operation.ReKeyKeyPair, {
      privateKeyUniqueIdentifier: (await pair()).privateKey,
      privateKeyTemplateAttribute: template(attributes, names),
    }),
  'Derive Key': async (attributes, names) => derivation({}, attributes, names),
  Certify: async (attributes, names) =>
    item(Operation.Certify, {
      uniqueIdentifier: (await pair()).publicKey,
      templateAttribute: template([x509, ...attributes], names),
    }),
  'Re-certify': async (attributes, names) =>
    item(Operation.ReCertify, {
      uniqueIdentifier: await certificate(),
      templateAttribute: template(attributes, names),
    }),
  'Create Split Key': (attributes, names) => splitting({ templateAttribute: template([...aes, ...attributes], names) }),
  'Join Split Key': async (attributes, names) => joining(await parts(2), template(attributes, names)),
  Import: (attributes) => imported(attributes),
  'Add Attribute': async ([one]) =>
    item(Operation.AddAttribute, { uniqueIdentifier: await client.create(), attribute: one! }),
  'Modify Attribute': async ([one]) =>
    item(Operation.ModifyAttribute, {
      uniqueIdentifier: await client.create([
        attribute('applicationSpecificInformation', { applicationNamespace: 'ssl', applicationData: 'data' }),
      ]),
      attribute: one!,
    }),
}

async function derivation(
  changed: Record<string, unknown>,
  attributes: readonly WireAttribute[] = [],
  names: readonly string[] = [],
): Promise<Item> {
  return item(Operation.DeriveKey, {
    objectType: ObjectType.SymmetricKey,
    uniqueIdentifiers: [await register(Buffer.alloc(32, 3), [active], { mask: mask.DeriveKey })],
    derivationMethod: DerivationMethod.HASH,
    derivationParameters: { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA256 } },
    templateAttribute: template([...aes, ...attributes], names),
    ...changed,
  })
}

function splitting(changed: Record<string, unknown> = {}): Item {
  return item(Operation.CreateSplitKey, {
    objectType: ObjectType.SplitKey,
    splitKeyParts: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.XOR,
    templateAttribute: template(aes),
    ...changed,
  })
}

async function parts(count: number): Promise<readonly string[]> {
  const { responsePayload } = await send(splitting())
  return (responsePayload as { uniqueIdentifiers: string[] }).uniqueIdentifiers.slice(0, count)
}

function joining(uniqueIdentifiers: readonly string[], templateAttribute = template([])): Item {
  return item(Operation.JoinSplitKey, { objectType: ObjectType.SymmetricKey, uniqueIdentifiers, templateAttribute })
}

function imported(attributes: readonly WireAttribute[], uniqueIdentifier: string = randomUUID()): Item {
  const { symmetricKey } = registerKey(material)
  return item(Operation.Import, { uniqueIdentifier, attributes, symmetricKey })
}

/** An object that is kept without its Key Value, fit for the operation otherwise. */
async function withoutKeyValue(name: Name): Promise<string> {
  const of =
    name === 'Sign' || name === 'Re-key Key Pair'
      ? 'privateKey'
      : name === 'Signature Verify'
        ? 'publicKey'
        : 'symmetricKey'
  const ecdsa = attribute('cryptographicParameters', {
    digitalSignatureAlgorithm: DigitalSignatureAlgorithm.ECDSAWithSHA256,
  })
  const cmac = attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.CMAC })
  const whole =
    of === 'privateKey'
      ? registerPrivate(p256.privateKey, [active, ecdsa], { mask: everyUse })
      : of === 'publicKey'
        ? registerPublic(p256.publicKey, [active, ecdsa], { mask: everyUse })
        : registerKey(material, name.startsWith('MAC') ? [active, cmac] : [active], { mask: everyUse })
  const { keyBlock } = whole[of]!
  const id = await made(
    item(Operation.Register, { ...whole, [of]: { keyBlock: { ...keyBlock, keyValue: undefined } } }),
  )
  if (name !== 'Re-key Key Pair') return id
  const publicKey = await made(item(Operation.Register, registerPublic(p256.publicKey, [active])))
  const link = attribute('link', { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: publicKey })
  await client.send(Operation.AddAttribute, { uniqueIdentifier: id, attribute: link })
  const back = attribute('link', { linkType: LinkType.PrivateKeyLink, linkedObjectIdentifier: id })
  await client.send(Operation.AddAttribute, { uniqueIdentifier: publicKey, attribute: back })
  return id
}

async function archived(): Promise<string> {
  const uniqueIdentifier = await register(material, [active], { mask: everyUse })
  await client.send(Operation.Archive, { uniqueIdentifier })
  return uniqueIdentifier
}

/** A Get or Export of a key, with what else it asks for. */
async function serving(
  name: Name,
  changed: Record<string, unknown>,
  attributes: readonly WireAttribute[] = [],
): Promise<Item> {
  const { operation, requestPayload } = on(name, await register(material, attributes))
  return { operation, requestPayload: { ...(requestPayload as object), ...changed } }
}

const wrappedBy = (uniqueIdentifier: string, more: Record<string, unknown> = {}) => ({
  keyWrappingSpecification: {
    wrappingMethod: WrappingMethod.Encrypt,
    encryptionKeyInformation: { uniqueIdentifier },
    attributeNames: [],
    ...more,
  },
})
const signedBy = (uniqueIdentifier: string) =>
  wrappedBy('', {
    wrappingMethod: WrappingMethod.MACSign,
    encryptionKeyInformation: undefined,
    macSignatureKeyInformation: { uniqueIdentifier },
  })
const keyWrap = attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.NISTKeyWrap })
const wrapper = (...attributes: WireAttribute[]) => register(material, [active, ...attributes], { mask: mask.WrapKey })
const opaque = () => made(item(Operation.Register, registerOpaque(material)))
const changing = (operation: ServedOperation, uniqueIdentifier: string, one: WireAttribute): Item =>
  item(operation as typeof Operation.AddAttribute, { uniqueIdentifier, attribute: one })

const inPkcs12 = (links: readonly WireAttribute[] = []) =>
  item(
    Operation.Register,
    registerPrivate(p256.privateKey, links, { keyBlock: { keyFormatType: KeyFormatType.PKCS12 } }),
  )
const passwordLink = (linkedObjectIdentifier: string) =>
  attribute('link', { linkType: LinkType.PKCS12PasswordLink, linkedObjectIdentifier })
const noObject = (name: Name) => on(name, randomUUID())
const notFit = async (name: Name) => on(name, await register(material, [active], { mask: 0 }))
const isArchived = async (name: Name) => on(name, await archived())
const nameTaken = (name: Name) => making[name]!([named('taken')])

/** What provokes each condition; the name of an operation goes in. */
const conditions: Readonly<Record<string, (name: Name) => Item | Promise<Item>>> = {
  'Object Type is not recognized': async (name) => {
    const { operation, requestPayload } = await making[name]!([])
    return { operation, requestPayload: { ...(requestPayload as object), objectType: 0x7f } }
  },
  'Templates that do not exist are given in request': (name) => making[name]!([], ['no such template']),
  'Incorrect attribute value(s) specified': (name) =>
    making[name]!([attribute('activationDate', 9), attribute('deactivationDate', 5)]),
  'Trying to set more instances than the server supports of an attribute that MAY have multiple instances': (name) =>
    making[name]!(Array.from({ length: limits.attributeInstancesMax + 1 }, () => custom('x-many', 'v'))),
  'Trying to create a new object with the same Name attribute value as an existing object': nameTaken,
  'Trying to register a new object with the same Name attribute value as an existing object': nameTaken,
  'Trying to derive a new key with the same Name attribute value as an existing object': nameTaken,
  'The particular Application Namespace is not supported, and Application Data cannot be generated if it was omitted from the client request':
    (name) => making[name]!([attribute('applicationSpecificInformation', { applicationNamespace: 'none' })]),
  'Template object is archived': (name) => making[name]!([], ['archived template']),
  'REQUIRED field(s) missing': () => item(Operation.CreateKeyPair, {}),
  'Object Type does not match type of cryptographic object provided': (name) =>
    name === 'Import'
      ? imported([attribute('objectType', ObjectType.SecretData)])
      : item(Operation.Register, { ...registerKey(material), objectType: ObjectType.SecretData }),
  'Trying to register a new Template object containing a Name attribute with the Template structure': () =>
    item(Operation.Register, {
      objectType: ObjectType.Template,
      templateAttribute: template([named('own')]),
      template: { attributes: [named('inside')] },
    }),
  'Encoding Option not permitted when Key Wrapping Specification contains attribute names': async (name) =>
    serving(
      name,
      wrappedBy(await wrapper(keyWrap), { encodingOption: EncodingOption.NoEncoding, attributeNames: ['State'] }),
    ),
  'Key Format Type is PKCS#12, but missing or multiple PKCS#12 Password Links': () => inPkcs12(),
  'Key Format Type is PKCS#12, but PKCS#12 Password Link does not contain the Unique Identifier of a Secret Data object or the Secret Data Type is not Password.':
    async () => inPkcs12([passwordLink(await made(item(Operation.Register, registerSecret(material))))]),
  'No object with the specified Unique Identifier exists': noObject,
  'One or more of the objects specified do not exist': noObject,
  'Object does not exist': noObject,
  'Object specified is not able to be re-keyed': async (name) =>
    on(name, await made(item(Operation.Register, registerSecret(material)))),
  'Offset field is not permitted to be specified at the same time as any of the Activation Date, Process Start Date, Protect Stop Date, or Deactivation Date attributes':
    async (name) => withOffset(await making[name]!([attribute('deactivationDate', 2_000_000_000)])),
  'Offset field is not permitted to be specified at the same time as any of the Activation Date or Deactivation Date attributes':
    async (name) => withOffset(await making[name]!([attribute('activationDate', 1_900_000_000)])),
  'Object is archived': isArchived,
  'One or more of the objects is archived': isArchived,
  'Object is already archived': isArchived,
  'An offset cannot be used to specify new Process Start, Protect Stop and/or Deactivation Date attribute values since no Activation Date has been specified for the existing key':
    async (name) => {
      const end = attribute('deactivationDate', 2_000_000_000)
      return withOffset(on(name, name === 'Re-key' ? await client.create([end]) : (await pair(end)).privateKey))
    },
  'The Key Value is not present on the server': async (name) => on(name, await withoutKeyValue(name)),
  'One or more of the objects specified are not of the correct type': async (name) => on(name, await opaque()),
  'Invalid Derivation Method': () => derivation({ derivationMethod: 0x7f }),
  'Invalid Derivation Parameters': () => derivation({ derivationParameters: { iterationCount: 5 } }),
  'Ambiguous derivation data provided both with Derivation Data and Secret Data object.': async () =>
    derivation({
      uniqueIdentifiers: [
        await register(Buffer.alloc(32, 3), [active], { mask: mask.DeriveKey }),
        await made(
          item(
            Operation.Register,
            registerSecret(material, [active, attribute('cryptographicUsageMask', mask.DeriveKey)]),
          ),
        ),
      ],
      derivationMethod: DerivationMethod.HMAC,
      derivationParameters: {
        cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA256 },
        derivationData: material,
      },
    }),
  'One or more of the specified objects are not able to be used to derive a new key': notFit,
  'The specified length exceeds the output of the derivation method or other cryptographic error during derivation.':
    () =>
      derivation({
        objectType: ObjectType.SecretData,
        templateAttribute: template([attribute('cryptographicLength', 512)]),
      }),
  'Object specified is not able to be certified': async (name) => on(name, await client.create()),
  'The Certificate Request does not contain a signed certificate request of the specified Certificate Request Type':
    async (name) => {
      const { operation, requestPayload } = await making[name]!([])
      const certificateRequest = { certificateRequestType: CertificateRequestType.PKCS10, certificateRequest: material }
      return { operation, requestPayload: { ...(requestPayload as object), ...certificateRequest } }
    },
  'Non-existing attributes, attributes that the server does not understand or templates that do not exist are given in the request':
    () =>
      item(Operation.Locate, {
        attributes: [{ name: 'Colour', attributeName: 'Colour', value: { itemType: 7, value: 'red' } }],
      }),
  'Check cannot be performed on this object': async (name) => {
    const id = await client.create()
    await client.destroy(id)
    return on(name, id)
  },
  'The client is not allowed to use the object according to the specified attributes': async () =>
    item(Operation.Check, { uniqueIdentifier: await client.create(), cryptographicUsageMask: mask.Sign }),
  'Wrapping key does not exist': (name) => serving(name, wrappedBy(randomUUID())),
  'Object with Encryption Key Information exists, but it is not a key': async (name) =>
    serving(name, wrappedBy(await opaque())),
  'Object with Encryption Key Information exists, but it is not able to be used for wrapping': async (name) =>
    serving(name, wrappedBy(await register(material, [active, keyWrap], { mask: 0 }))),
  'Object with MAC/Signature Key Information exists, but it is not a key': async (name) =>
    serving(name, signedBy(await opaque())),
  'Object with MAC/Signature Key Information exists, but it is not able to be used for MACing/signing': async (name) =>
    serving(name, signedBy(await register(material, [active, keyWrap], { mask: 0 }))),
  'Object exists but cannot be provided in the desired Key Format Type and/or Key Compression Type': (name) =>
    serving(name, { keyFormatType: KeyFormatType.X509 }),
  'Object exists and is not a Template, but the server only has attributes for this object': async (name) => {
    const id = await client.create()
    await client.destroy(id)
    return on(name, id)
  },
  'Cryptographic Parameters associated with the object do not exist or do not match those provided in the Encryption Key Information and/or Signature Key Information':
    async (name) => serving(name, wrappedBy(await wrapper())),
  'Object exists but cannot be provided in the desired Encoding Option': async (name) => {
    const specification = wrappedBy(await wrapper(keyWrap), { encodingOption: EncodingOption.NoEncoding })
    const { operation, requestPayload } = on(name, await made(item(Operation.Register, transparent())))
    return { operation, requestPayload: { ...(requestPayload as object), ...specification } }
  },
  'Key Wrap Type is not supported by the server.': (name) => serving(name, { keyWrapType: 0x7f }),
  'Key Wrap Type is not supported by the server': (name) => serving(name, { keyWrapType: 0x7f }),
  'Object is Sensitive': (name) => serving(name, {}, [attribute('sensitive', true)]),
  'Object is not Extractable': (name) => serving(name, {}, [attribute('extractable', false)]),
  'The same Attribute Name is present more than once': async () =>
    item(Operation.GetAttributes, { uniqueIdentifier: await client.create(), attributeNames: ['State', 'State'] }),
  'Attempt to add a read-only attribute': async () =>
    changing(Operation.AddAttribute, await client.create(), attribute('destroyDate', 5)),
  'Attempt to add an attribute that is not supported for this object': async () =>
    changing(Operation.AddAttribute, await opaque(), attribute('protectStopDate', 5)),
  'The specified attribute already exists': async () =>
    changing(Operation.AddAttribute, await client.create([attribute('comment', 'c')]), attribute('comment', 'd')),
  'New attribute contains Attribute Index': async () =>
    changing(Operation.AddAttribute, await client.create(), attribute('objectGroup', 'g', 1)),
  'Trying to add a Name attribute with the same value that another object already has': async () =>
    changing(Operation.AddAttribute, await client.create(), named('taken')),
  'Trying to add a new instance to an attribute with multiple instances but the server limit on instances has been reached':
    async () => {
      const full = await client.create()
      const { length } = Object.values(await client.attributes(full)).flat()
      for (let i = length; i <= limits.attributeInstancesMax; i++) {
        await send(changing(Operation.AddAttribute, full, custom('x-many', i, 2)))
      }
      return changing(Operation.AddAttribute, full, custom('x-many', 0, 2))
    },
  'A specified attribute does not exist (i.e., it needs to first be added)': async () =>
    changing(Operation.ModifyAttribute, await client.create(), attribute('comment', 'c')),
  'No matching attribute instance exists': async (name) => {
    const uniqueIdentifier = await client.create([attribute('objectGroup', 'g')])
    return name === 'Delete Attribute'
      ? item(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Object Group', attributeIndex: 5 })
      : changing(Operation.ModifyAttribute, uniqueIdentifier, attribute('objectGroup', 'g', 5))
  },
  'The specified attribute is read-only': async () =>
    changing(Operation.ModifyAttribute, await client.create(), attribute('initialDate', 5)),
  'Trying to set the Name attribute value to a value already used by another object': async () =>
    changing(Operation.ModifyAttribute, await client.create([named(randomUUID())]), named('taken')),
  'Attempt to delete a read-only/REQUIRED attribute': async () =>
    item(Operation.DeleteAttribute, { uniqueIdentifier: await client.create(), attributeName: 'State' }),
  'No attribute with the specified name exists': async () =>
    item(Operation.DeleteAttribute, { uniqueIdentifier: await client.create(), attributeName: 'Colour' }),
  'The server determines that a new lease is not permitted to be issued for the specified cryptographic object': async (
    name,
  ) => {
    const id = await client.create()
    await client.revoke(id, 2)
    return on(name, id)
  },
  'Object has no Usage Limits attribute, or the object is not able to be used for applying cryptographic protection':
    async (name) => on(name, await client.create()),
  'The server was not able to grant the requested amount of usage allocation': async () =>
    item(Operation.GetUsageAllocation, {
      uniqueIdentifier: await client.create([
        active,
        attribute('usageLimits', { usageLimitsTotal: 5n, usageLimitsUnit: 1 }),
      ]),
      usageLimitsCount: 6n,
    }),
  'Unique Identifier specifies a template or other object that is not able to be activated': async (name) =>
    on(name, await opaque()),
  'Object is not in Pre-Active state': async (name) => on(name, await client.create([active])),
  'Revocation Reason is not recognized': async () =>
    item(Operation.Revoke, {
      uniqueIdentifier: await client.create(),
      revocationReason: { revocationReasonCode: 0x7f },
    }),
  'Unique Identifier specifies a template or other object that is not able to be revoked': async (name) =>
    on(name, await made(templateNamed('not revoked'))),
  'Object exists, but has already been destroyed': async (name) => {
    const id = await client.create()
    await client.destroy(id)
    return on(name, id)
  },
  'Object is not in Pre-Active, Deactivated or Compromised state': async (name) =>
    on(name, await client.create([active])),
  'The combination of Certificate Objects and Unique Identifiers does not specify a certificate list': () =>
    item(Operation.Validate, { certificates: [], uniqueIdentifiers: [] }),
  'No outstanding operation with the specified Asynchronous Correlation Value exists': () =>
    item(Operation.Poll, { asynchronousCorrelationValue: material }),
  'No outstanding operation with the specified Correlation Value exists': (name) => ({
    operation: operations.get(name)!,
    requestPayload: {
      correlationValue: Buffer.alloc(16, 9),
      data: material,
      cryptographicParameters: name === 'HASH' ? { hashingAlgorithm: HashingAlgorithm.SHA256 } : undefined,
    },
  }),
  'Object specified is not able to be used for encryption': notFit,
  'Object specified is not able to be used for decryption': notFit,
  'Object specified is not able to be used for signing': notFit,
  'Object specified is not able to be used for signature verification': notFit,
  'Object specified is not able to be used for MACing': notFit,
  'Object specified is not able to be used for MAC verification': notFit,
  'Cryptographic error during decryption': async () =>
    item(Operation.Decrypt, {
      uniqueIdentifier: await register(material, [active]),
      cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 },
      data: material,
      ivCounterNonce: Buffer.alloc(12),
      authenticatedEncryptionTag: Buffer.alloc(16),
    }),
  'Split Key Method not supported': () => splitting({ splitKeyMethod: 0x7f }),
  'Number of Unique Identifiers given in request is less than Split Key Threshold': async () => joining(await parts(1)),
  'Unique identifier already exists on the server and Replace Existing is false or not specified.': async () =>
    imported([], await client.create()),
}

function templateNamed(name: string): Item {
  return item(Operation.Register, {
    objectType: ObjectType.Template,
    templateAttribute: template([named(name)]),
    template: { attributes: [attribute('contactInformation', 'c')] },
  })
}

function withOffset({ operation, requestPayload }: Item): Item {
  return { operation, requestPayload: { ...(requestPayload as object), offset: 60 } }
}

function transparent() {
  return registerKey(material, [], { keyFormatType: KeyFormatType.TransparentSymmetricKey })
}

/** Conditions that nothing provokes here, each with the reason. */
const unprovoked: readonly {
  readonly condition: RegExp
  readonly operations?: readonly Name[]
  readonly reason: string
}[] = [
  {
    condition: /^(?:Error creating|Cryptographic error during (?!decryption))/u,
    reason: 'a fault of the machine, not of the request',
  },
  { condition: /^No Usage Limits Count/u, reason: 'the codec refuses it: test/server/bad-inputs.ts' },
  {
    condition: /^Encoding Option/u,
    operations: ['Register', 'Import'],
    reason: 'these have no Key Wrapping Specification',
  },
  { condition: /^Object Type is not/u, operations: ['Import'], reason: 'its request has no Object Type (Table 253)' },
  { condition: /^Split Key Method/u, operations: ['Join Split Key'], reason: 'no part of such a method is kept' },
  { condition: /^Field is not supported/u, reason: 'every field that the request may have is' },
]

/** Where the answer is another than the table's, each with the reason. */
const otherwise: readonly {
  readonly condition: string
  readonly operations: readonly Name[]
  readonly is: string
  readonly reason: string
}[] = [
  {
    condition: 'Object is archived',
    operations: ['Get Attributes', 'Get Attribute List'],
    is: 'done',
    reason: 'the OASIS case TC-101 reads Archive Date from an archived key',
  },
]

if (sharedDirectory === undefined) console.warn(`the tables of errors are not compared: ${absent}`)

/** The tables' words for Result Reasons, where they are others than those of section 9. */
const reasons: Readonly<Record<string, string>> = {
  'Object Archived': 'Object archived',
  'Not Supported': 'Feature Not Supported',
  'Not Supported.': 'Feature Not Supported',
  'Not Extractble': 'Not Extractable',
  'Cryptographic Failure?': 'Cryptographic Failure',
  'Key Format Type and/or Key Compression Type Not Supported': 'Key Format Type Not Supported',
}

const tables = sharedDirectory === undefined ? [] : [...errorTables(sharedDirectory, 14)]
const tested = tables.filter(([name]) => name !== 'General' && name !== 'Batch Items')

describe.skipIf(sharedDirectory === undefined)('the conditions of section 11', () => {
  test.each(tested)('of %s are answered with its reasons', async (name, rows) => {
    const is: string[][] = []
    const should: string[][] = []
    for (const { condition, reason } of rows) {
      const provoke = conditions[condition]
      const isListed = unprovoked.some(
        (one) => one.condition.test(condition) && (one.operations?.includes(name) ?? true),
      )
      if (isListed) continue
      const other = otherwise.find((one) => one.condition === condition && one.operations.includes(name))
      should.push([condition, other?.is ?? reasons[reason] ?? reason])
      const answer = provoke === undefined ? undefined : await send(await provoke(name))
      const outcome =
        answer === undefined ? 'is not provoked' : answer.resultStatus === 0 ? 'done' : refusalOf(answer).reason
      is.push([condition, outcome])
    }
    expect(is).toEqual(should)
  })

  test.each([10, 11, 12, 13] as const)('have no other in version %i, but for those that have a reason', (version) => {
    const rowsOf = (of: KmipVersion) =>
      [...errorTables(sharedDirectory!, of)].flatMap(([name, rows]) =>
        rows.map(({ condition, reason }) => `${name.replace(/ Errors$/u, '')}: ${condition}: ${reason}`),
      )
    const newest = new Set(rowsOf(14))
    expect(
      rowsOf(version).filter((row) => !newest.has(row) && !olderOnly.some(({ row: known }) => known.test(row))),
    ).toEqual([])
  })
})

/** Rows that later versions dropped, each with what is done of them. */
const olderOnly: readonly { readonly row: RegExp; readonly reason: string }[] = [
  {
    row: /^Delete Attribute: Attribute Index is not specified and the attribute has multiple instances/u,
    reason: 'so it is for clients of 1.0: test/operations/attributes.test.ts',
  },
  {
    row: /^Delete Attribute: Attribute Index is specified, but the attribute does not have multiple instances/u,
    reason: 'the reason is that of an instance that is not there; index 0 is what a missing one means',
  },
  {
    row: /^(?:Get|Modify) Attributes?: An Attribute Index is specified, but no matching instance exists/u,
    reason: 'test/operations/attributes.test.ts for Modify Attribute; Get Attributes has no index in its request',
  },
  {
    row: /^General: Operation is not able to be completed synchronously/u,
    reason: 'every operation is completed synchronously for a client that asks for nothing else',
  },
]
