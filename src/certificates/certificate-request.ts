import type { ExtensionParts } from '../crypto/x509-certificate.ts'
import { KryptonError } from '../errors.ts'
import { parseCertificate } from './authority-certificate.ts'
import { KeyUsage, readExtensions } from './extensions.ts'

/** What a certificate is asked for, by a request or by the certificate that it is to replace. */
export interface RequestedCertificate {
  /** Name in DER. */
  readonly subject: Buffer
  /** DER. */
  readonly subjectPublicKeyInfo: Buffer
  /** Bits of `KeyUsage` and others of that extension; undefined: nothing is said. */
  readonly keyUsage: number | undefined
  readonly extendedKeyUsage: readonly string[]
  /** GeneralNames in DER. */
  readonly subjectAlternativeName: Buffer | undefined
}

/**
 * Reads a request of PKCS #10, DER or PEM, whose signature proves that the asker holds the private key.
 * @throws KryptonError certificate-invalid: it cannot be read, is not signed by its key, or asks for what no authority here grants
 */
export async function readCertificateRequest(request: Uint8Array | string): Promise<RequestedCertificate> {
  const { subject, hasName, subjectPublicKeyInfo, extensions, proven } = await parse(request)
  if (!proven) {
    throw new KryptonError(
      'certificate-invalid',
      'sign the certificate request with the private key that belongs to it',
    )
  }
  const asked = requestedExtensions(extensions)
  if (!hasName) throw new KryptonError('certificate-invalid', 'name a subject in the certificate request')
  return { subject, subjectPublicKeyInfo, ...asked }
}

/**
 * What a certificate says, as the request for one that replaces it.
 * @throws KryptonError certificate-invalid: it cannot be read, or is one that no authority here would issue
 */
export function requestOfCertificate(der: Uint8Array): RequestedCertificate {
  const { subject, subjectPublicKeyInfo, extensions } = parseCertificate(der)
  return {
    subject: Buffer.from(subject),
    subjectPublicKeyInfo: Buffer.from(subjectPublicKeyInfo),
    ...requestedExtensions(extensions),
  }
}

async function parse(request: Uint8Array | string) {
  const { x509 } = await import('./x509.ts')
  try {
    const parsed = new x509.Pkcs10CertificateRequest(typeof request === 'string' ? request : new Uint8Array(request))
    const extensions = parsed.extensions.map(({ type, critical, value }): ExtensionParts => ({
      type,
      isCritical: critical,
      value: new Uint8Array(value),
    }))
    return {
      subject: Buffer.from(parsed.subjectName.toArrayBuffer()),
      hasName: parsed.subjectName.toJSON().length > 0,
      subjectPublicKeyInfo: Buffer.from(parsed.publicKey.rawData),
      extensions,
      proven: await parsed.verify(),
    }
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate request as PKCS #10', { cause })
  }
}

/** By a list of what may be asked for: who asks for more learns it now, not from a certificate that lacks it. */
function requestedExtensions(
  extensions: readonly ExtensionParts[],
): Pick<RequestedCertificate, 'keyUsage' | 'extendedKeyUsage' | 'subjectAlternativeName'> {
  const refused = extensions.find(({ type }) => !mayBeAsked.has(type))
  if (refused !== undefined) {
    throw new KryptonError('certificate-invalid', `ask for a certificate without the extension ${refused.type}`)
  }
  const { basicConstraints, keyUsage, extendedKeyUsage = [] } = readExtensions({ extensions })
  if (basicConstraints?.ca === true) {
    throw new KryptonError('certificate-invalid', 'ask for no certificate of an authority (CA:TRUE)')
  }
  if (keyUsage !== undefined) checkUsage(keyUsage)
  const alternativeNames = extensions.find(({ type }) => type === subjectAlternativeName)?.value
  return {
    keyUsage,
    extendedKeyUsage,
    subjectAlternativeName: alternativeNames && Buffer.from(alternativeNames),
  }
}

/** @throws KryptonError certificate-invalid: the usages are an authority's */
export function checkUsage(keyUsage: number): void {
  if ((keyUsage & (KeyUsage.keyCertSign | KeyUsage.cRLSign)) === 0) return
  throw new KryptonError('certificate-invalid', 'ask for a certificate that signs no certificates and no CRLs')
}

const subjectAlternativeName = '2.5.29.17'
/** Basic constraints, key usages, and key identifiers, which the issuer makes. */
const mayBeAsked = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', subjectAlternativeName, '2.5.29.14', '2.5.29.35'])
