import { isKryptonError, KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { FrameBuilder } from '../../ttlv/frame-builder.ts'
import { ItemType } from '../../ttlv/item-type.ts'
import { Tag } from '../tags.ts'
import { tagOfName, typeOfName, vocabularyOf } from './names.ts'
import { putCodePoint } from './put-code-point.ts'
import { putBigInteger, putByteString } from './put-hex.ts'
import { putValue, type ValueForm } from './put-value.ts'
import { isSpace, type Span, TextSource } from './text-source.ts'

/**
 * A message in XML (KMIP Additional Message Encodings 1.0, section 6) → one frame of TTLV, which whoever takes it wipes. Of XML there is what the
 * profile needs: elements with attributes, comments, the five predefined entities and references to characters. Document types are refused,
 * so there is nothing to expand and nothing to fetch; there are no processing instructions and no CDATA. Straight from bytes to bytes.
 * @throws KryptonError frame-invalid, frame-too-deep, frame-too-many-items
 */
export function xmlToFrame(message: Buffer): Buffer {
  const source = new TextSource(message)
  // An item is longer than in TTLV but for the start of a structure: <D> is 3 bytes for 8.
  const out = new FrameBuilder(message.length + 5 * Math.min(limits.itemsMax, message.length))
  try {
    skipProlog(source)
    putElement(source, out, {})
    skipFiller(source)
    if (!source.isAtEnd) throw source.fault('the message has ended')
    return out.bytes
  } catch (error) {
    out.wipe()
    throw error
  }
}

/** What stood before an element in the same structure. */
interface Siblings {
  /** The last Attribute Name: an Attribute Value speaks its words. */
  attributeName?: string
}

type Attributes = Partial<Record<AttributeName, Span>>

const attributeNames = ['tag', 'name', 'type', 'value', 'xmlns'] as const
type AttributeName = (typeof attributeNames)[number]

function putElement(source: TextSource, out: FrameBuilder, siblings: Siblings): void {
  const began = source.at
  source.expect('<')
  const nameSpan = name(source)
  const attributes = attributesIn(source)
  const tag = tagOf(source, nameSpan, attributes, began)
  const type = typeOf(source, attributes)
  if (attributes.xmlns !== undefined && source.word(attributes.xmlns) !== namespace)
    throw source.fault(`the namespace of KMIP is ${namespace}`, attributes.xmlns.from)
  const isEmpty = source.skip('/')
  source.expect('>')
  if (type === ItemType.Structure) {
    if (attributes.value !== undefined) throw source.fault('a Structure has elements and no value', began)
    const start = out.begin()
    if (!isEmpty) putElements(source, out)
    out.end(start, tag)
  } else {
    const { value } = attributes
    if (value === undefined) throw source.fault('an element of this type has a value', began)
    putAttributeValue(source, out, { tag, type, value, siblings })
    if (tag === Tag.AttributeName && type === ItemType.TextString && value.to - value.from <= attributeNameBytesMax)
      siblings.attributeName = source.word(value)
    if (!isEmpty) skipFiller(source)
  }
  if (!isEmpty) endTag(source, nameSpan)
}

/** Up to the end tag of what holds them. */
function putElements(source: TextSource, out: FrameBuilder): void {
  const siblings: Siblings = {}
  for (;;) {
    skipFiller(source)
    if (source.bytes[source.at + 1] === slash || source.next !== lessThan) return
    putElement(source, out, siblings)
  }
}

function endTag(source: TextSource, nameSpan: Span): void {
  const { bytes } = source
  source.expect('</')
  const found = name(source)
  if (bytes.compare(bytes, nameSpan.from, nameSpan.to, found.from, found.to) !== 0)
    throw source.fault('each element ends before what holds it', found.from)
  source.skipSpace()
  source.expect('>')
}

function putAttributeValue(
  source: TextSource,
  out: FrameBuilder,
  item: { readonly tag: number; readonly type: ItemType; readonly value: Span; readonly siblings: Siblings },
): void {
  const { tag, type, value } = item
  const { bytes } = source
  const { from, to } = trimmed(bytes, value)
  try {
    if (type === ItemType.TextString) {
      const start = out.beginBytes(tag, type)
      putText(source, out, value)
      out.endBytes(start)
    } else if (type === ItemType.ByteString) {
      putByteString(out, tag, bytes, from, to)
    } else if (type === ItemType.BigInteger) {
      const prefix = to - from >= 2 && bytes.toString('latin1', from, from + 2) === '0x' ? 2 : 0
      // xsd:hexBinary, as the published messages have it, of any number of bytes.
      putBigInteger(out, tag, bytes, { from: from + prefix, to }, true)
    } else if (type === ItemType.Boolean) {
      const boolean = booleans.get(source.word({ from, to }))
      if (boolean === undefined) throw new KryptonError('frame-invalid', 'Send a Boolean as true or false')
      out.long(tag, type, boolean)
    } else {
      const form: ValueForm = {
        decimal: true,
        longIntegers: longIntegers,
        vocabulary: vocabularyOf(tag, item.siblings.attributeName),
      }
      putValue(out, tag, type, source.word({ from, to }), form)
    }
  } catch (error) {
    if (!isKryptonError(error, 'frame-invalid') || error.message.includes('at byte ')) throw error
    throw new KryptonError('frame-invalid', `${error.message}: see byte ${from}`)
  }
}

/** Attributes up to the end of the start tag, each once. */
function attributesIn(source: TextSource): Attributes {
  const attributes: Attributes = {}
  for (;;) {
    const apart = source.skipSpace()
    if (source.next === slash || source.next === greaterThan) return attributes
    if (!apart) throw source.fault('space stands before an attribute')
    const at = source.at
    const text = source.word(name(source))
    const known = attributeNames.find((one) => one === text)
    if (known === undefined) throw source.fault(`an element has the attributes ${attributeNames.join(', ')}`, at)
    if (attributes[known] !== undefined) throw source.fault(`an element has one attribute ${known}`, at)
    source.skipSpace()
    source.expect('=')
    source.skipSpace()
    attributes[known] = quoted(source)
  }
}

function quoted(source: TextSource): Span {
  const { bytes } = source
  const quote = source.next
  if (quote !== doubleQuote && quote !== singleQuote) throw source.fault('the value of an attribute stands in quotes')
  const from = source.at + 1
  let at = from
  for (; bytes[at] !== quote; at++) {
    if (at >= bytes.length) throw source.fault('the value of an attribute has not ended', from - 1)
    const byte = bytes[at]!
    if (byte === lessThan) throw source.fault('< in the value of an attribute is written &lt;', at)
    if (byte < 0x20 && !isSpace(byte)) throw source.fault('XML has no such control character', at)
  }
  source.at = at + 1
  return { from, to: at }
}

/** ASCII, without colons: KMIP's names are such, and a prefix would only be another name for the one namespace. */
function name(source: TextSource): Span {
  const from = source.at
  while (isNamePart(source.next)) source.at += 1
  if (source.at === from) throw source.fault('here must stand a name')
  if (source.next === colon) throw source.fault('names have no prefix: name the namespace with xmlns')
  return { from, to: source.at }
}

function tagOf(source: TextSource, nameSpan: Span, { tag }: Attributes, began: number): number {
  const text = source.word(nameSpan)
  // The general form names the tag by an attribute, the specific one by its element (section 6.1.6).
  const isGeneral = text === 'TTLV'
  if (isGeneral !== (tag !== undefined))
    throw source.fault(isGeneral ? 'a TTLV element has an attribute tag' : 'the element itself names its tag', began)
  const word = tag === undefined ? text : source.word(tag)
  const hex = tag === undefined ? /^x[0-9a-fA-F]{6}$/ : /^0x[0-9a-fA-F]{6}$/
  const found = hex.test(word) ? Number.parseInt(word.slice(-6), 16) : tagOfName(word)
  if (found === undefined) throw source.fault('a tag is a name of KMIP 1.4, or hexadecimal in a TTLV element', began)
  return found
}

function typeOf(source: TextSource, { type }: Attributes): ItemType {
  if (type === undefined) return ItemType.Structure
  const found = typeOfName(source.word(type))
  if (found === undefined) throw source.fault('a type is a name such as TextString', type.from)
  return found
}

/** A byte order mark, the declaration that this is UTF-8, and what may stand before the message. */
function skipProlog(source: TextSource): void {
  source.skip('\u00ef\u00bb\u00bf')
  if (source.skip('<?xml')) {
    const end = source.bytes.indexOf('?>', source.at)
    const declaration = end < 0 ? '' : source.word({ from: source.at, to: end })
    if (!xmlDeclaration.test(declaration)) throw source.fault('XML 1.0 is declared, in UTF-8')
    source.at = end + 2
  }
  skipFiller(source)
}

const xmlDeclaration =
  /^\s+version\s*=\s*(["'])1\.0\1(\s+encoding\s*=\s*(["'])[Uu][Tt][Ff]-8\3)?(\s+standalone\s*=\s*(["'])(yes|no)\5)?\s*$/

