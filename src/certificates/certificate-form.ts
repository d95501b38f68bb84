import { DerReader, DerTag } from '../crypto/der.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { KryptonError } from '../errors.ts'
import type { ParsedCertificate } from './authority-certificate.ts'

/** What every certificate must be like that is believed, whoever it is of. */

/** Milliseconds since 1970; both ends belong to it. Not a number where a date cannot be read: then no comparison holds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** Of a new certificate, in hexadecimal. Positive and 128 bits of chance: RFC 5280 section 4.1.2.2 asks for a positive number of at most 20 bytes. */
export function newSerialNumber(): string {
  return `01${randomIdentifier().toString('hex')}`
}

/** RFC 5280 section 4.1: version 3, the same signature algorithm inside and outside, a positive serial number, dates in order. Throws 'certificate-invalid'. */
export function checkForm(certificate: ParsedCertificate): void {
  const { version, serialNumber, signedAlgorithm, signatureAlgorithm, notBefore, notAfter } = certificate
  if (version === undefined || Buffer.compare(version, version3) !== 0)
    throw new KryptonError('certificate-invalid', 'use a certificate of X.509 version 3')
  if (Buffer.compare(signedAlgorithm.identifier, signatureAlgorithm.identifier) !== 0) {
    throw new KryptonError('certificate-invalid', 'use a certificate that names one signature algorithm')
  }
  const serial = new DerReader(serialNumber).item(DerTag.integer)
  if (serial.length === 0 || serial.length > 21 || serial[0]! >= 0x80 || serial.every((byte) => byte === 0)) {
    throw new KryptonError('certificate-invalid', 'use a certificate with a positive serial number of at most 20 bytes')
  }
  if (!(notBefore <= notAfter)) {
    throw new KryptonError('certificate-invalid', 'use a certificate whose validity ends after it begins')
  }
}

/** By a list of what is allowed: SHA-1, MD5 and whatever comes next are not on it. Throws 'certificate-invalid'. */
export function checkSignatureAlgorithm({ algorithm, signatureAlgorithm }: ParsedCertificate): void {
  const allowed =
    algorithm === rsaPss ? pssHashIsStrong(signatureAlgorithm.parameters) : signatureAlgorithms.has(algorithm)
  if (!allowed) {
    throw new KryptonError('certificate-invalid', `use a certificate signed with SHA-256 or stronger, not ${algorithm}`)
  }
}

/** RSASSA-PSS-params (RFC 4055): without an explicit hash it is SHA-1, so one of the SHA-2 identifiers must stand in it, and SHA-1's in no place. */
function pssHashIsStrong(parameters: Uint8Array): boolean {
  const der = Buffer.from(parameters)
  return sha2Identifiers.some((identifier) => der.includes(identifier)) && !der.includes(sha1Identifier)
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049, four from then on, seconds always, and UTC. Throws 'invalid-field' for what are no two dates. */
export function validityIn(content: Uint8Array): Validity {
  const reader = new DerReader(content)
  const validity = { notBefore: dateIn(reader), notAfter: dateIn(reader) }
  reader.end()
  return validity
}

function dateIn(reader: DerReader): number {
  const hasCentury = reader.tag === generalizedTime
  const text = Buffer.from(reader.item(hasCentury ? generalizedTime : utcTime)).toString('latin1')
  const digits = hasCentury ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
  const form = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
  if (form === null) return Number.NaN
  const iso = `${form[1]}-${form[2]}-${form[3]}T${form[4]}:${form[5]}:${form[6]}.000Z`
  const date = new Date(iso)
  // 30 February would be a day in March.
  return !Number.isNaN(date.getTime()) && date.toISOString() === iso ? date.getTime() : Number.NaN
}

/** INTEGER 2. */
const version3 = Buffer.from([DerTag.integer, 1, 2])
const utcTime = 0x17
const generalizedTime = 0x18

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
