import { isUtf8 } from 'node:buffer'
import { KryptonError } from '../../errors.ts'

/** A part of a message: its bytes lie in the message. */
export interface Span {
  readonly from: number
  readonly to: number
}

/**
 * A message in text, read byte by byte: key bytes in it never become a string, and who owns the buffer wipes it. Names and numbers,
 * which are no secrets, are taken as strings.
 */
export class TextSource {
  readonly bytes: Buffer
  at = 0

  /** @throws KryptonError frame-invalid when it is not UTF-8 */
  constructor(bytes: Buffer) {
    this.bytes = bytes
    if (!isUtf8(bytes)) throw this.fault('the message is in UTF-8')
  }

  /** The byte that stands next; -1 at the end. */
  get next(): number {
    return this.at < this.bytes.length ? this.bytes[this.at]! : -1
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  /** Space, tab, line feed and carriage return: the same in JSON and XML. Returns whether there was any. */
  skipSpace(): boolean {
    const from = this.at
    while (isSpace(this.next)) this.at += 1
    return this.at > from
  }

  /** Goes past these ASCII characters, if they stand next. */
  skip(text: string): boolean {
    if (this.bytes.length - this.at < text.length) return false
    for (let i = 0; i < text.length; i++) if (this.bytes[this.at + i] !== text.charCodeAt(i)) return false
    this.at += text.length
    return true
  }

  /** @throws KryptonError frame-invalid when something else stands there */
  expect(text: string): void {
    if (!this.skip(text)) throw this.fault(`here must stand ${text}`)
  }

  /**
   * A name or a number as a string.
   * @throws KryptonError frame-invalid when it is longer than any of them
   */
  word({ from, to }: Span): string {
    if (to - from > wordBytesMax) throw this.fault('names and numbers are short', from)
    return this.bytes.toString('latin1', from, to)
  }

  /** The error for what is not as it should be, with its place. */
  fault(rule: string, at = this.at): KryptonError {
    return new KryptonError('frame-invalid', `Send well-formed messages: not so at byte ${at}: ${rule}`)
  }
}

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** All twenty bits of a Cryptographic Usage Mask by name take 340. */
const wordBytesMax = 1_024
