import { KryptonError } from '../errors.ts'
import { parseCertificate } from './authority-certificate.ts'
import { x509 } from './x509.ts'

/** What a certificate is asked for, by a request or by the certificate that it is to replace. */
export interface RequestedCertificate {
  /** Name in DER. */
  readonly subject: Buffer
  /** DER. */
  readonly subjectPublicKeyInfo: Buffer
  /** Bits of x509.KeyUsageFlags; undefined: nothing is said. */
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
  const { parsed, extensions, proven } = await parse(request)
  if (!proven) {
    throw new KryptonError(
      'certificate-invalid',
      'sign the certificate request with the private key that belongs to it',
    )
  }
  const asked = requestedExtensions(extensions)
  const subject = Buffer.from(parsed.subjectName.toArrayBuffer())
  if (parsed.subjectName.toJSON().length === 0) {
    throw new KryptonError('certificate-invalid', 'name a subject in the certificate request')
  }
  return { subject, subjectPublicKeyInfo: Buffer.from(parsed.publicKey.rawData), ...asked }
}

/**
 * What a certificate says, as the request for one that replaces it.
 * @throws KryptonError certificate-invalid: it cannot be read, or is one that no authority here would issue
 */
export function requestOfCertificate(der: Uint8Array): RequestedCertificate {
  const certificate = parseCertificate(der)
  return {
    subject: Buffer.from(certificate.subjectName.toArrayBuffer()),
    subjectPublicKeyInfo: Buffer.from(certificate.publicKey.rawData),
    ...requestedExtensions(certificate.extensions),
  }
}

async function parse(request: Uint8Array | string) {
  try {
    const parsed = new x509.Pkcs10CertificateRequest(typeof request === 'string' ? request : new Uint8Array(request))
    return { parsed, extensions: parsed.extensions, proven: await parsed.verify() }
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'give the certificate request as PKCS #10', { cause })
  }
}

/** By a list of what may be asked for: who asks for more learns it now, not from a certificate that lacks it. */
function requestedExtensions(
  extensions: readonly x509.Extension[],
): Pick<RequestedCertificate, 'keyUsage' | 'extendedKeyUsage' | 'subjectAlternativeName'> {
  let keyUsage: number | undefined
  let extendedKeyUsage: readonly string[] = []
  let subjectAlternativeName: Buffer | undefined
  for (const extension of extensions) {
    if (extension instanceof x509.BasicConstraintsExtension) {
      if (extension.ca)
        throw new KryptonError('certificate-invalid', 'ask for no certificate of an authority (CA:TRUE)')
    } else if (extension instanceof x509.KeyUsagesExtension) {
      keyUsage = extension.usages
      checkUsage(keyUsage)
    } else if (extension instanceof x509.ExtendedKeyUsageExtension) {
      extendedKeyUsage = extension.usages.map(String)
    } else if (extension.type === alternativeNames) {
      subjectAlternativeName = Buffer.from(extension.value)
    } else if (!madeHere.has(extension.type)) {
      throw new KryptonError('certificate-invalid', `ask for a certificate without the extension ${extension.type}`)
    }
  }
  return { keyUsage, extendedKeyUsage, subjectAlternativeName }
}

/** @throws KryptonError certificate-invalid: the usages are an authority's */
export function checkUsage(keyUsage: number): void {
  if ((keyUsage & (x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign)) === 0) return
  throw new KryptonError('certificate-invalid', 'ask for a certificate that signs no certificates and no CRLs')
}

const alternativeNames = '2.5.29.17'
/** Key identifiers, which the issuer makes. */
const madeHere = new Set(['2.5.29.14', '2.5.29.35'])
