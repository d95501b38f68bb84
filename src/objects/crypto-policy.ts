import type { CipherMode, CipherParameters } from '../crypto/cipher-form.ts'
import type { RsaPadding } from '../crypto/rsa-cipher.ts'
import type { SignatureScheme } from '../crypto/signature.ts'
import { digestLength } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { CryptographicAlgorithm, DerivationMethod } from '../kmip/enums.ts'
import { ecAlgorithms } from './asymmetric-format.ts'
import type { ManagedObject } from './managed-object.ts'

/** What the operator lets clients do with cryptography: `crypto` of the configuration. */
export interface CryptoPolicy {
  /**
   * True for `crypto.profile: approved`: what is made or used is an algorithm that FIPS 140-3 approves, in the strength that NIST SP 800-131A asks for. A key
   * of another algorithm may still be kept, which uses none.
   */
  readonly approved: boolean
  /** Encrypt and Decrypt with 3DES, for clients that have nothing newer. */
  readonly tripleDes: boolean
  /** Encrypt with a nonce of the client's own, in the modes in which a repeated one gives data away. */
  readonly clientNonces: boolean
}

/** The policy of a configuration. */
export function policyOf(crypto: {
  readonly profile: 'any' | 'approved'
  readonly tripleDes: boolean
  readonly clientNonces: boolean
}): CryptoPolicy {
  const { profile, tripleDes, clientNonces } = crypto
  return { approved: profile === 'approved', tripleDes, clientNonces }
}

/**
 * May a client bring the IV, counter or nonce of that mode? In the approved profile never that of GCM (SP 800-38D section 8.2).
 * @throws KryptonError permission-denied
 */
export function checkClientNonce(mode: CipherMode, { approved, clientNonces }: CryptoPolicy): void {
  if (clientNonces && !approved) return
  if (!nonceModes.has(mode) || (clientNonces && mode !== 'gcm')) return
  throw new KryptonError(
    'permission-denied',
    'Leave out IV/Counter/Nonce, the answer gives one: this server makes those itself that must never be the same twice',
  )
}

const nonceModes: ReadonlySet<CipherMode> = new Set<CipherMode>(['ctr', 'gcm', 'ccm', 'stream', 'aead'])

/** @throws KryptonError unsupported-cryptographic-parameters */
export function checkCipherAllowed(
  algorithm: CipherParameters['algorithm'],
  { approved, tripleDes }: CryptoPolicy,
): void {
  if (approved && algorithm !== 'aes') throw notApproved('Use an AES key')
  if (algorithm !== '3des' || tripleDes) return
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'Use an AES key: this server encrypts nothing with 3DES, until its operator sets crypto.tripleDes',
  )
}

/** SP 800-131A section 10: an HMAC is made with a key of 112 bits or more. @throws KryptonError unsupported-cryptographic-parameters */
export function checkMacKey({ fields }: ManagedObject, { approved }: CryptoPolicy): void {
  if (!approved || fields.lengthBits === 0 || fields.lengthBits >= strengthBits) return
  throw notApproved(`Use a key of ${strengthBits} bits or more`)
}

/** May a key of that algorithm and length be made? @throws KryptonError unsupported-cryptographic-parameters */
export function checkNewKey(
  { algorithm, lengthBits, curve }: { algorithm: number; lengthBits: number; curve?: string },
  { approved }: CryptoPolicy,
): void {
  if (!approved) return
  const isApproved =
    algorithm === CryptographicAlgorithm.AES ||
    (hmacs.has(algorithm) && lengthBits >= strengthBits) ||
    (algorithm === CryptographicAlgorithm.RSA && lengthBits >= newRsaBitsMin) ||
    (ecAlgorithms.includes(algorithm) && curve !== 'secp256k1')
  if (isApproved) return
  throw notApproved(
    `Ask for AES, HMAC of ${strengthBits} bits or more, RSA of ${newRsaBitsMin} bits or more, or a key on P-256, P-384 or P-521`,
  )
}

