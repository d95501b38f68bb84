import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { newFrame } from './new-frame.ts'
import { ItemType } from './item-type.ts'
import { padded } from './reader.ts'

/**
 * Writes one frame whose size and nesting only its source knows: a message in another encoding. It keeps the bounds of a frame that is read.
 * The frame may hold keys: its owner wipes it, also when it did not become whole.
 */
export class FrameBuilder {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0
  #depth = 0
  #items = 0

  /** @param capacity bytes that the frame has at most */
  constructor(capacity: number) {
    this.#bytes = newFrame(padded(capacity))
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
  }

  /** What was written: a view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  /** Overwrites what was written. */
  wipe(): void {
    this.#bytes.fill(0, 0, this.#at)
  }

  /**
   * Starts a structure; hand the result to `end`, which names it.
   * @throws KryptonError frame-too-deep, frame-too-many-items, frame-too-large
   */
  begin(): number {
    if (++this.#depth > limits.depthMax)
      throw new KryptonError('frame-too-deep', `Nest structures at most ${limits.depthMax} deep`)
    this.#header(0, ItemType.Structure, 0)
    return this.#at
  }

  end(start: number, tag: number): void {
    this.#depth -= 1
    this.#view.setInt32(start - 8, (tag << 8) | ItemType.Structure)
    this.#view.setInt32(start - 4, this.#at - start)
  }

  /** An item of 4 bytes: Integer, Enumeration, Interval. */
  word(tag: number, type: ItemType, value: number): void {
    this.#header(tag, type, 4)
    this.#need(8)
    this.#view.setInt32(this.#at, value)
    this.#view.setInt32(this.#at + 4, 0)
    this.#at += 8
  }

  /** An item of 8 bytes: Long Integer, Boolean, Date-Time. */
  long(tag: number, type: ItemType, value: bigint): void {
    this.#header(tag, type, 8)
    this.#need(8)
    this.#view.setBigInt64(this.#at, value)
    this.#at += 8
  }

  /** Starts an item whose bytes are put one after the other; hand the result to `endBytes`. */
  beginBytes(tag: number, type: ItemType): number {
    this.#header(tag, type, 0)
    return this.#at
  }

  put(byte: number): void {
    this.#need(1)
    this.#bytes[this.#at++] = byte
  }

  /** The bytes from `from` to `to` of another buffer. */
  putBytes(source: Buffer, from: number, to: number): void {
    this.#need(to - from)
    source.copy(this.#bytes, this.#at, from, to)
    this.#at += to - from
  }

  /** Length and padding of an item whose bytes are there. */
  endBytes(start: number): void {
    const length = this.#at - start
    this.#view.setInt32(start - 4, length)
    const end = start + padded(length)
    this.#need(end - this.#at)
    this.#bytes.fill(0, this.#at, end)
    this.#at = end
  }

  #header(tag: number, type: ItemType, length: number): void {
    if (++this.#items > limits.itemsMax)
      throw new KryptonError('frame-too-many-items', `Send at most ${limits.itemsMax} items in a message`)
    this.#need(8)
    this.#view.setInt32(this.#at, (tag << 8) | type)
    this.#view.setInt32(this.#at + 4, length)
    this.#at += 8
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length)
      throw new KryptonError('frame-too-large', `Send messages of at most ${limits.frameBytesMaxKnown} bytes as TTLV`)
  }
}
