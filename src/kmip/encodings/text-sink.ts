/**
 * A message in text that is being written, into memory of its own that grows as it needs and is wiped where it grew out of. Its owner wipes
 * what it gives when that holds keys.
 */
export class TextSink {
  #bytes: Buffer
  #at = 0

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** What was written: a view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  wipe(): void {
    this.#bytes.fill(0, 0, this.#at)
  }

  put(byte: number): void {
    this.#need(1)
    this.#bytes[this.#at++] = byte
  }

  /** ASCII. */
  text(text: string): void {
    this.#need(text.length)
    this.#at += this.#bytes.write(text, this.#at, 'latin1')
  }

  /** The bytes of a Byte String or of a Big Integer, two digits each. */
  hex(bytes: Buffer): void {
    this.#need(bytes.length * 2)
    for (const byte of bytes) {
      this.#bytes[this.#at++] = digits[byte >> 4]!
      this.#bytes[this.#at++] = digits[byte & 15]!
    }
  }

  #need(count: number): void {
    const needed = this.#at + count
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.wipe()
    this.#bytes = grown
  }
}

const digits = Buffer.from('0123456789abcdef')
