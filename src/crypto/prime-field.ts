import { checkPrime } from 'node:crypto'
import { promisify } from 'node:util'
import { KryptonError } from '../errors.ts'
import { notOfOneSplit } from './shamir.ts'
import type { Pieces, SharingField } from './shamir.ts'

/**
 * The integers modulo a prime for secret sharing (KMIP 1.4 section 2.2.5): a secret is one number, most significant byte first. It is kept in words
 * of 16 bits, the least significant first, since a BigInt can neither be wiped nor worked on in constant time; the prime and the scalars
 * are no secrets.
 */
export function primeField(prime: bigint): SharingField<bigint> {
  const bits = prime.toString(2).length
  const modulusBytes = Math.ceil(bits / 8)
  const length = Math.ceil(bits / 16)
  const modulus = Uint32Array.from({ length }, (_, i) => Number((prime >> BigInt(16 * i)) & 0xffffn))
  const remainder = (value: bigint): bigint => ((value % prime) + prime) % prime

  /** `target` becomes `target` + `pieces`, both less than the modulus. `scratch` is left with what must be wiped. */
  function add(target: Pieces, pieces: Pieces, scratch: Pieces): void {
    let carry = 0
    for (let i = 0; i < length; i++) {
      const sum = target[i]! + pieces[i]! + carry
      target[i] = sum & 0xffff
      carry = sum >>> 16
    }
    const borrow = subtractModulus(target, scratch)
    // The sum is too large when it overflowed, or when the modulus could be taken from it.
    const mask = -(carry | (borrow ^ 1)) & 0xffff
    for (let i = 0; i < length; i++) target[i] = (target[i]! & ~mask) | (scratch[i]! & mask)
  }

  /** The difference to the modulus, and 1 when it is below 0. */
  function subtractModulus(from: Pieces, difference: Pieces): number {
    let borrow = 0
    for (let i = 0; i < length; i++) {
      const rest = from[i]! - modulus[i]! - borrow
      difference[i] = rest & 0xffff
      borrow = (rest >>> 16) & 1
    }
    return borrow
  }

  function isBelowModulus(pieces: Pieces): boolean {
    const scratch: Pieces = new Uint32Array(length)
    const borrow = subtractModulus(pieces, scratch)
    scratch.fill(0)
    return borrow === 1
  }

  function unchecked(bytes: Uint8Array): Pieces {
    const pieces: Pieces = new Uint32Array(length)
    const last = bytes.byteLength - 1
    for (let i = 0; i <= last; i++) pieces[i >>> 1]! |= bytes[last - i]! << (8 * (i & 1))
    return pieces
  }

  return {
    scalar: (identifier) => BigInt(identifier),
    multiply: (left, right) => remainder(left * right),
    subtract: (left, right) => remainder(left - right),
    inverse(value) {
      // Euclid: each remainder is a multiple of the value, but for multiples of the prime
      let [rest, next] = [prime, value]
      let [multiple, nextMultiple] = [0n, 1n]
      while (next !== 0n) {
        const quotient = rest / next
        ;[rest, next] = [next, rest - quotient * next]
        ;[multiple, nextMultiple] = [nextMultiple, multiple - quotient * nextMultiple]
      }
      return remainder(multiple)
    },
    pieces(bytes) {
      const pieces = bytes.byteLength > modulusBytes ? undefined : unchecked(bytes)
      if (pieces !== undefined && isBelowModulus(pieces)) return pieces
      pieces?.fill(0)
      throw new KryptonError('cryptographic-failure', 'Send a Prime Field Size that is larger than the secret')
    },
    randomPieces(_byteLength, randomBytes) {
      // Numbers that are too large are thrown away, so that each other one is as likely; at least every second one is good.
      for (;;) {
        const random = randomBytes(modulusBytes)
        random[0]! &= 0xff >>> (8 * modulusBytes - bits)
        const pieces = unchecked(random)
        random.fill(0)
        if (isBelowModulus(pieces)) return pieces
        pieces.fill(0)
      }
    },
    shareBytes: () => modulusBytes,
    bytes(pieces, byteLength) {
      const bytes = Buffer.alloc(byteLength)
      let rest = 0
      for (let i = 0; i < 2 * length; i++) {
        const byte = (pieces[i >>> 1]! >>> (8 * (i & 1))) & 0xff
        if (i < byteLength) bytes[byteLength - 1 - i] = byte
        else rest |= byte
      }
      if (rest === 0) return bytes
      bytes.fill(0)
      throw notOfOneSplit()
    },
    addMultiple(target, factor, pieces) {
      const power = pieces.slice()
      const scratch: Pieces = new Uint32Array(length)
      for (let rest = factor; rest > 0n; rest >>= 1n) {
        if ((rest & 1n) === 1n) add(target, power, scratch)
        add(power, power, scratch)
      }
      power.fill(0)
      scratch.fill(0)
    },
  }
}

/** Off the loop: Miller and Rabin's test of a long number takes milliseconds. */
export const isPrime: (candidate: bigint) => Promise<boolean> = promisify(checkPrime)
