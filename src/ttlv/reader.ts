import { isUtf8 } from 'node:buffer'

import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { ItemType, itemTypeName } from './item-type.ts'

/**
 * A cursor over one frame. Making one walks the whole frame once and checks all that does not need the meaning of a tag: lengths,
 * padding of zeros, Booleans, UTF-8, the end of each child, nesting and the number of items. After that no read can leave the frame,
 * so reads only look. Nothing here recurses, and nothing is copied but texts: byte strings are views of the frame and live as long as it does.
 *
 * Positions are offsets of an item's header. Numbers are read through one DataView: Buffer.readInt32BE takes more than twice as long
 * (bench/micro/codec.bench.ts).
 */
export class TtlvReader {
  readonly bytes: Buffer
  readonly #view: DataView

  /**
   * @throws KryptonError frame-invalid, frame-too-deep, frame-too-many-items
   */
  constructor(frame: Uint8Array) {
    this.bytes = asBuffer(frame)
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    checkFrame(this.bytes, this.#view)
  }

  /** Tag and type of the item at `at` as one number: tag << 8 | type. */
  head(at: number): number {
    return this.#view.getInt32(at)
  }

  /** Length of the value of the item at `at`, without padding. */
  length(at: number): number {
    return this.#view.getInt32(at + 4)
  }

  /** Where the item after the one at `at` starts. */
  next(at: number): number {
    return at + 8 + padded(this.#view.getInt32(at + 4))
  }

  /** The item at `at`, header, value and padding, as words of 4 bytes. */
  words(at: number): Int32Array {
    return this.wordsBetween(at, this.next(at))
  }

  /** The same of several items, which lie between the two positions. */
  wordsBetween(from: number, to: number): Int32Array {
    const words = new Int32Array((to - from) >>> 2)
    for (let i = 0; i < words.length; i++) words[i] = this.#view.getInt32(from + i * 4)
    return words
  }

  /** True if the items between the two positions are those of `words`. */
  hasWordsBetween(from: number, to: number, words: Int32Array): boolean {
    const view = this.#view
    if (to - from !== words.length << 2) return false
    for (let i = 0; i < words.length; i++) if (view.getInt32(from + i * 4) !== words[i]) return false
    return true
  }

  /** True if the item at `at` is that of `words`. */
  hasWords(at: number, words: Int32Array): boolean {
    const view = this.#view
    // The second word is the length: if it is the same, so is the number of words, and none is read beyond the item.
    if (view.getInt32(at + 4) !== words[1]) return false
    for (let i = 0; i < words.length; i++) if (view.getInt32(at + i * 4) !== words[i]) return false
    return true
  }

  integer(at: number): number {
    return this.#view.getInt32(at + 8)
  }

  /** The value of an Enumeration or an Interval. */
  unsigned(at: number): number {
    return this.#view.getUint32(at + 8)
  }

  boolean(at: number): boolean {
    return this.bytes[at + 15] === 1
  }

  longInteger(at: number): bigint {
    return this.bytes.readBigInt64BE(at + 8)
  }

  /** Seconds since 1970. The largest Date-Time, which means "never" (KMIP 1.4 section 4.9), is Number.MAX_SAFE_INTEGER. */
  dateTime(at: number): number {
    const high = this.#view.getInt32(at + 8)
    const low = this.#view.getUint32(at + 12)
    const seconds = high * 0x1_0000_0000 + low
    if (high >= -dateHighMax && high < dateHighMax && seconds !== never) return seconds
    if (high === 0x7fffffff && low === 0xffffffff) return never
    throw new KryptonError(
      'invalid-field',
      'Send a date between the years -280000 and 280000: this one is out of range',
    )
  }

  text(at: number): string {
    const length = this.length(at)
    if (length > limits.textBytesMax) {
      throw new KryptonError(
        'invalid-field',
        `Send texts of at most ${limits.textBytesMax} bytes: this one has ${length}`,
      )
    }
    const from = at + 8
    return this.bytes.toString('utf8', from, from + length)
  }

  /** A view of the value of a Byte String, or of any other item: it lives as long as the frame. */
  value(at: number): Buffer {
    const from = at + 8
    return this.bytes.subarray(from, from + this.length(at))
  }

  /** A view of a Big Integer: two's complement, most significant byte first. */
  bigInteger(at: number): Buffer {
    const length = this.length(at)
    if (length > limits.bigIntegerBytesMax) {
      throw new KryptonError(
        'invalid-field',
        `Send Big Integers of at most ${limits.bigIntegerBytesMax} bytes: this one has ${length}`,
      )
    }
    return this.value(at)
  }
}

/** 2^53 seconds, in units of 2^32. */
const dateHighMax = 0x20_0000

const never = Number.MAX_SAFE_INTEGER

export function padded(length: number): number {
  return (length + 7) & ~7
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

// One walk at a time in a thread, so the ends of the open structures can live outside of it.
const ends = new Int32Array(limits.depthMax + 1)

function checkFrame(bytes: Buffer, view: DataView): void {
  let depth = 0
  let end = bytes.length
  let at = 0
  let items = 0
  ends[0] = end
  for (;;) {
    while (at === end) {
      if (depth === 0) {
        if (items === 0) throw new KryptonError('frame-invalid', 'Send a message: this one has no item')
        return
      }
      depth -= 1
      end = ends[depth]!
    }
    if (end - at < 8) throw invalid(at, `${end - at} bytes are left where a header of 8 must be`)
    if (depth === 0 && items > 0) throw invalid(at, 'there are bytes after the message')
    if (++items > limits.itemsMax) {
      throw new KryptonError('frame-too-many-items', `Send at most ${limits.itemsMax} items in a message`)
    }
    const head = view.getInt32(at)
    const namespace = head >>> 24
    if (namespace !== 0x42 && namespace !== 0x54) throw invalid(at, 'a tag starts with 42 or 54')
    const type = head & 0xff
    const length = view.getInt32(at + 4)
    const from = at + 8
    const next = from + ((length + 7) & ~7)
    // Unsigned, and before padding is added to it: 2^31 - 1 with its padding would be negative.
    if (length >>> 0 > end - from || next > end)
      throw invalid(at, `a length of ${length >>> 0} goes past the end of what holds it`)
    if (type === ItemType.Structure) {
      if ((length & 7) !== 0) throw wrongLength(at, type, length)
      if (++depth > limits.depthMax) {
        throw new KryptonError('frame-too-deep', `Nest structures at most ${limits.depthMax} deep`)
      }
      ends[depth] = end = from + length
      at = from
      continue
    }
    if (type === ItemType.TextString) {
      if (!isAscii(view, from, next) && !isUtf8(bytes.subarray(from, from + length))) {
        throw invalid(at, 'a Text String is UTF-8')
      }
      checkPadding(bytes, at, from + length, next)
    } else if (type === ItemType.ByteString) {
      checkPadding(bytes, at, from + length, next)
    } else {
      checkNumber(view, at, type, length)
    }
    at = next
  }
}

/** Whole words of 8 bytes: what pads a short ASCII text, the rule, is zero and looked at with it, without a call into C++. */
function isAscii(view: DataView, from: number, to: number): boolean {
  if (to - from > 64) return false
  let any = 0
  for (let i = from; i < to; i += 4) any |= view.getInt32(i)
  return (any & 0x80808080) === 0
}

function checkPadding(bytes: Buffer, at: number, from: number, to: number): void {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) throw paddingNotZero(at)
}

function checkNumber(view: DataView, at: number, type: number, length: number): void {
  if (type === ItemType.Integer || type === ItemType.Enumeration || type === ItemType.Interval) {
    if (length !== 4) throw wrongLength(at, type, length)
    if (view.getInt32(at + 12) !== 0) throw paddingNotZero(at)
  } else if (type === ItemType.LongInteger || type === ItemType.DateTime) {
    if (length !== 8) throw wrongLength(at, type, length)
  } else if (type === ItemType.Boolean) {
    if (length !== 8) throw wrongLength(at, type, length)
    if (view.getInt32(at + 8) !== 0 || (view.getInt32(at + 12) & ~1) !== 0) throw invalid(at, 'a Boolean is 0 or 1')
  } else if (type === ItemType.BigInteger) {
    if (length === 0 || (length & 7) !== 0) throw wrongLength(at, type, length)
  } else {
    throw invalid(at, `there is no type ${type}`)
  }
}

function paddingNotZero(at: number): KryptonError {
  return invalid(at, 'padding is zero')
}

function wrongLength(at: number, type: number, length: number): KryptonError {
  const name = itemTypeName(type)
  return invalid(at, `${/^[EI]/.test(name) ? 'an' : 'a'} ${name} is not ${length} bytes long`)
}

function invalid(at: number, what: string): KryptonError {
  return new KryptonError('frame-invalid', `Send well-formed TTLV: at byte ${at}, ${what}`)
}
