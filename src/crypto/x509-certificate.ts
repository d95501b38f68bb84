import { DerReader, DerTag, objectIdentifierText } from './der.ts'

/** What is told of an X.509 certificate (RFC 5280): parts of it as they stand there, views of what was read. Nothing of it is believed. */
export interface CertificateParts {
  /** The INTEGER, with its tag: 2 of version 3; undefined: version 1. */
  readonly version: Uint8Array | undefined
  /** INTEGER, with its tag. */
  readonly serialNumber: Uint8Array
  /** The algorithm that the signed part names; the other one stands beside the signature. */
  readonly signedAlgorithm: AlgorithmParts
  /** Name, with its tag. */
  readonly issuer: Uint8Array
  readonly validity: Uint8Array
  /** Name, with its tag. */
  readonly subject: Uint8Array
  readonly subjectPublicKeyInfo: Uint8Array
  readonly signatureAlgorithm: AlgorithmParts
  /** In their order. */
  readonly extensions: readonly ExtensionParts[]
  /** GeneralNames of the extensions, each with its tag. */
  readonly subjectAlternativeNames: readonly Uint8Array[]
  readonly issuerAlternativeNames: readonly Uint8Array[]
}

/** An AlgorithmIdentifier. */
export interface AlgorithmParts {
  /** Content of the OBJECT IDENTIFIER. */
  readonly identifier: Uint8Array
  /** With their tag; empty where there are none. */
  readonly parameters: Uint8Array
}

export interface ExtensionParts {
  /** By its numbers, as 2.5.29.19. */
  readonly type: string
  readonly isCritical: boolean
  /** What stands in the OCTET STRING. */
  readonly value: Uint8Array
}

/** Throws KryptonError 'invalid-field' for bytes that are no certificate in DER. */
export function readCertificate(der: Uint8Array): CertificateParts {
  const outer = new DerReader(der)
  const certificate = outer.within(DerTag.sequence)
  outer.end()
  const body = certificate.within(DerTag.sequence)
  const version = body.has(DerTag.context0) ? body.item(DerTag.context0) : undefined
  const serialNumber = body.whole(DerTag.integer)
  const signedAlgorithm = algorithmIn(body.item(DerTag.sequence))
  const issuer = body.whole(DerTag.sequence)
  const validity = body.item(DerTag.sequence)
  const subject = body.whole(DerTag.sequence)
  const subjectPublicKeyInfo = body.whole(DerTag.sequence)
  const extensions: ExtensionParts[] = []
  while (!body.isAtEnd) {
    if (body.has(extensionsTag)) extensions.push(...extensionsIn(body.within(extensionsTag)))
    else body.skip()
  }
  const signatureAlgorithm = algorithmIn(certificate.item(DerTag.sequence))
  certificate.item(DerTag.bitString)
  certificate.end()
  return {
    version,
    serialNumber,
    signedAlgorithm,
    issuer,
    validity,
    subject,
    subjectPublicKeyInfo,
    signatureAlgorithm,
    extensions,
    subjectAlternativeNames: namesIn(extensions, subjectAlternativeName),
    issuerAlternativeNames: namesIn(extensions, issuerAlternativeName),
  }
}

function algorithmIn(content: Uint8Array): AlgorithmParts {
  const reader = new DerReader(content)
  const identifier = reader.item(DerTag.objectIdentifier)
  const parameters = reader.isAtEnd ? noParameters : reader.whole(reader.tag)
  return { identifier, parameters }
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

function extensionsIn(wrapped: DerReader): readonly ExtensionParts[] {
  const found: ExtensionParts[] = []
  const sequence = wrapped.within(DerTag.sequence)
  wrapped.end()
  while (!sequence.isAtEnd) {
    const extension = sequence.within(DerTag.sequence)
    const type = objectIdentifierText(extension.item(DerTag.objectIdentifier))
    // Whatever is not exactly FALSE is taken for critical, which refuses more.
    const isCritical = extension.has(DerTag.boolean) && !isFalse(extension.item(DerTag.boolean))
    found.push({ type, isCritical, value: extension.item(DerTag.octetString) })
    extension.end()
  }
  return found
}

function isFalse(content: Uint8Array): boolean {
  return content.byteLength === 1 && content[0] === 0
}

function namesIn(extensions: readonly ExtensionParts[], wanted: string): readonly Uint8Array[] {
  const extension = extensions.findLast(({ type }) => type === wanted)
  if (extension === undefined) return []
  const outer = new DerReader(extension.value)
  const sequence = outer.within(DerTag.sequence)
  outer.end()
  const names: Uint8Array[] = []
  while (!sequence.isAtEnd) names.push(sequence.whole(sequence.tag))
  return names
}

const noParameters = new Uint8Array()
/** [3] of a certificate's body. */
const extensionsTag = 0xa3
const subjectAlternativeName = '2.5.29.17'
const issuerAlternativeName = '2.5.29.18'
