import { ItemType } from '../ttlv/item-type.ts'
import { padded } from '../ttlv/reader.ts'
import { textSize } from '../ttlv/writer.ts'
import type { ByteSource } from '../ttlv/writer.ts'
import { enumTables } from './enums.ts'
import type { EnumName } from './enums.ts'
import type { Kind } from './struct.ts'

/** The primitive kinds of values (KMIP 1.4 section 9.1.1.4). Numbers are 16 bytes each: a header, the value, padding. */

export const integer: Kind<number> = {
  types: [ItemType.Integer],
  fixedSize: 16,
  methods: { read: 'integer', write: 'word' },
  read: (reader, at) => reader.integer(at),
  size: () => 16,
  write: (writer, tag, value) => writer.integer(tag, value),
}

export const longInteger: Kind<bigint> = {
  types: [ItemType.LongInteger],
  fixedSize: 16,
  methods: { read: 'longInteger', write: 'longInteger' },
  read: (reader, at) => reader.longInteger(at),
  size: () => 16,
  write: (writer, tag, value) => writer.longInteger(tag, value),
}

export const boolean: Kind<boolean> = {
  types: [ItemType.Boolean],
  fixedSize: 16,
  methods: { read: 'boolean', write: 'boolean' },
  read: (reader, at) => reader.boolean(at),
  size: () => 16,
  write: (writer, tag, value) => writer.boolean(tag, value),
}

/** Seconds since 1970. */
export const dateTime: Kind<number> = {
  types: [ItemType.DateTime],
  fixedSize: 16,
  methods: { read: 'dateTime', write: 'dateTime' },
  read: (reader, at) => reader.dateTime(at),
  size: () => 16,
  write: (writer, tag, value) => writer.dateTime(tag, value),
}

/** Seconds. */
export const interval: Kind<number> = {
  types: [ItemType.Interval],
  fixedSize: 16,
  methods: { read: 'unsigned', write: 'word' },
  read: (reader, at) => reader.unsigned(at),
  size: () => 16,
  write: (writer, tag, value) => writer.interval(tag, value),
}

/** From here on values are whoever's who agrees on them (9.1.3.2). */
const extensions = 0x8000_0000

/** Any number is read: what a value means, and whether it may stand there, is for who uses it. A value newer than the client is not sent. */
export function enumeration(name: EnumName): Kind<number> {
  const table = enumTables[name]
  const newer = new Map([...table].filter(([, { since }]) => since > 10).map(([value, { since }]) => [value, since]))
  const lowestNewer = Math.min(...newer.keys())
  return {
    types: [ItemType.Enumeration],
    fixedSize: 16,
    methods: { read: 'unsigned', write: 'word' },
    read: (reader, at) => reader.unsigned(at),
    size: () => 16,
    write: (writer, tag, value) => writer.enumeration(tag, value),
    known: (value) => table.has(value) || value >= extensions,
    ...(newer.size > 0 && {
      visible: (value: number, version: number) =>
        value < lowestNewer || version === 14 || version >= (newer.get(value) ?? 10),
    }),
  }
}

export const text: Kind<string> = {
  types: [ItemType.TextString],
  methods: { read: 'text', write: 'text' },
  read: (reader, at) => reader.text(at),
  size: (value) => 8 + padded(textSize(value)),
  write: (writer, tag, value) => writer.text(tag, value),
}

/** A Text String that is a secret: it never becomes a string. */
export const secretText: Kind<Uint8Array> = {
  types: [ItemType.TextString],
  read: (reader, at) => reader.value(at),
  size: (value) => 8 + padded(value.byteLength),
  write: (writer, tag, value) => {
    writer.byteString(tag, value, ItemType.TextString)
    writer.sensitive = true
  },
}

/** Two's complement, most significant byte first, a multiple of 8 bytes. */
export const bigInteger: Kind<Uint8Array> = {
  types: [ItemType.BigInteger],
  read: (reader, at) => reader.bigInteger(at),
  size: (value) => 8 + value.byteLength,
  write: (writer, tag, value) => {
    writer.byteString(tag, value, ItemType.BigInteger)
    writer.sensitive = true
  },
}

/** A Big Integer of a private key: read as a view of the frame, written from wherever it is kept. */
export const secretBigInteger: Kind<Uint8Array | ByteSource> = {
  types: [ItemType.BigInteger],
  read: (reader, at) => reader.bigInteger(at),
  size: (value) => 8 + value.byteLength,
  write: (writer, tag, value) => {
    writer.byteString(tag, value, ItemType.BigInteger)
    writer.sensitive = true
  },
}

/** A view of the frame. */
export const bytes: Kind<Uint8Array> = {
  types: [ItemType.ByteString],
  methods: { read: 'value', write: 'byteString' },
  read: (reader, at) => reader.value(at),
  size: (value) => 8 + padded(value.byteLength),
  write: (writer, tag, value) => writer.byteString(tag, value),
}

/** Key material or a plaintext: read as a view of the frame, written from there or from where it is kept; the frame is wiped after it was sent. */
export const material: Kind<Uint8Array | ByteSource> = {
  types: [ItemType.ByteString],
  read: (reader, at) => reader.value(at),
  size: (value) => 8 + padded(value.byteLength),
  write: (writer, tag, value) => {
    writer.byteString(tag, value)
    writer.sensitive = true
  },
}

/** A structure whose content only its vendor knows: a view of the items in it. */
export const vendorStructure: Kind<Uint8Array> = {
  types: [ItemType.Structure],
  read: (reader, at) => reader.value(at),
  size: (value) => 8 + value.byteLength,
  write: (writer, tag, value) => writer.structure(tag, value),
}
