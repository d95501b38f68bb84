import { createPrivateKey, X509Certificate } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { equalBytes } from './compare.ts'
import { DerReader, DerTag } from './der.ts'
import { digestLength } from './digest.ts'
import type { DigestAlgorithm } from './digest.ts'
import { deriveByPassword } from './key-derivation.ts'
import { readPkcs8 } from './key-encoding.ts'
import { hmac } from './mac.ts'
import { ownCopy } from './own-buffer.ts'
import { deriveByPkcs12, Pkcs12Purpose } from './pkcs12-derivation.ts'
import {
  algorithmIn,
  decryptPkcs12,
  hmacs,
  IterationBudget,
  pbkdf2In,
  plainAlgorithmIn,
  smallNumber,
} from './pkcs12-encryption.ts'
import { pkcs12Identifiers as identifiers } from './pkcs12-identifiers.ts'
import { adoptSecret } from './secret.ts'
import type { Secret } from './secret.ts'

/** What a PKCS #12 file was opened for. */
export interface OpenedPkcs12 {
  /** PrivateKeyInfo in DER; the caller wipes it. */
  readonly privateKey: Buffer
  /** The chain of the key's own certificate, that first; none where the file has none at all. */
  readonly certificates: readonly Uint8Array[]
  /** Of the key; undefined where it has none. */
  readonly friendlyName: string | undefined
}

/**
 * Opens a PKCS #12 file (RFC 7292) under its password: the private key of that friendly name, or the first one, with the certificates in the file that
 * lead up from its own. What else is in it (other keys and certificates, CRLs, secrets) is let be. Nothing of it is looked at before its MAC was found
 * to be right. Takes as long as the file's iterations say, which have a bound: it does not run on the loop.
 * @throws KryptonError invalid-field: the bytes are no such file, or hold no such key; cryptographic-failure: another password, or damaged;
 *   unsupported-cryptographic-parameters: written in a way that is not read here
 */
export function readPkcs12(file: Uint8Array, password: Secret, friendlyName: string | undefined): OpenedPkcs12 {
  const budget = new IterationBudget()
  const opened: Uint8Array[] = []
  try {
    const safe = authenticatedSafe(file, password, budget)
    const bags: Bag[] = []
    for (const contents of safeContents(safe, password, budget, opened)) addBags(bags, contents)
    const key = chosenKey(bags, friendlyName)
    const privateKey = key.isShrouded ? unshrouded(key.content, password, budget) : ownCopy(key.content)
    try {
      readPkcs8(privateKey)
      return { privateKey, certificates: chainOf(privateKey, bags), friendlyName: key.friendlyName }
    } catch (error) {
      privateKey.fill(0)
      throw error
    }
  } finally {
    for (const bytes of opened) bytes.fill(0)
  }
}

type Bag = KeyBag | CertificateBag

interface KeyBag {
  readonly type: 'key'
  readonly isShrouded: boolean
  /** A view of what is wiped in the end. */
  readonly content: Uint8Array
  readonly friendlyName: string | undefined
}

interface CertificateBag {
  readonly type: 'certificate'
  readonly content: Uint8Array
}

/** The contents that the MAC was made over, which is right. */
function authenticatedSafe(file: Uint8Array, password: Secret, budget: IterationBudget): Uint8Array {
  if (file[1] === indefinite) {
    throw new KryptonError(
      'invalid-field',
      'Send the PKCS#12 file in DER: this one has lengths that are indefinite (BER)',
    )
  }
  const outer = new DerReader(file)
  const pfx = outer.within(DerTag.sequence)
  outer.end()
  if (smallNumber(pfx) !== 3) throw new KryptonError('invalid-field', 'Send a PKCS#12 file of version 3')
  const { type, content } = contentInfo(pfx)
  if (!equalBytes(type, identifiers.data)) {
    throw unsupported('Send a PKCS#12 file whose integrity a password protects: this one is signed')
  }
  const safe = content.item(DerTag.octetString)
  content.end()
  if (pfx.isAtEnd) throw unsupported('Send a PKCS#12 file with a MAC: this one could have been changed by anybody')
  checkMac(safe, pfx.within(DerTag.sequence), password, budget)
  pfx.end()
  return safe
}

function checkMac(safe: Uint8Array, mac: DerReader, password: Secret, budget: IterationBudget): void {
  const digestInfo = mac.within(DerTag.sequence)
  const algorithm = digestInfo.whole(DerTag.sequence)
  const expected = digestInfo.item(DerTag.octetString)
  digestInfo.end()
  const salt = mac.item(DerTag.octetString)
  const iterations = mac.isAtEnd ? 1 : smallNumber(mac)
  mac.end()
  const { hash, key } = macKey(algorithm, { salt, iterations }, password, budget)
  const secret = adoptSecret(key, 'object')
  try {
    if (equalBytes(hmac(hash, secret, safe), expected)) return
    throw new KryptonError(
      'cryptographic-failure',
      'Link the password of the file by PKCS#12 Password Link: under this one its MAC is wrong',
    )
  } finally {
    secret.wipe()
  }
}

