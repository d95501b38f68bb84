import { type CipherGCM, type CipherGCMTypes, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto'
import { KryptonError } from '../errors.ts'
import {
  checkAuthenticated,
  checkDataLength,
  checkIvLength,
  checkTagLength,
  type CipherForm,
  cipherForm,
  type CipherParameters,
  encryptedBytesMin,
  slownessOf,
} from './cipher-form.ts'
import { revealTo } from './key-material.ts'
import { ownBuffer } from './own-buffer.ts'
import { type BlockPadding, dataBytesOf, paddingOf } from './padding.ts'
import type { Secret } from './secret.ts'

/** What ends the data, and the tag of a mode that makes one. */
export interface StreamEnd {
  readonly data: Buffer
  readonly tag?: Buffer
}

/** Data on its way through a cipher, a part at a time. Whoever has begun one ends it, by `final` or by `wipe`. */
export interface CipherStream {
  /** See `slownessOf`. */
  readonly slowness: number
  /** What of the data is ready; it is the caller's. */
  update(data: Uint8Array): Buffer
  /** The rest. Throws 'cryptographic-failure' and lets nothing out when the data was not encrypted so. */
  final(): StreamEnd
  /** Ends it with nothing let out; a second time it does nothing. */
  wipe(): void
}

/** What an encryption begins with, besides its key. */
export interface CipherStart {
  readonly iv: Uint8Array | undefined
  readonly associatedData: Uint8Array | undefined
  /** Of all the data, where it is known: CCM must be told. */
  readonly dataBytes?: number
}

/**
 * Begins an encryption by `node:crypto`, which takes the key at once: that stays the caller's to wipe. `iv` is there for every mode that has one.
 * @throws KryptonError unsupported-cryptographic-parameters, invalid-field
 */
export function beginEncryption(key: Secret, parameters: CipherParameters, start: CipherStart): CipherStream {
  const form = cipherForm(parameters, key.byteLength)
  const { iv, associatedData, dataBytes } = start
  checkIvLength(form, parameters.mode, iv)
  checkAuthenticated(form, undefined, associatedData)
  checkTagLength(form, parameters.tagLength)
  if (dataBytes !== undefined) checkDataLength(parameters, form, dataBytes, iv)
  const options = optionsOf(form, parameters)
  const cipher = made(() =>
    revealTo(key).withBytes((bytes) => createCipheriv(typed(form), bytes, ivOf(form, parameters, iv), options)),
  )
  cipher.setAutoPadding(false)
  addAssociatedData(cipher, form, start)
  return new Encryption(cipher, parameters, form)
}

/**
 * Begins a decryption; a mode that authenticates is told its tag. As `beginEncryption`. What authenticates or goes in one call must come in one
 * `update`, whose answer counts only after `final`: `GatheredStream` sees to that.
 */
export function beginDecryption(
  key: Secret,
  parameters: CipherParameters,
  start: CipherStart & { readonly tag: Uint8Array | undefined },
): CipherStream {
  const form = cipherForm(parameters, key.byteLength)
  const { iv, tag, associatedData } = start
  checkIvLength(form, parameters.mode, iv)
  checkAuthenticated(form, tag, associatedData)
  checkTagLength(form, parameters.tagLength)
  const options = optionsOf(form, parameters)
  const decipher = revealTo(key).withBytes((bytes) =>
    createDecipheriv(typed(form), bytes, ivOf(form, parameters, iv), options),
  )
  decipher.setAutoPadding(false)
  if (tag !== undefined) decipher.setAuthTag(tag)
  addAssociatedData(decipher, form, start)
  return new Decryption(decipher, parameters, form)
}

/** The same answer for a wrong padding, a wrong tag and data that no key could have made. */
export function decryptionFailure(): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    'the data could not be decrypted: check key, parameters, IV, tag and data',
  )
}

class Encryption implements CipherStream {
  readonly slowness: number
  readonly #padding: BlockPadding
  readonly #parameters: CipherParameters
  readonly #form: CipherForm
  #cipher: CipherGCM | undefined
  #dataBytes = 0

  constructor(cipher: CipherGCM, parameters: CipherParameters, form: CipherForm) {
    this.slowness = slownessOf(parameters)
    this.#cipher = cipher
    this.#parameters = parameters
    this.#form = form
    this.#padding = form.pads ? parameters.padding : 'none'
  }

  update(data: Uint8Array): Buffer {
    this.#dataBytes += data.byteLength
    const cipher = this.#held()
    return made(() => cipher.update(data))
  }

