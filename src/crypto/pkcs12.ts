import { encryptWithKey } from './cipher.ts'
import { DerTag, derSequence, encodeDer } from './der.ts'
import type { DerItem } from './der.ts'
import { digest } from './digest.ts'
import { hmac } from './mac.ts'
import { pkcs12Identifiers } from './pkcs12-identifiers.ts'
import { adoptSecret } from './secret.ts'

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
      attribute(pkcs12Identifiers.friendlyName, { tag: bmpString, content: bigEndian(friendlyName) }),
      attribute(pkcs12Identifiers.localKeyId, { tag: DerTag.octetString, content: localKeyId }),
    ],
  }
  const shrouded = encrypted(privateKey, keys.privateKey, keys.iterations)
  const encryptedKey = derSequence(shrouded.algorithm, { tag: DerTag.octetString, content: shrouded.data })
  const keyBag = derSequence(objectIdentifier(pkcs12Identifiers.shroudedKeyBag), context0(encryptedKey), attributes)
  const bags = certificates.map((certificate, place) =>
    derSequence(
      objectIdentifier(pkcs12Identifiers.certBag),
      context0(
        derSequence(
          objectIdentifier(pkcs12Identifiers.x509Certificate),
          context0({ tag: DerTag.octetString, content: certificate }),
        ),
      ),
      ...(place === 0 ? [attributes] : []),
    ),
  )
  const sealed = encrypted(encodeDer(derSequence(...bags)), keys.certificates, keys.iterations)
  const encryptedData = derSequence(
    { unsigned: number(0) },
    derSequence(objectIdentifier(pkcs12Identifiers.data), sealed.algorithm, { tag: implicit0, content: sealed.data }),
  )
  const safe = encodeDer(
    derSequence(
      ...(certificates.length === 0 ? [] : [contentInfo(pkcs12Identifiers.encryptedData, encryptedData)]),
      contentInfo(pkcs12Identifiers.data, { octets: derSequence(keyBag) }),
    ),
  )
  return encodeDer(
    derSequence(
      { unsigned: number(3) },
      contentInfo(pkcs12Identifiers.data, { tag: DerTag.octetString, content: safe }),
      macData(safe, keys),
    ),
  )
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
      derSequence(objectIdentifier(pkcs12Identifiers.hmacWithSha256), none),
    )
    const algorithm = derSequence(
      objectIdentifier(pkcs12Identifiers.pbes2),
      derSequence(
        derSequence(objectIdentifier(pkcs12Identifiers.pbkdf2), derivation),
        derSequence(objectIdentifier(pkcs12Identifiers.aes256Cbc), { tag: DerTag.octetString, content: iv! }), // CBC has one
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
    const digestInfo = derSequence(derSequence(objectIdentifier(pkcs12Identifiers.sha256), none), {
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

const nothing = new Uint8Array(0)
const none: DerItem = { tag: DerTag.null, content: nothing }
const implicit0 = 0x80
const bmpString = 0x1e
