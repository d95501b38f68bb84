import { createCipheriv, createDecipheriv } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import { handleOf, revealTo } from './key-material.ts'
import { nativeAddon } from './native.ts'
import { ownBuffer } from './own-buffer.ts'
import { randomBytes } from './random.ts'
import type { Secret } from './secret.ts'

/** How Encrypt and Decrypt use a key: KMIP's Cryptographic Parameters after defaults were filled in. */
export interface CipherParameters {
  readonly algorithm: 'aes'
  readonly mode: 'ecb' | 'cbc' | 'ctr' | 'gcm'
  /** Used by ECB and CBC; the other modes never pad. */
  readonly padding: 'none' | 'pkcs5'
  /** Length of GCM's tag in bytes, 12 to 16; the other modes have none. */
  readonly tagLength: number
}

/** What `encryptWithKey` made. `iv` is the one that was used; ECB has none. `tag` is GCM's. */
export interface Encrypted {
  readonly data: Buffer
  readonly iv?: Buffer
  readonly tag?: Buffer
}

/**
 * KMIP 1.4 §4.29 Encrypt. Without `iv` a random one is made: 12 bytes for GCM, 16 for CBC and CTR. Throws
 * 'unsupported-cryptographic-parameters' for a key or tag length that AES does not have, 'invalid-field' for an IV or data
 * of a wrong length, and for what the mode has no use for.
 */
export function encryptWithKey(
  key: Secret,
  parameters: CipherParameters,
  data: Uint8Array,
  iv?: Uint8Array,
  associatedData?: Uint8Array,
): Encrypted {
  const bits = keyBits(key)
  const { mode } = parameters
  if (mode === 'gcm') {
    const nonce = iv === undefined ? randomBytes(12) : checkedIv(mode, iv)
    const handle = handleOf(key)
    if (handle !== undefined) {
      const tagBytes = checkedTagLength(parameters.tagLength)
      const target = Buffer.allocUnsafe(data.byteLength + tagBytes)
      const bytes = nativeAddon()!.encrypt(aesModes.gcm, handle, nonce, associatedData ?? none, data, target, tagBytes)
      return { data: target.subarray(0, bytes), iv: Buffer.from(nonce), tag: target.subarray(bytes) }
    }
    const cipher = createCipheriv(`aes-${bits}-gcm`, revealTo(key).keyObject(), nonce, {
      authTagLength: checkedTagLength(parameters.tagLength),
    })
    if (associatedData !== undefined) cipher.setAAD(associatedData)
    const encrypted = cipher.update(data)
    cipher.final()
    return { data: encrypted, iv: Buffer.from(nonce), tag: cipher.getAuthTag() }
  }
  checkUseless(mode, iv, undefined, associatedData)
  const pads = mode !== 'ctr' && parameters.padding === 'pkcs5'
  if (mode !== 'ctr' && !pads && data.byteLength % 16 !== 0) {
    throw new KryptonError(
      'invalid-field',
      'without padding the data must be a multiple of 16 bytes: pad it, or ask for PKCS5',
    )
  }
  const used = mode === 'ecb' ? null : iv === undefined ? randomBytes(16) : checkedIv(mode, iv)
  const handle = handleOf(key)
  if (handle !== undefined) {
    const target = Buffer.allocUnsafe(data.byteLength + 16)
    const bytes = nativeAddon()!.encrypt(aesMode(mode, pads), handle, used ?? none, none, data, target, 0)
    const encrypted = target.subarray(0, bytes)
    return used === null ? { data: encrypted } : { data: encrypted, iv: Buffer.from(used) }
  }
  const cipher = createCipheriv(`aes-${bits}-${mode}`, revealTo(key).keyObject(), used)
  cipher.setAutoPadding(pads)
  const encrypted = Buffer.concat([cipher.update(data), cipher.final()])
  return used === null ? { data: encrypted } : { data: encrypted, iv: Buffer.from(used) }
}

