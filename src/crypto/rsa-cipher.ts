import { constants, privateDecrypt, publicEncrypt } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { type AsymmetricKey, keyHandle, keyObject } from './asymmetric-key.ts'
import { type DigestAlgorithm, digestLength, digestNumber } from './digest.ts'
import { nativeAddon } from './native.ts'
import { decodeOaep, encodeOaep } from './oaep.ts'

/** How RSA encrypts (KMIP 1.4 section 3.6). Without a padding it does not. */
export type RsaPadding =
  | { readonly padding: 'pkcs1' }
  | {
      readonly padding: 'oaep'
      readonly hash: DigestAlgorithm
      /** The first is what is made; any is opened. */
      readonly maskHashes: readonly DigestAlgorithm[]
      readonly label: Uint8Array
    }

/** Encrypts with a public key. Throws 'invalid-field' for data that is too long for key and padding. */
export function encryptRsa(key: AsymmetricKey, padding: RsaPadding, data: Uint8Array): Buffer {
  const modulusLength = Math.ceil(key.bits / 8)
  const dataLengthMax =
    padding.padding === 'pkcs1' ? modulusLength - 11 : modulusLength - 2 * digestLength(padding.hash) - 2
  if (data.byteLength > dataLengthMax) {
    throw new KryptonError(
      'invalid-field',
      `Send at most ${Math.max(dataLengthMax, 0)} bytes: this key encrypts no more with that padding`,
    )
  }
  if (padding.padding === 'pkcs1') {
    return publicEncrypt({ key: keyObject(key), padding: constants.RSA_PKCS1_PADDING }, data)
  }
  const { hash, maskHashes, label } = padding
  const encoded = encodeOaep(data, modulusLength, { hash, maskHash: maskHashes[0]!, label })! // it was found to fit
  try {
    return publicEncrypt({ key: keyObject(key), padding: constants.RSA_NO_PADDING }, encoded)
  } finally {
    encoded.fill(0)
  }
}

/**
 * Decrypts with a private key. The plaintext is in a buffer of its own which the caller wipes. Throws 'cryptographic-failure', the same
 * for every fault. With PKCS #1 v1.5 there is none to tell but a wrong length: OpenSSL makes random data of what was not encrypted so, which keeps
 * Bleichenbacher's question unanswered.
 */
export function decryptRsa(key: AsymmetricKey, padding: RsaPadding, data: Uint8Array): Buffer {
  if (data.byteLength !== Math.ceil(key.bits / 8)) throw failure()
  const handle = keyHandle(key)
  if (handle !== undefined) return decryptNatively(handle, padding, data)
  const privateKey = keyObject(key)
  try {
    if (padding.padding === 'pkcs1') {
      return own(privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, data))
    }
    const { hash, maskHashes, label } = padding
    if (maskHashes.every((maskHash) => maskHash === hash)) {
      const options = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash, oaepLabel: label }
      return own(privateDecrypt(options, data))
    }
    const encoded = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, data)
    try {
      const opened = maskHashes.map((maskHash) => decodeOaep(encoded, { hash, maskHash, label }))
      return opened.find((plaintext) => plaintext !== undefined) ?? fail()
    } finally {
      encoded.fill(0)
    }
  } catch {
    throw failure()
  }
}

/** One private operation for each mask that may be meant. */
function decryptNatively(handle: number, padding: RsaPadding, data: Uint8Array): Buffer {
  const target = Buffer.allocUnsafeSlow(data.byteLength)
  const isOaep = padding.padding === 'oaep'
  const hash = isOaep ? digestNumber(padding.hash) : 0
  const label = isOaep ? padding.label : noLabel
  for (const maskHash of isOaep ? padding.maskHashes.map(digestNumber) : [0]) {
    const bytes = nativeAddon()!.decryptWithKey(handle, isOaep ? 1 : 0, hash, maskHash, label, data, target)
    if (bytes < 0) continue
    const plaintext = own(target.subarray(0, bytes))
    target.fill(0)
    return plaintext
  }
  throw failure()
}

/** Node hands out a buffer of its own, in which the plaintext may be shorter. */
function own(plaintext: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(plaintext.byteLength)
  bytes.set(plaintext)
  plaintext.fill(0)
  return bytes
}

function fail(): never {
  throw failure()
}

function failure(): KryptonError {
  return new KryptonError('cryptographic-failure', 'the data could not be decrypted: check key, parameters and data')
}

const noLabel = new Uint8Array(0)
