import {
  constants,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  sign as signWith,
  verify,
} from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { type AsymmetricKey, keyHandle, keyObject } from './asymmetric-key.ts'
import { equalBytes } from './compare.ts'
import { digest, type DigestAlgorithm, digestLength, digestNumber } from './digest.ts'
import { nativeAddon } from './native.ts'
import { encodePss, verifyPss } from './pss.ts'
import { randomBytes } from './random.ts'

/** How a signature is made (KMIP 1.4 section 3.6). ECDSA's is the SEQUENCE of r and s of X9.62. */
export type SignatureScheme =
  | { readonly scheme: 'pkcs1'; readonly hash: DigestAlgorithm }
  | {
      readonly scheme: 'pss'
      readonly hash: DigestAlgorithm
      /** The first is what is made; any is confirmed. */
      readonly maskHashes: readonly DigestAlgorithm[]
      /** undefined: as long as the hash when a signature is made, any when one is checked. */
      readonly saltLength: number | undefined
    }
  | { readonly scheme: 'ecdsa'; readonly hash: DigestAlgorithm }

/** What is signed: the data, or its digest by the scheme's hash. */
export interface SignedBytes {
  readonly bytes: Uint8Array
  readonly isDigest: boolean
}

/**
 * KMIP 1.4 section 4.31 Sign, with a private key.
 * @throws KryptonError invalid-field: a digest of another length; unsupported-cryptographic-parameters: the key has no room for hash and salt;
 *   feature-not-supported: ECDSA over a digest, for which the addon is needed
 */
export function sign(key: AsymmetricKey, scheme: SignatureScheme, signed: SignedBytes): Buffer {
  checkDigest(scheme, signed)
  checkRoom(key, scheme)
  const { hash } = scheme
  const handle = keyHandle(key)
  if (handle !== undefined) return signNatively(handle, key, scheme, signed)
  if (scheme.scheme === 'ecdsa') {
    if (signed.isDigest) throw noDigest()
    return signWith(hash, signed.bytes, { key: keyObject(key), dsaEncoding: 'der' })
  }
  if (scheme.scheme === 'pkcs1') {
    const options = { key: keyObject(key), padding: constants.RSA_PKCS1_PADDING }
    return signed.isDigest
      ? privateEncrypt(options, digestInfo(hash, signed.bytes))
      : signWith(hash, signed.bytes, options)
  }
  const salt = randomBytes(saltLengthOf(scheme))
  const encoded = encodePss(digestOf(scheme, signed), key.bits, { hash, maskHash: scheme.maskHashes[0]! }, salt)
  // The private operation is the same, whatever it is called.
  return privateDecrypt({ key: keyObject(key), padding: constants.RSA_NO_PADDING }, encoded)
}

/** KMIP 1.4 section 4.32 Signature Verify, with a public key: false for everything that this key did not sign so. Throws as `sign`. */
export function verifySignature(
  key: AsymmetricKey,
  scheme: SignatureScheme,
  signed: SignedBytes,
  signature: Uint8Array,
): boolean {
  checkDigest(scheme, signed)
  const { hash } = scheme
  if (scheme.scheme === 'ecdsa') {
    const handle = keyHandle(key)
    if (handle !== undefined) return verifyNatively(handle, scheme, signed, signature)
    if (signed.isDigest) throw noDigest()
    return verify(hash, signed.bytes, { key: keyObject(key), dsaEncoding: 'der' }, signature)
  }
  if (scheme.scheme === 'pkcs1') {
    const options = { key: keyObject(key), padding: constants.RSA_PKCS1_PADDING }
    if (!signed.isDigest) return verify(hash, signed.bytes, options, signature)
    const recovered = attempt(() => publicDecrypt(options, signature))
    return recovered !== undefined && equalBytes(recovered, digestInfo(hash, signed.bytes))
  }
  if (signature.byteLength !== Math.ceil(key.bits / 8)) return false
  const encoded = attempt(() => publicEncrypt({ key: keyObject(key), padding: constants.RSA_NO_PADDING }, signature))
  if (encoded === undefined) return false
  const { maskHashes, saltLength } = scheme
  const messageDigest = digestOf(scheme, signed)
  return maskHashes.some((maskHash) => verifyPss(encoded, messageDigest, key.bits, { hash, maskHash, saltLength }))
}

