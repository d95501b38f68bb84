import { digest } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type AuthorityCertificate, opensslCertificate, parseCertificate } from './authority-certificate.ts'
import { checkForm, checkSignatureAlgorithm, type Validity } from './certificate-form.ts'
import { clientAuth, KeyUsage, readExtensions } from './extensions.ts'
import { checkPublicKey } from './public-key.ts'

/** What a good certificate proves: which authority's key vouches for which client's key, and when. Names prove nothing. */
export interface VerifiedCertificate<A extends AuthorityCertificate = AuthorityCertificate> extends Validity {
  /** The registered authority whose public key verifies the certificate. */
  readonly authority: A
  /** SHA-256 of the leaf's SubjectPublicKeyInfo. */
  readonly leafKeyHash: Buffer
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
  if (extensions.keyUsage !== undefined && (extensions.keyUsage & KeyUsage.digitalSignature) === 0) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose key usage has digitalSignature')
  }
  if (extensions.extendedKeyUsage?.includes(clientAuth) !== true) {
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
    leafKeyHash: digest('sha256', certificate.subjectPublicKeyInfo),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  }
}

/** Throws 'certificate-invalid' outside the certificate's dates. `now` in milliseconds since 1970. */
export function checkValidity(certificate: Validity, now: number): void {
  if (now < certificate.notBefore) {
    throw new KryptonError('certificate-invalid', 'wait until the certificate is valid, or set the clocks right')
  }
  if (now > certificate.notAfter) throw new KryptonError('certificate-invalid', 'renew the certificate: it has expired')
}

/** The authorities to try, the likely ones first, so that one that fits is found among thousands at the first try. */
function byLikelihood<A extends AuthorityCertificate>(
  authorities: readonly A[],
  issuer: Uint8Array,
  keyIdentifier: string | undefined,
): readonly A[] {
  const likely = authorities.filter(
    (authority) =>
      (keyIdentifier !== undefined && authority.keyIdentifier === keyIdentifier) || authority.subject.equals(issuer),
  )
  const others = authorities.filter((authority) => !likely.includes(authority)).slice(0, limits.authorityTrialsMax)
  return [...likely, ...others].slice(0, limits.authorityTrialsMax)
}
