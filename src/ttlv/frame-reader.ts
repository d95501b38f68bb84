import { KryptonError } from '../errors.ts'
import { asBuffer, uint32 } from './reader.ts'

/**
 * Cuts whole messages out of a stream of chunks of any size. A frame that lies in one chunk is a view of it, without a copy; one that is
 * spread over several is gathered into a buffer of its own, made when its header has been checked. A view lives as long as its chunk.
 */
export class FrameReader {
  /** Bytes that were copied to join chunks: 0 as long as every frame came in one. */
  bytesCopied = 0
  readonly #maxBytes: () => number
  /** What has come and was not given out: of the newest chunk, or the start of a frame's header. */
  #rest: Buffer = nothing
  /** A frame that is spread over chunks, and how much of it is there. */
  #gathering: Buffer | undefined
  #gathered = 0

  /** @param maxBytes how long a frame may be now, header included: asked once per frame */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of frames that are not whole yet, or were not taken. */
  get pendingBytes(): number {
    return this.#gathered + this.#rest.length
  }

  /** Hands over a chunk; call `next` until it has no more. The chunk belongs to the reader from here on. */
  push(chunk: Uint8Array): void {
    let bytes = asBuffer(chunk)
    if (this.#gathering !== undefined) {
      const wanted = Math.min(this.#gathering.length - this.#gathered, bytes.length)
      this.#gathering.set(bytes.subarray(0, wanted), this.#gathered)
      this.#gathered += wanted
      this.bytesCopied += wanted
      bytes = bytes.subarray(wanted)
    }
    if (this.#rest.length > 0 && bytes.length > 0) {
      this.bytesCopied += this.#rest.length + bytes.length
      bytes = Buffer.concat([this.#rest, bytes])
    }
    if (bytes.length > 0) this.#rest = bytes
  }

  /**
   * The next whole frame, if there is one.
   * @throws KryptonError frame-invalid, frame-too-large: nothing after this can be cut; close the connection
   */
  next(): Buffer | undefined {
    const gathering = this.#gathering
    if (gathering !== undefined) {
      if (this.#gathered < gathering.length) return undefined
      this.#gathering = undefined
      this.#gathered = 0
      return gathering
    }
    const rest = this.#rest
    if (rest.length < 8) return undefined
    const size = frameSize(rest, this.#maxBytes())
    if (size === rest.length) {
      this.#rest = nothing
      return rest
    }
    if (size < rest.length) {
      this.#rest = rest.subarray(size)
      return rest.subarray(0, size)
    }
    // an own buffer, not one of Node's pool: frames may hold keys, and whoever wipes it wipes nothing else
    this.#gathering = Buffer.allocUnsafeSlow(size)
    this.#gathering.set(rest)
    this.#gathered = rest.length
    this.bytesCopied += rest.length
    this.#rest = nothing
    return undefined
  }
}

const nothing = Buffer.alloc(0)

/** Request Message and Response Message (KMIP 1.4 section 9.1.3.1), each a Structure. */
const requestMessageHead = 0x42007801
const responseMessageHead = 0x42007b01

function frameSize(header: Buffer, maxBytes: number): number {
  const head = uint32(header, 0)
  const length = uint32(header, 4) >>> 0
  if ((head !== requestMessageHead && head !== responseMessageHead) || (length & 7) !== 0) {
    throw new KryptonError('frame-invalid', 'Send KMIP messages in TTLV: these bytes do not start one')
  }
  if (length + 8 > maxBytes) {
    throw new KryptonError(
      'frame-too-large',
      `Send messages of at most ${maxBytes} bytes: this one announces ${length + 8}`,
    )
  }
  return length + 8
}
