import { encryptWithKey } from './cipher.ts'
import { DerTag, derSequence, encodeDer } from './der.ts'
import type { DerItem } from './der.ts'
import { digest } from './digest.ts'
import { hmac } from './mac.ts'
import { revealTo } from './key-material.ts'
import { ownBuffer } from './own-buffer.ts'
import { adoptSecret } from './secret.ts'
import type { Secret } from './secret.ts'
import { KryptonError } from '../errors.ts'

/**
 * PKCS #12 files (RFC 7292) under a password, as OpenSSL 3 writes them: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC for the key and for the
 * certificates, HMAC-SHA-256 over both. Written by the encoder that writes keys, so that no copy of one is left between.
 */
export interface Pkcs12Contents {
  /** PrivateKeyInfo in DER; it stays the caller's to wipe. */
  readonly privateKey: Uint8Array
  /** In DER, that of the key first. */
  readonly certificates: readonly Uint8Array[]
  readonly friendlyName: string
}

/** Keys that were derived from the password, each with its own salt; the caller wipes them. */
export interface Pkcs12Keys {
  readonly iterations: number
  readonly privateKey: DerivedKey
  readonly certificates: DerivedKey
  readonly mac: DerivedKey
}

export interface DerivedKey {
  readonly salt: Uint8Array
  /** 32 bytes: taken over, and gone when the file is there. */
  readonly key: Buffer
}

/** The file. */
export function writePkcs12({ privateKey, certificates, friendlyName }: Pkcs12Contents, keys: Pkcs12Keys): Buffer {
  // What says which certificate is the key's own.
  const localKeyId = digest('sha256', certificates[0] ?? nothing).subarray(0, 20)
  const attributes: DerItem = {
    tag: DerTag.set,
    items: [
      attribute(oid.friendlyName, { tag: bmpString, content: bigEndian(friendlyName) }),
      attribute(oid.localKeyId, { tag: DerTag.octetString, content: localKeyId }),
    ],
  }
  const shrouded = encrypted(privateKey, keys.privateKey, keys.iterations)
  const encryptedKey = derSequence(shrouded.algorithm, { tag: DerTag.octetString, content: shrouded.data })
  const keyBag = derSequence(objectIdentifier(oid.shroudedKeyBag), context0(encryptedKey), attributes)
  const bags = certificates.map((certificate, place) =>
    derSequence(
      objectIdentifier(oid.certBag),
      context0(
        derSequence(objectIdentifier(oid.x509Certificate), context0({ tag: DerTag.octetString, content: certificate })),
      ),
      ...(place === 0 ? [attributes] : []),
    ),
  )
  const sealed = encrypted(encodeDer(derSequence(...bags)), keys.certificates, keys.iterations)
  const encryptedData = derSequence(
    { unsigned: number(0) },
    derSequence(objectIdentifier(oid.data), sealed.algorithm, { tag: implicit0, content: sealed.data }),
  )
  const safe = encodeDer(
    derSequence(
      ...(certificates.length === 0 ? [] : [contentInfo(oid.encryptedData, encryptedData)]),
      contentInfo(oid.data, { octets: derSequence(keyBag) }),
    ),
  )
  return encodeDer(
    derSequence(
      { unsigned: number(3) },
      contentInfo(oid.data, { tag: DerTag.octetString, content: safe }),
      macData(safe, keys),
    ),
  )
}

/** The key of a file's MAC (RFC 7292 appendix B.2, with SHA-256): takes as long as `iterations` says. */
export function deriveForPkcs12Mac(
  password: Secret,
  { salt, iterations }: { readonly salt: Uint8Array; readonly iterations: number },
): Buffer {
  return revealTo(password).withBytes((bytes) => {
    const text = passwordText(bytes)
    const filled = (source: Uint8Array): number => Math.ceil(source.byteLength / blockBytes) * blockBytes
    const input = ownBuffer(blockBytes + filled(salt) + filled(text))
    input.fill(macPurpose, 0, blockBytes)
    for (let i = 0; i < filled(salt); i++) input[blockBytes + i] = salt[i % salt.byteLength]!
    for (let i = 0; i < filled(text); i++) input[blockBytes + filled(salt) + i] = text[i % text.byteLength]!
    try {
      let key = digest('sha256', input)
      for (let i = 1; i < iterations; i++) {
        const before = key
        key = digest('sha256', before)
        before.fill(0)
      }
      return key
    } finally {
      input.fill(0)
      text.fill(0)
    }
  })
}

/**
 * A password of UTF-8 as PKCS #12 has it for the MAC: UTF-16 with the big end first, and a zero at its end. It becomes no string on the way.
 * @throws KryptonError invalid-field
 */
