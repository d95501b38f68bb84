import { ItemType } from './item-type.ts'
import { padded } from './reader.ts'

/** Bytes that only their owner may show: written straight into the frame, never seen by the codec. */
export interface ByteSource {
  readonly byteLength: number
  copyInto(target: Uint8Array, offset: number): void
}

/**
 * Writes one frame whose size is known: sized once, written once, nothing joined or copied afterwards. The lengths of structures are
 * filled in when they end. The bytes come from slabs of this class alone, so whoever wipes a frame wipes nothing else.
 */
export class TtlvWriter {
  readonly bytes: Buffer
  /** True once key material or a plaintext was written: the frame is wiped after it was sent. */
  sensitive = false
  #at = 0

  constructor(size: number) {
    this.bytes = allocate(size)
  }

  /** How much is written: equal to the size when the frame is whole. */
  get position(): number {
    return this.#at
  }

  /** Starts a structure; hand the result to `end`. */
  begin(tag: number): number {
    this.#head(tag, ItemType.Structure, 0)
    return this.#at
  }

  end(start: number): void {
    putUint32(this.bytes, start - 4, this.#at - start)
  }

  integer(tag: number, value: number): void {
    this.#head(tag, ItemType.Integer, 4)
    this.#word(value)
  }

  enumeration(tag: number, value: number): void {
    this.#head(tag, ItemType.Enumeration, 4)
    this.#word(value)
  }

  interval(tag: number, value: number): void {
    this.#head(tag, ItemType.Interval, 4)
    this.#word(value)
  }

  boolean(tag: number, value: boolean): void {
    this.#head(tag, ItemType.Boolean, 8)
    putUint32(this.bytes, this.#at, 0)
    putUint32(this.bytes, this.#at + 4, value ? 1 : 0)
    this.#at += 8
  }

  longInteger(tag: number, value: bigint): void {
    this.#head(tag, ItemType.LongInteger, 8)
    this.#at = this.bytes.writeBigInt64BE(value, this.#at)
  }

  /** Seconds since 1970; Number.MAX_SAFE_INTEGER is the largest Date-Time, "never". */
  dateTime(tag: number, value: number): void {
    this.#head(tag, ItemType.DateTime, 8)
    const never = value === Number.MAX_SAFE_INTEGER
    putUint32(this.bytes, this.#at, never ? 0x7fffffff : Math.floor(value / 0x1_0000_0000))
    putUint32(this.bytes, this.#at + 4, never ? 0xffffffff : value)
    this.#at += 8
  }

  text(tag: number, value: string): void {
    const length = textSize(value)
    this.#head(tag, ItemType.TextString, length)
    const bytes = this.bytes
    let at = this.#at
    if (length === value.length && length <= shortText) {
      for (let i = 0; i < length; i++) bytes[at++] = value.charCodeAt(i)
    } else {
      at += bytes.write(value, at, length, 'utf8')
    }
    this.#pad(at)
  }

  /** A Byte String, a Big Integer, or a Text String that is bytes already. */
  byteString(tag: number, value: Uint8Array | ByteSource, type: ItemType = ItemType.ByteString): void {
    this.#head(tag, type, value.byteLength)
    if (value instanceof Uint8Array) this.bytes.set(value, this.#at)
    else {
      value.copyInto(this.bytes, this.#at)
      this.sensitive = true
    }
    this.#pad(this.#at + value.byteLength)
  }

  /** The content of a structure, as it was read. */
  structure(tag: number, content: Uint8Array): void {
    this.#head(tag, ItemType.Structure, content.byteLength)
    this.bytes.set(content, this.#at)
    this.#at += content.byteLength
  }

  #head(tag: number, type: number, length: number): void {
    const at = this.#at
    putUint32(this.bytes, at, (tag << 8) | type)
    putUint32(this.bytes, at + 4, length)
    this.#at = at + 8
  }

  #word(value: number): void {
    const at = this.#at
    putUint32(this.bytes, at, value)
    putUint32(this.bytes, at + 4, 0)
    this.#at = at + 8
  }

  #pad(from: number): void {
    const to = padded(from)
    for (let i = from; i < to; i++) this.bytes[i] = 0
    this.#at = to
  }
}

/** Bytes of a text in UTF-8. */
export function textSize(text: string): number {
  const length = text.length
  if (length > shortText) return Buffer.byteLength(text)
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text)
  return length
}

/** Up to here a loop beats a call into C++ (bench/micro/codec.bench.ts). */
const shortText = 64

/** A slab holds some hundred answers; one that would take more than an eighth of it gets its own. */
const slabBytes = 64 * 1024
let slab = Buffer.alloc(0)
let slabUsed = 0

function allocate(size: number): Buffer {
  if (size > slabBytes / 8) return Buffer.allocUnsafeSlow(size)
  if (slab.length - slabUsed < size) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    slabUsed = 0
  }
  const start = slabUsed
  slabUsed = padded(start + size)
  return slab.subarray(start, start + size)
}

function putUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
