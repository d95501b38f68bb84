import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { withoutLeadingZeros } from './der.ts'
import { type EllipticCurve, pointForm } from './elliptic-curve.ts'

/**
 * What an asymmetric key is made of, whatever form it came in. Numbers are unsigned, most significant byte first; they are views of what was
 * read, whose owner wipes it.
 */
export type KeyParts = RsaParts | EcParts

export interface RsaParts {
  readonly type: 'rsa'
  readonly modulus: Uint8Array
  readonly publicExponent: Uint8Array
  /** Of a private key. */
  readonly secret?: RsaSecret
}

/** The numbers of an RSA private key (RFC 8017 section 3.2): all of them, since signing without the primes takes four times as long. */
export interface RsaSecret {
  readonly privateExponent: Uint8Array
  readonly p: Uint8Array
  readonly q: Uint8Array
  readonly primeExponentP: Uint8Array
  readonly primeExponentQ: Uint8Array
  readonly crtCoefficient: Uint8Array
}

export interface EcParts {
  readonly type: 'ec'
  readonly curve: EllipticCurve
  /** The public point, in whatever form it came; a private key may come without. */
  readonly point?: Uint8Array
  /** Of a private key: as long as the curve has it. */
  readonly secret?: Uint8Array
}

/** Length in bits: of RSA's modulus, of the curve's order. */
export function keyBits(parts: KeyParts): number {
  return parts.type === 'ec' ? parts.curve.bits : bitLength(parts.modulus)
}

/** Length of an unsigned number in bits. */
export function bitLength(unsigned: Uint8Array): number {
  const magnitude = withoutLeadingZeros(unsigned)
  return magnitude.byteLength * 8 - Math.clz32(magnitude[0] ?? 0) + 24
}

/**
 * Checks what can be told from the numbers alone: lengths, odd moduli, sane exponents, points of the curve's length. That they belong
 * together is for `checkKey` to say.
 * @throws KryptonError invalid-field
 */
export function checkParts(parts: KeyParts): void {
  if (parts.type === 'rsa') checkRsa(parts)
  else checkEc(parts)
}

function checkRsa({ modulus, publicExponent, secret }: RsaParts): void {
  const bits = bitLength(modulus)
  if (bits < limits.rsaKeyBitsMin || bits > limits.rsaKeyBitsMax) {
    throw new KryptonError(
      'invalid-field',
      `Use an RSA key of ${limits.rsaKeyBitsMin} to ${limits.rsaKeyBitsMax} bits: this modulus has ${bits}`,
    )
  }
  const exponentBits = bitLength(publicExponent)
  if (exponentBits < 2 || exponentBits > limits.rsaPublicExponentBitsMax || isEven(publicExponent)) {
    throw new KryptonError(
      'invalid-field',
      `Use an RSA key whose public exponent is odd, 3 or more, and of at most ${limits.rsaPublicExponentBitsMax} bits`,
    )
  }
  if (isEven(modulus)) throw new KryptonError('invalid-field', 'Use an RSA key with an odd modulus: this is none')
  if (secret === undefined) return
  const primes = bitLength(secret.p) + bitLength(secret.q)
  if (
    (primes !== bits && primes !== bits + 1) ||
    isEven(secret.p) ||
    isEven(secret.q) ||
    bitLength(secret.privateExponent) > bits ||
    bitLength(secret.primeExponentP) > bitLength(secret.p) ||
    bitLength(secret.primeExponentQ) > bitLength(secret.q) ||
    bitLength(secret.crtCoefficient) > bitLength(secret.p)
  ) {
    throw new KryptonError('invalid-field', 'Use an RSA private key whose numbers belong together: these do not')
  }
}

function checkEc({ curve, point, secret }: EcParts): void {
  if (point !== undefined && pointForm(point, curve) === undefined) {
    throw new KryptonError('invalid-field', 'Send the public point of an EC key in its own length and form')
  }
  if (secret !== undefined && secret.byteLength !== curve.byteLength) {
    throw new KryptonError('invalid-field', `Send the private value of this curve in ${curve.byteLength} bytes`)
  }
}

function isEven(unsigned: Uint8Array): boolean {
  return (unsigned.at(-1)! & 1) === 0
}
