import { ellipticCurves, type EllipticCurve } from '../crypto/elliptic-curve.ts'
import type { KeyPairKind } from '../crypto/key-pair.ts'
import { KryptonError } from '../errors.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { CryptographicAlgorithm } from '../kmip/enums.ts'
import type { CryptographicDomainParameters } from '../kmip/structures.ts'
import { curveOfNumber, ecAlgorithms } from './asymmetric-format.ts'

/** A key pair to be made, with the algorithm and length that its objects are said to have. */
export interface GeneratedPair {
  readonly kind: KeyPairKind
  readonly algorithm: number
  readonly lengthBits: number
}

/**
 * What a Create Key Pair asks for (KMIP 1.4 section 4.2, Table 168): algorithm, length and domain parameters are the same for both halves,
 * wherever they stand. A length that is left out is 3072 for RSA, and that of the curve for EC.
 * @throws KryptonError invalid-message: no algorithm; invalid-field
 */
export function generatedPair(halves: {
  readonly private: readonly WireAttribute[]
  readonly public: readonly WireAttribute[]
}): GeneratedPair {
  const requested = [...halves.private, ...halves.public]
  const algorithm = oneNumber(requested, 'cryptographicAlgorithm')
  const length = oneNumber(requested, 'cryptographicLength')
  const domain = oneDomain(requested)
  if (algorithm === undefined) {
    throw new KryptonError('invalid-message', 'Send the Cryptographic Algorithm of the key pair')
  }
  if (algorithm === CryptographicAlgorithm.RSA) {
    if (domain !== undefined)
      throw new KryptonError('invalid-field', 'Leave out Cryptographic Domain Parameters for RSA')
    const bits = length ?? rsaBitsUsual
    if (rsaBits.includes(bits)) return { kind: { type: 'rsa', bits }, algorithm, lengthBits: bits }
    throw new KryptonError('invalid-field', `Ask for a Cryptographic Length of ${rsaBits.join(', ')}`)
  }
  if (ecAlgorithms.includes(algorithm)) {
    const curve = curveOf(domain, length)
    return { kind: { type: 'ec', curve }, algorithm, lengthBits: curve.bits }
  }
  throw new KryptonError('invalid-field', 'Ask for a key pair of RSA, EC, ECDSA, ECDH or ECMQV')
}

function curveOf(domain: CryptographicDomainParameters | undefined, length: number | undefined): EllipticCurve {
  const { recommendedCurve, qlength } = domain ?? {}
  if (recommendedCurve === undefined) {
    const curve = ellipticCurves.find(({ bits }) => bits === (length ?? qlength))
    if (curve !== undefined) return curve
    throw new KryptonError(
      'invalid-field',
      'Name the Recommended Curve in Cryptographic Domain Parameters, or a Cryptographic Length of 256, 384 or 521',
    )
  }
  const curve = curveOfNumber(recommendedCurve)
  if (curve === undefined) {
    throw new KryptonError('invalid-field', 'Use Recommended Curve P-256, P-384, P-521 or SECP256K1')
  }
  if ((length ?? curve.bits) === curve.bits && (qlength ?? curve.bits) === curve.bits) return curve
  throw new KryptonError('invalid-field', `Send the Cryptographic Length of the curve, ${curve.bits}, or none`)
}

function oneDomain(requested: readonly WireAttribute[]): CryptographicDomainParameters | undefined {
  const all = requested.filter(({ name }) => name === 'cryptographicDomainParameters')
  const [first, ...others] = all.map(({ value }) => value as CryptographicDomainParameters) // read under this name
  for (const { recommendedCurve, qlength } of others) {
    if (recommendedCurve !== first?.recommendedCurve || qlength !== first?.qlength) {
      throw differs('Cryptographic Domain Parameters')
    }
  }
  return first
}

function oneNumber(requested: readonly WireAttribute[], wanted: string): number | undefined {
  const values = requested.filter(({ name }) => name === wanted)
  if (new Set(values.map(({ value }) => value)).size > 1) throw differs(values[0]!.attributeName)
  return values[0]?.value as number | undefined // read under this name
}

function differs(attributeName: string): KryptonError {
  return new KryptonError('invalid-field', `Send the same ${attributeName} for both halves of the key pair`)
}

/** 128 bits of security (SP 800-57 part 1): keys made today outlive 2030. */
const rsaBitsUsual = 3_072

/** 1,024 for clients of old: nobody gets it unasked. */
const rsaBits: readonly number[] = [1_024, 2_048, 3_072, 4_096]
