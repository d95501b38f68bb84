import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto'
import { KryptonError } from '../errors.ts'

/** Keys and signatures of every certificate that is made here: small, fast to verify, in every TLS library. */
export const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A fresh P-256 key pair. */
export async function newKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(p256, true, ['sign', 'verify'])
}

/** PKCS #8 in PEM, as bytes that the caller wipes when they are written. */
export async function privateKeyPem(key: webcrypto.CryptoKey): Promise<Buffer> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  try {
    return encodePem('PRIVATE KEY', der)
  } finally {
    der.fill(0)
  }
}

/** The P-256 private key in a PEM file's bytes. Throws 'certificate-invalid'; its message holds nothing of the file. */
export function readPrivateKey(pem: Uint8Array): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength), format: 'pem' })
  } catch {
    // The cause is left out: a parser's message may quote what it read.
    throw new KryptonError('certificate-invalid', 'give the private key as PKCS #8 in PEM, without a passphrase')
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new KryptonError('certificate-invalid', 'use a P-256 private key: krypton init makes one')
  }
  return key
}

/** Base64 by a table over bytes, because a key may not become a string. */
function encodePem(label: string, der: Uint8Array): Buffer {
  const head = Buffer.from(`-----BEGIN ${label}-----\n`)
  const tail = Buffer.from(`-----END ${label}-----\n`)
  const characters = Math.ceil(der.length / 3) * 4
  const pem = Buffer.allocUnsafeSlow(head.length + characters + Math.ceil(characters / lineCharacters) + tail.length)
  pem.set(head)
  let at = head.length
  let column = 0
  const put = (code: number): void => {
    pem[at++] = code
    column += 1
    if (column === lineCharacters) {
      pem[at++] = newline
      column = 0
    }
  }
  for (let i = 0; i < der.length; i += 3) {
    const left = der.length - i
    const bits = (der[i]! << 16) | ((der[i + 1] ?? 0) << 8) | (der[i + 2] ?? 0)
    put(alphabet[bits >>> 18]!)
    put(alphabet[(bits >>> 12) & 63]!)
    put(left > 1 ? alphabet[(bits >>> 6) & 63]! : padding)
    put(left > 2 ? alphabet[bits & 63]! : padding)
  }
  if (column > 0) pem[at++] = newline
  pem.set(tail, at)
  return pem.subarray(0, at + tail.length)
}

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const padding = '='.charCodeAt(0)
const newline = '\n'.charCodeAt(0)
/** RFC 7468 section 2. */
const lineCharacters = 64