function passwordText(utf8: Uint8Array): Buffer {
  const text = ownBuffer(2 * utf8.byteLength + 2)
  let at = 0
  for (let i = 0; i < utf8.byteLength;) {
    const first = utf8[i++]!
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1
    let code = more === 0 ? first : first & (0x3f >> more)
    let isWhole = more >= 0
    for (let k = 0; k < more; k++) {
      const next = utf8[i++] ?? 0
      isWhole &&= (next & 0xc0) === 0x80
      code = (code << 6) | (next & 0x3f)
    }
    if (!isWhole) {
      text.fill(0)
      throw new KryptonError('invalid-field', 'Use a password in UTF-8 for PKCS#12: this one is none')
    }
    if (code >= 0x1_0000) {
      at = text.writeUInt16BE(0xd800 + ((code - 0x1_0000) >> 10), at)
      at = text.writeUInt16BE(0xdc00 + ((code - 0x1_0000) & 0x3ff), at)
    } else at = text.writeUInt16BE(code, at)
  }
  at = text.writeUInt16BE(0, at)
  const own = ownBuffer(at)
  text.copy(own, 0, 0, at)
  text.fill(0)
  return own
}

function encrypted(
  bytes: Uint8Array,
  { salt, key }: DerivedKey,
  iterations: number,
): { algorithm: DerItem; data: Uint8Array } {
  const secret = adoptSecret(key, 'object')
  try {
    const { data, iv } = encryptWithKey(
      secret,
      { algorithm: 'aes', mode: 'cbc', padding: 'pkcs5', tagLength: 16 },
      bytes,
    )
    const derivation = derSequence(
      { tag: DerTag.octetString, content: salt },
      { unsigned: number(iterations) },
      derSequence(objectIdentifier(oid.hmacWithSha256), none),
    )
    const algorithm = derSequence(
      objectIdentifier(oid.pbes2),
      derSequence(
        derSequence(objectIdentifier(oid.pbkdf2), derivation),
        derSequence(objectIdentifier(oid.aes256Cbc), { tag: DerTag.octetString, content: iv! }), // CBC has one
      ),
    )
    return { algorithm, data }
  } finally {
    secret.wipe()
  }
}

function macData(safe: Uint8Array, { mac: { key, salt }, iterations }: Pkcs12Keys): DerItem {
  const secret = adoptSecret(key, 'object')
  try {
    const digestInfo = derSequence(derSequence(objectIdentifier(oid.sha256), none), {
      tag: DerTag.octetString,
      content: hmac('sha256', secret, safe),
    })
    return derSequence(digestInfo, { tag: DerTag.octetString, content: salt }, { unsigned: number(iterations) })
  } finally {
    secret.wipe()
  }
}

function contentInfo(type: Buffer, content: DerItem): DerItem {
  return derSequence(objectIdentifier(type), context0(content))
}

function attribute(type: Buffer, value: DerItem): DerItem {
  return derSequence(objectIdentifier(type), { tag: DerTag.set, items: [value] })
}

function context0(item: DerItem): DerItem {
  return { tag: DerTag.context0, items: [item] }
}

function objectIdentifier(content: Uint8Array): DerItem {
  return { tag: DerTag.objectIdentifier, content }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value, 0)
  return bytes
}

function bigEndian(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

const oid = {
  data: Buffer.from('2a864886f70d010701', 'hex'),
  encryptedData: Buffer.from('2a864886f70d010706', 'hex'),
  shroudedKeyBag: Buffer.from('2a864886f70d010c0a0102', 'hex'),
  certBag: Buffer.from('2a864886f70d010c0a0103', 'hex'),
  x509Certificate: Buffer.from('2a864886f70d01091601', 'hex'),
  friendlyName: Buffer.from('2a864886f70d010914', 'hex'),
  localKeyId: Buffer.from('2a864886f70d010915', 'hex'),
  pbes2: Buffer.from('2a864886f70d01050d', 'hex'),
  pbkdf2: Buffer.from('2a864886f70d01050c', 'hex'),
  hmacWithSha256: Buffer.from('2a864886f70d0209', 'hex'),
  aes256Cbc: Buffer.from('60864801650304012a', 'hex'),
  sha256: Buffer.from('608648016503040201', 'hex'),
} as const
const nothing = new Uint8Array(0)
const none: DerItem = { tag: DerTag.null, content: nothing }
const implicit0 = 0x80
const bmpString = 0x1e

/** Of SHA-256. */
const blockBytes = 64
/** RFC 7292 appendix B.3: the key is for a MAC. */
const macPurpose = 3
