import { KryptonError } from '../errors.ts'
import { GatheredFrame } from './gathered-frame.ts'
import { asBuffer } from './reader.ts'

/**
 * Cuts whole messages out of a stream of chunks of any size. A frame that lies in one chunk is a view of it, without a copy; one that is
 * spread over several is gathered into a buffer of its own, begun when its header has been checked. A view lives as long as its chunk.
 * Frames may hold keys: what was copied out of a chunk is wiped there, and `wipe` ends a frame that never came whole.
 */
export class FrameReader {
  /** Bytes that were copied to join chunks: 0 as long as every frame came in one. */
  bytesCopied = 0
  readonly #maxBytes: () => number
  readonly #mayKeep: (bytes: number) => boolean
  /** What has come and was not given out. */
  #rest: Buffer = nothing
  /** Fewer than 8 bytes of a header whose other bytes are in #rest or still to come. */
  #headStart: Buffer = nothing
  /** Length of a frame that is spread over chunks, 0 when there is none, and how much of it has come. */
  #size = 0
  #gathered = 0
  /** What has come of it; undefined when it is not kept. */
  #gathering: GatheredFrame | undefined

  /**
   * @param maxBytes how long a frame may be now, header included: asked once per frame
   * @param mayKeep whether there is memory for a frame of this length that comes in several chunks: asked before any is made
   */
  constructor(maxBytes: () => number, mayKeep: (bytes: number) => boolean = () => true) {
    this.#maxBytes = maxBytes
    this.#mayKeep = mayKeep
  }

  /** Memory that what was not given out may take: of a frame all of it from its header on, so that there is room for what is still to come of it. */
  get keptBytes(): number {
    return (this.#gathering?.size ?? 0) + this.#headStart.length + this.#rest.length
  }

  /** Bytes that have come and were not given out, those of a frame that is not kept among them. */
  get pendingBytes(): number {
    return this.#gathered + this.#headStart.length + this.#rest.length
  }

  /** Hands over a chunk; call `next` until it has no more before the next one. The chunk belongs to the reader from here on. */
  push(chunk: Uint8Array): void {
    let bytes = asBuffer(chunk)
    if (this.#gathered < this.#size) bytes = bytes.subarray(this.#gather(bytes))
    this.#rest = this.#rest.length === 0 ? bytes : this.#join(this.#rest, bytes)
  }

  /**
   * The next whole frame, if there is one; `droppedFrame` where it was not kept.
   * @throws KryptonError no-frame, frame-invalid, frame-too-large: nothing after this can be cut; close the connection
   */
  next(): Buffer | undefined {
    if (this.#size === 0) {
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
        this.#start(size)
        this.#gather(head)
      }
    }
    return this.#take()
  }

  /** Overwrites what has come and was not given out: nothing will complete it. */
  wipe(): void {
    this.#rest.fill(0)
    this.#headStart.fill(0)
    this.#gathering?.wipe()
    this.#rest = nothing
    this.#headStart = nothing
    this.#size = 0
    this.#gathered = 0
    this.#gathering = undefined
  }

  #start(size: number): void {
    this.#size = size
    this.#gathered = 0
    this.#gathering = this.#mayKeep(size) ? new GatheredFrame(size) : undefined
  }

  #take(): Buffer | undefined {
    if (this.#size === 0) return undefined
    if (this.#gathered < this.#size) this.#rest = this.#rest.subarray(this.#gather(this.#rest))
    if (this.#gathered < this.#size) return undefined
    const frame = this.#gathering?.whole ?? droppedFrame
    this.#size = 0
    this.#gathered = 0
    this.#gathering = undefined
    return frame
  }

  /** Takes what is still missing of the frame, and returns how much that was. */
  #gather(bytes: Buffer): number {
    const count = Math.min(this.#size - this.#gathered, bytes.length)
    if (this.#gathering !== undefined) {
      this.#gathering.add(count === bytes.length ? bytes : bytes.subarray(0, count))
      this.bytesCopied += count
    }
    bytes.fill(0, 0, count)
    this.#gathered += count
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

/** Stands for a frame that came whole and was not kept. */
export const droppedFrame = Buffer.alloc(0)

const nothing = Buffer.alloc(0)

/** Request Message and Response Message (KMIP 1.4 section 9.1.3.1), each a Structure. */
const requestMessageHead = 0x42007801
const responseMessageHead = 0x42007b01

function frameSize(header: Buffer, maxBytes: number): number {
  const head = header.readUInt32BE(0)
  const length = header.readUInt32BE(4)
  // Tags of the specification begin so (KMIP 1.4 section 9.1.1.1): what does not was meant for somebody else.
  if (header[0] !== 0x42) throw new KryptonError('no-frame', 'Send KMIP messages in TTLV: these bytes do not start one')
  if (head !== requestMessageHead && head !== responseMessageHead) {
    throw new KryptonError(
      'frame-invalid',
      `Send a Request Message, which begins with 42007801: this begins with ${header.toString('hex', 0, 4)}`,
    )
  }
  if (length + 8 > maxBytes) {
    throw new KryptonError(
      'frame-too-large',
      `Send messages of at most ${maxBytes} bytes: this one announces ${length + 8}`,
    )
  }
  // A Structure's length is that of its items, padding included (KMIP 1.4 section 9.1.1.3).
  if ((length & 7) !== 0) {
    throw new KryptonError(
      'frame-invalid',
      `Send messages whose length is a multiple of 8, padding included: this one announces ${length}`,
    )
  }
  return length + 8
}
