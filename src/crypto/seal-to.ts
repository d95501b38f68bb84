import { constants, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { digest } from './digest.ts'

/** Whom something is sealed to: an RSA public key. */
export interface Recipient {
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly fingerprint: Buffer
  /** Encrypts up to 32 bytes with RSA-OAEP, SHA-256 in both places, no label. */
  encrypt(bytes: Uint8Array): Buffer
}

/**
 * The recipient whose public key stands in PEM.
 * @throws KryptonError invalid-field: it is no RSA key of `limits.recipientBitsMin` bits or more
 */
export function recipientOf(pem: string): Recipient {
  const key = parsed(pem)
  if (key?.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < limits.recipientBitsMin) {
    throw new KryptonError(
      'invalid-field',
      `send an RSA public key of ${limits.recipientBitsMin} bits or more in PEM: openssl rsa -pubout writes one`,
    )
  }
  return {
    fingerprint: digest('sha256', key.export({ format: 'der', type: 'spki' })),
    encrypt: (bytes) => publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, bytes),
  }
}

/** A private key is not taken for the public one that could be made of it: it has no business here. */
function parsed(pem: string): KeyObject | undefined {
  if (!pem.includes('PUBLIC KEY')) return undefined
  try {
    return createPublicKey(pem)
  } catch {
    return undefined
  }
}
