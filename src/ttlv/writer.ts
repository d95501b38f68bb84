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
  readonly #slab: Buffer
  readonly #view: DataView
  readonly #start: number
  readonly #end: number
  #at: number

  constructor(size: number) {
    const slab = slabFor(size)
    this.#slab = slab.bytes
    this.#view = slab.view
    this.#start = slab.used
    this.#at = slab.used
    this.#end = slab.used += size
  }

  /** The frame: whole when as much was written as was said. */
  get bytes(): Buffer {
    if (this.#at !== this.#end) {
      throw new Error(`${this.#at - this.#start} bytes were written, ${this.#end - this.#start} were promised`)
    }
    return this.#slab.subarray(this.#start, this.#end)
  }

  /** Starts a structure; hand the result to `end`. */
  begin(tag: number): number {
    const at = this.#at
    this.#view.setInt32(at, (tag << 8) | ItemType.Structure)
    return (this.#at = at + 8)
  }

  end(start: number): void {
    this.#view.setInt32(start - 4, this.#at - start)
  }

  integer(tag: number, value: number): void {
    this.word((tag << 8) | ItemType.Integer, value)
  }

  enumeration(tag: number, value: number): void {
    this.word((tag << 8) | ItemType.Enumeration, value)
  }

  interval(tag: number, value: number): void {
    this.word((tag << 8) | ItemType.Interval, value)
  }

  /** An item of 4 bytes, its tag and type as one number: tag << 8 | type. */
  word(head: number, value: number): void {
    const view = this.#view
    const at = this.#at
    view.setInt32(at, head)
    view.setInt32(at + 4, 4)
    view.setInt32(at + 8, value)
    view.setInt32(at + 12, 0)
    this.#at = at + 16
  }

  boolean(tag: number, value: boolean): void {
    this.#long((tag << 8) | ItemType.Boolean, 0, value ? 1 : 0)
  }

  longInteger(tag: number, value: bigint): void {
    this.#long((tag << 8) | ItemType.LongInteger, 0, 0)
    this.#view.setBigInt64(this.#at - 8, value)
  }

  /** Seconds since 1970; Number.MAX_SAFE_INTEGER is the largest Date-Time, "never". */
  dateTime(tag: number, value: number): void {
    const head = (tag << 8) | ItemType.DateTime
    if (value === Number.MAX_SAFE_INTEGER) this.#long(head, 0x7fffffff, -1)
    else this.#long(head, Math.floor(value / 0x1_0000_0000), value)
  }

  text(tag: number, value: string): void {
    const from = this.#at + 8
    const length = value.length <= shortText ? this.#shortText(value, from) : this.#slab.write(value, from, 'utf8')
    this.#finish((tag << 8) | ItemType.TextString, length)
  }

  /** A Byte String, a Big Integer, or a Text String that is bytes already. */
  byteString(tag: number, value: Uint8Array | ByteSource, type: ItemType = ItemType.ByteString): void {
    if (value instanceof Uint8Array) this.#slab.set(value, this.#at + 8)
    else {
      value.copyInto(this.#slab, this.#at + 8)
      this.sensitive = true
    }
    this.#finish((tag << 8) | type, value.byteLength)
  }

  /** Whole items as words of 4 bytes, as an earlier frame had them. */
  words(words: Int32Array): void {
    const view = this.#view
    let at = this.#at
    for (let i = 0; i < words.length; i++, at += 4) view.setInt32(at, words[i]!)
    this.#at = at
  }

  /** The content of a structure, as it was read. */
  structure(tag: number, content: Uint8Array): void {
    this.#slab.set(content, this.#at + 8)
    this.#finish((tag << 8) | ItemType.Structure, content.byteLength)
  }

  /** Four characters at a time, as long as all are ASCII: half the time of a call into C++. */
  #shortText(value: string, from: number): number {
    const view = this.#view
    const length = value.length
    let any = 0
    let i = 0
    for (; i + 4 <= length; i += 4) {
      const a = value.charCodeAt(i)
      const b = value.charCodeAt(i + 1)
      const c = value.charCodeAt(i + 2)
      const d = value.charCodeAt(i + 3)
      any |= a | b | c | d
      view.setInt32(from + i, (a << 24) | (b << 16) | (c << 8) | d)
    }
    for (; i < length; i++) {
      const code = value.charCodeAt(i)
      any |= code
      view.setUint8(from + i, code)
    }
    return any < 0x80 ? length : this.#slab.write(value, from, 'utf8')
  }

  #long(head: number, high: number, low: number): void {
    const view = this.#view
    const at = this.#at
    view.setInt32(at, head)
    view.setInt32(at + 4, 8)
    view.setInt32(at + 8, high)
    view.setInt32(at + 12, low)
    this.#at = at + 16
  }

  /** Header and padding of an item whose value is there. Slabs and frames start at multiples of 8, so positions tell the padding. */
  #finish(head: number, length: number): void {
    const view = this.#view
    const at = this.#at
    view.setInt32(at, head)
    view.setInt32(at + 4, length)
    const to = padded(at + 8 + length)
    for (let i = at + 8 + length; i < to; i++) view.setUint8(i, 0)
    this.#at = to
  }
}

/** Bytes of a text in UTF-8. */
export function textSize(text: string): number {
  const length = text.length
  if (length > shortText) return Buffer.byteLength(text)
  let any = 0
  let i = 0
  for (; i + 4 <= length; i += 4)
    any |= text.charCodeAt(i) | text.charCodeAt(i + 1) | text.charCodeAt(i + 2) | text.charCodeAt(i + 3)
  for (; i < length; i++) any |= text.charCodeAt(i)
  return any < 0x80 ? length : Buffer.byteLength(text)
}

/** Up to here a loop beats a call into C++ (bench/micro/codec.bench.ts). */
const shortText = 64

interface Slab {
  readonly bytes: Buffer
  readonly view: DataView
  used: number
}

/** A slab holds some hundred answers; a frame that would take more than a quarter of it gets a buffer of its own. */
const slabBytes = 64 * 1024
let shared = newSlab(slabBytes)

function slabFor(size: number): Slab {
  if (size > slabBytes / 4) return newSlab(size)
  if (slabBytes - shared.used < size) shared = newSlab(slabBytes)
  return shared
}

function newSlab(size: number): Slab {
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size), used: 0 }
}
