import type { CipherParameters } from '../crypto/cipher-form.ts'
import { KryptonError } from '../errors.ts'

/** What the operator lets clients do with cryptography: `crypto` of the configuration. */
export interface CryptoPolicy {
  /** Encrypt and Decrypt with 3DES, for clients that have nothing newer. */
  readonly tripleDes: boolean
}

/** @throws KryptonError unsupported-cryptographic-parameters */
export function checkCipherAllowed(algorithm: CipherParameters['algorithm'], { tripleDes }: CryptoPolicy): void {
  if (algorithm !== '3des' || tripleDes) return
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'Use an AES key: this server encrypts nothing with 3DES, until its operator sets crypto.tripleDes',
  )
}
