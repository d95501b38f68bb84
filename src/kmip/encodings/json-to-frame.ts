import { isKryptonError, KryptonError } from '../../errors.ts'
import { FrameBuilder } from '../../ttlv/frame-builder.ts'
import { ItemType } from '../../ttlv/item-type.ts'
import { Tag } from '../tags.ts'
import { tagOfName, typeOfName, vocabularyOf } from './names.ts'
import { putBigInteger, putByteString } from './put-hex.ts'
import { putValue, type ValueForm } from './put-value.ts'
import { putCodePoint } from './put-code-point.ts'
import { type Span, TextSource } from './text-source.ts'

/**
 * A message in JSON (KMIP Additional Message Encodings 1.0, section 4) → one frame of TTLV, which whoever takes it wipes. Straight from bytes to
 * bytes: neither the message nor the value of an item is ever a string or an object. What stands in the items is for who reads the frame.
 * @throws KryptonError frame-invalid, frame-too-deep, frame-too-many-items
 */
export function jsonToFrame(message: Buffer): Buffer {
  const source = new TextSource(message)
  // An item in JSON is longer than in TTLV: {"tag":"D","value":[]} are 8 bytes.
  const out = new FrameBuilder(message.length)
  try {
    source.skipSpace()
    putItem(source, out, {})
    source.skipSpace()
    if (!source.isAtEnd) throw source.fault('the message has ended')
    return out.bytes
  } catch (error) {
    out.wipe()
    throw error
  }
}

/** What stood before an item in the same structure. */
interface Siblings {
  /** The last Attribute Name: an Attribute Value speaks its words. */
  attributeName?: string
}

/** A value that is no structure. */
interface Scalar extends Span {
  readonly kind: 'string' | 'number' | 'literal'
}

function putItem(source: TextSource, out: FrameBuilder, siblings: Siblings): void {
  const began = source.at
  source.expect('{')
  let tag: number | undefined
  let type: ItemType | undefined
  let named = false
  let scalar: Scalar | undefined
  let structureStart: number | undefined
  do {
    source.skipSpace()
    const key = source.word(string(source))
    source.skipSpace()
    source.expect(':')
    source.skipSpace()
    if (key === 'tag' && tag === undefined) tag = tagIn(source)
    else if (key === 'type' && type === undefined) type = typeIn(source)
    else if (key === 'name' && !named) {
      string(source)
      named = true
    } else if (key === 'value' && scalar === undefined && structureStart === undefined) {
      if (source.next === brackets) structureStart = putItems(source, out)
      else scalar = scalarIn(source)
    } else if (keys.has(key)) {
      throw source.fault(`an item has one ${key}`)
    } else {
      throw source.fault('an item has a tag, a name, a type and a value, and nothing else')
    }
    source.skipSpace()
  } while (source.skip(','))
  source.expect('}')
  if (tag === undefined) throw source.fault('an item has a tag', began)
  const itemType = type ?? ItemType.Structure
  if (itemType === ItemType.Structure) {
    // Null stands for no items (section 4.1.6.2).
    if (structureStart === undefined && isNull(source, scalar)) structureStart = out.begin()
    if (structureStart === undefined) throw source.fault('the value of a Structure is an array of items', began)
    out.end(structureStart, tag)
    return
  }
  if (scalar === undefined) throw source.fault('an item of this type has one value, which is no array', began)
  putScalar(source, out, { tag, type: itemType, scalar, siblings })
  if (tag === Tag.AttributeName && itemType === ItemType.TextString && scalar.to - scalar.from <= attributeNameBytesMax)
    siblings.attributeName = source.word(scalar)
}

/** Items of a structure, up to its end. Returns where the structure starts in the frame. */
function putItems(source: TextSource, out: FrameBuilder): number {
  const start = out.begin()
  const siblings: Siblings = {}
  source.expect('[')
  source.skipSpace()
  if (source.skip(']')) return start
  do {
    source.skipSpace()
    putItem(source, out, siblings)
    source.skipSpace()
  } while (source.skip(','))
  source.expect(']')
  return start
}

function putScalar(
  source: TextSource,
  out: FrameBuilder,
  item: { readonly tag: number; readonly type: ItemType; readonly scalar: Scalar; readonly siblings: Siblings },
): void {
  const { tag, type, scalar } = item
  const { kind, from, to } = scalar
  try {
    if (type === ItemType.TextString) {
      if (kind !== 'string') throw new KryptonError('frame-invalid', 'Send a Text String as a string')
      const start = out.beginBytes(tag, type)
      putText(source, out, scalar)
      out.endBytes(start)
    } else if (type === ItemType.ByteString) {
      if (kind !== 'string') throw new KryptonError('frame-invalid', 'Send a Byte String as a string of hexadecimal')
      putByteString(out, tag, source.bytes, from, to)
    } else if (type === ItemType.BigInteger && kind === 'string') {
      const hex = to - from >= 2 && source.bytes.toString('latin1', from, from + 2) === '0x'
      if (!hex) throw new KryptonError('frame-invalid', 'Send a Big Integer as 0x and hexadecimal digits')
      putBigInteger(out, tag, source.bytes, { from: from + 2, to }, false)
    } else if (type === ItemType.BigInteger && kind === 'number') {
      const start = out.beginBytes(tag, type)
      const value = BigInt.asUintN(64, numberIn(source.word(scalar)))
      for (let shift = 56n; shift >= 0n; shift -= 8n) out.put(Number((value >> shift) & 0xffn))
      out.endBytes(start)
    } else if (type === ItemType.Boolean) {
      out.long(tag, type, booleanIn(source.word(scalar), kind))
    } else if (kind === 'literal' || type === ItemType.BigInteger) {
      throw new KryptonError('frame-invalid', 'Send a number or a string as the value of an item of this type')
    } else {
      const form: ValueForm = {
        decimal: kind === 'number',
        longIntegers: exactNumbers,
        vocabulary: vocabularyOf(tag, item.siblings.attributeName),
      }
      putValue(out, tag, type, source.word(scalar), form)
    }
  } catch (error) {
    throw isKryptonError(error, 'frame-invalid') ? placed(error, from) : error
  }
}

