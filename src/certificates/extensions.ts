import { DerReader, DerTag, objectIdentifierText } from '../crypto/der.ts'
import type { CertificateParts } from '../crypto/x509-certificate.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { hex } from '../hex.ts'

/** The extensions that decide (RFC 5280 section 4.2). */
export interface CertificateExtensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number }
  /** Bits of `KeyUsage`. */
  readonly keyUsage?: number
  readonly extendedKeyUsage?: readonly string[]
  /** Hex. */
  readonly subjectKeyIdentifier?: string
  /** Hex. */
  readonly authorityKeyIdentifier?: string
}

/** Bits of the extension of that name, its first bit the lowest (RFC 5280 section 4.2.1.3). */
export const KeyUsage = {
  digitalSignature: 0x01,
  keyCertSign: 0x20,
  cRLSign: 0x40,
} as const

/** The extended key usage of a client of TLS. */
export const clientAuth = '1.3.6.1.5.5.7.3.2'

/** Throws 'certificate-invalid' for one that is there twice, cannot be read, or is critical and not understood here. */
export function readExtensions(certificate: Pick<CertificateParts, 'extensions'>): CertificateExtensions {
  try {
    return extensionsOf(certificate)
  } catch (cause) {
    if (isKryptonError(cause, 'certificate-invalid')) throw cause
    throw new KryptonError('certificate-invalid', 'use a certificate whose extensions can be read', { cause })
  }
}

function extensionsOf({ extensions }: Pick<CertificateParts, 'extensions'>): CertificateExtensions {
  const seen = new Set<string>()
  const found: { -readonly [K in keyof CertificateExtensions]: CertificateExtensions[K] } = {}
  for (const { type, isCritical, value } of extensions) {
    if (seen.has(type)) {
      throw new KryptonError(
        'certificate-invalid',
        `use a certificate with each extension once: ${type} is there twice`,
      )
    }
    seen.add(type)
    if (type === '2.5.29.19') found.basicConstraints = basicConstraintsIn(value)
    else if (type === '2.5.29.15') found.keyUsage = keyUsageIn(value)
    else if (type === '2.5.29.37') found.extendedKeyUsage = extendedKeyUsageIn(value)
    else if (type === '2.5.29.14') found.subjectKeyIdentifier = subjectKeyIdentifierIn(value)
    else if (type === '2.5.29.35') found.authorityKeyIdentifier = authorityKeyIdentifierIn(value)
    else if (isCritical && type !== subjectAlternativeName) {
      throw new KryptonError(
        'certificate-invalid',
        `use a certificate without the critical extension ${type}: it is not understood here`,
      )
    }
  }
  return found
}

function basicConstraintsIn(value: Uint8Array): { ca: boolean; pathLength?: number } {
  const sequence = sequenceIn(value)
  // FALSE is the default, which many write all the same.
  const ca = sequence.has(DerTag.boolean) && isTrue(sequence.item(DerTag.boolean))
  const pathLength = sequence.isAtEnd ? undefined : lengthOf(sequence.unsigned())
  sequence.end()
  return pathLength === undefined ? { ca } : { ca, pathLength }
}

function isTrue(content: Uint8Array): boolean {
  if (content.byteLength === 1 && (content[0] === 0 || content[0] === 0xff)) return content[0] === 0xff
  throw new KryptonError('certificate-invalid', 'use a certificate whose basic constraints can be read')
}

/** No chain that is read here is as long as the longest of these. */
function lengthOf(magnitude: Uint8Array): number {
  return magnitude.byteLength === 1 ? magnitude[0]! : 0xff
}

function keyUsageIn(value: Uint8Array): number {
  const reader = new DerReader(value)
  const [unused, ...bytes] = reader.item(DerTag.bitString)
  reader.end()
  if (unused === undefined || unused > 7 || bytes.length > 2 || (bytes.length === 0 && unused > 0)) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose key usage can be read')
  }
  let usage = 0
  for (let bit = 0; bit < bytes.length * 8 - unused; bit++) {
    if ((bytes[bit >> 3]! & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit
  }
  return usage
}

function extendedKeyUsageIn(value: Uint8Array): readonly string[] {
  const sequence = sequenceIn(value)
  const usages: string[] = []
  while (!sequence.isAtEnd) usages.push(objectIdentifierText(sequence.item(DerTag.objectIdentifier)))
  return usages
}

function subjectKeyIdentifierIn(value: Uint8Array): string {
  const reader = new DerReader(value)
  const identifier = reader.item(DerTag.octetString)
  reader.end()
  return hex(identifier)
}

/** It may name its issuer by other things, which are not looked at. */
function authorityKeyIdentifierIn(value: Uint8Array): string | undefined {
  const sequence = sequenceIn(value)
  return sequence.has(keyIdentifierTag) ? Buffer.from(sequence.item(keyIdentifierTag)).toString('hex') : undefined
}

function sequenceIn(value: Uint8Array): DerReader {
  const outer = new DerReader(value)
  const sequence = outer.within(DerTag.sequence)
  outer.end()
  return sequence
}

/** A critical one stands where the subject is empty, and names decide nothing here. */
const subjectAlternativeName = '2.5.29.17'
/** [0] of the extension. */
const keyIdentifierTag = 0x80
