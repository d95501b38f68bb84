import { encodeDer } from '../crypto/der.ts'
import { readName } from '../crypto/x509-certificate.ts'
import { hex } from '../hex.ts'

/** Names of X.509 as text: distinguished names by RFC 4514, the last part first, and GeneralNames by what stands in them. */

/** The text of a Name in DER: `CN=KMIP,OU=OASIS`; empty for an empty one. */
export function distinguishedName(name: Uint8Array): string {
  return readName(name)
    .toReversed()
    .map((attributes) =>
      attributes
        .map(({ type, valueTag, value }) => {
          const text = textOf(valueTag, value)
          const short = shortNames.get(hex(type))
          // A type without a short name goes as its number, its value in DER (section 2.4).
          return short === undefined || text === undefined
            ? `${identifierText(type)}=#${derText(valueTag, value)}`
            : `${short}=${escaped(text)}`
        })
        .join('+'),
    )
    .join(',')
}

/** The text of a GeneralName in DER (RFC 5280 section 4.2.1.6): a mail address, a host, a URI, an address; of others their bytes. */
export function generalName(der: Uint8Array): string {
  const kind = der[0]! & 0x1f
  const content = Buffer.from(der.subarray(headLength(der)))
  if (kind === GeneralName.mail || kind === GeneralName.host || kind === GeneralName.uri)
    return content.toString('latin1')
  if (kind === GeneralName.directory) return distinguishedName(content)
  if (kind === GeneralName.address && content.byteLength === 4) return content.join('.')
  if (kind === GeneralName.address && content.byteLength === 16) {
    return content.toString('hex').replaceAll(/(.{4})(?!$)/g, '$1:')
  }
  return hex(der)
}

/** Bytes of tag and length of an item that was read before. */
function headLength(der: Uint8Array): number {
  return der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f)
}

function textOf(tag: number, value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value)
  switch (tag) {
    case StringTag.utf8:
      return bytes.toString('utf8')
    case StringTag.printable:
    case StringTag.ia5:
    case StringTag.teletex:
    case StringTag.numeric:
      return bytes.toString('latin1')
    case StringTag.bmp:
      return bytes.byteLength % 2 === 0 ? bytes.swap16().toString('utf16le') : undefined
    default:
      return undefined
  }
}

/** RFC 4514 section 2.4. */
function escaped(text: string): string {
  return text
    .replaceAll(/["+,;<>\\]/g, String.raw`\$&`)
    .replace(/^[ #]/, String.raw`\$&`)
    .replace(/ $/, String.raw`\ `)
    .replaceAll('\0', String.raw`\00`)
}

/** `2.5.4.97` of the content of an OBJECT IDENTIFIER. */
function identifierText(content: Uint8Array): string {
  if (content.byteLength > identifierBytesMax) return 'unknown'
  const numbers: bigint[] = []
  let number = 0n
  for (const byte of content) {
    number = (number << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    if (numbers.length > 0) numbers.push(number)
    else {
      const first = number < 80n ? number / 40n : 2n
      numbers.push(first, number - 40n * first)
    }
    number = 0n
  }
  return numbers.join('.')
}

function derText(tag: number, value: Uint8Array): string {
  const item = encodeDer({ tag, content: value })
  return item.toString('hex')
}

/** Longer than any that is assigned; numbers of any length would take long to be written out. */
const identifierBytesMax = 32

const StringTag = { utf8: 0x0c, numeric: 0x12, printable: 0x13, teletex: 0x14, ia5: 0x16, bmp: 0x1e } as const
const GeneralName = { mail: 1, host: 2, directory: 4, uri: 6, address: 7 } as const

/** RFC 4514 section 3, and those that certificates have besides, by the content of their OBJECT IDENTIFIERs. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ['550403', 'CN'],
  ['550407', 'L'],
  ['550408', 'ST'],
  ['55040a', 'O'],
  ['55040b', 'OU'],
  ['550406', 'C'],
  ['550409', 'STREET'],
  ['550405', 'serialNumber'],
  ['0992268993f22c640119', 'DC'],
  ['0992268993f22c640101', 'UID'],
  ['2a864886f70d010901', 'emailAddress'],
])
