import { X509Certificate } from 'node:crypto'
import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type AuthorityCertificate, parseCertificate } from './authority-certificate.ts'
import { readExtensions } from './extensions.ts'
import { checkPublicKey } from './public-key.ts'
import { x509 } from './x509.ts'

/** What a good certificate proves: which authority's key vouches for which client's key, and when. Names prove nothing. */
export interface VerifiedCertificate<A extends AuthorityCertificate = AuthorityCertificate> {
  /** The registered authority whose public key verifies the certificate. */
  readonly authority: A
  /** SHA-256 of the leaf's SubjectPublicKeyInfo. */
  readonly leafKeyHash: Buffer
  /** Milliseconds since 1970; both ends belong to the validity. */
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Verifies a client's certificate (DER) with the public keys of the registered authorities, and with nothing else: no chain is
 * walked and no name compared, except to guess which key to try first. That the client holds the private key, TLS has proved.
 * The dates are only read: they are compared on every request (`checkValidity`).
 * @throws KryptonError certificate-invalid, with what is wrong
 */
export function verifyClientCertificate<A extends AuthorityCertificate>(
  der: Uint8Array,
  authorities: readonly A[],
): VerifiedCertificate<A> {
  if (der.byteLength > limits.certificateBytesMax) {
    throw new KryptonError('certificate-invalid', `use a certificate of at most ${limits.certificateBytesMax} bytes`)
  }
  const certificate = parseCertificate(der)
  const openssl = opensslCertificate(der)
  checkForm(certificate)
  checkSignatureAlgorithm(certificate)
  const extensions = readExtensions(certificate)
  if (extensions.basicConstraints?.ca === true) {
    throw new KryptonError('certificate-invalid', "use a client's certificate: this one is an authority's (CA:TRUE)")
  }
  if (extensions.keyUsage !== undefined && (extensions.keyUsage & x509.KeyUsageFlags.digitalSignature) === 0) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose key usage has digitalSignature')
  }
  if (extensions.extendedKeyUsage?.includes(x509.ExtendedKeyUsage.clientAuth) !== true) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose extended key usage has clientAuth')
  }
  checkPublicKey(openssl.publicKey)
  const authority = byLikelihood(authorities, certificate.issuer, extensions.authorityKeyIdentifier).find((candidate) =>
    openssl.verify(candidate.publicKey),
  )
  if (authority === undefined) {
    throw new KryptonError('certificate-invalid', 'use a certificate that a registered authority signed')
  }
  return {
    authority,
    leafKeyHash: digest('sha256', new Uint8Array(certificate.publicKey.rawData)),
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
  }
}

/** Throws 'certificate-invalid' outside the certificate's dates. `now` in milliseconds since 1970. */
export function checkValidity(certificate: Pick<VerifiedCertificate, 'notBefore' | 'notAfter'>, now: number): void {
  if (now < certificate.notBefore) {
    throw new KryptonError('certificate-invalid', 'wait until the certificate is valid, or set the clocks right')
  }
  if (now > certificate.notAfter) throw new KryptonError('certificate-invalid', 'renew the certificate: it has expired')
}

function opensslCertificate(der: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(der)
    // Read here, so that a key that OpenSSL cannot read is refused like a certificate that it cannot.
    void certificate.publicKey
    return certificate
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose public key can be read', { cause })
  }
}

/** RFC 5280 section 4.1: version 3, the same signature algorithm inside and outside, a positive serial number, dates in order. */
function checkForm(certificate: x509.X509Certificate): void {
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

/** By a list of what is allowed: SHA-1, MD5 and whatever comes next are not on it. */
function checkSignatureAlgorithm(certificate: x509.X509Certificate): void {
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

/** The authorities to try, the likely ones first, so that one that fits is found among thousands at the first try. */
function byLikelihood<A extends AuthorityCertificate>(
  authorities: readonly A[],
  issuer: string,
  keyIdentifier: string | undefined,
): readonly A[] {
  const likely = authorities.filter(
    (authority) =>
      (keyIdentifier !== undefined && authority.keyIdentifier === keyIdentifier) || authority.subject === issuer,
  )
  const others = authorities.filter((authority) => !likely.includes(authority)).slice(0, limits.authorityTrialsMax)
  return [...likely, ...others].slice(0, limits.authorityTrialsMax)
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
