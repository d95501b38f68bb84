import type { KeyForm } from '../crypto/asymmetric-key.ts'
import { withoutLeadingZeros } from '../crypto/der.ts'
import { ellipticCurves, pointAs, pointForm } from '../crypto/elliptic-curve.ts'
import type { EllipticCurve, PointForm } from '../crypto/elliptic-curve.ts'
import {
  isEncryptedPkcs8,
  readEcPrivateKey,
  readPkcs8,
  readRsaPrivateKey,
  readRsaPublicKey,
  readSubjectPublicKeyInfo,
  writeEcPrivateKey,
  writePkcs1,
  writePkcs8,
  writeSubjectPublicKeyInfo,
} from '../crypto/key-encoding.ts'
import type { PrivateParts } from '../crypto/key-encoding.ts'
import { publicPointOf } from '../crypto/key-check.ts'
import { bitLength } from '../crypto/key-parts.ts'
import type { KeyParts, RsaParts, RsaSecret } from '../crypto/key-parts.ts'
import { KryptonError } from '../errors.ts'
import {
  CryptographicAlgorithm,
  KeyCompressionType,
  KeyFormatType,
  ObjectType,
  RecommendedCurve,
} from '../kmip/enums.ts'
import { decodeTransparentKey, encodeTransparentKey } from '../kmip/kept-structures.ts'
import { transparentFields } from '../kmip/key-block.ts'
import type { TransparentKey } from '../kmip/key-block.ts'

/**
 * Public and private keys in the formats of KMIP 1.4 section 2.1.3. What is kept is what came: the bytes of a DER format, the TTLV of a transparent
 * one; so it goes out again as it was. In between stand the numbers that a key is made of.
 */

/** The objects that hold a half of a key pair. */
export type AsymmetricObjectType = typeof ObjectType.PublicKey | typeof ObjectType.PrivateKey

export function isAsymmetric(objectType: ObjectType): objectType is AsymmetricObjectType {
  return objectType === ObjectType.PublicKey || objectType === ObjectType.PrivateKey
}

/** True for a format whose key material is a structure. */
export function isTransparent(keyFormatType: number): boolean {
  return transparentFields.has(keyFormatType)
}

/** @throws KryptonError key-format-type-not-supported: no such half of a key has that format */
export function checkAsymmetricFormat(objectType: AsymmetricObjectType, keyFormatType: number): void {
  if (readers[objectType].has(keyFormatType)) return
  throw new KryptonError(
    'key-format-type-not-supported',
    objectType === ObjectType.PublicKey
      ? 'Use Key Format Type X.509, PKCS#1, or a transparent RSA or EC Public Key'
      : 'Use Key Format Type PKCS#1, PKCS#8, ECPrivateKey, or a transparent RSA or EC Private Key',
  )
}

/**
 * The key in kept material: its numbers, which are views of it, or what can be told of a key that is only kept.
 * @throws KryptonError invalid-field, key-format-type-not-supported
 */
export function readKey(
  objectType: AsymmetricObjectType,
  keyFormatType: number,
  material: Uint8Array,
): KeyParts | KeptKey {
  checkAsymmetricFormat(objectType, keyFormatType)
  return readers[objectType].get(keyFormatType)!(material) // it was just found
}

/**
 * `readKey` for whoever needs the numbers.
 * @throws KryptonError key-format-type-not-supported: the key is only kept
 */
export function keyPartsOf(objectType: AsymmetricObjectType, keyFormatType: number, material: Uint8Array): KeyParts {
  const key = readKey(objectType, keyFormatType, material)
  if (key.type !== 'kept') return key
  throw new KryptonError(
    'key-format-type-not-supported',
    'Register an RSA or EC key unencrypted and with all its numbers: as it is, this one is only kept, in its own format',
  )
}

/** How a Private Key in DER is written down; undefined for other keys and formats. */
export function privateDerForm(objectType: AsymmetricObjectType, keyFormatType: number): KeyForm | undefined {
  return objectType === ObjectType.PrivateKey ? derForms.get(keyFormatType) : undefined
}

/** The Cryptographic Algorithms that a key may be said to have; the first is its own. */
export function algorithmsOf(key: KeyParts | KeptKey): readonly number[] {
  if (key.type === 'kept') return key.algorithms
  return key.type === 'rsa' ? [CryptographicAlgorithm.RSA] : ecAlgorithms
}

