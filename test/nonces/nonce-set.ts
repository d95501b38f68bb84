/** Bytes of a nonce that are looked at. A longer one repeats only if these do; by chance two of ten million are the same once in 10^15 runs. */
export const comparedBytes = 12
const wordsEach = comparedBytes / 4

/** The nonces that were seen, at most `count` of them, in 12 bytes each and a third more room. */
export class NonceSet {
  readonly #words: Uint32Array
  readonly #slots: number
  size = 0

  constructor(count: number) {
    this.#slots = Math.ceil((count * 4) / 3) + 1
    this.#words = new Uint32Array(this.#slots * wordsEach)
  }

  /** False if the nonce that begins at `offset` was there before. */
  add(bytes: Buffer, offset: number): boolean {
    if (this.size + 1 >= this.#slots) throw new RangeError('more nonces than there is room for')
    const [first, second, third] = [
      bytes.readUInt32LE(offset),
      bytes.readUInt32LE(offset + 4),
      bytes.readUInt32LE(offset + 8),
    ]
    // Zeros are an empty slot: a nonce of zeros comes by chance as rarely as a repeat, and is told as one.
    if (first === 0 && second === 0 && third === 0) return false
    for (let slot = first % this.#slots; ; slot = slot + 1 === this.#slots ? 0 : slot + 1) {
      const at = slot * wordsEach
      const isEmpty = this.#words[at] === 0 && this.#words[at + 1] === 0 && this.#words[at + 2] === 0
      if (isEmpty) {
        this.#words[at] = first
        this.#words[at + 1] = second
        this.#words[at + 2] = third
        this.size++
        return true
      }
      if (this.#words[at] === first && this.#words[at + 1] === second && this.#words[at + 2] === third) return false
    }
  }
}
