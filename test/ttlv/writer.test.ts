import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { textSize, TtlvWriter } from '../../src/ttlv/writer.ts'
import {
  boolean,
  bytes,
  dateTime,
  enumeration,
  integer,
  interval,
  longInteger,
  structure,
  text,
} from '../kmip/items.ts'

const tag = 0x420094

describe('TtlvWriter', () => {
  test('writes a value of each type', () => {
    const expected = structure(
      tag,
      integer(tag, -7),
      enumeration(tag, 0x8000_0001),
      interval(tag, 9),
      boolean(tag, true),
      longInteger(tag, -1n),
      dateTime(tag, -1n),
      dateTime(tag, 2n ** 40n),
      dateTime(tag, 2n ** 63n - 1n),
      text(tag, 'abc'),
      bytes(tag, Buffer.of(1, 2, 3)),
      structure(tag, integer(tag, 1)),
    )
    const writer = new TtlvWriter(expected.length)
    const start = writer.begin(tag)
    writer.integer(tag, -7)
    writer.enumeration(tag, 0x8000_0001)
    writer.interval(tag, 9)
    writer.boolean(tag, true)
    writer.longInteger(tag, -1n)
    writer.dateTime(tag, -1)
    writer.dateTime(tag, 2 ** 40)
    writer.dateTime(tag, Number.MAX_SAFE_INTEGER)
    writer.text(tag, 'abc')
    writer.byteString(tag, Buffer.of(1, 2, 3))
    writer.structure(tag, integer(tag, 1))
    writer.end(start)
    expect(writer.bytes).toEqual(expected)
    expect(writer.sensitive).toBe(false)
  })

  test('writes any text as UTF-8, of the size it said', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 90 }), (value) => {
        const wellFormed = value.toWellFormed()
        const expected = text(tag, wellFormed)
        expect(8 + ((textSize(wellFormed) + 7) & ~7)).toBe(expected.length)
        const writer = new TtlvWriter(expected.length)
        writer.text(tag, wellFormed)
        expect(writer.bytes).toEqual(expected)
      }),
    )
  })

  test('lets a byte source write itself into the frame, and says that the frame is sensitive', () => {
    const writer = new TtlvWriter(16)
    writer.byteString(tag, { byteLength: 5, copyInto: (target, offset) => target.fill(7, offset, offset + 5) })
    expect(writer.bytes).toEqual(bytes(tag, Buffer.alloc(5, 7)))
    expect(writer.sensitive).toBe(true)
  })

  test('gives each frame bytes of its own, so that wiping one leaves the next alone', () => {
    const frames = [1, 2, 3].map((value) => {
      const writer = new TtlvWriter(16)
      writer.integer(tag, value)
      return writer.bytes
    })
    frames[1]!.fill(0)
    expect(frames[0]).toEqual(integer(tag, 1))
    expect(frames[2]).toEqual(integer(tag, 3))
  })

  test('writes frames of every size, also ones larger than a slab', () => {
    for (const size of [0, 1, 8, 8_000, 8_192, 60_000, 70_000, 1_000_000]) {
      const content = Buffer.alloc(size, 5)
      const writer = new TtlvWriter(8 + ((size + 7) & ~7))
      writer.byteString(tag, content)
      expect(writer.bytes.equals(bytes(tag, content))).toBe(true)
    }
  })

  test('does not give out a frame that is not whole', () => {
    const writer = new TtlvWriter(32)
    writer.integer(tag, 1)
    expect(() => writer.bytes).toThrow('16 bytes were written, 32 were promised')
  })
})
