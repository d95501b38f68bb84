/** The key expansion of AES (FIPS 197 section 5.2) for a key of 16 or 32 bytes: the key, then the words of the rounds. */
export function expandKey(key: Buffer): Buffer {
  const words = key.length / 4
  const schedule = Buffer.alloc(16 * (words + 7))
  schedule.set(key)
  let roundConstant = 1
  for (let at = key.length; at < schedule.length; at += 4) {
    let word = [...schedule.subarray(at - 4, at)]
    const place = (at / 4) % words
    if (place === 0) {
      word = [...word.slice(1), word[0]!].map(substituted)
      word[0]! ^= roundConstant
      roundConstant = doubled(roundConstant)
    } else if (words === 8 && place === 4) {
      word = word.map(substituted)
    }
    for (let i = 0; i < 4; i++) schedule[at + i] = schedule[at + i - key.length]! ^ word[i]!
  }
  return schedule
}

/** The S-box by its definition (FIPS 197 section 5.1.1): the inverse in GF(2^8), then the affine map. */
const box: readonly number[] = Array.from({ length: 256 }, (_, value) => {
  const inverse = inverseOf(value)
  let result = 0x63
  for (let turn = 0; turn < 5; turn++) result ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xff
  return result
})

function substituted(value: number): number {
  return box[value]!
}

function inverseOf(value: number): number {
  for (let candidate = 1; candidate < 256; candidate++) if (product(value, candidate) === 1) return candidate
  return 0
}

function product(left: number, right: number): number {
  let result = 0
  for (let a = left, b = right; b > 0; b >>= 1, a = doubled(a)) if ((b & 1) === 1) result ^= a
  return result
}

function doubled(value: number): number {
  return (value << 1) ^ ((value & 0x80) === 0 ? 0 : 0x11b)
}
