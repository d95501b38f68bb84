import { limits } from '../limits.ts'
import { newFrame } from './new-frame.ts'

/**
 * A frame that comes in several pieces. Its memory grows with what has come, in few steps: whoever announces a long one and sends nothing of it has the server make next to nothing, where a
 * header alone took as much as it announced until V8 collected.
 */
export class GatheredFrame {
  readonly size: number
  #bytes: Buffer
  #gathered = 0

  constructor(size: number) {
    this.size = size
    this.#bytes = newFrame(Math.min(size, limits.gatheredFrameFirstBytes))
  }

  /** How much of it has come. */
  get gathered(): number {
    return this.#gathered
  }

  /** Copies what comes next: at most what is missing. */
  add(bytes: Uint8Array): void {
    const end = this.#gathered + bytes.length
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.set(bytes, this.#gathered)
    this.#gathered = end
  }

  /** The frame, once all of it has come: its receiver wipes it. */
  get whole(): Buffer {
    if (this.#gathered !== this.size) throw new Error(`${this.#gathered} of ${this.size} bytes of a frame have come`)
    return this.#bytes
  }

  wipe(): void {
    this.#bytes.fill(0)
  }

  #grow(needed: number): void {
    const more = newFrame(Math.min(this.size, Math.max(needed, this.#bytes.length * limits.gatheredFrameGrowth)))
    more.set(this.#bytes.subarray(0, this.#gathered))
    this.#bytes.fill(0)
    this.#bytes = more
  }
}