/**
 * A key in another format, as it would be kept: the caller wipes it.
 * @throws KryptonError key-format-type-not-supported: keys of this algorithm do not have that format
 */
export function materialAs(objectType: AsymmetricObjectType, keyFormatType: number, parts: KeyParts): Buffer {
  checkAsymmetricFormat(objectType, keyFormatType)
  const made =
    objectType === ObjectType.PublicKey
      ? publicMaterial(keyFormatType, { ...parts, secret: undefined })
      : privateMaterial(keyFormatType, parts as PrivateParts) // parts of a Private Key have their secret
  if (made !== undefined) return made
  throw new KryptonError(
    'key-format-type-not-supported',
    `Use another Key Format Type: ${parts.type === 'rsa' ? 'an RSA key is in no format of EC keys' : 'an EC key is in no format of RSA keys'}`,
  )
}

/**
 * A public key with its point in the form that a Key Compression Type names.
 * @throws KryptonError key-compression-type-not-supported: it is no EC public key, or the type is for other curves
 */
export function withCompression(parts: KeyParts, keyCompressionType: number): KeyParts {
  const form = pointForms.get(keyCompressionType)
  if (parts.type === 'rsa' || parts.point === undefined || form === undefined) {
    throw new KryptonError(
      'key-compression-type-not-supported',
      'Leave out Key Compression Type, or use EC Public Key Type Uncompressed, X9.62 Compressed Prime or X9.62 Hybrid with an EC public key',
    )
  }
  return { ...parts, point: pointAs(form, parts.point, parts.curve) }
}

/** The Key Compression Type of an EC public key; undefined for any other. */
export function compressionOf(parts: KeyParts): number | undefined {
  if (parts.type === 'rsa' || parts.point === undefined) return undefined
  const form = pointForm(parts.point, parts.curve)
  return [...pointForms].find(([, candidate]) => candidate === form)?.[0]
}

/** The curve that a Recommended Curve names; undefined for one that is not served. */
export function curveOfNumber(recommendedCurve: number): EllipticCurve | undefined {
  const name = [...curveNumbers].find(([, number]) => number === recommendedCurve)?.[0]
  return ellipticCurves.find((curve) => curve.name === name)
}

/** A key that is kept and given back, and nothing else. */
export interface KeptKey {
  readonly type: 'kept'
  readonly algorithms: readonly number[]
  /** Length in bits; undefined where it cannot be told. */
  readonly bits: number | undefined
}

type Read = (material: Uint8Array) => KeyParts | KeptKey

const ecTransparent = [
  [KeyFormatType.TransparentECPrivateKey, KeyFormatType.TransparentECPublicKey],
  [KeyFormatType.TransparentECDSAPrivateKey, KeyFormatType.TransparentECDSAPublicKey],
  [KeyFormatType.TransparentECDHPrivateKey, KeyFormatType.TransparentECDHPublicKey],
  [KeyFormatType.TransparentECMQVPrivateKey, KeyFormatType.TransparentECMQVPublicKey],
] as const

const readers: Readonly<Record<AsymmetricObjectType, ReadonlyMap<number, Read>>> = {
  [ObjectType.PublicKey]: new Map<number, Read>([
    [KeyFormatType.X509, readSubjectPublicKeyInfo],
    [KeyFormatType.PKCS1, readRsaPublicKey],
    [KeyFormatType.TransparentRSAPublicKey, (material) => rsaPublicOf(decodeTransparentKey(material))],
    ...ecTransparent.map(([, format]): [number, Read] => [format, (material) => ecOf(decodeTransparentKey(material))]),
    [KeyFormatType.TransparentDSAPublicKey, (material) => keptOf(CryptographicAlgorithm.DSA, material)],
    [KeyFormatType.TransparentDHPublicKey, (material) => keptOf(CryptographicAlgorithm.DH, material)],
  ]),
  [ObjectType.PrivateKey]: new Map<number, Read>([
    [KeyFormatType.PKCS1, readRsaPrivateKey],
    [KeyFormatType.PKCS8, (material) => (isEncryptedPkcs8(material) ? encryptedKey : readPkcs8(material))],
    [KeyFormatType.ECPrivateKey, (material) => readEcPrivateKey(material)],
    [KeyFormatType.TransparentRSAPrivateKey, (material) => rsaPrivateOf(decodeTransparentKey(material))],
    ...ecTransparent.map(([format]): [number, Read] => [format, (material) => ecOf(decodeTransparentKey(material))]),
    [KeyFormatType.TransparentDSAPrivateKey, (material) => keptOf(CryptographicAlgorithm.DSA, material)],
    [KeyFormatType.TransparentDHPrivateKey, (material) => keptOf(CryptographicAlgorithm.DH, material)],
  ]),
}

