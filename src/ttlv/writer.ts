import { ItemType } from './item-type.ts'
import { padded } from './reader.ts'

/** Bytes that only their owner may show: written straight into the frame, never seen by the codec. */
export interface ByteSource {
  readonly byteLength: number
  copyInto(target: Uint8Array, offset: number): void
}

/**
 * Writes one frame whose size is known: sized once, written once, nothing joined or copied afterwards. The lengths of structures are
 * filled in when they end. Frames stand one after the other in slabs that belong to this file alone, so whoever wipes a frame wipes
 * nothing else; one DataView serves a slab (making one costs as much as writing a small frame: bench/micro/codec.bench.ts).
 */
export class TtlvWriter {
  /** True once key material or a plaintext was written: the frame is wiped after it was sent. */
  sensitive = false
  readonly #slab: Slab
  readonly #start: number
  readonly #end: number
  #at: number

  constructor(size: number) {
    const slab = slabFor(size)
    this.#slab = slab
    this.#start = slab.used
    this.#at = slab.used
    this.#end = slab.used += size
  }

  /** The frame: whole when as much was written as was said. */
  get bytes(): Buffer {
    if (this.#at !== this.#end)
      throw new Error(`${this.#at - this.#start} bytes were written, ${this.#end - this.#start} were promised`)
    return this.#slab.bytes.subarray(this.#start, this.#end)
  }

  /** Starts a structure; hand the result to `end`. */
  begin(tag: number): number {
    this.#head(tag, ItemType.Structure, 0)
    return this.#at
  }

  end(start: number): void {
    this.#slab.view.setInt32(start - 4, this.#at - start)
  }

  integer(tag: number, value: number): void {
    this.#word(tag, ItemType.Integer, value)
  }

  enumeration(tag: number, value: number): void {
    this.#word(tag, ItemType.Enumeration, value)
  }

  interval(tag: number, value: number): void {
    this.#word(tag, ItemType.Interval, value)
  }

  boolean(tag: number, value: boolean): void {
    this.#long(tag, ItemType.Boolean, 0, value ? 1 : 0)
  }

  longInteger(tag: number, value: bigint): void {
    this.#head(tag, ItemType.LongInteger, 8)
    this.#slab.view.setBigInt64(this.#at, value)
    this.#at += 8
  }

  /** Seconds since 1970; Number.MAX_SAFE_INTEGER is the largest Date-Time, "never". */
  dateTime(tag: number, value: number): void {
    if (value === Number.MAX_SAFE_INTEGER) this.#long(tag, ItemType.DateTime, 0x7fffffff, -1)
    else this.#long(tag, ItemType.DateTime, Math.floor(value / 0x1_0000_0000), value)
  }

  text(tag: number, value: string): void {
    const from = this.#at + 8
    const length = value.length <= shortText ? this.#shortText(value, from) : this.#anyText(value, from)
    this.#head(tag, ItemType.TextString, length)
    this.#pad(from + length)
  }

  /** Four characters at a time, as long as all are ASCII: half the time of a call into C++. */
  #shortText(value: string, from: number): number {
    const { view, bytes } = this.#slab
    const length = value.length
    const words = length & ~3
    let any = 0
    for (let i = 0; i < words; i += 4) {
      const a = value.charCodeAt(i)
      const b = value.charCodeAt(i + 1)
      const c = value.charCodeAt(i + 2)
      const d = value.charCodeAt(i + 3)
      any |= a | b | c | d
      view.setInt32(from + i, (a << 24) | (b << 16) | (c << 8) | d)
    }
    for (let i = words; i < length; i++) {
      const code = value.charCodeAt(i)
      any |= code
      bytes[from + i] = code
    }
    return any < 0x80 ? length : this.#anyText(value, from)
  }

  #anyText(value: string, from: number): number {
    return this.#slab.bytes.write(value, from, 'utf8')
  }

  /** A Byte String, a Big Integer, or a Text String that is bytes already. */
  byteString(tag: number, value: Uint8Array | ByteSource, type: ItemType = ItemType.ByteString): void {
    const length = value.byteLength
    this.#head(tag, type, length)
    const at = this.#at
    if (value instanceof Uint8Array) this.#slab.bytes.set(value, at)
    else {
      value.copyInto(this.#slab.bytes, at)
      this.sensitive = true
    }
    this.#pad(at + length)
  }

  /** The content of a structure, as it was read. */
  structure(tag: number, content: Uint8Array): void {
    this.#head(tag, ItemType.Structure, content.byteLength)
    this.#slab.bytes.set(content, this.#at)
    this.#at += content.byteLength
  }

  #head(tag: number, type: number, length: number): void {
    const { view } = this.#slab
    const at = this.#at
    view.setInt32(at, (tag << 8) | type)
    view.setInt32(at + 4, length)
    this.#at = at + 8
  }

  #word(tag: number, type: number, value: number): void {
    const { view } = this.#slab
    const at = this.#at
    view.setInt32(at, (tag << 8) | type)
    view.setInt32(at + 4, 4)
    view.setInt32(at + 8, value)
    view.setInt32(at + 12, 0)
    this.#at = at + 16
  }

  #long(tag: number, type: number, high: number, low: number): void {
    const { view } = this.#slab
    const at = this.#at
    view.setInt32(at, (tag << 8) | type)
    view.setInt32(at + 4, 8)
    view.setInt32(at + 8, high)
    view.setInt32(at + 12, low)
    this.#at = at + 16
  }

  /** Slabs and frames start at multiples of 8, so positions tell the padding. */
  #pad(from: number): void {
    const to = padded(from)
    const { bytes } = this.#slab
    for (let i = from; i < to; i++) bytes[i] = 0
    this.#at = to
  }
}

/** Bytes of a text in UTF-8. */
export function textSize(text: string): number {
  const length = text.length
  if (length > shortText) return Buffer.byteLength(text)
  let any = 0
  for (let i = 0; i < length; i++) any |= text.charCodeAt(i)
  return any < 0x80 ? length : Buffer.byteLength(text)
}

/** Up to here a loop beats a call into C++ (bench/micro/codec.bench.ts). */
const shortText = 64

interface Slab {
  readonly bytes: Buffer
  readonly view: DataView
  used: number
}

/** A slab holds some hundred answers; a frame that would take more than an eighth of it gets a buffer of its own. */
const slabBytes = 64 * 1024
let shared = newSlab(slabBytes)

function slabFor(size: number): Slab {
  if (size > slabBytes / 8) return newSlab(size)
  if (slabBytes - shared.used < size) shared = newSlab(slabBytes)
  return shared
}

function newSlab(size: number): Slab {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size), used: 0 }
}