function macKey(
  algorithm: Uint8Array,
  { salt, iterations }: { readonly salt: Uint8Array; readonly iterations: number },
  password: Secret,
  budget: IterationBudget,
): { hash: DigestAlgorithm; key: Buffer } {
  const { identifier, parameters } = algorithmIn(new DerReader(algorithm))
  if (equalBytes(identifier, identifiers.pbmac1)) {
    const both = parameters.within(DerTag.sequence)
    parameters.end()
    const derivation = pbkdf2In(algorithmIn(both))
    const hash = plainAlgorithmIn(both, hmacs)
    both.end()
    const { keyBytes } = derivation
    if (hash === undefined || keyBytes === undefined || keyBytes < macKeyBytesMin || keyBytes > macKeyBytesMax) {
      throw unsupported(
        `Send a PKCS#12 file whose PBMAC1 is an HMAC of SHA-1 or SHA-2 with a key of ${macKeyBytesMin} to ${macKeyBytesMax} bytes`,
      )
    }
    budget.takePassword(derivation, keyBytes)
    return { hash, key: deriveByPassword(password, derivation, keyBytes) }
  }
  const hash = plainAlgorithmIn(new DerReader(algorithm), digests)
  if (hash === undefined) throw unsupported('Send a PKCS#12 file whose MAC is an HMAC of SHA-1 or SHA-2')
  const keyBytes = digestLength(hash)
  const derivation = { hash, purpose: Pkcs12Purpose.mac, salt, iterations }
  budget.take(derivation, keyBytes)
  return { hash, key: deriveByPkcs12(password, derivation, keyBytes) }
}

/** Each SafeContents; what was decrypted goes into `opened`, which the caller wipes. */
function safeContents(safe: Uint8Array, password: Secret, budget: IterationBudget, opened: Uint8Array[]): DerReader[] {
  const infos = sequenceOf(safe)
  const contents: DerReader[] = []
  while (!infos.isAtEnd) {
    if (contents.length === limits.pkcs12ContentsMax) throw tooMuch()
    const { type, content } = contentInfo(infos)
    if (equalBytes(type, identifiers.data)) {
      contents.push(sequenceOf(content.item(DerTag.octetString)))
    } else if (equalBytes(type, identifiers.encryptedData)) {
      const plain = decryptedContents(content.within(DerTag.sequence), password, budget)
      opened.push(plain)
      contents.push(sequenceOf(plain))
    } else throw unsupported('Send a PKCS#12 file that a password encrypts: this one is encrypted to a public key')
    content.end()
  }
  return contents
}

function decryptedContents(encrypted: DerReader, password: Secret, budget: IterationBudget): Buffer {
  if (smallNumber(encrypted) !== 0) throw new KryptonError('invalid-field', 'Send EncryptedData of version 0')
  const info = encrypted.within(DerTag.sequence)
  if (!equalBytes(info.item(DerTag.objectIdentifier), identifiers.data)) {
    throw new KryptonError('invalid-field', 'Send EncryptedData whose content is data')
  }
  const algorithm = algorithmIn(info)
  return decryptPkcs12(algorithm, info.item(implicit0), password, budget, 'certificates')
}

function unshrouded(content: Uint8Array, password: Secret, budget: IterationBudget): Buffer {
  const info = sequenceOf(content)
  const algorithm = algorithmIn(info)
  return decryptPkcs12(algorithm, info.item(DerTag.octetString), password, budget, 'key')
}

function addBags(bags: Bag[], contents: DerReader): void {
  while (!contents.isAtEnd) {
    if (bags.length === limits.pkcs12BagsMax) throw tooMuch()
    const bag = contents.within(DerTag.sequence)
    const type = bag.item(DerTag.objectIdentifier)
    const value = bag.within(DerTag.context0)
    const isShrouded = equalBytes(type, identifiers.shroudedKeyBag)
    if (isShrouded || equalBytes(type, identifiers.keyBag)) {
      bags.push({ type: 'key', isShrouded, content: value.whole(DerTag.sequence), friendlyName: friendlyNameIn(bag) })
    } else if (equalBytes(type, identifiers.certBag)) {
      const certificate = value.within(DerTag.sequence)
      if (equalBytes(certificate.item(DerTag.objectIdentifier), identifiers.x509Certificate)) {
        const inside = certificate.within(DerTag.context0)
        bags.push({ type: 'certificate', content: new Uint8Array(inside.item(DerTag.octetString)) })
      }
    } else if (equalBytes(type, identifiers.safeContentsBag)) {
      throw unsupported('Send a PKCS#12 file without bags in bags')
    }
  }
}