function publicMaterial(keyFormatType: number, parts: KeyParts): Buffer | undefined {
  if (keyFormatType === KeyFormatType.X509) return writeSubjectPublicKeyInfo(parts)
  if (parts.type === 'ec') {
    if (!ecTransparent.some(([, format]) => format === keyFormatType)) return undefined
    return encodeTransparentKey({ recommendedCurve: curveNumbers.get(parts.curve.name), qString: parts.point })
  }
  const { modulus, publicExponent } = parts
  if (keyFormatType === KeyFormatType.PKCS1) return writePkcs1(parts)
  if (keyFormatType !== KeyFormatType.TransparentRSAPublicKey) return undefined
  return encodeTransparentKey({ modulus: bigIntegerOf(modulus), publicExponent: bigIntegerOf(publicExponent) })
}

function privateMaterial(keyFormatType: number, parts: PrivateParts): Buffer | undefined {
  if (parts.type === 'ec') {
    if (ecTransparent.some(([format]) => format === keyFormatType)) {
      return encodedAndWiped({ recommendedCurve: curveNumbers.get(parts.curve.name), d: bigIntegerOf(parts.secret) })
    }
    // The public point belongs into DER; a key that came in transparent form has none.
    const whole = { ...parts, point: parts.point ?? publicPointOf(parts) }
    if (keyFormatType === KeyFormatType.PKCS8) return writePkcs8(whole)
    return keyFormatType === KeyFormatType.ECPrivateKey ? writeEcPrivateKey(whole) : undefined
  }
  if (keyFormatType === KeyFormatType.PKCS1) return writePkcs1(parts)
  if (keyFormatType === KeyFormatType.PKCS8) return writePkcs8(parts)
  if (keyFormatType !== KeyFormatType.TransparentRSAPrivateKey) return undefined
  const { modulus, publicExponent, secret } = parts
  const key: Record<string, Uint8Array> = {}
  for (const [name, number] of Object.entries({ modulus, publicExponent, ...secret })) key[name] = bigIntegerOf(number)
  return encodedAndWiped(key)
}

/** The TTLV of a private key; the numbers that were put into its form are wiped. */
function encodedAndWiped(key: TransparentKey): Buffer {
  try {
    return encodeTransparentKey(key)
  } finally {
    for (const number of Object.values(key)) if (number instanceof Uint8Array) number.fill(0)
  }
}

function rsaPublicOf({ modulus, publicExponent }: TransparentKey): RsaParts {
  return { type: 'rsa', modulus: unsignedOf(modulus), publicExponent: unsignedOf(publicExponent) }
}

/** 2.1.7.4: one of three sets of numbers is there. Without all of them the key is kept, and cannot be used here. */
function rsaPrivateOf(key: TransparentKey): RsaParts | KeptKey {
  const { modulus, publicExponent, privateExponent, p, q, primeExponentP, primeExponentQ, crtCoefficient } = key
  const has = (...numbers: unknown[]): boolean => numbers.every((number) => number !== undefined)
  if (!has(privateExponent) && !has(p, q) && !has(primeExponentP, primeExponentQ)) {
    throw new KryptonError(
      'invalid-field',
      'Send Private Exponent, P and Q, or Prime Exponent P and Prime Exponent Q of the RSA key',
    )
  }
  if (!has(publicExponent, privateExponent, p, q, primeExponentP, primeExponentQ, crtCoefficient)) {
    return kept(CryptographicAlgorithm.RSA, key, modulus)
  }
  const secret: RsaSecret = {
    privateExponent: unsignedOf(privateExponent),
    p: unsignedOf(p),
    q: unsignedOf(q),
    primeExponentP: unsignedOf(primeExponentP),
    primeExponentQ: unsignedOf(primeExponentQ),
    crtCoefficient: unsignedOf(crtCoefficient),
  }
  return { type: 'rsa', modulus: unsignedOf(modulus), publicExponent: unsignedOf(publicExponent), secret }
}

