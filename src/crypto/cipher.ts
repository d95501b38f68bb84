import { KryptonError } from '../errors.ts'
import { checkAuthenticated, checkIvLength, checkTagLength, type CipherParameters, cipherForm } from './cipher-form.ts'
import { beginDecryption, beginEncryption, decryptionFailure } from './cipher-stream.ts'
import { handleOf } from './key-material.ts'
import { nativeAddon } from './native.ts'
import { ownBuffer } from './own-buffer.ts'
import { randomNonce } from './random.ts'
import type { Secret } from './secret.ts'

/** What `encryptWithKey` made. `iv` is the one that was used; ECB has none. `tag` is GCM's. */
export interface Encrypted {
  readonly data: Buffer
  readonly iv?: Buffer
  readonly tag?: Buffer
}

/**
 * KMIP 1.4 §4.29 Encrypt. Without `iv` a random one is made, of the length that is usual for the mode: 12 bytes for GCM, 16 for AES-CBC and CTR. Throws
 * 'unsupported-cryptographic-parameters' for a mode, key or tag length that the algorithm does not have, 'invalid-field' for an IV or data
 * of a wrong length, and for what the mode has no use for. What the addon knows is done in the key's slot; the rest by `node:crypto`.
 */
export function encryptWithKey(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv?: Uint8Array,
  associatedData?: Uint8Array,
): Encrypted {
  checkClass(key)
  const handle = handleOf(key)
  if (handle === undefined || !isNative(parameters)) return encryptInForm(key, parameters, data, iv, associatedData)
  checkAesKey(key)
  const { mode } = parameters
  if (mode === 'gcm') {
    const nonce = iv === undefined ? randomNonce(12) : Buffer.from(checkedIv(parameters, iv))
    const tagBytes = checkedTagLength(parameters)
    const target = ciphertextBuffer(data.byteLength + tagBytes)
    const bytes = nativeAddon()!.encrypt(aesModes.gcm, handle, nonce, associatedData ?? none, data, target, tagBytes)
    return { data: target.subarray(0, bytes), iv: nonce, tag: target.subarray(bytes) }
  }
  checkUseless(parameters, iv, undefined, associatedData)
  const pads = mode !== 'ctr' && parameters.padding === 'pkcs5'
  if (mode !== 'ctr' && !pads && data.byteLength % 16 !== 0) {
    throw new KryptonError(
      'invalid-field',
      'without padding the data must be a multiple of 16 bytes: pad it, or ask for PKCS5',
    )
  }
  const used = mode === 'ecb' ? null : iv === undefined ? randomNonce(16) : Buffer.from(checkedIv(parameters, iv))
  const target = ciphertextBuffer(data.byteLength + 16)
  const bytes = nativeAddon()!.encrypt(aesMode(mode, pads), handle, used ?? none, none, data, target, 0)
  const encrypted = target.subarray(0, bytes)
  return used === null ? { data: encrypted } : { data: encrypted, iv: used }
}

/**
 * KMIP 1.4 §4.30 Decrypt. The tag of authenticated encryption is `tag`, or when that is absent the last `tagLength` bytes of `data`. The plaintext is in a
 * buffer of its own which the caller wipes. Throws 'cryptographic-failure', the same for a wrong padding, a wrong tag and
 * data that no key could have made; the others as `encryptWithKey`.
 */
export function decryptWithKey(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv: Uint8Array | undefined,
  tag?: Uint8Array,
  associatedData?: Uint8Array,
): Buffer {
  checkClass(key)
  const handle = handleOf(key)
  if (handle === undefined || !isNative(parameters))
    return decryptInForm(key, parameters, data, iv, tag, associatedData)
  checkAesKey(key)
  const { mode } = parameters
  if (mode === 'gcm') {
    const nonce = checkedIv(parameters, iv)
    const tagLength = checkedTagLength(parameters)
    const length = tag === undefined ? data.byteLength - tagLength : data.byteLength
    const checkedTag = tag ?? data.subarray(Math.max(length, 0))
    if (length < 0 || checkedTag.byteLength !== tagLength) throw decryptionFailure()
    const encrypted = { data, bytes: length, tag: checkedTag }
    return decryptInSlot(aesModes.gcm, handle, nonce, associatedData ?? none, encrypted)
  }
  checkUseless(parameters, iv, tag, associatedData)
  const used = mode === 'ecb' ? none : checkedIv(parameters, iv)
  if (mode !== 'ctr' && data.byteLength % 16 !== 0) throw decryptionFailure()
  const pads = mode !== 'ctr' && parameters.padding === 'pkcs5'
  return decryptInSlot(aesMode(mode, pads), handle, used, none, { data, bytes: data.byteLength, tag: none })
}

function encryptInForm(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv: Uint8Array | undefined,
  associatedData: Uint8Array | undefined,
): Encrypted {
  const { ivBytesMax, ivBytesUsual } = cipherForm(parameters, key.byteLength)
  const used = iv === undefined ? (ivBytesMax === 0 ? undefined : randomNonce(ivBytesUsual)) : Buffer.from(iv)
  const cipher = beginEncryption(key, parameters, { iv: used, associatedData, dataBytes: data.byteLength })
  const first = cipher.update(data)
  const { data: last, tag } = cipher.final()
  const encrypted = last.byteLength === 0 ? first : Buffer.concat([first, last])
  return { data: encrypted, iv: used, tag }
}

