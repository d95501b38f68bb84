import { KryptonError } from '../errors.ts'
import { DerReader, derSequence, DerTag, encodeDer } from './der.ts'
import type { DerItem } from './der.ts'
import { curveOfIdentifier, type EllipticCurve } from './elliptic-curve.ts'
import type { EcParts, KeyParts, RsaParts, RsaSecret } from './key-parts.ts'

/**
 * Keys as DER: PKCS #1 (RFC 8017 appendix A.1), ECPrivateKey (RFC 5915), PKCS #8 (RFC 5958) and SubjectPublicKeyInfo (RFC 5280, 3279, 5480). What
 * is read are views; what is written is a buffer that the caller wipes. Whatever is wrong with what is read throws 'invalid-field'.
 */

/** PKCS #1 RSAPublicKey. */
export function readRsaPublicKey(der: Uint8Array): RsaParts {
  const key = whole(der)
  const parts = { type: 'rsa', modulus: key.unsigned(), publicExponent: key.unsigned() } as const
  key.end()
  return parts
}

/** PKCS #1 RSAPrivateKey of two primes. */
export function readRsaPrivateKey(der: Uint8Array): RsaParts & { readonly secret: RsaSecret } {
  const key = whole(der)
  if (key.version() !== 0) throw new KryptonError('invalid-field', 'Send an RSA key of two primes, version 0')
  const modulus = key.unsigned()
  const publicExponent = key.unsigned()
  const secret = {
    privateExponent: key.unsigned(),
    p: key.unsigned(),
    q: key.unsigned(),
    primeExponentP: key.unsigned(),
    primeExponentQ: key.unsigned(),
    crtCoefficient: key.unsigned(),
  }
  key.end()
  return { type: 'rsa', modulus, publicExponent, secret }
}

/** ECPrivateKey. Inside PKCS #8 the curve may stand outside alone. */
export function readEcPrivateKey(der: Uint8Array, outside?: EllipticCurve): EcParts & { readonly secret: Uint8Array } {
  const key = whole(der)
  if (key.version() !== 1) throw new KryptonError('invalid-field', 'Send an ECPrivateKey of version 1')
  const secret = key.item(DerTag.octetString)
  let curve = outside
  if (key.has(DerTag.context0)) {
    const parameters = key.within(DerTag.context0)
    const own = namedCurve(parameters)
    parameters.end()
    if (curve !== undefined && curve !== own) {
      throw new KryptonError('invalid-field', 'Send a key that names one curve: this one names two')
    }
    curve = own
  }
  let point: Uint8Array | undefined
  if (key.has(DerTag.context1)) {
    const inside = key.within(DerTag.context1)
    point = inside.bits()
    inside.end()
  }
  key.end()
  if (curve === undefined) throw new KryptonError('invalid-field', 'Send an ECPrivateKey that names its curve')
  return { type: 'ec', curve, point, secret }
}

/** PKCS #8 PrivateKeyInfo. */
export function readPkcs8(der: Uint8Array): KeyParts {
  const info = whole(der)
  // Version 1 (RFC 5958) may carry the public key too, and both may carry attributes.
  if (info.version() > 1) throw new KryptonError('invalid-field', 'Send PKCS #8 of version 0 or 1')
  const curve = algorithmOf(info)
  const key = info.item(DerTag.octetString)
  while (!info.isAtEnd) {
    if (!info.has(DerTag.context0) && !info.has(pkcs8PublicKey)) info.end()
    info.skip()
  }
  return curve === 'rsa' ? readRsaPrivateKey(key) : readEcPrivateKey(key, curve)
}

/** True for PKCS #8 EncryptedPrivateKeyInfo, of which no more can be told without its password (RFC 5958 section 3). */
export function isEncryptedPkcs8(der: Uint8Array): boolean {
  try {
    const info = whole(der)
    const algorithm = info.within(DerTag.sequence)
    algorithm.item(DerTag.objectIdentifier)
    algorithm.skip()
    algorithm.end()
    info.item(DerTag.octetString)
    info.end()
    return true
  } catch {
    return false
  }
}

/** SubjectPublicKeyInfo, the Key Format Type X.509 of public keys. */
export function readSubjectPublicKeyInfo(der: Uint8Array): KeyParts {
  const info = whole(der)
  const curve = algorithmOf(info)
  const key = info.bits()
  info.end()
  return curve === 'rsa' ? readRsaPublicKey(key) : { type: 'ec', curve, point: key }
}