function friendlyNameIn(bag: DerReader): string | undefined {
  if (bag.isAtEnd) return undefined
  const attributes = bag.within(DerTag.set)
  while (!attributes.isAtEnd) {
    const attribute = attributes.within(DerTag.sequence)
    if (!equalBytes(attribute.item(DerTag.objectIdentifier), identifiers.friendlyName)) continue
    const text = attribute.within(DerTag.set).item(bmpString)
    if (text.byteLength % 2 !== 0) throw new KryptonError('invalid-field', 'Send a friendly name that is a BMPString')
    return text.byteLength === 0 ? undefined : Buffer.from(text).swap16().toString('utf16le').toWellFormed()
  }
  return undefined
}

/** 3.45: the key of that name, of whatever case; the first where none is named. */
function chosenKey(bags: readonly Bag[], friendlyName: string | undefined): KeyBag {
  const keys = bags.filter((bag) => bag.type === 'key')
  const wanted = friendlyName?.toLowerCase()
  const chosen = wanted === undefined ? keys[0] : keys.find((key) => key.friendlyName?.toLowerCase() === wanted)
  if (chosen !== undefined) return chosen
  throw new KryptonError(
    'invalid-field',
    keys.length === 0
      ? 'Send a PKCS#12 file with a private key: this one has none'
      : 'Send the PKCS#12 Friendly Name of a private key in the file, or none: the first is taken then',
  )
}

/** The certificate of the key, and the one that each was signed by, as far as the file has them. */
function chainOf(privateKey: Buffer, bags: readonly Bag[]): Uint8Array[] {
  const all = bags
    .filter((bag) => bag.type === 'certificate')
    .map(({ content }) => ({ content, read: readX509(content) }))
  if (all.length === 0) return []
  const key = madeOf(() => createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }))
  const chain: FileCertificate[] = []
  let at = all.find(({ read }) => read.checkPrivateKey(key))
  if (at === undefined) {
    throw new KryptonError('invalid-field', "Send a PKCS#12 file with the key's own certificate, or without any")
  }
  while (at !== undefined) {
    if (chain.length === limits.pkcs12CertificatesMax) throw tooMuch()
    chain.push(at)
    const { read }: FileCertificate = at
    at = all.find((one) => !chain.some(({ content }) => equalBytes(content, one.content)) && isIssuedBy(read, one.read))
  }
  return chain.map(({ content }) => content)
}

interface FileCertificate {
  readonly content: Uint8Array
  readonly read: X509Certificate
}

function isIssuedBy(certificate: X509Certificate, by: X509Certificate): boolean {
  return certificate.checkIssued(by) && madeOf(() => certificate.verify(by.publicKey))
}

function readX509(content: Uint8Array): X509Certificate {
  return madeOf(() => new X509Certificate(content))
}

/** What OpenSSL says of malformed DER is no word of ours. */
function madeOf<T>(make: () => T): T {
  try {
    return make()
  } catch (cause) {
    throw new KryptonError('invalid-field', 'Send a PKCS#12 file whose key and certificates can be read', { cause })
  }
}

function contentInfo(reader: DerReader): { type: Uint8Array; content: DerReader } {
  const info = reader.within(DerTag.sequence)
  const type = info.item(DerTag.objectIdentifier)
  const content = info.within(DerTag.context0)
  info.end()
  return { type, content }
}

function sequenceOf(der: Uint8Array): DerReader {
  const outer = new DerReader(der)
  const inner = outer.within(DerTag.sequence)
  outer.end()
  return inner
}

function unsupported(message: string): KryptonError {
  return new KryptonError('unsupported-cryptographic-parameters', message)
}

function tooMuch(): KryptonError {
  const { pkcs12ContentsMax: contents, pkcs12BagsMax: bags, pkcs12CertificatesMax: certificates } = limits
  return new KryptonError(
    'invalid-field',
    `Send a PKCS#12 file of at most ${contents} contents, ${bags} bags and a chain of ${certificates} certificates`,
  )
}

/** The hash of a MAC. */
const digests: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['2b0e03021a', 'sha1'],
  ['608648016503040204', 'sha224'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
])
const bmpString = 0x1e
const implicit0 = 0x80
const indefinite = 0x80
/** RFC 9579 section 9: 20 bytes at least. No hash has a longer one. */
const macKeyBytesMin = 20
const macKeyBytesMax = 64
