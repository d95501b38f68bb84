/**
 * A TTLV writer of the bench's own (KMIP 1.4 section 9.1). The generator must not share a codec with the server that it
 * measures: a fault in one would hide in the other, and the generator has to run against any server. Requests are made once,
 * before the clock starts, so this one is short instead of fast.
 */
const types = { structure: 1, integer: 2, enumeration: 5, boolean: 6, text: 7, bytes: 8, dateTime: 9 } as const

export function structure(tag: number, ...children: readonly Buffer[]): Buffer {
  return item(tag, types.structure, Buffer.concat(children))
}

export function integer(tag: number, value: number): Buffer {
  return item(tag, types.integer, int32(value))
}

export function enumeration(tag: number, value: number): Buffer {
  return item(tag, types.enumeration, int32(value))
}

export function boolean(tag: number, value: boolean): Buffer {
  return item(tag, types.boolean, Buffer.from([0, 0, 0, 0, 0, 0, 0, value ? 1 : 0]))
}

export function text(tag: number, value: string): Buffer {
  return item(tag, types.text, Buffer.from(value, 'utf8'))
}

export function bytes(tag: number, value: Uint8Array): Buffer {
  return item(tag, types.bytes, value)
}

/** Seconds since 1970. */
export function dateTime(tag: number, seconds: number): Buffer {
  const value = Buffer.alloc(8)
  value.writeBigInt64BE(BigInt(seconds))
  return item(tag, types.dateTime, value)
}

function item(tag: number, type: number, value: Uint8Array): Buffer {
  const padded = (value.length + 7) & ~7
  const out = Buffer.alloc(8 + padded)
  out.writeUIntBE(tag, 0, 3)
  out[3] = type
  out.writeUInt32BE(value.length, 4)
  out.set(value, 8)
  return out
}

function int32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeInt32BE(value)
  return out
}

/** The 32-bit big-endian number at `offset`: shifts, since `readUInt32BE` costs ten times as much. */
export function uint32(frame: Uint8Array, offset: number): number {
  return (
    (frame[offset]! * 0x1000000 + ((frame[offset + 1]! << 16) | (frame[offset + 2]! << 8) | frame[offset + 3]!)) >>> 0
  )
}

/** Bytes of a whole item whose value has `length` bytes. */
export function itemBytes(length: number): number {
  return 8 + ((length + 7) & ~7)
}

/**
 * Where the first child with `tag` begins between `start` and `end`, or -1. Children that reach beyond `end` end the search:
 * what a broken server sends is a failure to be counted, never a reason to run away.
 */
export function findChild(frame: Uint8Array, start: number, end: number, tag: number): number {
  let at = start
  while (at + 8 <= end) {
    const length = uint32(frame, at + 4)
    const next = at + itemBytes(length)
    if (next > end) return -1
    if (uint32(frame, at) >>> 8 === tag) return at
    at = next
  }
  return -1
}
