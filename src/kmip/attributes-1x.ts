import { KryptonError } from '../errors.ts'
import { ItemType, itemTypeName } from '../ttlv/item-type.ts'
import { padded, TtlvReader } from '../ttlv/reader.ts'
import { textSize, TtlvWriter } from '../ttlv/writer.ts'
import type { Attributes } from './attribute.ts'
import { attributeByWireName, attributeDefinition, attributeTable, isCustomName } from './attribute-table.ts'
import { CustomValue } from './custom-value.ts'
import { optionalRepeated, repeated, struct } from './struct.ts'
import type { Kind, MessageReader, ValueOf } from './struct.ts'
import { Name } from './structures.ts'
import { Tag } from './tags.ts'
import { versionText } from './version.ts'
import type { KmipVersion } from './version.ts'

/** KMIP 1.x shows attributes by name and index (section 2.1.1). Only this file knows about that form. */

/** One Attribute structure: the name inside the server beside the one on the wire. A custom attribute has the same for both. */
export interface WireAttribute {
  readonly name: string
  readonly attributeName: string
  readonly index?: number
  /** AttributeValues[name], or CustomValue. */
  readonly value: unknown
  /** The item of an answer as it was written before under its version (`writtenAttributes`). */
  readonly words?: Int32Array
}

export const WireAttribute: Kind<WireAttribute> = {
  types: [ItemType.Structure],
  read: readAttribute,
  size: (attribute, version) =>
    attribute.words?.byteLength ??
    16 + // the header of the structure and that of the name
      padded(textSize(attribute.attributeName)) +
      (attribute.index === undefined ? 0 : 16) +
      kindOf(attribute.name).size(attribute.value, version),
  write: (writer, tag, attribute, version) => {
    if (attribute.words !== undefined) return writer.words(attribute.words)
    const start = writer.begin(tag)
    writer.text(Tag.AttributeName, attribute.attributeName)
    if (attribute.index !== undefined) writer.integer(Tag.AttributeIndex, attribute.index)
    kindOf(attribute.name).write(writer, Tag.AttributeValue, attribute.value, version)
    writer.end(start)
  },
  visible: (attribute, version) => attribute.words !== undefined || isVisible(attribute.name, attribute.value, version),
}

/** 2.1.8. Names are those of Template objects. */
export const TemplateAttribute = struct('Template-Attribute', {
  names: repeated(Tag.Name, Name),
  attributes: repeated(Tag.Attribute, WireAttribute),
})
export type TemplateAttribute = ValueOf<typeof TemplateAttribute>

/** A Template-Attribute of an answer: attributes only. */
export const AnswerTemplateAttribute = struct('Template-Attribute', {
  attributes: optionalRepeated(Tag.Attribute, WireAttribute),
})

/**
 * The attributes to show to a client: all that its version knows, or those with the given names, in the order of the names. A name on the
 * list that the object does not have is left out (section 4.12). Indices above 0 are shown; index 0 is what a missing index means.
 * Under KMIP 1.0 Initial Date is shown only when asked for: old clients stumble over it.
 */
export function attributesForVersion(
  attributes: Attributes,
  version: KmipVersion,
  attributeNamesAsked?: readonly string[],
): WireAttribute[] {
  const names =
    attributeNamesAsked === undefined
      ? attributes.names().filter((name) => version > 10 || name !== 'initialDate')
      : attributeNamesAsked.map((attributeName) => attributeByWireName(attributeName) ?? attributeName)
  const shown: WireAttribute[] = []
  for (const name of names) {
    const attributeName = attributeDefinition(name)?.attributeName ?? name
    for (const { index, value } of attributes.instances(name)) {
      if (isVisible(name, value, version))
        shown.push({ name, attributeName, index: index === 0 ? undefined : index, value })
    }
  }
  return shown
}

/** What `attributesForVersion` gave for an answer, each with its item as it is written under that version: to be written again without a look at the value. */
export function writtenAttributes(attributes: readonly WireAttribute[], version: KmipVersion): WireAttribute[] {
  return attributes.map((attribute) => {
    const writer = new TtlvWriter(WireAttribute.size(attribute, version))
    WireAttribute.write(writer, Tag.Attribute, attribute, version)
    return { ...attribute, words: new TtlvReader(writer.bytes).words(0) }
  })
}

