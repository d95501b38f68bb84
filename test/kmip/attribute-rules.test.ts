import { describe, expect, test } from 'vitest'
import { attributeNames, attributeTable } from '../../src/kmip/attribute.ts'
import type { AttributeName } from '../../src/kmip/attribute.ts'
import { enumTables, ObjectType, Operation } from '../../src/kmip/enums.ts'
import { supportedVersions } from '../../src/kmip/version.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import { absent, sharedDirectory } from './shared.ts'
import { attributeRules } from './specification-tables.ts'
import type { AttributeRules } from './specification-tables.ts'

type OperationName = keyof typeof Operation

/** Every column of the tables, as theirs and as ours. */
const columns = {
  'shall always have a value': {
    theirs: isYes,
    ours: (name) => attributeTable[name].alwaysHasValue,
  },
  'initially set by': {
    theirs: (cell) => {
      const [server, client] = [/server/iu.test(cell), /client/iu.test(cell)]
      return server && client ? 'either' : server ? 'server' : 'client'
    },
    ours: (name) => attributeTable[name].setBy,
  },
  'modifiable by server': { theirs: isYes, ours: (name) => attributeTable[name].modifiableByServer },
  'modifiable by client': { theirs: isYes, ours: (name) => attributeTable[name].modifiableByClient },
  'deletable by client': { theirs: isYes, ours: (name) => attributeTable[name].deletableByClient },
  'multiple instances permitted': { theirs: isYes, ours: (name) => attributeTable[name].multiple },
  'when implicitly set': {
    theirs: (cell, version) => operationsIn(cell, version),
    ours: (name, version) => operationsOf(attributeTable[name].implicitlySetBy, version),
  },
  'applies to object types': {
    theirs: (cell, version) => objectTypesIn(cell, version),
    ours: (name, version) => objectTypesOf(attributeTable[name].appliesTo, version),
  },
} satisfies Record<
  string,
  {
    theirs: (cell: string, version: KmipVersion) => unknown
    ours: (name: AttributeName, version: KmipVersion) => unknown
  }
>

type Column = keyof typeof columns

function isYes(cell: string): boolean {
  return cell.startsWith('Yes')
}

/** The operations that make objects and came after the tables, which none of their columns names: sections 4.38, 4.39 and 4.41 say what they set. */
const unnamed: ReadonlySet<OperationName> = new Set(['CreateSplitKey', 'JoinSplitKey', 'Import'])

const making: readonly OperationName[] = [
  'Create',
  'CreateKeyPair',
  'Register',
  'DeriveKey',
  'Certify',
  'ReCertify',
  'ReKey',
  'ReKeyKeyPair',
]

function operationsIn(cell: string, version: KmipVersion): string[] {
  // 3.48 and 3.50, and what follows them in 3.49 and 3.51.
  if (cell === 'When object is created or registered') return operationsOf(making, version)
  if (/^When .* attribute is set or changed$/u.test(cell)) return operationsOf([...making, 'ModifyAttribute'], version)
  const names = [...enumTables.Operation.values()].map(({ name }) => name).toSorted((a, b) => b.length - a.length)
  const found: string[] = []
  let rest = cell
  for (const name of names) {
    const pattern = new RegExp(String.raw`\b${name.replace('-', '.?')}\b`, 'giu')
    if (!pattern.test(rest)) continue
    found.push(name)
    rest = rest.replace(pattern, '')
  }
  // No word of a cell is left unread.
  if (!/^(?:[\s,]|Never|During|operation)*$/u.test(rest)) throw new Error(`what is ${JSON.stringify(rest)}?`)
  return found.toSorted()
}

function operationsOf(names: readonly OperationName[], version: KmipVersion): string[] {
  return names
    .filter((name) => !unnamed.has(name))
    .map((name) => enumTables.Operation.get(Operation[name])!)
    .filter(({ since }) => since <= version)
    .map(({ name }) => name)
    .toSorted()
}

const { SymmetricKey, PublicKey, PrivateKey, SplitKey, PGPKey, Certificate, SecretData, OpaqueObject, Template } =
  ObjectType
const keys = [SymmetricKey, PublicKey, PrivateKey, SplitKey, PGPKey]
const cryptographic = [...keys, Certificate, SecretData]

/** The words of "Applies to Object Types". */
const words: Readonly<Record<string, readonly ObjectType[]>> = {
  'All Objects': [...cryptographic, OpaqueObject, Template],
  'All Cryptographic Objects': cryptographic,
  'Managed Cryptographic Objects': cryptographic,
  'Opaque Objects': [OpaqueObject],
  'Opaque Object': [OpaqueObject],
  Keys: keys,
  Certificates: [Certificate],
  // No certificate of another type is served.
  'X.509 Certificates': [Certificate],
  Templates: [Template],
  'Asymmetric Keys': [PublicKey, PrivateKey],
  'PGP keys': [PGPKey],
  'Symmetric Keys': [SymmetricKey],
  'Split Keys of symmetric keys': [SplitKey],
  'Symmetric Key': [SymmetricKey],
  'Private Key': [PrivateKey],
  'Split Key': [SplitKey],
  'Secret Data': [SecretData],
}

