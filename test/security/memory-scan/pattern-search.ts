/** Finds any of many byte strings, in one pass over what is searched. Each is at least `keyBytes` long. */
export class PatternSearch {
  readonly #patterns: readonly Buffer[]
  /** A bit for each hash of the first four bytes of a pattern: most places of a memory are told apart by it. */
  readonly #filter = new Uint8Array(filterBits / 8)
  readonly #byStart = new Map<number, number[]>()
  readonly longest: number

  constructor(patterns: readonly Buffer[]) {
    this.#patterns = patterns
    this.longest = Math.max(...patterns.map((pattern) => pattern.length))
    for (const [index, pattern] of patterns.entries()) {
      const start = pattern.readUInt32LE(0)
      const bit = hash(start)
      this.#filter[bit >>> 3]! |= 1 << (bit & 7)
      const known = this.#byStart.get(start)
      if (known === undefined) this.#byStart.set(start, [index])
      else known.push(index)
    }
  }

  /** Calls `found` with a pattern's place in the list and its offset in `bytes`, for every occurrence. */
  search(bytes: Buffer, found: (pattern: number, offset: number) => void): void {
    const filter = this.#filter
    let start = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16)
    for (let at = 3; at < bytes.length; at++) {
      start = at === 3 ? start | (bytes[at]! << 24) : (start >>> 8) | (bytes[at]! << 24)
      const bit = Math.imul(start, multiplier) >>> (32 - filterBitsLog2)
      if ((filter[bit >>> 3]! & (1 << (bit & 7))) === 0) continue
      const candidates = this.#byStart.get(start >>> 0)
      if (candidates === undefined) continue
      for (const index of candidates) {
        const pattern = this.#patterns[index]!
        if (bytes.compare(pattern, 0, pattern.length, at - 3, Math.min(at - 3 + pattern.length, bytes.length)) === 0)
          found(index, at - 3)
      }
    }
  }
}

const filterBitsLog2 = 24
const filterBits = 2 ** filterBitsLog2
/** Of Knuth's multiplicative hashing. */
const multiplier = 0x9e3779b1

function hash(start: number): number {
  return Math.imul(start, multiplier) >>> (32 - filterBitsLog2)
}
