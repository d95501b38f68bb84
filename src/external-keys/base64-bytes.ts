import { ownBuffer } from '../crypto/own-buffer.ts'

/** Length of base64 (RFC 4648 section 4) of so many bytes. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4
}

/** Writes base64 of `source` into `target` from `offset` on, without a string on the way: what is encoded may be a key. */
export function writeBase64(source: Uint8Array, target: Uint8Array, offset: number): void {
  let at = offset
  for (let i = 0; i < source.byteLength; i += 3) {
    const group = (source[i]! << 16) | ((source[i + 1] ?? 0) << 8) | (source[i + 2] ?? 0)
    target[at++] = alphabet[group >>> 18]!
    target[at++] = alphabet[(group >>> 12) & 63]!
    target[at++] = i + 1 < source.byteLength ? alphabet[(group >>> 6) & 63]! : padding
    target[at++] = i + 2 < source.byteLength ? alphabet[group & 63]! : padding
  }
}

/**
 * The bytes of which `text` is base64, in a buffer of their own, which the caller wipes; undefined when it is none. Every length, padding and unused bit must be
 * as an encoder makes it.
 */
export function readBase64(text: Uint8Array): Buffer | undefined {
  const groups = text.byteLength / 4
  if (!Number.isInteger(groups)) return undefined
  const padded = text.at(-1) !== padding ? 0 : text.at(-2) !== padding ? 1 : 2
  const bytes = ownBuffer(groups * 3 - padded)
  let isWrong = 0
  for (let group = 0; group < groups; group++) {
    let bits = 0
    for (let i = 0; i < 4; i++) {
      const isPadding = group === groups - 1 && i >= 4 - padded
      const value = isPadding ? 0 : values[text[group * 4 + i]!]!
      isWrong |= value
      bits = (bits << 6) | (value & 63)
    }
    for (let i = 0; i < 3; i++) {
      const byte = (bits >>> (16 - 8 * i)) & 255
      if (group * 3 + i < bytes.byteLength) bytes[group * 3 + i] = byte
      else isWrong |= byte === 0 ? 0 : notInAlphabet
    }
  }
  if ((isWrong & notInAlphabet) === 0) return bytes
  bytes.fill(0)
  return undefined
}

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const padding = 0x3d
const notInAlphabet = 64
/** What each byte stands for; what stands for nothing has the bit `notInAlphabet`. */
const values = new Uint8Array(256).fill(notInAlphabet)
for (const [value, byte] of alphabet.entries()) values[byte] = value
