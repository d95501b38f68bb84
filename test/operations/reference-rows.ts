import { randomUUID } from 'node:crypto'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CertificateType,
  CryptographicAlgorithm,
  DerivationMethod,
  HashingAlgorithm,
  KeyWrapType,
  LinkType,
  NameType,
  ObjectType,
  Operation,
  RecommendedCurve,
  RevocationReasonCode,
  WrappingMethod,
  SplitKeyMethod,
} from '../../src/kmip/enums.ts'
import type { KeyWrappingData, KeyWrappingSpecification } from '../../src/kmip/key-block.ts'
import type { ServedOperation } from '../../src/kmip/payloads/index.ts'
import { attribute, createPayload, custom, item, named, registerKey } from './fixture.ts'
import type { Item } from './fixture.ts'
import { createPair } from './key-pairs.ts'

/** What a request may refer to: an object by its identifier, or by its Name. */
export interface Reference {
  readonly uniqueIdentifier: string
  readonly name: string
}

/** A place in a request where an object is referred to, and what is sent with that reference in it. */
export interface ReferenceRow {
  readonly operation: ServedOperation
  readonly place: string
  readonly request: (reference: Reference) => readonly Item[]
  /**
   * The answer is the same for the owner: a Link is kept as a text, whoever has the object that it names, and a key wrapped by one that may not unwrap
   * it is kept wrapped, as it is when there is no such key.
   */
  readonly isText: boolean
}

type Rows = Readonly<Record<string, (reference: Reference) => Item | readonly Item[]>>

const data = Buffer.alloc(16, 7)
const x509Template = { names: [], attributes: [attribute('certificateType', CertificateType.X509)] }
const signatureData = Buffer.alloc(64, 7)
const link = ({ uniqueIdentifier }: Reference) =>
  attribute('link', { linkType: LinkType.ParentLink, linkedObjectIdentifier: uniqueIdentifier })

function pair(attributes: { common?: WireAttribute[]; private?: WireAttribute[] }) {
  const kind = [
    attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
    attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P256 }),
  ]
  return createPair([...kind, ...(attributes.common ?? [])], { private: attributes.private ?? [] })
}

/**
 * Every place in which a request of an operation may refer to an object, for every operation that is served: who adds an operation adds
 * its places, or says by an empty row that it refers to none.
 */
