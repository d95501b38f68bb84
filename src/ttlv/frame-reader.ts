import { KryptonError } from '../errors.ts'
import { placement } from '../limits.ts'
import { asBuffer } from './reader.ts'

/**
 * Cuts whole messages out of a stream of chunks of any size. A frame that lies in one chunk is a view of it, without a copy; one that is
 * spread over several is gathered into a buffer of its own, made when its header has been checked. A view lives as long as its chunk.
 * Frames may hold keys: what was copied out of a chunk is wiped there, and `wipe` ends a frame that never came whole.
 */
export class FrameReader {
  /** Bytes that were copied to join chunks: 0 as long as every frame came in one. */
  bytesCopied = 0
  readonly #maxBytes: () => number
  /** What has come and was not given out. */
  #rest: Buffer = nothing
  /** Fewer than 8 bytes of a header whose other bytes are in #rest or still to come. */
  #headStart: Buffer = nothing
  /** A frame that is spread over chunks, and how much of it is there. */
  #gathering: Buffer | undefined
  #gathered = 0

  /** @param maxBytes how long a frame may be now, header included: asked once per frame */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes that have come and were not given out. */
  get pendingBytes(): number {
    return this.#gathered + this.#headStart.length + this.#rest.length
  }

  /** Hands over a chunk; call `next` until it has no more before the next one. The chunk belongs to the reader from here on. */
  push(chunk: Uint8Array): void {
    let bytes = asBuffer(chunk)
    if (this.#gathering !== undefined && this.#gathered < this.#gathering.length) {
      bytes = bytes.subarray(this.#gather(this.#gathering, bytes))
    }
    this.#rest = this.#rest.length === 0 ? bytes : this.#join(this.#rest, bytes)
  }

  /**
   * The next whole frame, if there is one.
   * @throws KryptonError frame-invalid, frame-too-large: nothing after this can be cut; close the connection
   */
  next(): Buffer | undefined {
    if (this.#gathering === undefined) {
      const rest = this.#rest
      if (this.#headStart.length + rest.length < 8) {
        if (rest.length > 0) this.#headStart = this.#join(this.#headStart, rest)
        this.#rest = nothing
        return undefined
      }
      if (this.#headStart.length === 0) {
        const size = frameSize(rest, this.#maxBytes())
        if (size <= rest.length) {
          this.#rest = size === rest.length ? nothing : rest.subarray(size)
          return size === rest.length ? rest : rest.subarray(0, size)
        }
        this.#start(size)
      } else {
        const header = Buffer.concat([this.#headStart, rest.subarray(0, 8 - this.#headStart.length)])
        this.bytesCopied += header.length
        const size = frameSize(header, this.#maxBytes())
        const head = this.#headStart
        this.#headStart = nothing
        this.#gather(this.#start(size), head)
      }
    }
    return this.#take()
  }

  /** Overwrites what has come and was not given out: nothing will complete it. */
  wipe(): void {
    this.#rest.fill(0)
    this.#headStart.fill(0)
    this.#gathering?.fill(0)
    this.#rest = nothing
    this.#headStart = nothing
    this.#gathering = undefined
    this.#gathered = 0
  }

  #start(size: number): Buffer {
    this.#gathered = 0
    this.#gathering = newFrame(size)
    return this.#gathering
  }

  #take(): Buffer | undefined {
    const gathering = this.#gathering
    if (gathering === undefined) return undefined
    if (this.#gathered < gathering.length) this.#rest = this.#rest.subarray(this.#gather(gathering, this.#rest))
    if (this.#gathered < gathering.length) return undefined
    this.#gathering = undefined
    this.#gathered = 0
    return gathering
  }

  /** Copies what still fits and returns how much that was. */
  #gather(target: Buffer, bytes: Buffer): number {
    const count = Math.min(target.length - this.#gathered, bytes.length)
    target.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#gathered)
    bytes.fill(0, 0, count)
    this.#gathered += count
    this.bytesCopied += count
    return count
  }

  #join(first: Buffer, second: Buffer): Buffer {
    const joined = Buffer.allocUnsafeSlow(first.length + second.length)
    joined.set(first)
    joined.set(second, first.length)
    first.fill(0)
    second.fill(0)
    this.bytesCopied += joined.length
    return joined
  }
}

/**
 * An own buffer for a frame, not one of Node's pool: frames may hold keys, and whoever wipes it wipes nothing else. A long one is shared
 * between threads, so that its data can be encrypted on another without a copy.
 */
export function newFrame(size: number): Buffer {
  return size < placement.offLoopBytesMin ? Buffer.allocUnsafeSlow(size) : Buffer.from(new SharedArrayBuffer(size))
}

const nothing = Buffer.alloc(0)

/** Request Message and Response Message (KMIP 1.4 section 9.1.3.1), each a Structure. */
const requestMessageHead = 0x42007801
const responseMessageHead = 0x42007b01

function frameSize(header: Buffer, maxBytes: number): number {
  const head = header.readUInt32BE(0)
  const length = header.readUInt32BE(4)
  if (head !== requestMessageHead && head !== responseMessageHead) throw noMessage()
  if (length + 8 > maxBytes) {
    throw new KryptonError(
      'frame-too-large',
      `Send messages of at most ${maxBytes} bytes: this one announces ${length + 8}`,
    )
  }
  // A Structure's length is that of its items, padding included (KMIP 1.4 section 9.1.1.3).
  if ((length & 7) !== 0) throw noMessage()
  return length + 8
}

function noMessage(): KryptonError {
  return new KryptonError('frame-invalid', 'Send KMIP messages in TTLV: these bytes do not start one')
}
