import { type Cipheriv, createCipheriv } from 'node:crypto'
import { cipherForm, type CipherParameters } from './cipher-form.ts'
import { revealTo } from './key-material.ts'
import type { MacStream } from './message-mac.ts'
import type { Secret } from './secret.ts'

/**
 * CMAC (NIST SP 800-38B) with AES or 3DES: CBC over whole blocks, the last of which meets a key of its own. Throws
 * 'unsupported-cryptographic-parameters' for a key of another length than the cipher's.
 */
export class Cmac implements MacStream {
  readonly #blockBytes: number
  readonly #subkeys: { readonly whole: Buffer; readonly part: Buffer }
  #cipher: Cipheriv | undefined
  /** What may be the last block: up to one block of data. */
  readonly #last: Buffer
  #lastBytes = 0

  constructor(key: Secret, algorithm: 'aes' | '3des') {
    const parameters = { algorithm, padding: 'none', tagLength: 0 } as const
    const { blockBytes } = cipherForm({ ...parameters, mode: 'cbc' }, key.byteLength)
    this.#blockBytes = blockBytes
    this.#subkeys = subkeysOf(key, { ...parameters, mode: 'ecb' }, blockBytes)
    this.#cipher = cipherOf(key, { ...parameters, mode: 'cbc' }, Buffer.alloc(blockBytes))
    this.#last = Buffer.alloc(blockBytes)
  }

  update(data: Uint8Array): void {
    const cipher = this.#held()
    let from = this.#fill(data, 0)
    // The last block waits, whole or not: which key it meets is known at the end.
    if (from === data.byteLength) return
    cipher.update(this.#last).fill(0)
    const whole = from + Math.floor((data.byteLength - from - 1) / this.#blockBytes) * this.#blockBytes
    for (; from < whole; from += Math.min(sliceBytes, whole - from)) {
      cipher.update(data.subarray(from, Math.min(from + sliceBytes, whole))).fill(0)
    }
    this.#lastBytes = 0
    this.#fill(data, whole)
  }

  final(): Buffer {
    const cipher = this.#held()
    const isWhole = this.#lastBytes === this.#blockBytes
    if (!isWhole) this.#last.fill(0, this.#lastBytes).writeUInt8(0x80, this.#lastBytes)
    const subkey = isWhole ? this.#subkeys.whole : this.#subkeys.part
    for (let i = 0; i < this.#blockBytes; i++) this.#last[i]! ^= subkey[i]!
    const mac = cipher.update(this.#last)
    this.wipe()
    return mac
  }

  wipe(): void {
    this.#cipher?.final()
    this.#cipher = undefined
    this.#last.fill(0)
    this.#subkeys.whole.fill(0)
    this.#subkeys.part.fill(0)
  }

  /** Takes what the waiting block has room for; returns where the rest begins. */
  #fill(data: Uint8Array, from: number): number {
    const bytes = Math.min(this.#blockBytes - this.#lastBytes, data.byteLength - from)
    this.#last.set(data.subarray(from, from + bytes), this.#lastBytes)
    this.#lastBytes += bytes
    return from + bytes
  }

  #held(): Cipheriv {
    if (this.#cipher === undefined) throw new Error('a MAC was used after its end')
    return this.#cipher
  }
}

/** SP 800-38B section 6.1: the encrypted zero block, doubled once and twice in GF(2^n). */
function subkeysOf(key: Secret, parameters: CipherParameters, blockBytes: number): { whole: Buffer; part: Buffer } {
  const cipher = cipherOf(key, parameters, null)
  const encrypted = cipher.update(Buffer.alloc(blockBytes))
  cipher.final()
  const whole = doubled(encrypted)
  encrypted.fill(0)
  return { whole, part: doubled(whole) }
}

function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(block.byteLength)
  for (let i = 0; i < block.byteLength; i++) result[i] = (block[i]! << 1) | ((block[i + 1] ?? 0) >>> 7)
  const polynomial = block.byteLength === 16 ? 0x87 : 0x1b
  result[block.byteLength - 1]! ^= -(block[0]! >>> 7) & polynomial
  return result
}

function cipherOf(key: Secret, parameters: CipherParameters, iv: Buffer | null): Cipheriv {
  const { name } = cipherForm(parameters, key.byteLength)
  return revealTo(key)
    .withBytes((bytes) => createCipheriv(name, bytes, iv))
    .setAutoPadding(false)
}

/** Of CBC's output, which nobody wants, there is never more. */
const sliceBytes = 64 * 1024
