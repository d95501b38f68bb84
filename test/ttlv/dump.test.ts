import { describe, expect, test } from 'vitest'
import { dump } from '../../src/ttlv/dump.ts'
import {
  bigInteger,
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

describe('dump', () => {
  test('prints an item a line, nested as they are, and byte strings by their length alone', () => {
    const frame = structure(
      0x420078,
      structure(0x420077, integer(0x42000d, 1), structure(0x420069)),
      enumeration(0x42005c, 10),
      text(0x420094, 'id "1"'),
      bytes(0x420043, Buffer.from('secret')),
      bigInteger(0x420052, Buffer.alloc(8, 1)),
      boolean(0x420007, true),
      longInteger(0x42009c, 5n),
      dateTime(0x420092, 0n),
      dateTime(0x420092, 2n ** 62n),
      interval(0x420049, 60),
    )
    const names = {
      tag: (tag: number) => (tag === 0x42005c ? 'Operation' : undefined),
      value: (_tag: number, value: number) => (value === 10 ? 'Get' : undefined),
    }
    expect(dump(frame, names)).toBe(
      [
        '0x420078 (Structure)',
        '  0x420077 (Structure)',
        '    0x42000d (Integer) 1',
        '    0x420069 (Structure)',
        '  Operation (Enumeration) 0x0000000a Get',
        '  0x420094 (Text String) "id \\"1\\""',
        '  0x420043 (Byte String) 6 bytes',
        '  0x420052 (Big Integer) 8 bytes',
        '  0x420007 (Boolean) true',
        '  0x42009c (Long Integer) 5',
        '  0x420092 (Date-Time) 1970-01-01T00:00:00.000Z',
        '  0x420092 (Date-Time) 4611686018427387904 s',
        '  0x420049 (Interval) 60 s',
        '',
      ].join('\n'),
    )
  })

  test('hides texts whose tag is a secret one', () => {
    expect(dump(text(0x4200a1, 'hunter2'), { secrets: new Set([0x4200a1]) })).toBe('0x4200a1 (Text String) 7 bytes\n')
  })

  test('refuses bytes that are not one whole item', () => {
    expect(() => dump(Buffer.alloc(5))).toThrow(expect.objectContaining({ code: 'frame-invalid' }))
  })
})
