import { ItemType } from '../../src/ttlv/item-type.ts'
import { Tag } from '../../src/kmip/tags.ts'

/** TTLV made item by item, so that tests can send what no encoder writes. */
export type Item = Buffer

export function structure(tag: number, ...items: Item[]): Item {
  return raw(tag, ItemType.Structure, Buffer.concat(items))
}

export const integer = (tag: number, value: number): Item => number(tag, ItemType.Integer, value)
export const enumeration = (tag: number, value: number): Item => number(tag, ItemType.Enumeration, value)
export const interval = (tag: number, value: number): Item => number(tag, ItemType.Interval, value)
export const text = (tag: number, value: string): Item => raw(tag, ItemType.TextString, Buffer.from(value))
export const bytes = (tag: number, value: Uint8Array): Item => raw(tag, ItemType.ByteString, Buffer.from(value))
export const bigInteger = (tag: number, value: Uint8Array): Item => raw(tag, ItemType.BigInteger, Buffer.from(value))
export const boolean = (tag: number, value: boolean): Item => long(tag, ItemType.Boolean, value ? 1n : 0n)
export const dateTime = (tag: number, value: bigint): Item => long(tag, ItemType.DateTime, value)
export const longInteger = (tag: number, value: bigint): Item => long(tag, ItemType.LongInteger, value)

/** Any type, any length: padded with zeros to 8. */
export function raw(tag: number, type: number, value: Buffer, length = value.length): Item {
  const item = Buffer.alloc(8 + ((value.length + 7) & ~7))
  item.writeUInt32BE(tag * 256 + type)
  item.writeUInt32BE(length, 4)
  value.copy(item, 8)
  return item
}

/** A request of one operation under a minor version of KMIP 1, with more header fields if wanted. */
export function request(minor: number, operation: number, payload: Item[], headerFields: Item[] = []): Buffer {
  return message(minor, [batchItem(operation, payload)], headerFields)
}

export function message(minor: number, batchItems: Item[], headerFields: Item[] = []): Buffer {
  return structure(
    Tag.RequestMessage,
    structure(Tag.RequestHeader, version(minor), ...headerFields, integer(Tag.BatchCount, batchItems.length)),
    ...batchItems,
  )
}

export function batchItem(operation: number, payload: Item[], id?: string): Item {
  return structure(
    Tag.BatchItem,
    enumeration(Tag.Operation, operation),
    ...(id === undefined ? [] : [bytes(Tag.UniqueBatchItemID, Buffer.from(id))]),
    structure(Tag.RequestPayload, ...payload),
  )
}

export function version(minor: number, major = 1): Item {
  return structure(
    Tag.ProtocolVersion,
    integer(Tag.ProtocolVersionMajor, major),
    integer(Tag.ProtocolVersionMinor, minor),
  )
}

export function attribute(name: string, value: Item, index?: number): Item {
  return structure(
    Tag.Attribute,
    text(Tag.AttributeName, name),
    ...(index === undefined ? [] : [integer(Tag.AttributeIndex, index)]),
    value,
  )
}

/** Tags of the items in a structure's bytes, in order. */
export function tagsIn(content: Uint8Array): number[] {
  const view = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const tags: number[] = []
  for (let at = 0; at < view.length; at += 8 + ((view.readUInt32BE(at + 4) + 7) & ~7)) tags.push(view.readUIntBE(at, 3))
  return tags
}

/** The content of the first structure of that tag, at any depth. */
export function contentOf(frame: Uint8Array, tag: number): Buffer {
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  for (let at = 0; at + 8 <= view.length;) {
    const length = view.readUInt32BE(at + 4)
    if (view.readUIntBE(at, 3) === tag) return view.subarray(at + 8, at + 8 + length)
    at += view[at + 3] === ItemType.Structure ? 8 : 8 + ((length + 7) & ~7)
  }
  throw new Error(`no tag ${tag.toString(16)}`)
}

function number(tag: number, type: number, value: number): Item {
  const content = Buffer.alloc(4)
  content.writeInt32BE(value | 0)
  return raw(tag, type, content)
}

function long(tag: number, type: number, value: bigint): Item {
  const content = Buffer.alloc(8)
  content.writeBigInt64BE(value)
  return raw(tag, type, content)
}
