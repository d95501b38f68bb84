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
import { type AsymmetricKey, keyObject } from './asymmetric-key.ts'
import { equalBytes } from './compare.ts'
import { digest, type DigestAlgorithm, digestLength } from './digest.ts'
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
 *   feature-not-supported: ECDSA over a digest
 */
export function sign(key: AsymmetricKey, scheme: SignatureScheme, signed: SignedBytes): Buffer {
  checkDigest(scheme, signed)
  const { hash } = scheme
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
  const { maskHashes, saltLength = digestLength(hash) } = scheme
  const salt = saltLength > key.bits / 8 ? undefined : randomBytes(saltLength)
  const encoded = salt && encodePss(digestOf(scheme, signed), key.bits, { hash, maskHash: maskHashes[0]! }, salt)
  if (encoded === undefined) {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'Use a longer RSA key, or a shorter Hashing Algorithm or Salt Length: the signature has no room for them',
    )
  }
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
    'Send Data instead of Digested Data: digests are signed with RSA keys',
  )
}
