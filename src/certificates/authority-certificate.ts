import { type KeyObject, X509Certificate } from 'node:crypto'
import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { checkPublicKey } from './public-key.ts'
import { readExtensions } from './extensions.ts'
import { x509 } from './x509.ts'

/** What of a registered authority decides who its clients are: its public key. Name and key identifier only say which key to try first. */
export interface AuthorityCertificate {
  /** DER. */
  readonly certificate: Buffer
  readonly publicKey: KeyObject
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly publicKeyHash: Buffer
  /** Hints, never proofs. */
  readonly subject: string
  readonly keyIdentifier: string | undefined
}

/**
 * Reads the certificate of an authority, DER or PEM.
 * @throws KryptonError certificate-invalid: it cannot be read, is not an authority's, or its key is too weak
 */
export function readAuthorityCertificate(certificate: Uint8Array | string): AuthorityCertificate {
  const parsed = parseCertificate(certificate)
  const extensions = readExtensions(parsed)
  if (extensions.basicConstraints?.ca !== true) {
    throw new KryptonError('certificate-invalid', 'register the certificate of an authority: this one has not CA:TRUE')
  }
  if (extensions.keyUsage !== undefined && (extensions.keyUsage & x509.KeyUsageFlags.keyCertSign) === 0) {
    throw new KryptonError('certificate-invalid', 'register an authority whose key usage has keyCertSign')
  }
  const der = Buffer.from(parsed.rawData)
  const { publicKey } = new X509Certificate(der)
  checkPublicKey(publicKey)
  return {
    certificate: der,
    publicKey,
    publicKeyHash: digest('sha256', new Uint8Array(parsed.publicKey.rawData)),
    subject: parsed.subject,
    keyIdentifier: extensions.subjectKeyIdentifier,
  }
}

/** Parses DER or PEM. Throws 'certificate-invalid'. */
export function parseCertificate(certificate: Uint8Array | string): x509.X509Certificate {
  try {
    return new x509.X509Certificate(typeof certificate === 'string' ? certificate : new Uint8Array(certificate))
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate as X.509, DER or PEM', { cause })
  }
}
