import { KryptonError } from '../errors.ts'

/**
 * The part of DER (X.690) that keys are written in. Reading is strict: one encoding for each value, no bytes left over; what is read are views.
 * Writing sizes first and writes once, so that no copy of a key is left between.
 */

/** Tags of the universal class, and the constructed context tags [0] and [1] that keys use. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context1: 0xa1,
} as const
export type DerTag = (typeof DerTag)[keyof typeof DerTag]

/** Reads the items of one sequence, in their order. Whatever is wrong throws 'invalid-field'. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The content of the next item, which has that tag. */
  item(tag: number): Uint8Array {
    const bytes = this.#bytes
    if (bytes[this.#at] !== tag) throw malformed()
    const start = this.#at + 2
    let length = bytes[this.#at + 1] ?? -1
    let from = start
    if (length >= 0x80) {
      const count = length & 0x7f
      // More than three bytes of length would be more than a frame holds.
      if (count === 0 || count > 3 || start + count > bytes.byteLength) throw malformed()
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + bytes[start + i]!
      if (length < 0x80 || (count > 1 && length < 256 ** (count - 1))) throw malformed()
      from += count
    }
    if (length < 0 || from + length > bytes.byteLength) throw malformed()
    this.#at = from + length
    return bytes.subarray(from, from + length)
  }

  /** The next item with its tag and length. */
  whole(tag: number): Uint8Array {
    const from = this.#at
    this.item(tag)
    return this.#bytes.subarray(from, this.#at)
  }

  /** The tag of the next item; -1 at the end. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1
  }

  /** A reader of the items inside the next item. */
  within(tag: number): DerReader {
    return new DerReader(this.item(tag))
  }

  /** True if the next item has that tag. */
  has(tag: number): boolean {
    return this.tag === tag
  }

  /** An INTEGER that is not negative: its magnitude, without a leading zero unless it is 0. */
  unsigned(): Uint8Array {
    const content = this.item(DerTag.integer)
    const [first, second] = content
    if (first === undefined || first >= 0x80) throw malformed()
    if (first !== 0 || second === undefined) return content
    if (second < 0x80) throw malformed()
    return content.subarray(1)
  }

  /** A small INTEGER, as versions are. */
  version(): number {
    const content = this.unsigned()
    if (content.byteLength > 1) throw malformed()
    return content[0]!
  }

  /** A BIT STRING of whole bytes. */
  bits(): Uint8Array {
    const content = this.item(DerTag.bitString)
    if (content[0] !== 0) throw malformed()
    return content.subarray(1)
  }

  /** Skips whatever comes next. */
  skip(): void {
    this.item(this.tag)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.isAtEnd) throw malformed()
  }
}

/** One item to write: a tag and its content, or the items in it. `unsigned` is an INTEGER's magnitude, `bits` whole bytes of a BIT STRING. */
export type DerItem =
  | { readonly tag: number; readonly content: Uint8Array }
  | { readonly tag: number; readonly items: readonly DerItem[] }
  | { readonly unsigned: Uint8Array }
  | { readonly bits: Uint8Array | DerItem }
  | { readonly octets: DerItem }

/** A SEQUENCE of items. */
export function derSequence(...items: readonly DerItem[]): DerItem {
  return { tag: DerTag.sequence, items }
}

/** The encoding, in an unpooled buffer that the caller owns and, when it holds a key, wipes. */
export function encodeDer(item: DerItem): Buffer {
  const bytes = Buffer.allocUnsafeSlow(sizeOf(item))
  write(bytes, 0, item)
  return bytes
}

/** Bytes without the zeros in front; a single zero stays. */
export function withoutLeadingZeros(bytes: Uint8Array): Uint8Array {
  let from = 0
  while (from < bytes.byteLength - 1 && bytes[from] === 0) from++
  return bytes.subarray(from)
}

/** An OBJECT IDENTIFIER by the numbers of its content, as 2.5.29.19. Throws 'invalid-field'. */
export function objectIdentifierText(content: Uint8Array): string {
  const numbers: bigint[] = []
  // Of any length: those that are made of UUIDs have 128 bits.
  let number = 0n
  let isWithin = false
  for (const byte of content) {
    if (byte === 0x80 && !isWithin) throw malformed()
    number = (number << 7n) | BigInt(byte & 0x7f)
    isWithin = byte >= 0x80
    if (isWithin) continue
    numbers.push(number)
    number = 0n
  }
  const [first, ...others] = numbers
  if (first === undefined || isWithin) throw malformed()
  const root = first < 80n ? first / 40n : 2n
  return [root, first - root * 40n, ...others].join('.')
}

function contentSize(item: DerItem): number {
  if ('content' in item) return item.content.byteLength
  if ('items' in item) return item.items.reduce((sum, inner) => sum + sizeOf(inner), 0)
  if ('octets' in item) return sizeOf(item.octets)
  if ('bits' in item) return 1 + (item.bits instanceof Uint8Array ? item.bits.byteLength : sizeOf(item.bits))
  const magnitude = withoutLeadingZeros(item.unsigned)
  return magnitude.byteLength + (magnitude[0]! >= 0x80 ? 1 : 0)
}

function sizeOf(item: DerItem): number {
  const size = contentSize(item)
  return 1 + lengthSize(size) + size
}

function lengthSize(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x100) return 2
  return length < 0x1_0000 ? 3 : 4
}

/** Writes an item at `at`; returns where the next one stands. */
function write(target: Buffer, at: number, item: DerItem): number {
  const size = contentSize(item)
  target[at] = tagOf(item)
  const lengthBytes = lengthSize(size) - 1
  if (lengthBytes === 0) target[at + 1] = size
  else {
    target[at + 1] = 0x80 | lengthBytes
    target.writeUIntBE(size, at + 2, lengthBytes)
  }
  let next = at + 2 + lengthBytes
  if ('content' in item) target.set(item.content, next)
  else if ('items' in item) for (const inner of item.items) next = write(target, next, inner)
  else if ('octets' in item) write(target, next, item.octets)
  else if ('bits' in item) {
    target[next++] = 0
    if (item.bits instanceof Uint8Array) target.set(item.bits, next)
    else write(target, next, item.bits)
  } else {
    const magnitude = withoutLeadingZeros(item.unsigned)
    if (magnitude[0]! >= 0x80) target[next++] = 0
    target.set(magnitude, next)
  }
  return at + 2 + lengthBytes + size
}

function tagOf(item: DerItem): number {
  if ('tag' in item) return item.tag
  if ('octets' in item) return DerTag.octetString
  return 'bits' in item ? DerTag.bitString : DerTag.integer
}

function malformed(): KryptonError {
  return new KryptonError('invalid-field', 'Send the key as DER of its Key Format Type: these bytes are none')
}
