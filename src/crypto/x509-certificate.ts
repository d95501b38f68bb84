import { DerReader, DerTag } from './der.ts'

/** What is told of an X.509 certificate (RFC 5280): parts of it as they stand there, views of what was read. Nothing of it is believed. */
export interface CertificateParts {
  /** INTEGER, with its tag. */
  readonly serialNumber: Uint8Array
  /** Name, with its tag. */
  readonly issuer: Uint8Array
  /** Name, with its tag. */
  readonly subject: Uint8Array
  readonly subjectPublicKeyInfo: Uint8Array
  /** Content of the OBJECT IDENTIFIER. */
  readonly signatureAlgorithm: Uint8Array
  /** GeneralNames of the extensions, each with its tag. */
  readonly subjectAlternativeNames: readonly Uint8Array[]
  readonly issuerAlternativeNames: readonly Uint8Array[]
}

/** Throws KryptonError 'invalid-field' for bytes that are no certificate in DER. */
export function readCertificate(der: Uint8Array): CertificateParts {
  const outer = new DerReader(der)
  const certificate = outer.within(DerTag.sequence)
  outer.end()
  const body = certificate.within(DerTag.sequence)
  if (body.has(DerTag.context0)) body.skip()
  const serialNumber = body.whole(DerTag.integer)
  body.item(DerTag.sequence)
  const issuer = body.whole(DerTag.sequence)
  body.item(DerTag.sequence)
  const subject = body.whole(DerTag.sequence)
  const subjectPublicKeyInfo = body.whole(DerTag.sequence)
  let extensions: ReadonlyMap<string, Uint8Array> = new Map()
  while (!body.isAtEnd) {
    if (body.has(extensionsTag)) extensions = extensionsIn(body.within(extensionsTag))
    else body.skip()
  }
  const signatureAlgorithm = certificate.within(DerTag.sequence).item(DerTag.objectIdentifier)
  certificate.item(DerTag.bitString)
  certificate.end()
  return {
    serialNumber,
    issuer,
    subject,
    subjectPublicKeyInfo,
    signatureAlgorithm,
    subjectAlternativeNames: namesIn(extensions.get(subjectAlternativeName)),
    issuerAlternativeNames: namesIn(extensions.get(issuerAlternativeName)),
  }
}

/** One attribute of a distinguished name: content of its OBJECT IDENTIFIER, and its value with the tag. */
export interface NameAttribute {
  readonly type: Uint8Array
  readonly valueTag: number
  readonly value: Uint8Array
}

/** The relative distinguished names of a Name, each with its attributes, in their order. */
export function readName(name: Uint8Array): readonly (readonly NameAttribute[])[] {
  const outer = new DerReader(name)
  const sequence = outer.within(DerTag.sequence)
  outer.end()
  const relative: NameAttribute[][] = []
  while (!sequence.isAtEnd) {
    const set = sequence.within(DerTag.set)
    const attributes: NameAttribute[] = []
    while (!set.isAtEnd) {
      const pair = set.within(DerTag.sequence)
      const type = pair.item(DerTag.objectIdentifier)
      const valueTag = pair.tag
      attributes.push({ type, valueTag, value: pair.item(valueTag) })
      pair.end()
    }
    relative.push(attributes)
  }
  return relative
}

/** By their OBJECT IDENTIFIERs in hexadecimal: what stands in the OCTET STRING. */
function extensionsIn(wrapped: DerReader): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  const sequence = wrapped.within(DerTag.sequence)
  wrapped.end()
  while (!sequence.isAtEnd) {
    const extension = sequence.within(DerTag.sequence)
    const identifier = extension.item(DerTag.objectIdentifier)
    if (extension.has(DerTag.boolean)) extension.skip()
    found.set(Buffer.from(identifier).toString('hex'), extension.item(DerTag.octetString))
    extension.end()
  }
  return found
}

function namesIn(extension: Uint8Array | undefined): readonly Uint8Array[] {
  if (extension === undefined) return []
  const outer = new DerReader(extension)
  const sequence = outer.within(DerTag.sequence)
  outer.end()
  const names: Uint8Array[] = []
  while (!sequence.isAtEnd) names.push(sequence.whole(sequence.tag))
  return names
}

/** [3] of a certificate's body. */
const extensionsTag = 0xa3
const subjectAlternativeName = '551d11'
const issuerAlternativeName = '551d12'