function signNatively(handle: number, key: AsymmetricKey, scheme: SignatureScheme, signed: SignedBytes): Buffer {
  const target = Buffer.allocUnsafeSlow(key.type === 'rsa' ? Math.ceil(key.bits / 8) : ecdsaBytesMax)
  const bytes = nativeAddon()!.signWithKey(
    handle,
    schemeNumbers[scheme.scheme],
    digestNumber(scheme.hash),
    scheme.scheme === 'pss' ? digestNumber(scheme.maskHashes[0]!) : 0,
    scheme.scheme === 'pss' ? saltLengthOf(scheme) : 0,
    signed.bytes,
    signed.isDigest ? 1 : 0,
    target,
  )
  return target.subarray(0, bytes)
}

function verifyNatively(
  handle: number,
  { hash }: SignatureScheme,
  { bytes, isDigest }: SignedBytes,
  signature: Uint8Array,
): boolean {
  const digest = digestNumber(hash)
  return nativeAddon()!.verifyWithKey(handle, schemeNumbers.ecdsa, digest, 0, 0, bytes, isDigest ? 1 : 0, signature)
}

/** RFC 8017 section 9.1.1. The shortest key has room for every digest in PKCS #1 v1.5. */
function checkRoom({ bits }: AsymmetricKey, scheme: SignatureScheme): void {
  if (scheme.scheme !== 'pss') return
  if (Math.ceil((bits - 1) / 8) >= digestLength(scheme.hash) + saltLengthOf(scheme) + 2) return
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'Use a longer RSA key, or a shorter Hashing Algorithm or Salt Length: the signature has no room for them',
  )
}

function saltLengthOf({ hash, saltLength = digestLength(hash) }: Extract<SignatureScheme, { scheme: 'pss' }>): number {
  return saltLength
}

function checkDigest({ hash }: SignatureScheme, { bytes, isDigest }: SignedBytes): void {
  if (!isDigest || bytes.byteLength === digestLength(hash)) return
  throw new KryptonError(
    'invalid-field',
    `Send Digested Data of the Hashing Algorithm's length: ${digestLength(hash)} bytes, not ${bytes.byteLength}`,
  )
}

function digestOf({ hash }: SignatureScheme, { bytes, isDigest }: SignedBytes): Uint8Array {
  return isDigest ? bytes : digest(hash, bytes)
}

/** DigestInfo (RFC 8017 section 9.2), all of whose lengths are one byte. */
function digestInfo(hash: DigestAlgorithm, value: Uint8Array): Buffer {
  const identifier = Buffer.from(identifiers[hash], 'hex')
  const algorithm = Buffer.concat([
    Buffer.from([0x30, identifier.byteLength + 4, 0x06, identifier.byteLength]),
    identifier,
  ])
  const head = Buffer.concat([algorithm, Buffer.from([0x05, 0x00, 0x04, value.byteLength])])
  return Buffer.concat([Buffer.from([0x30, head.byteLength + value.byteLength]), head, value])
}

/** Content of the OBJECT IDENTIFIERs (RFC 8017 appendix B.1, NIST CSOR). */
const identifiers: Readonly<Record<DigestAlgorithm, string>> = {
  sha1: '2b0e03021a',
  sha224: '608648016503040204',
  sha256: '608648016503040201',
  sha384: '608648016503040202',
  sha512: '608648016503040203',
  'sha512-224': '608648016503040205',
  'sha512-256': '608648016503040206',
  'sha3-224': '608648016503040207',
  'sha3-256': '608648016503040208',
  'sha3-384': '608648016503040209',
  'sha3-512': '60864801650304020a',
}

/** A signature that is no number below the modulus, or no padding, is a wrong one. */
function attempt(run: () => Buffer): Buffer | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

function noDigest(): KryptonError {
  return new KryptonError(
    'feature-not-supported',
    'Send Data instead of Digested Data: without the native addon only RSA signs digests',
  )
}

/** The addon's numbers (`native/asymmetric-key.h`). */
const schemeNumbers: Readonly<Record<SignatureScheme['scheme'], number>> = { pkcs1: 0, pss: 1, ecdsa: 2 }

/** The SEQUENCE of two numbers of P-521, the longest. */
const ecdsaBytesMax = 141
