import { KryptonError } from '../../errors.ts'
import type { Vocabulary } from './names.ts'

/**
 * Values as words and digits (KMIP Additional Message Encodings 1.0, sections 4.1.6 and 6.1.6). What may be a secret never comes here: texts,
 * Byte Strings and Big Integers go from bytes to bytes. Each function throws KryptonError frame-invalid for what is no value of its type.
 */

/** Hexadecimal of a fixed width, with all its leading zeros (section 4.1.1). */
function hexValue(text: string, digits: number): bigint | undefined {
  return text.length === digits + 2 && /^0x[0-9a-fA-F]+$/.test(text) ? BigInt(text) : undefined
}

/** A whole number between two others, in decimal. */
export function decimalValue(text: string, min: bigint, max: bigint): bigint | undefined {
  if (!/^-?(0|[1-9][0-9]{0,19})$/.test(text)) return undefined
  const value = BigInt(text)
  return value >= min && value <= max ? value : undefined
}

/** An Integer, or the bits of a mask by name. */
export function integerValue(text: string, form: { decimal: boolean; vocabulary?: Vocabulary }): number {
  const value = form.decimal ? decimalValue(text, -(2n ** 31n), 2n ** 31n - 1n) : undefined
  const number = value ?? hexValue(text, 8)
  if (number !== undefined) return Number(BigInt.asIntN(32, number))
  if (form.vocabulary?.isMask === true) return maskValue(text, form.vocabulary)
  throw notA('an Integer as a number of 32 bits, or as 0x and 8 hexadecimal digits')
}

export function longIntegerValue(text: string, decimal: { min: bigint; max: bigint } | undefined): bigint {
  const value = decimal === undefined ? undefined : decimalValue(text, decimal.min, decimal.max)
  const number = value ?? hexValue(text, 16)
  if (number !== undefined) return BigInt.asIntN(64, number)
  throw notA('a Long Integer as a number, or from 2^52 on as 0x and 16 hexadecimal digits')
}

/** An Enumeration by name, or by number. */
export function enumerationValue(text: string, form: { decimal: boolean; vocabulary?: Vocabulary }): number {
  const value = form.decimal ? decimalValue(text, 0n, 2n ** 32n - 1n) : undefined
  const number = value ?? hexValue(text, 8)
  if (number !== undefined) return Number(number)
  const named = form.vocabulary?.isMask === false ? form.vocabulary.values.get(text) : undefined
  if (named !== undefined) return named
  throw notA('an Enumeration by a name of KMIP 1.4 that stands for this tag, or as 0x and 8 hexadecimal digits')
}

export function intervalValue(text: string, decimal: boolean): number {
  const value = decimal ? decimalValue(text, 0n, 2n ** 32n - 1n) : undefined
  const number = value ?? hexValue(text, 8)
  if (number !== undefined) return Number(number)
  throw notA('an Interval as a number of seconds, or as 0x and 8 hexadecimal digits')
}

/** Seconds since 1970. Fractions of a second are left out, as the profile has it; a time without a zone is UTC. */
export function dateTimeValue(text: string): bigint {
  const number = hexValue(text, 16)
  if (number !== undefined) return BigInt.asIntN(64, number)
  const parts = dateTimeForm.exec(text)?.groups
  if (parts !== undefined) {
    const { date = '', time = '', zone = 'Z' } = parts
    const milliseconds = Date.parse(`${date}T${time}Z`)
    // Date.parse takes the 30th of February for the 1st of March.
    if (!Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().startsWith(`${date}T${time}`))
      return BigInt(milliseconds / 1000) - zoneSeconds(zone)
  }
  throw notA('a Date-Time as 2001-01-01T10:00:00+10:00, or as 0x and 16 hexadecimal digits')
}

const dateTimeForm =
  /^(?<date>\d{4}-\d\d-\d\d)T(?<time>\d\d:\d\d:\d\d)(\.\d{1,20})?(?<zone>Z|[+-](0\d|1[0-4]):[0-5]\d)?$/

function zoneSeconds(zone: string): bigint {
  if (zone === 'Z') return 0n
  const seconds = BigInt(zone.slice(1, 3)) * 3600n + BigInt(zone.slice(4)) * 60n
  return zone.startsWith('-') ? -seconds : seconds
}

/** The other way; undefined for a year that four digits do not name. */
export function dateTimeText(seconds: bigint): string | undefined {
  if (seconds < year1 || seconds >= year10000) return undefined
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}+00:00`
}

const year1 = BigInt(Date.parse('0001-01-01T00:00:00Z') / 1000)
const year10000 = BigInt(Date.parse('9999-12-31T23:59:59Z') / 1000) + 1n

/** Names and hexadecimal parts of a mask; the profile itself writes one of 7 digits. */
function maskValue(text: string, { values }: Vocabulary): number {
  let mask = 0
  for (const word of text.split(/[\s|]+/)) {
    const bits = /^0x[0-9a-fA-F]{1,8}$/.test(word) ? Number(word) : values.get(word)
    if (bits === undefined) throw notA('a mask by the names of its bits, or as 0x and 8 hexadecimal digits')
    mask |= bits
  }
  return mask
}

/** The other way, where every bit has a name. */
export function maskText(mask: number, { names }: Vocabulary, separator: '|' | ' '): string | undefined {
  let left = mask
  const words: string[] = []
  for (const [bit, name] of names) {
    if ((mask & bit) === 0) continue
    words.push(name)
    left &= ~bit
  }
  return left === 0 && words.length > 0 ? words.join(separator) : undefined
}

export function hexText(value: number | bigint, digits: 8 | 16): string {
  const bits = BigInt.asUintN(digits * 4, BigInt(value))
  return `0x${bits.toString(16).padStart(digits, '0')}`
}

/** Without the text itself: what stands where a name belongs may be anything. */
function notA(what: string): KryptonError {
  return new KryptonError('frame-invalid', `Send ${what}`)
}
