import { ItemType, itemTypeName } from '../../ttlv/item-type.ts'
import { attributeByWireName, attributeTable } from '../attribute-table.ts'
import { type EnumName, enumTables } from '../enums.ts'
import { Tag, tagTable } from '../tags.ts'

/**
 * Names as the JSON and XML encodings have them (KMIP Additional Message Encodings 1.0, sections 4.1.3 and 6.1.3), made from the tables of
 * tags and enumerations that the codec runs by.
 */

/** 'X.509 Certificate Issuer' → 'X_509CertificateIssuer': the six rules of section 4.1.3, in their order. */
export function normalizedName(name: string): string {
  const words = name
    .replaceAll(/[()]/g, ' ')
    .replaceAll(/\W([A-Za-z][a-z])/g, ' $1')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => word.replaceAll(/\W/g, '_'))
  const [first = '', ...others] = words
  return [first.replace(/^(\d+)(.*)/, '$2$1'), ...others]
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}

/** Undefined for a tag that the specification does not have: it is written in hexadecimal. */
export function nameOfTag(tag: number): string | undefined {
  return tagNames.get(tag)
}

export function tagOfName(name: string): number | undefined {
  return tagsByName.get(name)
}

/** 'TextString'. Every type that a checked frame has is there. */
export function nameOfType(type: number): string {
  return typeNames.get(type) ?? itemTypeName(type)
}

export function typeOfName(name: string): ItemType | undefined {
  return typesByName.get(name)
}

/** The words for the values of one enumeration, or for the bits of one mask. */
export interface Vocabulary {
  readonly isMask: boolean
  readonly names: ReadonlyMap<number, string>
  readonly values: ReadonlyMap<string, number>
}

/**
 * The words for what stands in an item of this tag. An Attribute Value speaks the words of the attribute whose name stands before it.
 */
export function vocabularyOf(tag: number, attributeName: string | undefined): Vocabulary | undefined {
  if (tag !== Tag.AttributeValue) return vocabularies.get(tag)
  const name = attributeName === undefined ? undefined : attributeByWireName(attributeName)
  return name === undefined ? undefined : vocabularies.get(attributeTable[name].tag)
}

/**
 * 'SHA-256 with RSA Encryption (PKCS#1 v1.5)' → 'SHA_256WithRSAEncryption', as the published messages have it: a remark in brackets is no part of
 * the name. It is read with the remark too, as the rules would have it.
 */
function writtenName(name: string): string {
  return normalizedName(name.replace(/\s\(.*\)$/, ''))
}

const tagNames = new Map([...tagTable].map(([tag, { name }]) => [tag, normalizedName(name)]))
const tagsByName = new Map([...tagNames].map(([tag, name]) => [name, tag]))

/** 'Date-Time' is DateTime (section 4.1.4). */
const typeNames = new Map<number, string>(
  Object.values(ItemType).map((type) => [type, itemTypeName(type).replaceAll(/\W/g, '')]),
)
const typesByName = new Map(Object.values(ItemType).map((type) => [typeNames.get(type), type]))

const masks: ReadonlySet<EnumName> = new Set(['CryptographicUsageMask', 'StorageStatusMask'])

/** Tags whose values are those of another enumeration than the one of their name. */
const otherEnumerations: ReadonlyMap<number, EnumName> = new Map([
  [Tag.MaskGeneratorHashingAlgorithm, 'HashingAlgorithm'],
])

const vocabularyByEnum = new Map<string, Vocabulary>(
  Object.entries(enumTables).map(([enumName, table]) => {
    const names = new Map([...table].map(([value, { name }]) => [value, writtenName(name)]))
    const values = new Map(
      [...table].flatMap(([value, { name }]) => [
        [normalizedName(name), value],
        [writtenName(name), value],
      ]),
    )
    const isMask = masks.has(enumName as EnumName) // the keys of the table are the names
    return [enumName, { isMask, names, values }]
  }),
)

const vocabularies = new Map<number, Vocabulary>(
  Object.entries(Tag).flatMap(([identifier, tag]) => {
    const vocabulary = vocabularyByEnum.get(otherEnumerations.get(tag) ?? identifier)
    return vocabulary === undefined ? [] : [[tag, vocabulary]]
  }),
)
