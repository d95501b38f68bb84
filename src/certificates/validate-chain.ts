import type { X509Certificate } from 'node:crypto'
import { isKryptonError, KryptonError } from '../errors.ts'
import { opensslCertificate, type ParsedCertificate, parseCertificate } from './authority-certificate.ts'
import { checkForm, checkSignatureAlgorithm } from './certificate-form.ts'
import { type CertificateExtensions, KeyUsage, readExtensions } from './extensions.ts'
import { checkPublicKey } from './public-key.ts'
import { checkValidity } from './verify-client-certificate.ts'

/** A certificate of a chain, and what the server knows of it. */
export interface ChainCertificate {
  readonly der: Uint8Array
  /** Kept by the server: when it is its own issuer, the chain may end in it. */
  readonly isKept: boolean
  readonly isRevoked: boolean
}

/** `unknown`: nothing is wrong with what there is, but it leads to nobody who is trusted here. */
export type ChainValidity = 'valid' | 'invalid' | 'unknown'

/**
 * Validates one chain at a date in milliseconds since 1970 (RFC 5280 section 6, without policies; a critical extension that is not understood,
 * name constraints among them, makes it invalid). The certificates may come in any order; together they are one chain, to which `anchors`, the
 * authorities that are trusted whatever signed them, may be added. Nothing is fetched from anywhere. No more certificates may be given than
 * `limits.chainCertificatesMax`: each is tried as the issuer of each.
 */
export function validateChain(
  certificates: readonly ChainCertificate[],
  anchors: readonly ChainCertificate[],
  date: number,
): ChainValidity {
  const read = attempt(() => certificates.map(readLink))
  const trusted = attempt(() => anchors.map(readLink))
  if (read === undefined || trusted === undefined) return 'invalid'
  const path = pathOf(read, trusted)
  if (path === undefined || path.some((link) => link.isRevoked)) return 'invalid'
  const isGood = attempt(() => {
    for (const [depth, link] of path.entries()) checkLink(link, depth, path, date)
    return true
  })
  if (isGood === undefined) return 'invalid'
  const end = path.at(-1)!
  return isAmong(trusted, end) || (end.isKept && isSelfIssued(end)) ? 'valid' : 'unknown'
}

interface Link extends ChainCertificate {
  readonly certificate: ParsedCertificate
  readonly openssl: X509Certificate
  readonly extensions: CertificateExtensions
  /** Whether it has issued those others: each pair is verified once. */
  readonly issued: Map<Link, boolean>
}

function readLink(given: ChainCertificate): Link {
  const certificate = parseCertificate(given.der)
  const openssl = opensslCertificate(given.der)
  // Before anything is verified by it: what a key costs is the sender's to choose.
  checkPublicKey(openssl.publicKey)
  return { ...given, certificate, openssl, extensions: readExtensions(certificate), issued: new Map() }
}

/** From the certificate that issued none of the others to where it ends; undefined when they are not one chain. */
function pathOf(links: readonly Link[], anchors: readonly Link[]): readonly Link[] | undefined {
  const leaf = links.find((link) => !links.some((other) => other !== link && hasIssued(link, other)))
  if (leaf === undefined) return undefined
  const path = [leaf]
  const rest = new Set(links)
  rest.delete(leaf)
  for (let current = leaf; !isSelfIssued(current) && !isAmong(anchors, current);) {
    const issuer = [...rest, ...anchors].find((candidate) => hasIssued(candidate, current))
    if (issuer === undefined || path.includes(issuer)) break
    rest.delete(issuer)
    path.push(issuer)
    current = issuer
  }
  return rest.size === 0 ? path : undefined
}

/** Throws 'certificate-invalid'. */
function checkLink(link: Link, depth: number, path: readonly Link[], date: number): void {
  const { certificate, extensions } = link
  checkForm(certificate)
  checkSignatureAlgorithm(certificate)
  checkValidity(certificate, date)
  if (depth === 0) return
  const { basicConstraints, keyUsage } = extensions
  // Authorities between this one and the leaf, those that issued themselves left out (RFC 5280 section 4.2.1.9).
  const below = path.slice(1, depth).filter((other) => !isSelfIssued(other)).length
  const signs = keyUsage === undefined || (keyUsage & KeyUsage.keyCertSign) !== 0
  if (basicConstraints?.ca !== true || !signs || below > (basicConstraints.pathLength ?? below)) {
    throw new KryptonError('certificate-invalid', 'use an issuer that may sign certificates below it')
  }
}

function hasIssued(issuer: Link, link: Link): boolean {
  const known = issuer.issued.get(link)
  if (known !== undefined) return known
  const has =
    Buffer.compare(issuer.certificate.subject, link.certificate.issuer) === 0 &&
    link.openssl.verify(issuer.openssl.publicKey)
  issuer.issued.set(link, has)
  return has
}

const isSelfIssued = (link: Link): boolean => hasIssued(link, link)

const isAmong = (links: readonly Link[], link: Link): boolean =>
  links.some(({ der }) => Buffer.compare(der, link.der) === 0)

/** undefined for what a certificate is refused for. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (isKryptonError(error, 'certificate-invalid')) return undefined
    throw error
  }
}