/** PKCS #1 of either half. */
export function writePkcs1(parts: RsaParts): Buffer {
  return encodeDer(pkcs1(parts))
}

/** ECPrivateKey with its curve, and with the public point where it is given. */
export function writeEcPrivateKey(parts: EcParts & { readonly secret: Uint8Array }): Buffer {
  return encodeDer(ecPrivateKey(parts, true))
}

/** PKCS #8, version 0. */
export function writePkcs8(parts: PrivateParts): Buffer {
  const key = parts.type === 'rsa' ? pkcs1(parts) : ecPrivateKey(parts, false)
  return encodeDer(derSequence({ unsigned: zero }, algorithmIdentifier(parts), { octets: key }))
}

/** SubjectPublicKeyInfo. An EC key has its point. */
export function writeSubjectPublicKeyInfo(parts: KeyParts): Buffer {
  const key = parts.type === 'rsa' ? pkcs1({ ...parts, secret: undefined }) : parts.point!
  return encodeDer(derSequence(algorithmIdentifier(parts), { bits: key }))
}

/** Parts of a private key. */
export type PrivateParts = (RsaParts & { readonly secret: RsaSecret }) | (EcParts & { readonly secret: Uint8Array })

function pkcs1({ modulus, publicExponent, secret }: RsaParts): DerItem {
  if (secret === undefined) return derSequence({ unsigned: modulus }, { unsigned: publicExponent })
  const { privateExponent, p, q, primeExponentP, primeExponentQ, crtCoefficient } = secret
  const numbers = [modulus, publicExponent, privateExponent, p, q, primeExponentP, primeExponentQ, crtCoefficient]
  return derSequence({ unsigned: zero }, ...numbers.map((unsigned) => ({ unsigned })))
}

function ecPrivateKey({ curve, point, secret }: EcParts, withCurve: boolean): DerItem {
  const items: DerItem[] = [{ unsigned: one }, { tag: DerTag.octetString, content: secret! }] // both callers have it
  if (withCurve) items.push({ tag: DerTag.context0, items: [objectIdentifier(curve.identifier)] })
  if (point !== undefined) items.push({ tag: DerTag.context1, items: [{ bits: point }] })
  return derSequence(...items)
}

function algorithmIdentifier(parts: KeyParts): DerItem {
  return parts.type === 'rsa'
    ? derSequence(objectIdentifier(rsaEncryption), { tag: DerTag.null, content: nothing })
    : derSequence(objectIdentifier(ecPublicKey), objectIdentifier(parts.curve.identifier))
}

function objectIdentifier(content: Uint8Array): DerItem {
  return { tag: DerTag.objectIdentifier, content }
}

/** Reads an AlgorithmIdentifier: RSA, or the curve of an EC key. */
function algorithmOf(info: DerReader): 'rsa' | EllipticCurve {
  const algorithm = info.within(DerTag.sequence)
  const identifier = algorithm.item(DerTag.objectIdentifier)
  if (Buffer.compare(identifier, rsaEncryption) === 0) {
    // NULL, whose content is empty: anything in it makes the end of the identifier wrong.
    new DerReader(algorithm.item(DerTag.null)).end()
    algorithm.end()
    return 'rsa'
  }
  if (Buffer.compare(identifier, ecPublicKey) !== 0) {
    throw new KryptonError('invalid-field', 'Use a key of RSA or of an elliptic curve: no other algorithm is served')
  }
  const curve = namedCurve(algorithm)
  algorithm.end()
  return curve
}

/** Parameters written out instead of a name are refused: a forged curve looks like a good one (CVE-2020-0601). */
function namedCurve(reader: DerReader): EllipticCurve {
  if (!reader.has(DerTag.objectIdentifier)) {
    throw new KryptonError('invalid-field', 'Send an EC key that names its curve, instead of its parameters')
  }
  return curveOfIdentifier(reader.item(DerTag.objectIdentifier))
}

function whole(der: Uint8Array): DerReader {
  const outer = new DerReader(der)
  const inner = outer.within(DerTag.sequence)
  outer.end()
  return inner
}

const rsaEncryption = Buffer.from('2a864886f70d010101', 'hex')
const ecPublicKey = Buffer.from('2a8648ce3d0201', 'hex')
/** [1] IMPLICIT BIT STRING of RFC 5958. */
const pkcs8PublicKey = 0x81
const zero = new Uint8Array([0])
const one = new Uint8Array([1])
const nothing = new Uint8Array(0)