/** The names to show in Get Attribute List: those on the wire, of attributes that the version knows (section 4.13). */
export function attributeNamesForVersion(attributes: Attributes, version: KmipVersion): string[] {
  return [...new Set(attributesForVersion(attributes, version).map(({ attributeName }) => attributeName))]
}

/** An attribute as the answer to Add, Modify and Delete Attribute shows it. */
export function wireAttribute(name: string, index: number | undefined, value: unknown): WireAttribute {
  return { name, attributeName: attributeDefinition(name)?.attributeName ?? name, index, value }
}

function isVisible(name: string, value: unknown, version: KmipVersion): boolean {
  const definition = attributeDefinition(name)
  if (definition === undefined) return true
  return version >= definition.since && definition.kind.visible?.(value, version) !== false
}

function kindOf(name: string): Kind<unknown> {
  return attributeDefinition(name)?.kind ?? CustomValue
}

function readAttribute(reader: MessageReader, start: number): WireAttribute {
  const end = reader.next(start)
  let nameAt = 0
  let indexAt = 0
  let valueAt = 0
  for (let at = start + 8; at < end; at = reader.next(at)) {
    const head = reader.head(at)
    if (head === attributeNameHead && nameAt === 0) nameAt = at
    else if (head === attributeIndexHead && indexAt === 0) indexAt = at
    else if (head >>> 8 === Tag.AttributeValue && valueAt === 0) valueAt = at
    else refuseItem(reader, head)
  }
  if (nameAt === 0) throw new KryptonError('invalid-message', 'Send an Attribute Name in each Attribute')
  const attributeName = reader.text(nameAt)
  if (valueAt === 0) throw new KryptonError('invalid-message', `Send an Attribute Value for ${shown(attributeName)}`)
  const index = indexAt === 0 ? undefined : reader.integer(indexAt)
  if (index !== undefined && index < 0) throw new KryptonError('invalid-field', 'Send an Attribute Index of 0 or more')

  const name = attributeByWireName(attributeName)
  if (name === undefined) {
    if (!isCustomName(attributeName)) throw unknownAttribute(attributeName)
    return { name: attributeName, attributeName, index, value: CustomValue.read(reader, valueAt) }
  }
  const { kind, since } = attributeTable[name]
  if (reader.version < since) {
    throw new KryptonError(
      'invalid-field',
      `Leave out the attribute ${attributeName} or use KMIP ${versionText(since)}: KMIP ${versionText(reader.version)} does not have it`,
    )
  }
  const type = (reader.head(valueAt) & 0xff) as ItemType // the frame was checked
  if (!kind.types.includes(type)) {
    throw new KryptonError(
      'invalid-field',
      `Send ${attributeName} as ${kind.types.map(itemTypeName).join(' or ')}, not as ${itemTypeName(type)}`,
    )
  }
  return { name, attributeName, index, value: kind.read(reader, valueAt) }
}

const attributeNameHead = (Tag.AttributeName << 8) | ItemType.TextString
const attributeIndexHead = (Tag.AttributeIndex << 8) | ItemType.Integer

function refuseItem(reader: MessageReader, head: number): void {
  const tag = head >>> 8
  if (tag === Tag.AttributeName || tag === Tag.AttributeIndex || tag === Tag.AttributeValue) {
    throw new KryptonError(
      'invalid-message',
      'Send in an Attribute one name (Text String), one index (Integer) and one value',
    )
  }
  if (!reader.ignoreUnknown) {
    throw new KryptonError(
      'invalid-field',
      `Send in an Attribute a name, an index and a value only, not tag ${tag.toString(16)}`,
    )
  }
}

function unknownAttribute(attributeName: string): KryptonError {
  return new KryptonError(
    'invalid-field',
    `Use an attribute of the specification, or a name that starts with x- or y-: there is no ${shown(attributeName)}`,
  )
}

/** A client's own text in a message: short, so that it cannot fill a log. */
function shown(attributeName: string): string {
  return JSON.stringify(attributeName.slice(0, 64))
}