function decryptInForm(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv: Uint8Array | undefined,
  tag: Uint8Array | undefined,
  associatedData: Uint8Array | undefined,
): Buffer {
  const form = cipherForm(parameters, key.byteLength)
  checkIvLength(form, parameters.mode, iv)
  checkAuthenticated(form, tag, associatedData)
  checkTagLength(form, parameters.tagLength)
  const isAuthenticated = form.tagBytes.length > 0
  const dataBytes = isAuthenticated && tag === undefined ? data.byteLength - parameters.tagLength : data.byteLength
  if (dataBytes < 0) throw decryptionFailure()
  const usedTag = isAuthenticated ? (tag ?? data.subarray(dataBytes)) : undefined
  if (usedTag !== undefined && usedTag.byteLength !== parameters.tagLength) throw decryptionFailure()
  const decipher = beginDecryption(key, parameters, { iv, associatedData, dataBytes, tag: usedTag })
  let first: Buffer | undefined
  let last: Buffer | undefined
  try {
    first = decipher.update(data.subarray(0, dataBytes))
    last = decipher.final().data
    const opened = ownBuffer(first.byteLength + last.byteLength)
    opened.set(first)
    opened.set(last, first.byteLength)
    return opened
  } finally {
    decipher.wipe()
    first?.fill(0)
    last?.fill(0)
  }
}

/** The plaintext, in a buffer of its own: what padding leaves over at its end was never written. */
function decryptInSlot(
  mode: number,
  handle: number,
  iv: Uint8Array,
  associatedData: Uint8Array,
  { data, bytes, tag }: { data: Uint8Array; bytes: number; tag: Uint8Array },
): Buffer {
  const target = ownBuffer(bytes)
  const opened = nativeAddon()!.decrypt(mode, handle, iv, associatedData, data, bytes, tag, 0, tag.byteLength, target)
  if (opened < 0) throw decryptionFailure()
  return target.subarray(0, opened)
}

/** What the addon does in a key's slot. */
type NativeCipher = CipherParameters & { readonly mode: 'ecb' | 'cbc' | 'ctr' | 'gcm' }

function isNative(parameters: CipherParameters): parameters is NativeCipher {
  const { algorithm, mode, padding } = parameters
  if (algorithm !== 'aes') return false
  if (mode === 'gcm' || mode === 'ctr') return true
  return (mode === 'cbc' || mode === 'ecb') && (padding === 'pkcs5' || padding === 'none')
}

function aesMode(mode: 'ecb' | 'cbc' | 'ctr', pads: boolean): number {
  if (!pads || mode === 'ctr') return aesModes[mode]
  return mode === 'ecb' ? aesModes.ecbPadded : aesModes.cbcPadded
}

function checkClass({ secretClass }: Secret): void {
  if (secretClass !== 'object') throw new TypeError(`a key of class ${secretClass} encrypts no data`)
}

function checkAesKey({ byteLength }: Secret): void {
  if (byteLength === 16 || byteLength === 24 || byteLength === 32) return
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'AES needs a key of 128, 192 or 256 bits: use a key of that length or name its algorithm',
  )
}

function checkedIv(parameters: NativeCipher, iv: Uint8Array | undefined): Uint8Array {
  const isUsual = iv !== undefined && iv.byteLength === (parameters.mode === 'gcm' ? 12 : 16)
  if (!isUsual) checkIvLength(cipherForm(parameters, 16), parameters.mode, iv)
  return iv! // checkIvLength lets none be missing
}

function checkedTagLength(parameters: NativeCipher): number {
  const { tagLength } = parameters
  if (tagLength !== 16) checkTagLength(cipherForm(parameters, 16), tagLength)
  return tagLength
}

function checkUseless(
  parameters: NativeCipher,
  iv: Uint8Array | undefined,
  tag: Uint8Array | undefined,
  associatedData: Uint8Array | undefined,
): void {
  const hasIv = parameters.mode === 'ecb' && iv !== undefined
  if (associatedData === undefined && tag === undefined && !hasIv) return
  const form = cipherForm(parameters, 16)
  checkAuthenticated(form, tag, associatedData)
  if (hasIv) checkIvLength(form, parameters.mode, iv)
}

/** The numbers of `AesMode` in `native/aes.h`. */
const aesModes = { ecb: 0, cbc: 1, ctr: 2, gcm: 3, ecbPadded: 4, cbcPadded: 5 } as const

const none = new Uint8Array(0)

/** A slab for ciphertexts, which live until their answer is written: of 4 KiB it holds fifteen. What Derive Key makes of one is wiped where it lies. */
const slabBytes = 64 * 1024
let slab = Buffer.alloc(0)
let slabUsed = 0

/** Memory that is written once. Replaces a buffer for each ciphertext, which Node makes from half its pool on (bench cost, Encrypt 4 KiB). */
function ciphertextBuffer(bytes: number): Buffer {
  if (bytes > slabBytes / 4) return Buffer.allocUnsafeSlow(bytes)
  if (slab.byteLength - slabUsed < bytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    slabUsed = 0
  }
  const buffer = slab.subarray(slabUsed, slabUsed + bytes)
  slabUsed = (slabUsed + bytes + 7) & ~7
  return buffer
}