/** DSA and DH are parsed and kept: their length is that of P (3.5). */
function keptOf(algorithm: number, material: Uint8Array): KeptKey {
  const key = decodeTransparentKey(material)
  return kept(algorithm, key, key.p)
}

function kept(algorithm: number, key: TransparentKey, measured: unknown): KeptKey {
  for (const number of Object.values(key)) if (number !== undefined) unsignedOf(number)
  return { type: 'kept', algorithms: [algorithm], bits: bitLength(unsignedOf(measured)) }
}

function ecOf({ recommendedCurve, d, qString }: TransparentKey): KeyParts {
  const curve = curveOfNumber(recommendedCurve!) // the codec requires it
  if (curve === undefined) {
    throw new KryptonError('invalid-field', 'Use Recommended Curve P-256, P-384, P-521 or SECP256K1')
  }
  if (d === undefined) return { type: 'ec', curve, point: qString! } // the codec requires one of the two
  return { type: 'ec', curve, secret: widened(unsignedOf(d), curve) }
}

/** A private value in the curve's own length. */
function widened(number: Uint8Array, { byteLength }: EllipticCurve): Uint8Array {
  if (number.byteLength > byteLength) {
    throw new KryptonError('invalid-field', `Send a D of at most ${byteLength} bytes for this curve`)
  }
  if (number.byteLength === byteLength) return number
  const wide = Buffer.alloc(byteLength)
  wide.set(number, byteLength - number.byteLength)
  return wide
}

/** The magnitude of a Big Integer. What was read from a frame or from what is kept is a view of it. */
function unsignedOf(bigInteger: unknown): Uint8Array {
  const bytes = bigInteger as Uint8Array
  if (bytes.byteLength === 0 || bytes[0]! >= 0x80) {
    throw new KryptonError('invalid-field', 'Send the numbers of a key as Big Integers that are not negative')
  }
  return withoutLeadingZeros(bytes)
}

/** A magnitude as a Big Integer: a multiple of 8 bytes whose first bit is 0 (9.1.1.4). */
function bigIntegerOf(unsigned: Uint8Array): Buffer {
  const magnitude = withoutLeadingZeros(unsigned)
  const bytes = Buffer.alloc((magnitude.byteLength + (magnitude[0]! >= 0x80 ? 1 : 0) + 7) & ~7)
  bytes.set(magnitude, bytes.byteLength - magnitude.byteLength)
  return bytes
}

/** Algorithms that a key on an elliptic curve may be said to have. */
export const ecAlgorithms: readonly number[] = [
  CryptographicAlgorithm.EC,
  CryptographicAlgorithm.ECDSA,
  CryptographicAlgorithm.ECDH,
  CryptographicAlgorithm.ECMQV,
]

/** PKCS#8 that a password encrypts. */
const encryptedKey: KeptKey = {
  type: 'kept',
  algorithms: [CryptographicAlgorithm.RSA, ...ecAlgorithms, CryptographicAlgorithm.DSA, CryptographicAlgorithm.DH],
  bits: undefined,
}

const derForms: ReadonlyMap<number, KeyForm> = new Map([
  [KeyFormatType.PKCS1, 'pkcs1'],
  [KeyFormatType.PKCS8, 'pkcs8'],
  [KeyFormatType.ECPrivateKey, 'sec1'],
])

const curveNumbers: ReadonlyMap<EllipticCurve['name'], number> = new Map([
  ['prime256v1', RecommendedCurve.P256],
  ['secp384r1', RecommendedCurve.P384],
  ['secp521r1', RecommendedCurve.P521],
  ['secp256k1', RecommendedCurve.SECP256K1],
])

const pointForms: ReadonlyMap<number, PointForm> = new Map([
  [KeyCompressionType.ECPublicKeyTypeUncompressed, 'uncompressed'],
  [KeyCompressionType.ECPublicKeyTypeX9_62CompressedPrime, 'compressed'],
  [KeyCompressionType.ECPublicKeyTypeX9_62Hybrid, 'hybrid'],
])
