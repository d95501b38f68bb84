import { type KeyObject, X509Certificate } from 'node:crypto'
import { digest } from '../crypto/digest.ts'
import { objectIdentifierText } from '../crypto/der.ts'
import { type CertificateParts, readCertificate } from '../crypto/x509-certificate.ts'
import { KryptonError } from '../errors.ts'
import { type Validity, validityIn } from './certificate-form.ts'
import { KeyUsage, readExtensions } from './extensions.ts'
import { checkPublicKey } from './public-key.ts'

/** What of a registered authority decides who its clients are: its public key. Name and key identifier only say which key to try first. */
export interface AuthorityCertificate {
  /** DER. */
  readonly certificate: Buffer
  readonly publicKey: KeyObject
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly publicKeyHash: Buffer
  /** Name in DER. A hint, never a proof, as the next. */
  readonly subject: Buffer
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
  if (extensions.keyUsage !== undefined && (extensions.keyUsage & KeyUsage.keyCertSign) === 0) {
    throw new KryptonError('certificate-invalid', 'register an authority whose key usage has keyCertSign')
  }
  const { publicKey } = opensslCertificate(parsed.der)
  checkPublicKey(publicKey)
  return {
    certificate: parsed.der,
    publicKey,
    publicKeyHash: digest('sha256', parsed.subjectPublicKeyInfo),
    subject: Buffer.from(parsed.subject),
    keyIdentifier: extensions.subjectKeyIdentifier,
  }
}

/** A certificate as it was read, in a buffer of its own. */
export interface ParsedCertificate extends CertificateParts, Validity {
  readonly der: Buffer
  /** By which it is signed, as 1.2.840.10045.4.3.2. */
  readonly algorithm: string
}

/** Reads DER or PEM. Throws 'certificate-invalid'. */
export function parseCertificate(certificate: Uint8Array | string): ParsedCertificate {
  try {
    const der = isDer(certificate) ? Buffer.from(certificate) : new X509Certificate(certificate).raw
    const parts = readCertificate(der)
    const algorithm = objectIdentifierText(parts.signatureAlgorithm.identifier)
    return { der, ...parts, ...validityIn(parts.validity), algorithm }
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate as X.509, DER or PEM', { cause })
  }
}

/** The certificate as OpenSSL reads it. Throws 'certificate-invalid' for one whose public key it cannot read. */
export function opensslCertificate(der: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(der)
    // Read here, so that a key that OpenSSL cannot read is refused like a certificate that it cannot.
    void certificate.publicKey
    return certificate
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose public key can be read', { cause })
  }
}

/** A certificate in DER is a SEQUENCE, which no text of PEM begins with. */
function isDer(certificate: Uint8Array | string): certificate is Uint8Array {
  return typeof certificate !== 'string' && certificate[0] === 0x30
}
