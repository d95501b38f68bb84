import { KryptonError } from '../errors.ts'
import { x509 } from './x509.ts'

/** The extensions that decide (RFC 5280 section 4.2). */
export interface CertificateExtensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  readonly keyUsage?: number
  readonly extendedKeyUsage?: readonly string[]
  /** Hex. */
  readonly subjectKeyIdentifier?: string
  /** Hex. */
  readonly authorityKeyIdentifier?: string
}

/** Throws 'certificate-invalid' for one that is there twice, cannot be read, or is critical and not understood here. */
export function readExtensions(certificate: x509.X509Certificate): CertificateExtensions {
  const seen = new Set<string>()
  const found: { -readonly [K in keyof CertificateExtensions]: CertificateExtensions[K] } = {}
  for (const extension of extensionsOf(certificate)) {
    if (seen.has(extension.type)) {
      throw new KryptonError(
        'certificate-invalid',
        `use a certificate with each extension once: ${extension.type} is there twice`,
      )
    }
    seen.add(extension.type)
    if (extension instanceof x509.BasicConstraintsExtension) {
      found.basicConstraints = { ca: extension.ca, pathLength: extension.pathLength }
    } else if (extension instanceof x509.KeyUsagesExtension) found.keyUsage = extension.usages
    else if (extension instanceof x509.ExtendedKeyUsageExtension) found.extendedKeyUsage = extension.usages.map(String)
    else if (extension instanceof x509.SubjectKeyIdentifierExtension) found.subjectKeyIdentifier = extension.keyId
    else if (extension instanceof x509.AuthorityKeyIdentifierExtension) found.authorityKeyIdentifier = extension.keyId
    else if (extension.critical && !understood.has(extension.type)) {
      throw new KryptonError(
        'certificate-invalid',
        `use a certificate without the critical extension ${extension.type}: it is not understood here`,
      )
    }
  }
  return found
}

function extensionsOf(certificate: x509.X509Certificate): readonly x509.Extension[] {
  try {
    return certificate.extensions
  } catch (cause) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose extensions can be read', { cause })
  }
}

/** Subject Alternative Name: a critical one stands where the subject is empty, and names decide nothing here. */
const understood = new Set(['2.5.29.17'])