/** Who reads an error of a value is told where the value stands. */
function placed(error: KryptonError, at: number): KryptonError {
  return error.message.includes('at byte ')
    ? error
    : new KryptonError('frame-invalid', `${error.message}: see byte ${at}`)
}

function tagIn(source: TextSource): number {
  const at = source.at
  const text = source.word(string(source))
  const tag = /^0x[0-9a-fA-F]{6}$/.test(text) ? Number(text) : tagOfName(text)
  if (tag === undefined) throw source.fault('a tag is a name of KMIP 1.4, or 0x and 6 hexadecimal digits', at)
  return tag
}

function typeIn(source: TextSource): ItemType {
  const at = source.at
  const type = typeOfName(source.word(string(source)))
  if (type === undefined) throw source.fault('a type is a name such as TextString', at)
  return type
}

function isNull(source: TextSource, scalar: Scalar | undefined): boolean {
  return scalar?.kind === 'literal' && source.word(scalar) === 'null'
}

function scalarIn(source: TextSource): Scalar {
  if (source.next === quote) return { kind: 'string', ...string(source) }
  const from = source.at
  for (const literal of ['true', 'false', 'null'])
    if (source.skip(literal)) return { kind: 'literal', from, to: source.at }
  while (isNumberPart(source.next)) source.at += 1
  if (source.at === from) throw source.fault('here must stand a value')
  return { kind: 'number', from, to: source.at }
}

/** A string without its quotes; escapes are still in it. */
function string(source: TextSource): Span {
  source.expect('"')
  const { bytes } = source
  const from = source.at
  let at = from
  for (; bytes[at] !== quote; at += bytes[at] === backslash ? 2 : 1) {
    if (at >= bytes.length) throw source.fault('a string has not ended', from - 1)
    if (bytes[at]! < 0x20) throw source.fault('control characters in strings are escaped', at)
  }
  source.at = at + 1
  return { from, to: at }
}

function putText(source: TextSource, out: FrameBuilder, { from, to }: Span): void {
  const { bytes } = source
  let copied = from
  for (let at = from; at < to;) {
    if (bytes[at] !== backslash) {
      at += 1
      continue
    }
    out.putBytes(bytes, copied, at)
    const escape = String.fromCharCode(bytes[at + 1]!)
    if (escape === 'u') {
      const high = codeUnit(source, at)
      at += 6
      if (high >= 0xd800 && high < 0xdc00 && bytes[at] === backslash && bytes[at + 1] === letterU) {
        const low = codeUnit(source, at)
        if (low < 0xdc00 || low > 0xdfff) throw source.fault('half of a surrogate pair stands alone', at)
        putCodePoint(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        at += 6
      } else {
        if (high >= 0xd800 && high <= 0xdfff) throw source.fault('half of a surrogate pair stands alone', at - 6)
        putCodePoint(out, high)
      }
    } else {
      const byte = escapes.get(escape)
      if (byte === undefined) throw source.fault('JSON has no such escape', at)
      out.put(byte)
      at += 2
    }
    copied = at
  }
  out.putBytes(bytes, copied, to)
}

/** The four digits after \u. */
function codeUnit(source: TextSource, at: number): number {
  const digits = source.bytes.toString('latin1', at + 2, at + 6)
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw source.fault('\\u and 4 hexadecimal digits stand for a character', at)
  return Number.parseInt(digits, 16)
}

/** Numbers that every JSON parser keeps exactly; larger ones are hexadecimal (section 4.1.6.5). */
const exactNumbers = { min: -(2n ** 52n) + 1n, max: 2n ** 52n - 1n }

function numberIn(text: string): bigint {
  const { min, max } = exactNumbers
  const value = /^-?(0|[1-9][0-9]{0,15})$/.test(text) ? BigInt(text) : undefined
  if (value === undefined || value < min || value > max)
    throw new KryptonError('frame-invalid', 'Send numbers whole, and from 2^52 on as 0x and hexadecimal digits')
  return value
}

function booleanIn(text: string, kind: Scalar['kind']): bigint {
  if (kind === 'literal' && text !== 'null') return text === 'true' ? 1n : 0n
  if (kind === 'string' && /^0x0{15}[01]$/.test(text)) return text.endsWith('1') ? 1n : 0n
  throw new KryptonError('frame-invalid', 'Send a Boolean as true or false, or as 0x and 16 hexadecimal digits')
}

function isNumberPart(byte: number): boolean {
  // Digits, and what makes a number that is not whole: the error for it names the whole.
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || (byte | 0x20) === 0x65
}

const keys: ReadonlySet<string> = new Set(['tag', 'name', 'type', 'value'])
const quote = 0x22
const backslash = 0x5c
const brackets = 0x5b
const letterU = 0x75

const escapes: ReadonlyMap<string, number> = new Map([
  ['"', 0x22],
  ['\\', 0x5c],
  ['/', 0x2f],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
])

/** 'Cryptographic Domain Parameters' has 31. */
const attributeNameBytesMax = 64
