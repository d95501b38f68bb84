import { ItemType } from '../../ttlv/item-type.ts'
import { padded } from '../../ttlv/reader.ts'
import { textSize } from '../../ttlv/writer.ts'
import { WireAttribute } from '../attributes-1x.ts'
import { text } from '../kinds.ts'
import { type MessageReader, optional, optionalRepeated, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

const described = struct('Get Attributes', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  attributeNames: repeated(Tag.AttributeName, text),
})

/** KMIP 1.4 section 4.12. No names means all attributes. */
export const GetAttributesRequest: typeof described = {
  ...described,
  read: (reader, at) => readRemembered(reader, at) ?? remember(reader, at, described.read(reader, at)),
}
export type GetAttributesRequest = ValueOf<typeof GetAttributesRequest>

export const GetAttributesResponse = struct('Get Attributes', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attributes: optionalRepeated(Tag.Attribute, WireAttribute),
})
export type GetAttributesResponse = ValueOf<typeof GetAttributesResponse>

/** True if no name stands there twice: of names that are known, and frozen, it was found out when they came first. */
export function isEachOnce(names: readonly string[]): boolean {
  return names.length < 2 || Object.isFrozen(names) || new Set(names).size === names.length
}

/** Names as they were read before, and the words of their items: a client asks for the same ones of every key, in every poll. */
interface KnownNames {
  readonly words: Int32Array
  readonly names: readonly string[]
}

/** By the length of the items. Replaces reading them name by name (bench cost, Get Attributes): who asks again is given the same array. */
const knownNames: (KnownNames | undefined)[] = Array(16).fill(undefined)

const uniqueIdentifierHead = (Tag.UniqueIdentifier << 8) | ItemType.TextString

/** Where the names begin, after a Unique Identifier. */
function namesFrom(reader: MessageReader, at: number): number {
  const from = at + 8
  return reader.length(at) > 0 && reader.head(from) === uniqueIdentifierHead ? reader.next(from) : from
}

function readRemembered(reader: MessageReader, at: number): GetAttributesRequest | undefined {
  const from = namesFrom(reader, at)
  const known = knownNames[placeOf(reader.next(at) - from)]
  if (known === undefined || !reader.hasWordsBetween(from, reader.next(at), known.words)) return undefined
  const uniqueIdentifier = from === at + 8 ? undefined : reader.text(at + 8)
  return { uniqueIdentifier, attributeNames: known.names }
}

function remember(reader: MessageReader, at: number, request: GetAttributesRequest): GetAttributesRequest {
  const { attributeNames } = request
  const from = namesFrom(reader, at)
  const bytes = reader.next(at) - from
  if (bytes === 0 || bytes > knownNamesBytesMax) return request
  // Nothing but names: what else may stand there depends on the version.
  let namesBytes = 0
  for (const name of attributeNames) namesBytes += 8 + padded(textSize(name))
  if (namesBytes !== bytes || !isEachOnce(attributeNames)) return request
  const names = Object.freeze([...attributeNames])
  knownNames[placeOf(bytes)] = { words: reader.wordsBetween(from, from + bytes), names }
  return { ...request, attributeNames: names }
}

function placeOf(bytes: number): number {
  return (bytes >>> 3) & 15
}

/** Some twenty names. */
const knownNamesBytesMax = 640