const places = {
  [Operation.DiscoverVersions]: {},
  [Operation.Query]: {},
  [Operation.RNGRetrieve]: {},
  [Operation.RNGSeed]: {},
  [Operation.Hash]: {},
  [Operation.Create]: {
    Link: (to) => item(Operation.Create, createPayload([link(to)])),
    Name: ({ name }) => item(Operation.Create, createPayload([named(name)])),
    Template: (to) => item(Operation.Create, { objectType: ObjectType.SymmetricKey, templateAttribute: template(to) }),
  },
  [Operation.CreateKeyPair]: {
    Link: (to) => item(Operation.CreateKeyPair, pair({ common: [link(to)] })),
    Name: ({ name }) => item(Operation.CreateKeyPair, pair({ private: [named(name)] })),
    Template: (to) =>
      item(Operation.CreateKeyPair, {
        commonTemplateAttribute: template(to),
        privateKeyTemplateAttribute: template(to),
      }),
  },
  [Operation.DeriveKey]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.DeriveKey, derivation(uniqueIdentifier)),
  },
  [Operation.CreateSplitKey]: {
    // Without it a new key is split, whatever the ID Placeholder is.
    'key to be split': ({ uniqueIdentifier }) => item(Operation.CreateSplitKey, splitting(uniqueIdentifier)),
    Link: (to) => item(Operation.CreateSplitKey, splitting(undefined, [link(to)])),
  },
  [Operation.JoinSplitKey]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.JoinSplitKey, { objectType: ObjectType.SymmetricKey, uniqueIdentifiers: [uniqueIdentifier] }),
  },
  [Operation.ReKey]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.ReKey, { uniqueIdentifier }),
  },
  [Operation.GetUsageAllocation]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.GetUsageAllocation, { uniqueIdentifier, usageLimitsCount: 1n }),
  },
  [Operation.ReKeyKeyPair]: {
    'Private Key Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: uniqueIdentifier }),
  },
  [Operation.Certify]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.Certify, { uniqueIdentifier, templateAttribute: x509Template }),
  },
  [Operation.ReCertify]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.ReCertify, { uniqueIdentifier }),
  },
  [Operation.Validate]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.Validate, { certificates: [], uniqueIdentifiers: [uniqueIdentifier] }),
  },
  [Operation.Register]: {
    Link: (to) => item(Operation.Register, registerKey(data, [link(to)])),
    Name: ({ name }) => item(Operation.Register, registerKey(data, [named(name)])),
    Template: (to) => item(Operation.Register, { ...registerKey(data), templateAttribute: template(to) }),
    'Encryption Key Information': ({ uniqueIdentifier }) =>
      item(Operation.Register, registerWrapped({ encryptionKeyInformation: { uniqueIdentifier } })),
    'MAC/Signature Key Information': ({ uniqueIdentifier }) =>
      item(Operation.Register, registerWrapped({ macSignatureKeyInformation: { uniqueIdentifier } })),
  },
  [Operation.Get]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Get, { uniqueIdentifier }),
    'Encryption Key Information': ({ uniqueIdentifier }) =>
      getWrapped({ wrappingMethod: WrappingMethod.Encrypt, encryptionKeyInformation: { uniqueIdentifier } }),
    'MAC/Signature Key Information': ({ uniqueIdentifier }) =>
      getWrapped({ wrappingMethod: WrappingMethod.MACSign, macSignatureKeyInformation: { uniqueIdentifier } }),
  },
  [Operation.GetAttributes]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: [] }),
    'Unique Identifier, State alone': ({ uniqueIdentifier }) =>
      item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: ['State'] }),
  },
  [Operation.GetAttributeList]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.GetAttributeList, { uniqueIdentifier }),
  },
  [Operation.AddAttribute]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('x-1', 'v') }),
  },
  [Operation.ModifyAttribute]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.ModifyAttribute, { uniqueIdentifier, attribute: named('v') }),
  },
  [Operation.DeleteAttribute]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Name' }),
  },
  [Operation.Locate]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.Locate, { attributes: [attribute('uniqueIdentifier', uniqueIdentifier)], storageStatusMask: 3 }),
    Name: ({ name }) => item(Operation.Locate, { attributes: [named(name)] }),
    Link: (to) => item(Operation.Locate, { attributes: [link(to)] }),
  },
  [Operation.Activate]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Activate, { uniqueIdentifier }),
  },
  [Operation.Revoke]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Revoke, revocation(uniqueIdentifier, 'Unspecified')),
    'Unique Identifier, of a compromise': ({ uniqueIdentifier }) =>
      item(Operation.Revoke, revocation(uniqueIdentifier, 'KeyCompromise')),
  },
  [Operation.Destroy]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Destroy, { uniqueIdentifier }),
  },
  [Operation.Archive]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Archive, { uniqueIdentifier }),
  },
  [Operation.Recover]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Recover, { uniqueIdentifier }),
  },
  // Correlation values are no references to objects: asynchronous.test.ts.
  [Operation.Poll]: {},
  [Operation.Cancel]: {},
  [Operation.Check]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Check, { uniqueIdentifier }),
    'Unique Identifier, with Cryptographic Usage Mask': ({ uniqueIdentifier }) =>
      item(Operation.Check, { uniqueIdentifier, cryptographicUsageMask: 0x40 }),
  },
  [Operation.Encrypt]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Encrypt, { uniqueIdentifier, data }),
  },
  [Operation.Decrypt]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.Decrypt, { uniqueIdentifier, data, ivCounterNonce: data }),
  },
  [Operation.Sign]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Sign, { uniqueIdentifier, data }),
  },
  [Operation.SignatureVerify]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.SignatureVerify, { uniqueIdentifier, data, signatureData }),
  },
  [Operation.ObtainLease]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.ObtainLease, { uniqueIdentifier }),
  },
  [Operation.MAC]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.MAC, { uniqueIdentifier, data }),
  },
  [Operation.MACVerify]: {
    'Unique Identifier': ({ uniqueIdentifier }) =>
      item(Operation.MACVerify, { uniqueIdentifier, data, macData: Buffer.alloc(32) }),
  },
  // The identifier of an Import is a place in the service of who sends it: test/operations/import-export.test.ts.
  [Operation.Import]: {
    Link: (to) => item(Operation.Import, imported(registerKey(data, [link(to)]))),
    Name: ({ name }) => item(Operation.Import, imported(registerKey(data, [named(name)]))),
    'Encryption Key Information': ({ uniqueIdentifier }) =>
      item(Operation.Import, imported(registerWrapped({ encryptionKeyInformation: { uniqueIdentifier } }))),
  },
  [Operation.Export]: {
    'Unique Identifier': ({ uniqueIdentifier }) => item(Operation.Export, { uniqueIdentifier }),
    'Encryption Key Information': ({ uniqueIdentifier }) =>
      getWrapped(
        { wrappingMethod: WrappingMethod.Encrypt, encryptionKeyInformation: { uniqueIdentifier } },
        Operation.Export,
      ),
  },
} satisfies { readonly [O in ServedOperation]: Rows }

