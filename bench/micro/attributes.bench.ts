import { createHash, randomBytes } from 'node:crypto'
import { Attributes, type Instance } from '../../src/kmip/attribute.ts'
import type { AttributeName } from '../../src/kmip/attribute.ts'
import { CryptographicAlgorithm, KeyFormatType, ObjectType } from '../../src/kmip/enums.ts'
import { newObject } from '../../src/objects/new-object.ts'
import { uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'
import { type Case, keep, type RatioGoal } from './suite.ts'

const id = randomBytes(16)
const digest = createHash('sha256').update(id).digest()

/** What a Create of an AES key asks for. */
const requested = [
  {
    name: 'cryptographicAlgorithm',
    attributeName: 'Cryptographic Algorithm',
    value: CryptographicAlgorithm.AES,
  },
  { name: 'cryptographicLength', attributeName: 'Cryptographic Length', value: 256 },
  { name: 'cryptographicUsageMask', attributeName: 'Cryptographic Usage Mask', value: 12 },
]

const made = create()
const names = made.attributes.names() as readonly AttributeName[]
const values = names.map((name) => made.attributes.first(name))
const identifiers = new Map<string, number>()

function create() {
  return newObject({
    id,
    sequence: 1,
    objectType: ObjectType.SymmetricKey,
    requested,
    algorithm: CryptographicAlgorithm.AES,
    lengthBits: 256,
    keyFormatType: KeyFormatType.Raw,
    dataType: 0,
    digest,
    keyValuePresent: true,
    generated: true,
    version: 14,
    now: 1_790_000_000,
  })
}

function set(): Attributes {
  const attributes = new Attributes()
  for (let i = 0; i < names.length; i++) attributes.putValue(names[i]!, 0, values[i])
  return attributes
}

/** As attributes were kept once. */
function setInMap(): Map<string, Instance<unknown>[]> {
  const attributes = new Map<string, Instance<unknown>[]>()
  for (let i = 0; i < names.length; i++) attributes.set(names[i]!, [{ index: 0, value: values[i] }])
  return attributes
}

/** As identifiers were written once. */
function fromSlices(): string {
  const hex = id.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Whoever keeps an object by its identifier asks for the hash of the text, for which slices are put together first. */
function looksUp(identifier: string): void {
  identifiers.get(identifier)
}

export const name = 'attributes'

export const cases: readonly Case[] = [
  { name: 'the object of a Create, encoded', fn: () => keep(create()) },
  { name: `${names.length} attributes`, fn: () => keep(set()) },
  { name: 'the same in a Map of lists', fn: () => keep(setInMap()) },
  { name: 'a Unique Identifier, looked up', fn: () => looksUp(uniqueIdentifierOf(id)) },
  { name: 'the same from slices', fn: () => looksUp(fromSlices()) },
]

export const goals: readonly RatioGoal[] = [
  {
    name: 'attributes beside a Map of lists',
    slow: 'the same in a Map of lists',
    fast: `${names.length} attributes`,
    atLeast: 1.5,
  },
  {
    name: 'an identifier beside slices',
    slow: 'the same from slices',
    fast: 'a Unique Identifier, looked up',
    atLeast: 1,
  },
]
