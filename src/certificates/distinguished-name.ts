import { KryptonError } from '../errors.ts'
import { x509 } from './x509.ts'

/** A Name of one Common Name, DER. RFC 5280 allows 64 characters (ub-common-name): a longer text is cut. */
export function distinguishedNameOf(commonName: string): Buffer {
  return Buffer.from(new x509.Name([{ CN: [commonName.slice(0, commonNameCharactersMax)] }]).toArrayBuffer())
}

/** The Name of a text by RFC 4514, `CN=Example CA,O=Example`, DER. Throws 'certificate-invalid'. */
export function readDistinguishedName(text: string): Buffer {
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
