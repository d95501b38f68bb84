import { DerTag, derSequence, encodeDer } from '../crypto/der.ts'
import { KryptonError } from '../errors.ts'

/** A Name of one Common Name, DER. RFC 5280 allows 64 characters (ub-common-name): a longer text is cut. */
export function distinguishedNameOf(commonName: string): Buffer {
  const text = commonName.slice(0, commonNameCharactersMax)
  const value = {
    tag: /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text) ? printableString : utf8String,
    content: Buffer.from(text),
  }
  const attribute = derSequence({ tag: DerTag.objectIdentifier, content: commonNameType }, value)
  return encodeDer(derSequence({ tag: DerTag.set, items: [attribute] }))
}

/** The Name of a text by RFC 4514, `CN=Example CA,O=Example`, DER. Throws 'certificate-invalid'. */
export async function readDistinguishedName(text: string): Promise<Buffer> {
  const { x509 } = await import('./x509.ts')
  try {
    // The text has the last part first (RFC 4514 section 2.1); the library takes it as it stands.
    const parts = new x509.Name(text).toJSON().toReversed()
    if (parts.length > 0) return Buffer.from(new x509.Name(parts).toArrayBuffer())
  } catch {
    // Said below: the library's own words are for programmers.
  }
  throw new KryptonError('certificate-invalid', 'write the subject as CN=Example CA,O=Example')
}

const commonNameCharactersMax = 64
/** 2.5.4.3. */
const commonNameType = Buffer.from([0x55, 4, 3])
const printableString = 0x13
const utf8String = 0x0c