function objectTypesIn(cell: string, version: KmipVersion): string[] {
  return objectTypesOf(
    cell.split(',').flatMap((word) => {
      const objectTypes = words[word.trim()]
      if (objectTypes === undefined) throw new Error(`what are ${JSON.stringify(word)}?`)
      return objectTypes
    }),
    version,
  )
}

function objectTypesOf(objectTypes: readonly ObjectType[], version: KmipVersion): string[] {
  return objectTypes
    .map((objectType) => enumTables.ObjectType.get(objectType)!)
    .filter(({ since }) => since <= version)
    .map(({ name }) => name)
    .toSorted()
}

/** Where our table says something else, in which versions, and why. */
const differences: readonly {
  readonly attributes: readonly AttributeName[]
  readonly column: Column
  readonly until?: KmipVersion
  /** What we have and the specification has not; there is nothing the other way round. */
  readonly more: readonly string[]
  readonly reason: string
}[] = [
  {
    attributes: ['cryptographicAlgorithm', 'cryptographicLength'],
    column: 'applies to object types',
    more: ['Secret Data'],
    reason:
      '4.6: "the client SHALL specify the desired length of the derived key or Secret Data object using the Cryptographic Length attribute"; 2.1.3: every Key Block has both fields',
  },
  {
    attributes: ['cryptographicParameters'],
    column: 'applies to object types',
    more: ['Secret Data'],
    reason:
      '4.33: the parameters of a MAC "can be specified as associated attributes of the Managed Cryptographic Object", and Secret Data makes MACs; 4.6: those of what is derived from',
  },
  {
    attributes: ['leaseTime'],
    column: 'applies to object types',
    more: ['Template'],
    reason: 'the OASIS case TC-312 has it on a Template',
  },
  {
    attributes: ['link'],
    column: 'applies to object types',
    more: ['Opaque Object', 'Template'],
    reason:
      '3.35: Parent Link, Child Link, Previous Link and Next Link are "For all object types"; clients of earlier versions see what those of later ones set',
  },
  {
    attributes: ['alternativeName', 'pkcs12FriendlyName', 'description', 'comment'],
    column: 'when implicitly set',
    more: ['Re-certify', 'Re-key', 'Re-key Key Pair'],
    reason:
      '4.4, 4.5 and 4.8: "attributes of the replacement key are copied from the existing key, with the exception of the attributes listed", and these are not listed',
  },
  {
    attributes: ['originalCreationDate'],
    column: 'when implicitly set',
    more: ['Certify', 'Re-certify'],
    reason:
      'the OASIS case TC-134 has it on what they make; 3.43: set by the "Server (when object is generated by Server)"',
  },
  {
    attributes: ['cryptographicAlgorithm', 'cryptographicLength'],
    column: 'when implicitly set',
    until: 10,
    more: ['Certify', 'Re-certify'],
    reason: '1.1 puts this right: every Certificate "SHALL always have a value", and nobody sends it',
  },
]

/** The value of a column that the specification has for our table to be right. */
function expected(attribute: AttributeName, column: Column, version: KmipVersion, theirs: unknown): unknown {
  let value = theirs
  for (const { attributes, column: of, until = 14, more } of differences) {
    if (of !== column || !attributes.includes(attribute) || version > until) continue
    value = [...(value as string[]), ...more].toSorted() // the columns that differ are lists
  }
  return value
}

if (sharedDirectory === undefined) console.warn(`the tables of attributes are not compared: ${absent}`)

describe.skipIf(sharedDirectory === undefined)('the table of attributes', () => {
  test.each(supportedVersions)(
    'is that of section 3 of version %i, column by column, but for the differences that have a reason',
    (version) => {
      const tables = attributeRules(sharedDirectory!, version)
      const own = attributeNames.filter((name) => attributeTable[name].since <= version)
      // Custom attributes are not in our table: they have no tag.
      expect([...tables.keys()].toSorted()).toEqual(
        [...own.map((name) => attributeTable[name].attributeName), 'Custom Attribute'].toSorted(),
      )
      for (const name of own) {
        const rules = tables.get(attributeTable[name].attributeName)!
        for (const [column, { theirs, ours }] of Object.entries(columns) as [Column, (typeof columns)[Column]][]) {
          const value = theirs(rules[column] ?? absentCells[column]!, version)
          expect([name, column, ours(name, version)]).toEqual([name, column, expected(name, column, version, value)])
        }
      }
    },
  )

  test('differs nowhere that is listed and is no difference', () => {
    for (const { attributes, column, until = 14, more } of differences) {
      for (const name of attributes) {
        const rules: AttributeRules = attributeRules(sharedDirectory!, until).get(attributeTable[name].attributeName)!
        const theirs = columns[column].theirs(rules[column] ?? absentCells[column]!, until) as readonly string[] // as above
        expect(more.filter((one) => theirs.includes(one))).toEqual([])
      }
    }
  })
})

/** What a table means that leaves out a column: that of Alternative Name does. */
const absentCells: Readonly<Partial<Record<Column, string>>> = { 'when implicitly set': 'Never' }