/**
 * FIPS 186-5. What was signed with SHA-1 may still be verified.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function checkSignatureAllowed(
  object: ManagedObject,
  scheme: SignatureScheme,
  { policy, makes }: { readonly policy: CryptoPolicy; readonly makes: boolean },
): void {
  if (!policy.approved) return
  checkRsaLength(object)
  if (makes && scheme.hash === 'sha1') throw notApproved('Sign with SHA-2 or SHA-3')
  if (scheme.scheme === 'pss' && (scheme.saltLength ?? 0) > digestLength(scheme.hash)) {
    throw notApproved('Use a Salt Length of at most the length of the hash')
  }
}

/** SP 800-56B section 9.2. @throws KryptonError unsupported-cryptographic-parameters */
export function checkRsaPaddingAllowed(
  object: ManagedObject,
  { padding }: RsaPadding,
  { approved }: CryptoPolicy,
): void {
  if (!approved) return
  checkRsaLength(object)
  if (padding !== 'oaep') throw notApproved('Use Padding Method OAEP')
}

/** SP 800-108 and SP 800-132; the other methods give what is no approved key. @throws KryptonError unsupported-cryptographic-parameters */
export function checkDerivationAllowed(
  method: number,
  { saltBytes, iterations }: { readonly saltBytes: number; readonly iterations: number },
  { approved }: CryptoPolicy,
): void {
  if (!approved || kdfs.has(method)) return
  if (method === DerivationMethod.PBKDF2 && saltBytes >= saltBytesMin && iterations >= iterationsMin) return
  throw notApproved(
    `Derive by NIST800-108-C, -F or -DPI, or by PBKDF2 with a Salt of ${saltBytesMin} bytes and an Iteration Count of ${iterationsMin} or more`,
  )
}

function checkRsaLength({ fields }: ManagedObject): void {
  if (fields.algorithm !== CryptographicAlgorithm.RSA || fields.lengthBits >= rsaBitsMin) return
  throw notApproved(`Use an RSA key of ${rsaBitsMin} bits or more`)
}

/** SP 800-186. The curve stands in the key alone. @throws KryptonError unsupported-cryptographic-parameters */
export function checkCurveAllowed(curve: string | undefined, { approved }: CryptoPolicy): void {
  if (approved && curve === 'secp256k1') throw notApproved('Use a key on P-256, P-384 or P-521')
}

/** @throws KryptonError unsupported-cryptographic-parameters: the key of a PKCS#12 file's MAC is derived by a function of its own */
export function checkPkcs12({ approved }: CryptoPolicy): void {
  if (approved) throw notApproved('Use Key Format Type PKCS#8, wrapped by a key')
}

function notApproved(remedy: string): KryptonError {
  return new KryptonError(
    'unsupported-cryptographic-parameters',
    `${remedy}: this server is set to approved algorithms (crypto.profile)`,
  )
}

/** SP 800-131A: the least strength of what protects. */
const strengthBits = 112
const rsaBitsMin = 2_048
/** What SP 800-57 asks for beyond 2030. */
const newRsaBitsMin = 3_072
/** SP 800-132 sections 5.1 and 5.2. */
const saltBytesMin = 16
const iterationsMin = 1_000

const hmacs: ReadonlySet<number> = new Set([
  CryptographicAlgorithm.HMACSHA1,
  CryptographicAlgorithm.HMACSHA224,
  CryptographicAlgorithm.HMACSHA256,
  CryptographicAlgorithm.HMACSHA384,
  CryptographicAlgorithm.HMACSHA512,
  CryptographicAlgorithm.HMACSHA3_224,
  CryptographicAlgorithm.HMACSHA3_256,
  CryptographicAlgorithm.HMACSHA3_384,
  CryptographicAlgorithm.HMACSHA3_512,
])

const kdfs: ReadonlySet<number> = new Set([
  DerivationMethod.NIST800_108C,
  DerivationMethod.NIST800_108F,
  DerivationMethod.NIST800_108DPI,
])
