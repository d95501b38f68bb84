import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type AuthorityCertificate, parseCertificate } from './authority-certificate.ts'
import { checkForm, checkSignatureAlgorithm, opensslCertificate } from './certificate-form.ts'
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