/**
 * KMIP 1.4 §4.30 Decrypt. GCM's tag is `tag`, or when that is absent the last `tagLength` bytes of `data`. The plaintext is in a
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
  const bits = keyBits(key)
  const { mode } = parameters
  if (mode === 'gcm') {
    const nonce = checkedIv(mode, iv)
    const tagLength = checkedTagLength(parameters.tagLength)
    const length = tag === undefined ? data.byteLength - tagLength : data.byteLength
    const checkedTag = tag ?? data.subarray(Math.max(length, 0))
    if (length < 0 || checkedTag.byteLength !== tagLength) throw failure()
    const handle = handleOf(key)
    if (handle !== undefined) {
      const encrypted = { data, bytes: length, tag: checkedTag }
      return decryptInSlot(aesModes.gcm, handle, nonce, associatedData ?? none, encrypted)
    }
    const decipher = createDecipheriv(`aes-${bits}-gcm`, revealTo(key).keyObject(), nonce, {
      authTagLength: tagLength,
    })
    decipher.setAuthTag(checkedTag)
    if (associatedData !== undefined) decipher.setAAD(associatedData)
    return finished(decipher.update(data.subarray(0, length)), () => decipher.final())
  }
  checkUseless(mode, iv, tag, associatedData)
  const used = mode === 'ecb' ? null : checkedIv(mode, iv)
  if (mode !== 'ctr' && data.byteLength % 16 !== 0) throw failure()
  const pads = mode !== 'ctr' && parameters.padding === 'pkcs5'
  const handle = handleOf(key)
  if (handle !== undefined) {
    const encrypted = { data, bytes: data.byteLength, tag: none }
    return decryptInSlot(aesMode(mode, pads), handle, used ?? none, none, encrypted)
  }
  const decipher = createDecipheriv(`aes-${bits}-${mode}`, revealTo(key).keyObject(), used)
  decipher.setAutoPadding(pads)
  return finished(decipher.update(data), () => decipher.final())
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
  if (opened < 0) throw failure()
  return target.subarray(0, opened)
}

function aesMode(mode: 'ecb' | 'cbc' | 'ctr', pads: boolean): number {
  if (!pads || mode === 'ctr') return aesModes[mode]
  return mode === 'ecb' ? aesModes.ecbPadded : aesModes.cbcPadded
}

/** Joins the parts of a plaintext only after the last one was let go, and leaves no other copy. */
function finished(first: Buffer, final: () => Buffer): Buffer {
  let last: Buffer | undefined
  try {
    last = final()
    if (last.byteLength === 0) return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
    const joined = ownBuffer(first.byteLength + last.byteLength)
    joined.set(first)
    joined.set(last, first.byteLength)
    first.fill(0)
    return joined
  } catch {
    first.fill(0)
    throw failure()
  } finally {
    last?.fill(0)
  }
}

function keyBits(key: Secret): 128 | 192 | 256 {
  if (key.secretClass !== 'object') throw new TypeError(`a key of class ${key.secretClass} encrypts no data`)
  switch (key.byteLength) {
    case 16:
      return 128
    case 24:
      return 192
    case 32:
      return 256
    default:
      throw new KryptonError(
        'unsupported-cryptographic-parameters',
        'AES needs a key of 128, 192 or 256 bits: use a key of that length or name its algorithm',
      )
  }
}

function checkedIv(mode: 'cbc' | 'ctr' | 'gcm', iv: Uint8Array | undefined): Uint8Array {
  if (iv === undefined) {
    throw new KryptonError(
      'invalid-field',
      `${mode.toUpperCase()} needs the IV that the data was encrypted with: send IV/Counter/Nonce`,
    )
  }
  const fits = mode === 'gcm' ? iv.byteLength >= 1 && iv.byteLength <= gcmIvBytesMax : iv.byteLength === 16
  if (!fits) {
    const lengths = mode === 'gcm' ? `1 to ${gcmIvBytesMax} (12 is best)` : '16'
    throw new KryptonError(
      'invalid-field',
      `the IV of ${mode.toUpperCase()} has ${lengths} bytes: send one of that length`,
    )
  }
  return iv
}

/** What a mode cannot use is refused: who sends it believes in a protection that is not there. */
function checkUseless(
  mode: 'ecb' | 'cbc' | 'ctr',
  iv: Uint8Array | undefined,
  tag: Uint8Array | undefined,
  associatedData: Uint8Array | undefined,
): void {
  if (associatedData !== undefined) {
    throw new KryptonError(
      'invalid-field',
      'Leave out Authenticated Encryption Additional Data, or use GCM: no other mode authenticates it',
    )
  }
  if (tag !== undefined) {
    throw new KryptonError('invalid-field', 'Leave out Authenticated Encryption Tag, or use GCM: no other mode has one')
  }
  if (mode === 'ecb' && iv !== undefined) {
    throw new KryptonError('invalid-field', 'Leave out IV/Counter/Nonce, or use another mode: ECB has none')
  }
}

function checkedTagLength(tagLength: number): number {
  if (!Number.isInteger(tagLength) || tagLength < 12 || tagLength > 16) {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'the tag of GCM has 12 to 16 bytes: set Tag Length to one of these',
    )
  }
  return tagLength
}

function failure(): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    'the data could not be decrypted: check key, parameters, IV, tag and data',
  )
}

/** The numbers of `AesMode` in `native/aes.h`. */
const aesModes = { ecb: 0, cbc: 1, ctr: 2, gcm: 3, ecbPadded: 4, cbcPadded: 5 } as const

const none = new Uint8Array(0)

/** The longest IV that OpenSSL takes for GCM. */
const gcmIvBytesMax = 128
