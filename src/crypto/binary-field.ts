import { KryptonError } from '../errors.ts'
import type { Pieces, SharingField } from './shamir.ts'

/** The fields of 2^8 and 2^16 elements for secret sharing, four bytes of a secret at a time. */

/** The irreducible polynomial of GF(2^8): of the OASIS test cases, or of AES (FIPS 197), in which the specification defines GF(2^16). */
export type BytePolynomial = 0x11d | 0x11b

/** GF(2^8): each byte of a secret is a piece of it. */
export function byteField(polynomial: BytePolynomial): SharingField<number> {
  return binaryField(1, (word, factor) => multiplyBytes(word, factor, polynomial))
}

/**
 * GF(2^16) of KMIP 1.4 section 2.2.5: GF(2^8) of AES, extended by y with y² = y + m. An element uy + v is the bytes u and v, an identifier its two
 * bytes. The section's product of ry + s and uy + v ends in `ru + svm`, by which 1 times 1 were m; what follows from y² = y + m, and what its own
 * inverse belongs to, is `rum + sv`.
 */
export const pairField: SharingField<number> = binaryField(2, (word, factor) => {
  const u = factor >>> 8
  const v = factor & 0xff
  if (u === 0) return multiplyBytes(word, v, aesPolynomial) // an identifier, as a rule
  const r = word & 0xff00ff00
  const s = word & 0x00ff00ff
  const upper = multiplyBytes(r, u ^ v, aesPolynomial) ^ multiplyBytes(s << 8, u, aesPolynomial)
  const lower =
    multiplyBytes(s, v, aesPolynomial) ^ multiplyBytes(r >>> 8, multiplyBytes(u, m, aesPolynomial), aesPolynomial)
  return upper ^ lower
})

const aesPolynomial = 0x11b
const m = 0x3a

/** Multiplies each of the four bytes of a word by `factor`, which is no secret. */
function multiplyBytes(word: number, factor: number, polynomial: BytePolynomial): number {
  let power = word
  let product = 0
  for (let rest = factor; rest !== 0; rest >>>= 1) {
    if ((rest & 1) === 1) product ^= power
    power = ((power & 0x7f7f7f7f) << 1) ^ Math.imul((power >>> 7) & 0x01010101, polynomial & 0xff)
  }
  return product
}

/** `multiply` multiplies each element of a word of four bytes by a scalar. */
function binaryField(elementBytes: 1 | 2, multiply: (word: number, factor: number) => number): SharingField<number> {
  const order = 2 ** (8 * elementBytes)
  // A scalar is the last element of a word whose others are 0.
  const product = (left: number, right: number): number => multiply(left, right) & (order - 1)
  return {
    scalar: (identifier) => identifier,
    multiply: product,
    subtract: (left, right) => left ^ right,
    inverse(value) {
      // value^(order - 2), whose bits are all 1 but the last
      let power = value
      let inverse = 1
      for (let i = 1; i < 8 * elementBytes; i++) {
        power = product(power, power)
        inverse = product(inverse, power)
      }
      return inverse
    },
    pieces(bytes) {
      if (bytes.byteLength % elementBytes !== 0) {
        throw new KryptonError(
          'cryptographic-failure',
          'Use Split Key Method Polynomial Sharing GF(2^8): GF(2^16) shares an even number of bytes',
        )
      }
      const pieces: Pieces = new Uint32Array(Math.ceil(bytes.byteLength / 4))
      for (let i = 0; i < bytes.byteLength; i++) pieces[i >>> 2]! |= bytes[i]! << (24 - 8 * (i & 3))
      return pieces
    },
    randomPieces(byteLength, randomBytes) {
      const random = randomBytes(byteLength)
      const pieces = this.pieces(random)
      random.fill(0)
      return pieces
    },
    shareBytes: (byteLength) => byteLength,
    bytes(pieces, byteLength) {
      const bytes = Buffer.allocUnsafeSlow(byteLength)
      for (let i = 0; i < byteLength; i++) bytes[i] = pieces[i >>> 2]! >>> (24 - 8 * (i & 3))
      return bytes
    },
    addMultiple(target, factor, pieces) {
      for (let i = 0; i < target.length; i++) target[i]! ^= multiply(pieces[i]!, factor)
    },
  }
}
