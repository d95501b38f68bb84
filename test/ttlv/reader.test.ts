import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { TtlvReader } from '../../src/ttlv/reader.ts'
import {
  bigInteger,
  boolean,
  bytes,
  dateTime,
  enumeration,
  integer,
  interval,
  longInteger,
  raw,
  structure,
  text,
} from '../kmip/items.ts'

const tag = 0x420094
const refusal = (code: string) => expect.objectContaining({ code })

describe('TtlvReader', () => {
  test('reads a value of each type', () => {
    expect(new TtlvReader(integer(tag, -7)).integer(0)).toBe(-7)
    expect(new TtlvReader(enumeration(tag, 0x8000_0001)).unsigned(0)).toBe(0x8000_0001)
    expect(new TtlvReader(interval(tag, 0xffff_ffff)).unsigned(0)).toBe(0xffff_ffff)
    expect(new TtlvReader(longInteger(tag, -(2n ** 62n))).longInteger(0)).toBe(-(2n ** 62n))
    expect(new TtlvReader(boolean(tag, true)).boolean(0)).toBe(true)
    expect(new TtlvReader(boolean(tag, false)).boolean(0)).toBe(false)
    expect(new TtlvReader(text(tag, 'schlüssel')).text(0)).toBe('schlüssel')
    expect(new TtlvReader(bytes(tag, Buffer.of(1, 2, 3))).value(0)).toEqual(Buffer.of(1, 2, 3))
    expect(new TtlvReader(bigInteger(tag, Buffer.alloc(8, 9))).bigInteger(0)).toEqual(Buffer.alloc(8, 9))
    for (const seconds of [0n, -1n, 1_700_000_000n, 2n ** 52n, -(2n ** 52n)]) {
      expect(new TtlvReader(dateTime(tag, seconds)).dateTime(0)).toBe(Number(seconds))
    }
  })

  test('reads the largest date, which means never, as Number.MAX_SAFE_INTEGER', () => {
    expect(new TtlvReader(dateTime(tag, 2n ** 63n - 1n)).dateTime(0)).toBe(Number.MAX_SAFE_INTEGER)
  })

  test.each([2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 2n, -(2n ** 63n)])(
    'refuses the date %s, out of range',
    (seconds) => {
      expect(() => new TtlvReader(dateTime(tag, seconds)).dateTime(0)).toThrow(refusal('invalid-field'))
    },
  )

  test('gives byte strings as views of the frame', () => {
    const frame = bytes(tag, Buffer.alloc(16, 1))
    expect(new TtlvReader(frame).value(0).buffer).toBe(frame.buffer)
  })

  test.each([
    ['a frame of no bytes', Buffer.alloc(0)],
    ['a header cut short', text(tag, 'x').subarray(0, 7)],
    ['bytes after the message', Buffer.concat([text(tag, 'x'), text(tag, 'y')])],
    ['some bytes after the message', Buffer.concat([text(tag, 'x'), Buffer.alloc(3)])],
    ['a tag outside of 42 and 54', raw(0x430001, 0x02, Buffer.alloc(4))],
    ['a type of 0', raw(tag, 0, Buffer.alloc(8))],
    ['a type of 11', raw(tag, 11, Buffer.alloc(8))],
    ['a Structure whose length is no multiple of 8', raw(tag, 0x01, Buffer.alloc(8), 4)],
    ['an Integer of 8 bytes', raw(tag, 0x02, Buffer.alloc(8))],
    ['an Enumeration of 2 bytes', raw(tag, 0x05, Buffer.alloc(2))],
    ['an Interval of 0 bytes', raw(tag, 0x0a, Buffer.alloc(0))],
    ['a Long Integer of 4 bytes', raw(tag, 0x03, Buffer.alloc(4))],
    ['a Date-Time of 16 bytes', raw(tag, 0x09, Buffer.alloc(16))],
    ['a Boolean of length 7', raw(tag, 0x06, Buffer.alloc(8), 7)],
    ['a Boolean of 2', raw(tag, 0x06, Buffer.from('0000000000000002', 'hex'))],
    ['a Boolean with a high bit', raw(tag, 0x06, Buffer.from('8000000000000001', 'hex'))],
    ['a Big Integer of 0 bytes', raw(tag, 0x04, Buffer.alloc(0))],
    ['a Big Integer of 12 bytes', raw(tag, 0x04, Buffer.alloc(12))],
    ['padding of an Integer that is not zero', raw(tag, 0x02, Buffer.from('0000000100000001', 'hex'), 4)],
    ['padding of a Text String that is not zero', raw(tag, 0x07, Buffer.from('6162630000000001', 'hex'), 3)],
    ['padding of a Byte String that is not zero', raw(tag, 0x08, Buffer.from('6162630000000001', 'hex'), 3)],
    ['a Text String that is not UTF-8', raw(tag, 0x07, Buffer.from('c328', 'hex'))],
    ['a long Text String that is not UTF-8', raw(tag, 0x07, Buffer.concat([Buffer.alloc(100, 0x61), Buffer.of(0xff)]))],
    ['a length past the end', raw(tag, 0x08, Buffer.alloc(8), 9)],
    ['a length that is negative with its padding', raw(tag, 0x08, Buffer.alloc(8), 0x7fff_ffff)],
    ['a length of 2^31 and more', raw(tag, 0x08, Buffer.alloc(8), 0xffff_fff8)],
    [
      'a child that goes past its parent',
      Buffer.concat([raw(tag, 0x01, Buffer.alloc(0), 8), text(tag, 'longer than its parent')]),
    ],
    [
      'a child whose end is not its parent’s',
      structure(tag, text(tag, 'x'), Buffer.alloc(0)).fill(0x42, 8, 9).fill(0x09, 15, 16),
    ],
  ])('refuses %s', (_, frame) => {
    expect(() => new TtlvReader(frame)).toThrow(refusal('frame-invalid'))
  })

  test.each([
    ['a Boolean', 0x06],
    ['an Enumeration', 0x05],
    ['an Interval', 0x0a],
  ])('says that %s is not 9 bytes long', (name, type) => {
    expect(() => new TtlvReader(raw(tag, type, Buffer.alloc(16), 9))).toThrow(`${name} is not 9 bytes long`)
  })

  test('takes 32 structures in each other and refuses 33', () => {
    const nested = (depth: number): Buffer => (depth === 1 ? structure(tag) : structure(tag, nested(depth - 1)))
    expect(() => new TtlvReader(nested(limits.depthMax))).not.toThrow()
    expect(() => new TtlvReader(nested(limits.depthMax + 1))).toThrow(refusal('frame-too-deep'))
  })

  test('takes 10,000 items and refuses one more', () => {
    const items = (count: number) => structure(tag, ...Array.from({ length: count - 1 }, () => integer(tag, 1)))
    expect(() => new TtlvReader(items(limits.itemsMax))).not.toThrow()
    expect(() => new TtlvReader(items(limits.itemsMax + 1))).toThrow(refusal('frame-too-many-items'))
  })

  test('refuses a text and a Big Integer over their limits when they are read', () => {
    const long = new TtlvReader(text(tag, 'x'.repeat(limits.textBytesMax + 1)))
    expect(() => long.text(0)).toThrow(refusal('invalid-field'))
    const big = new TtlvReader(bigInteger(tag, Buffer.alloc(limits.bigIntegerBytesMax + 8)))
    expect(() => big.bigInteger(0)).toThrow(refusal('invalid-field'))
  })

  test('takes a Uint8Array that is no Buffer', () => {
    expect(new TtlvReader(new Uint8Array(text(tag, 'abc'))).text(0)).toBe('abc')
  })
})