/** Space and comments. Everything else between elements is refused by who goes on. */
function skipFiller(source: TextSource): void {
  for (;;) {
    source.skipSpace()
    if (!source.skip('<!')) return
    const began = source.at - 2
    if (!source.skip('--')) throw source.fault('there is no document type, no entity and no CDATA in a message', began)
    const end = source.bytes.indexOf('--', source.at)
    if (end < 0 || source.bytes[end + 2] !== greaterThan) throw source.fault('a comment has not ended', began)
    source.at = end + 3
  }
}

function trimmed(bytes: Buffer, span: Span): Span {
  let { from, to } = span
  while (from < to && isSpace(bytes[from]!)) from += 1
  while (from < to && isSpace(bytes[to - 1]!)) to -= 1
  return { from, to }
}

/** Line ends and tabs in an attribute are spaces (XML 1.0, section 3.3.3), those written as references are what they are. */
function putText(source: TextSource, out: FrameBuilder, { from, to }: Span): void {
  const { bytes } = source
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte === ampersand) {
      const end = bytes.indexOf(semicolon, at)
      if (end < 0 || end >= to || end - at > referenceBytesMax) throw source.fault('a reference has not ended', at)
      putReference(source, out, { from: at + 1, to: end })
      at = end
    } else if (byte === carriageReturn) {
      out.put(space)
      if (bytes[at + 1] === lineFeed) at += 1
    } else {
      out.put(isSpace(byte) ? space : byte)
    }
  }
}