  final(): StreamEnd {
    const cipher = this.#held()
    const { blockBytes, tagBytes } = this.#form
    try {
      if (this.#padding === 'none') checkDataLength(this.#parameters, this.#form, this.#dataBytes, undefined)
      const padding = paddingOf(this.#padding, this.#dataBytes, blockBytes)
      const padded = padding.byteLength === 0 ? nothing : cipher.update(padding)
      const data = Buffer.concat([padded, made(() => cipher.final())])
      this.#cipher = undefined
      return tagBytes.length === 0 ? { data } : { data, tag: cipher.getAuthTag() }
    } finally {
      this.wipe()
    }
  }

  wipe(): void {
    endContext(this.#cipher)
    this.#cipher = undefined
  }

  #held(): CipherGCM {
    if (this.#cipher === undefined) throw new Error('a cipher was used after its end')
    return this.#cipher
  }
}

class Decryption implements CipherStream {
  readonly slowness: number
  readonly #padding: BlockPadding
  readonly #blockBytes: number
  readonly #bytesMin: number
  #decipher: DecipherGCM | undefined
  #dataBytes = 0
  /** The last block so far, which may hold padding. */
  #kept: Buffer | undefined

  constructor(decipher: DecipherGCM, parameters: CipherParameters, { blockBytes, pads }: CipherForm) {
    this.slowness = slownessOf(parameters)
    this.#decipher = decipher
    this.#blockBytes = blockBytes
    this.#bytesMin = encryptedBytesMin(parameters.mode)
    this.#padding = pads ? parameters.padding : 'none'
  }

  update(data: Uint8Array): Buffer {
    this.#dataBytes += data.byteLength
    const decipher = this.#held()
    let opened: Buffer
    try {
      opened = decipher.update(data)
    } catch {
      throw decryptionFailure()
    }
    return this.#padding === 'none' || opened.byteLength === 0 ? opened : this.#keepLast(opened)
  }

  final(): StreamEnd {
    const decipher = this.#held()
    try {
      const isShort = this.#dataBytes < this.#bytesMin
      if (isShort || this.#dataBytes % this.#blockBytes !== 0) throw decryptionFailure()
      const last = finalOf(decipher)
      if (this.#padding === 'none' || this.#padding === 'zeros') return { data: joined(this.#kept, last) }
      const dataBytes = this.#kept && dataBytesOf(this.#padding, this.#kept)
      if (dataBytes === undefined) throw decryptionFailure()
      const data = ownBuffer(dataBytes)
      this.#kept!.copy(data, 0, 0, dataBytes) // its length is known
      return { data }
    } finally {
      this.wipe()
    }
  }

  wipe(): void {
    endContext(this.#decipher)
    this.#decipher = undefined
    this.#kept?.fill(0)
    this.#kept = undefined
  }

  /** What stood last before, and all but the last block of what was opened now. */
  #keepLast(opened: Buffer): Buffer {
    const ready = joined(this.#kept, opened)
    const end = ready.byteLength - this.#blockBytes
    this.#kept = ownBuffer(this.#blockBytes)
    ready.copy(this.#kept, 0, end)
    ready.fill(0, end)
    return ready.subarray(0, end)
  }

  #held(): DecipherGCM {
    if (this.#decipher === undefined) throw new Error('a cipher was used after its end')
    return this.#decipher
  }
}

function ivOf({ ivBytesMax }: CipherForm, { mode }: CipherParameters, iv: Uint8Array | undefined): Uint8Array {
  if (mode === 'kw') return wrapInitialValue
  if (mode === 'kwp') return wrapPadInitialValue
  return ivBytesMax === 0 ? nothing : iv! // checkIvLength lets none be missing
}

/** One type for all of them: what the others lack is not called for them. */
function typed({ name }: CipherForm): CipherGCMTypes {
  return name as CipherGCMTypes
}

function optionsOf({ tagBytes }: CipherForm, { tagLength }: CipherParameters): { authTagLength: number } | undefined {
  return tagBytes.length === 0 ? undefined : { authTagLength: tagLength }
}

function addAssociatedData(
  cipher: CipherGCM | DecipherGCM,
  { tagBytes, isWhole }: CipherForm,
  { associatedData, dataBytes }: CipherStart,
): void {
  if (tagBytes.length === 0) return
  if (isWhole) cipher.setAAD(associatedData ?? nothing, { plaintextLength: dataBytes ?? 0 })
  else if (associatedData !== undefined) cipher.setAAD(associatedData)
}

/** OpenSSL overwrites the key's schedule when the context ends, which `final` does, well or not. */
function endContext(cipher: CipherGCM | DecipherGCM | undefined): void {
  try {
    cipher?.final().fill(0)
  } catch {
    // The data was not whole: nobody wants it.
  }
}

function finalOf(decipher: DecipherGCM): Buffer {
  try {
    return decipher.final()
  } catch {
    throw decryptionFailure()
  }
}

/** Both in a buffer of their own, with no copy left. */
function joined(first: Buffer | undefined, second: Buffer): Buffer {
  if (first === undefined || first.byteLength === 0) return second
  const both = ownBuffer(first.byteLength + second.byteLength)
  both.set(first)
  both.set(second, first.byteLength)
  first.fill(0)
  second.fill(0)
  return both
}

function made<T>(make: () => T): T {
  try {
    return make()
  } catch {
    throw refusedByCipher()
  }
}

/** What OpenSSL refuses in a key: XTS with twice the same half. */
function refusedByCipher(): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    'the data could not be encrypted: check that the key is one for this mode',
  )
}

const nothing = new Uint8Array(0)

/** RFC 3394 section 2.2.3.1, RFC 5649 section 3. */
const wrapInitialValue = Buffer.alloc(8, 0xa6)
const wrapPadInitialValue = Buffer.from('a65959a6', 'hex')
