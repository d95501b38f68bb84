import { X509Certificate } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import type { x509 } from './x509.ts'

/** What every certificate must be like that is believed, whoever it is of. */

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

/** RFC 5280 section 4.1: version 3, the same signature algorithm inside and outside, a positive serial number, dates in order. Throws 'certificate-invalid'. */
export function checkForm(certificate: x509.X509Certificate): void {
  const { version, serialNumber, signature } = asn(certificate).tbsCertificate
  if (version !== 2) throw new KryptonError('certificate-invalid', 'use a certificate of X.509 version 3')
  if (signature.algorithm !== asn(certificate).signatureAlgorithm.algorithm) {
    throw new KryptonError('certificate-invalid', 'use a certificate that names one signature algorithm')
  }
  const serial = new Uint8Array(serialNumber)
  if (serial.length === 0 || serial.length > 21 || serial[0]! >= 0x80 || serial.every((byte) => byte === 0)) {
    throw new KryptonError('certificate-invalid', 'use a certificate with a positive serial number of at most 20 bytes')
  }
  // Not a number when a date cannot be read: then no comparison holds, here and on any request.
  if (!(certificate.notBefore.getTime() <= certificate.notAfter.getTime())) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose validity ends after it begins')
  }
}

/** By a list of what is allowed: SHA-1, MD5 and whatever comes next are not on it. Throws 'certificate-invalid'. */
export function checkSignatureAlgorithm(certificate: x509.X509Certificate): void {
  const { algorithm, parameters } = asn(certificate).signatureAlgorithm
  const allowed = algorithm === rsaPss ? pssHashIsStrong(parameters) : signatureAlgorithms.has(algorithm)
  if (!allowed) {
    throw new KryptonError('certificate-invalid', `use a certificate signed with SHA-256 or stronger, not ${algorithm}`)
  }
}

/** RSASSA-PSS-params (RFC 4055): without an explicit hash it is SHA-1, so one of the SHA-2 identifiers must stand in it, and SHA-1's in no place. */
function pssHashIsStrong(parameters: ArrayBuffer | null | undefined): boolean {
  if (parameters === null || parameters === undefined) return false
  const der = Buffer.from(parameters)
  return sha2Identifiers.some((identifier) => der.includes(identifier)) && !der.includes(sha1Identifier)
}

interface CertificateAsn {
  readonly signatureAlgorithm: AlgorithmAsn
  readonly tbsCertificate: {
    readonly version: number
    readonly serialNumber: ArrayBuffer
    readonly signature: AlgorithmAsn
  }
}

interface AlgorithmAsn {
  readonly algorithm: string
  readonly parameters?: ArrayBuffer | null
}

function asn(certificate: x509.X509Certificate): CertificateAsn {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library keeps its parsed structure (asn1-x509 Certificate) in a protected field
  return (certificate as unknown as { asn: CertificateAsn }).asn
}

const rsaPss = '1.2.840.113549.1.1.10'

const signatureAlgorithms = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // Ed25519
  '1.3.101.113', // Ed448
])

/** DER of 2.16.840.1.101.3.4.2.{1,2,3}: SHA-256, SHA-384, SHA-512. */
const sha2Identifiers = [1, 2, 3].map((last) => Buffer.from([6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last]))
/** DER of 1.3.14.3.2.26. */
const sha1Identifier = Buffer.from([6, 5, 0x2b, 14, 3, 2, 26])