function putReference(source: TextSource, out: FrameBuilder, span: Span): void {
  const text = source.word(span)
  const character = entities.get(text)
  if (character !== undefined) return out.put(character)
  const hex = /^#x[0-9a-fA-F]{1,6}$/.test(text)
  if (!hex && !/^#[0-9]{1,7}$/.test(text))
    throw source.fault('there are no entities but lt, gt, amp, quot and apos', span.from)
  const codePoint = hex ? Number.parseInt(text.slice(2), 16) : Number(text.slice(1))
  if (!isXmlCharacter(codePoint)) throw source.fault('XML has no such character', span.from)
  putCodePoint(out, codePoint)
}

/** XML 1.0, section 2.2. */
export function isXmlCharacter(codePoint: number): boolean {
  if (codePoint < 0x20) return isSpace(codePoint)
  return (
    codePoint < 0xd800 || (codePoint > 0xdfff && codePoint < 0xfffe) || (codePoint > 0xffff && codePoint < 0x110000)
  )
}

function isNamePart(byte: number): boolean {
  const letter = byte | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f
}

const namespace = 'urn:oasis:tc:kmip:xmlns'
const longIntegers = { min: -(2n ** 63n), max: 2n ** 63n - 1n }

/** xsd:boolean has them by digits too. */
const booleans: ReadonlyMap<string, bigint> = new Map([
  ['true', 1n],
  ['1', 1n],
  ['false', 0n],
  ['0', 0n],
])

const entities: ReadonlyMap<string, number> = new Map([
  ['lt', 0x3c],
  ['gt', 0x3e],
  ['amp', 0x26],
  ['quot', 0x22],
  ['apos', 0x27],
])

const lessThan = 0x3c
const greaterThan = 0x3e
const slash = 0x2f
const colon = 0x3a
const doubleQuote = 0x22
const singleQuote = 0x27
const ampersand = 0x26
const semicolon = 0x3b
const space = 0x20
const lineFeed = 0x0a
const carriageReturn = 0x0d

/** &#x10FFFF; and &#1114111; */
const referenceBytesMax = 9

/** 'Cryptographic Domain Parameters' has 31. */
const attributeNameBytesMax = 64