function template({ name }: Reference) {
  return { names: [{ nameValue: name, nameType: NameType.UninterpretedTextString }], attributes: [] }
}

function splitting(uniqueIdentifier: string | undefined, attributes: WireAttribute[] = []) {
  return {
    objectType: ObjectType.SplitKey,
    uniqueIdentifier,
    splitKeyParts: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: SplitKeyMethod.XOR,
    templateAttribute: createPayload(attributes).templateAttribute,
  }
}

function imported({ templateAttribute, symmetricKey }: ReturnType<typeof registerKey>) {
  const { attributes } = templateAttribute
  return { uniqueIdentifier: randomUUID(), keyWrapType: KeyWrapType.NotWrapped, attributes, symmetricKey }
}

function derivation(uniqueIdentifier: string) {
  return {
    objectType: ObjectType.SymmetricKey,
    uniqueIdentifiers: [uniqueIdentifier],
    derivationMethod: DerivationMethod.HASH,
    derivationParameters: { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.SHA256 } },
    templateAttribute: createPayload([]).templateAttribute,
  }
}

function revocation(uniqueIdentifier: string, code: keyof typeof RevocationReasonCode) {
  return { uniqueIdentifier, revocationReason: { revocationReasonCode: RevocationReasonCode[code] } }
}

/** A new object, wrapped by the key that is referred to. */
function getWrapped(
  wrapping: Omit<KeyWrappingSpecification, 'attributeNames'>,
  operation: typeof Operation.Get | typeof Operation.Export = Operation.Get,
): readonly Item[] {
  const keyWrappingSpecification = { ...wrapping, attributeNames: [] }
  return [item(Operation.Create, createPayload()), item(operation, { keyWrappingSpecification })]
}

function registerWrapped(wrapping: Omit<KeyWrappingData, 'wrappingMethod' | 'macSignature'>) {
  const isMac = wrapping.macSignatureKeyInformation !== undefined
  const wrappingMethod = isMac ? WrappingMethod.MACSign : WrappingMethod.Encrypt
  const keyWrappingData = { ...wrapping, wrappingMethod, macSignature: isMac ? data : undefined }
  const request = registerKey(data)
  const { keyBlock } = request.symmetricKey!
  return {
    ...request,
    symmetricKey: { keyBlock: { ...keyBlock, keyValue: undefined, wrappedKeyValue: data, keyWrappingData } },
  }
}

/** The table as a list; each place of an operation on one object also behind a Locate, which gives the ID Placeholder. */
export const referenceRows: readonly ReferenceRow[] = Object.entries(places).flatMap(([number, rows]) => {
  const operation = Number(number) as ServedOperation // the keys of the table are operations
  return Object.entries(rows as Rows).flatMap(([place, request]): ReferenceRow[] => {
    const isWrapped = operation === Operation.Register && place.endsWith('Key Information')
    const isText = (place === 'Link' && operation !== Operation.Locate) || isWrapped
    const direct: ReferenceRow = { operation, place, isText, request: (to) => [request(to)].flat() }
    if (!place.includes('Unique Identifier') || operation === Operation.Locate) return [direct]
    return [direct, { ...direct, place: `${place} by ID Placeholder`, request: (to) => behindLocate(request, to) }]
  })
})

/** The same item without its identifier, after a Locate that finds one object by it. */
function behindLocate(request: Rows[string], to: Reference): Item[] {
  const [{ operation, requestPayload }] = [request(to)].flat() as [Item] // places with an identifier are in one item
  const fields = Object.entries(requestPayload as object).filter(([name]) => !name.endsWith('niqueIdentifier'))
  const filters = [attribute('uniqueIdentifier', to.uniqueIdentifier)]
  return [
    item(Operation.Locate, { attributes: filters, storageStatusMask: 3 }),
    { operation, requestPayload: Object.fromEntries(fields) },
  ]
}
