import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** A client's fresh P-256 key: it is made where its files are written, and only the request for a certificate leaves. */
export interface ClientKey {
  /** PKCS #8 in PEM. Whoever takes it wipes it. */
  readonly privateKeyPem: Buffer
  /** PKCS #10 in PEM, signed by the key. */
  readonly csr: string
}

/** Makes a key and the request for its certificate. The request carries no name: the server gives the client its own. */
export function newClientKey(): ClientKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
  try {
    return { privateKeyPem: pem('PRIVATE KEY', pkcs8), csr: certificateRequest(publicKey, privateKey) }
  } finally {
    pkcs8.fill(0)
  }
}

/** RFC 2986 section 4: version 0, an empty name, the public key, no attributes; signed by ECDSA with SHA-256. */
function certificateRequest(publicKey: KeyObject, privateKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const info = der(0x30, Buffer.from([0x02, 0x01, 0x00]), der(0x30), spki, der(0xa0))
  const signature = sign('sha256', info, privateKey)
  const request = der(0x30, info, der(0x30, ecdsaWithSha256), der(0x03, Buffer.from([0]), signature))
  return pem('CERTIFICATE REQUEST', request).toString('latin1')
}

/** An element of DER. Everything in a request for a P-256 key stays below the 256 bytes that one byte of length can tell. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 0x80 ? [tag, length] : [tag, 0x81, length]
  return Buffer.concat([Buffer.from(head), content])
}

/** Base64 by a table over bytes, because a key may not become a string. */
function pem(label: string, bytes: Buffer): Buffer {
  const head = Buffer.from(`-----BEGIN ${label}-----\n`)
  const tail = Buffer.from(`-----END ${label}-----\n`)
  const characters = Math.ceil(bytes.length / 3) * 4
  const text = Buffer.allocUnsafeSlow(head.length + characters + Math.ceil(characters / lineCharacters) + tail.length)
  let at = head.copy(text)
  for (let from = 0; from < bytes.length; from += 3) {
    const left = bytes.length - from
    const bits = (bytes[from]! << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0)
    text[at++] = alphabet[bits >>> 18]!
    text[at++] = alphabet[(bits >>> 12) & 63]!
    text[at++] = left > 1 ? alphabet[(bits >>> 6) & 63]! : padding
    text[at++] = left > 2 ? alphabet[bits & 63]! : padding
    if ((from + 3) % lineBytes === 0 || left <= 3) text[at++] = newline
  }
  tail.copy(text, at)
  return text
}

/** 1.2.840.10045.4.3.2 */
const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex')
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const padding = '='.charCodeAt(0)
const newline = '\n'.charCodeAt(0)
/** RFC 7468 section 2. */
const lineCharacters = 64
const lineBytes = (lineCharacters / 4) * 3
