import { KryptonError } from '../../errors.ts'
import type { FrameBuilder } from '../../ttlv/frame-builder.ts'
import { ItemType } from '../../ttlv/item-type.ts'

/**
 * Hexadecimal between two places of a message → a Byte String, digit by digit: key bytes never are a string.
 * @throws KryptonError frame-invalid
 */
export function putByteString(out: FrameBuilder, tag: number, source: Buffer, from: number, to: number): void {
  const start = out.beginBytes(tag, ItemType.ByteString)
  putHex(out, source, from, to)
  out.endBytes(start)
}

/**
 * Hexadecimal → a Big Integer.
 * @param extend numbers of other than a multiple of 8 bytes are extended with their sign; else they are refused (section 4.1.6.6)
 * @throws KryptonError frame-invalid
 */
export function putBigInteger(
  out: FrameBuilder,
  tag: number,
  source: Buffer,
  range: { readonly from: number; readonly to: number },
  extend: boolean,
): void {
  const { from, to } = range
  const missing = -((to - from) >> 1) & 7
  if (from === to || (missing > 0 && !extend))
    throw new KryptonError('frame-invalid', 'Send a Big Integer as hexadecimal of a multiple of 8 bytes')
  const start = out.beginBytes(tag, ItemType.BigInteger)
  const sign = nibbles[source[from]!]! >= 8 ? 0xff : 0
  for (let i = 0; i < missing; i++) out.put(sign)
  putHex(out, source, from, to)
  out.endBytes(start)
}

function putHex(out: FrameBuilder, source: Buffer, from: number, to: number): void {
  if (((to - from) & 1) !== 0) throw notHex()
  for (let at = from; at < to; at += 2) {
    const high = nibbles[source[at]!]!
    const low = nibbles[source[at + 1]!]!
    if ((high | low) > 15) throw notHex()
    out.put((high << 4) | low)
  }
}

function notHex(): KryptonError {
  return new KryptonError('frame-invalid', 'Send bytes as pairs of hexadecimal digits')
}

/** Of each byte the digit that it stands for; 0xff of what is none. */
const nibbles = new Uint8Array(256).fill(0xff)
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16)
  nibbles[character.charCodeAt(0)] = digit
  nibbles[character.toUpperCase().charCodeAt(0)] = digit
}
