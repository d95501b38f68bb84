import { KryptonError } from '../../errors.ts'
import { ItemType } from '../../ttlv/item-type.ts'
import { TtlvReader } from '../../ttlv/reader.ts'
import { nameOfTag, nameOfType } from './names.ts'
import { TextSink } from './text-sink.ts'
import { attributeNameOf, valueToText } from './value-to-text.ts'

/**
 * A frame of ours → the same message in XML (KMIP Additional Message Encodings 1.0, section 6). What holds keys its owner wipes.
 * @throws KryptonError feature-not-supported for a text with a character that XML cannot write
 */
export function frameToXml(frame: Buffer): Buffer {
  const reader = new TtlvReader(frame)
  const sink = new TextSink(frame.length * 4)
  try {
    putItems(reader, 0, reader.bytes.length, sink)
    return sink.bytes
  } catch (error) {
    sink.wipe()
    throw error
  }
}

function putItems(reader: TtlvReader, from: number, to: number, sink: TextSink): void {
  let attributeName: string | undefined
  for (let at = from; at < to; at = reader.next(at)) {
    putItem(reader, at, attributeName, sink)
    attributeName = attributeNameOf(reader, at) ?? attributeName
  }
}

function putItem(reader: TtlvReader, at: number, attributeName: string | undefined, sink: TextSink): void {
  const head = reader.head(at)
  const type = head & 0xff
  const tag = head >>> 8
  const name = nameOfTag(tag)
  sink.text(name === undefined ? `<TTLV tag="0x${tag.toString(16)}"` : `<${name}`)
  if (type === ItemType.Structure) {
    sink.text('>')
    putItems(reader, at + 8, reader.next(at), sink)
    sink.text(`</${name ?? 'TTLV'}>`)
    return
  }
  sink.text(` type="${nameOfType(type)}" value="`)
  if (type === ItemType.Boolean) sink.text(String(reader.boolean(at)))
  else if (type === ItemType.TextString) putText(reader.value(at), sink)
  else if (type === ItemType.ByteString || type === ItemType.BigInteger) sink.hex(reader.value(at))
  else sink.text(valueToText(reader, at, { xml: true, attributeName }))
  sink.text('"/>')
}

function putText(bytes: Buffer, sink: TextSink): void {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    const reference = references.get(byte)
    if (reference !== undefined) sink.text(reference)
    else if (byte < 0x20 || isNoCharacter(bytes, at)) throw notInXml()
    else sink.put(byte)
  }
}

/** U+FFFE and U+FFFF; halves of surrogate pairs are no UTF-8 (XML 1.0, section 2.2). */
function isNoCharacter(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2]! >= 0xbe
}

function notInXml(): KryptonError {
  return new KryptonError(
    'feature-not-supported',
    'Ask in JSON or TTLV: the answer has a text with a character that XML cannot write',
  )
}

/** What means something in an attribute, and what would become a space there. */
const references: ReadonlyMap<number, string> = new Map([
  [0x22, '&quot;'],
  [0x26, '&amp;'],
  [0x3c, '&lt;'],
  [0x3e, '&gt;'],
  [0x09, '&#9;'],
  [0x0a, '&#10;'],
  [0x0d, '&#13;'],
])
