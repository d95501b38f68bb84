import type { CipherMode, CipherParameters } from '../crypto/cipher-form.ts'
import { KryptonError } from '../errors.ts'

/** What the operator lets clients do with cryptography: `crypto` of the configuration. */
export interface CryptoPolicy {
  /** Encrypt and Decrypt with 3DES, for clients that have nothing newer. */
  readonly tripleDes: boolean
  /** Encrypt with a nonce of the client's own, in the modes in which a repeated one gives data away. */
  readonly clientNonces: boolean
}

/**
 * May a client bring the IV, counter or nonce of that mode?
 * @throws KryptonError permission-denied
 */
export function checkClientNonce(mode: CipherMode, { clientNonces }: CryptoPolicy): void {
  if (clientNonces || !nonceModes.has(mode)) return
  throw new KryptonError(
    'permission-denied',
    'Leave out IV/Counter/Nonce, the answer gives one: this server makes those itself that must never be the same twice',
  )
}

const nonceModes: ReadonlySet<CipherMode> = new Set<CipherMode>(['ctr', 'gcm', 'ccm', 'stream', 'aead'])

/** @throws KryptonError unsupported-cryptographic-parameters */
export function checkCipherAllowed(algorithm: CipherParameters['algorithm'], { tripleDes }: CryptoPolicy): void {
  if (algorithm !== '3des' || tripleDes) return
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'Use an AES key: this server encrypts nothing with 3DES, until its operator sets crypto.tripleDes',
  )
}
