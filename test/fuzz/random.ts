/** A small generator that gives the same numbers for the same seed (xorshift128, seeded by splitmix). */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number, stream: number) {
    let state = (seed ^ Math.imul(stream + 1, 0x9e3779b1)) | 0
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) | 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** 32 bits. */
  bits(): number {
    let t = this.#d
    const s = this.#a
    this.#d = this.#c
    this.#c = this.#b
    this.#b = s
    t ^= t << 11
    t ^= t >>> 8
    this.#a = t ^ s ^ (s >>> 19)
    return this.#a >>> 0
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return this.bits() % limit
  }

  /** True once in `n`. */
  once(n: number): boolean {
    return this.bits() % n === 0
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}
