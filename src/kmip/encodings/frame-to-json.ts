import { ItemType } from '../../ttlv/item-type.ts'
import { TtlvReader } from '../../ttlv/reader.ts'
import { nameOfTag, nameOfType } from './names.ts'
import { TextSink } from './text-sink.ts'
import { attributeNameOf, valueToText } from './value-to-text.ts'

/** A frame of ours → the same message in JSON (KMIP Additional Message Encodings 1.0, section 4). What holds keys its owner wipes. */
export function frameToJson(frame: Buffer): Buffer {
  const reader = new TtlvReader(frame)
  const sink = new TextSink(frame.length * 4)
  putItems(reader, 0, reader.bytes.length, sink)
  return sink.bytes
}

function putItems(reader: TtlvReader, from: number, to: number, sink: TextSink): void {
  let attributeName: string | undefined
  for (let at = from; at < to; at = reader.next(at)) {
    if (at > from) sink.text(',')
    putItem(reader, at, attributeName, sink)
    attributeName = attributeNameOf(reader, at) ?? attributeName
  }
}

function putItem(reader: TtlvReader, at: number, attributeName: string | undefined, sink: TextSink): void {
  const head = reader.head(at)
  const type = head & 0xff
  const tag = head >>> 8
  sink.text(`{"tag":"${nameOfTag(tag) ?? `0x${tag.toString(16)}`}",`)
  if (type === ItemType.Structure) {
    sink.text('"value":[')
    putItems(reader, at + 8, reader.next(at), sink)
    sink.text(']}')
    return
  }
  sink.text(`"type":"${nameOfType(type)}","value":`)
  if (type === ItemType.Boolean) {
    sink.text(`${reader.boolean(at)}}`)
    return
  }
  sink.text('"')
  if (type === ItemType.TextString) putText(reader.value(at), sink)
  else if (type === ItemType.ByteString) sink.hex(reader.value(at))
  else if (type === ItemType.BigInteger) {
    sink.text('0x')
    sink.hex(reader.value(at))
  } else sink.text(valueToText(reader, at, { xml: false, attributeName }))
  sink.text('"}')
}

function putText(bytes: Buffer, sink: TextSink): void {
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) {
      sink.put(0x5c)
      sink.put(byte)
    } else if (byte < 0x20) {
      sink.text(`\\u${byte.toString(16).padStart(4, '0')}`)
    } else {
      sink.put(byte)
    }
  }
}
