import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { expandKey } from './memory-scan/aes-key-schedule.ts'
import { patternsOf } from './memory-scan/key-forms.ts'
import { PatternSearch } from './memory-scan/pattern-search.ts'

describe('the memory scan', () => {
  it('knows the key schedules of AES (FIPS 197 appendix A)', () => {
    const last = (key: string): string => expandKey(Buffer.from(key, 'hex')).subarray(-16).toString('hex')
    expect(last('2b7e151628aed2a6abf7158809cf4f3c')).toBe('d014f9a8c9ee2589e13f0cc8b6630ca6')
    expect(last('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4')).toBe(
      'fe4890d1e6188d0b046df344706c631e',
    )
  })

  it('finds a key in every form, wherever it lies', () => {
    const key = randomBytes(32)
    const patterns = patternsOf([{ kind: 'planted', name: 'planted', bytes: key }])
    const search = new PatternSearch(patterns.map(({ bytes }) => bytes))
    const formsIn = (bytes: Buffer): Set<string> => {
      const found = new Set<string>()
      search.search(bytes, (pattern) => found.add(patterns[pattern]!.form.replace(/, bytes .*$/, '')))
      return found
    }
    for (const filling of [0, 1, 2, 3, 7]) {
      const around = (bytes: Buffer): Buffer => Buffer.concat([randomBytes(filling), bytes, randomBytes(filling)])
      expect(formsIn(around(key))).toEqual(new Set(['raw']))
      expect(formsIn(around(Buffer.from(key.toString('hex'))))).toEqual(new Set(['hex']))
      expect(formsIn(around(Buffer.from(key.toString('hex').toUpperCase(), 'utf16le')))).toEqual(
        new Set(['HEX, two bytes each']),
      )
      const text = Buffer.concat([randomBytes(filling), key]).toString('base64')
      expect([...formsIn(Buffer.from(text))].every((form) => form.startsWith('base64, phase'))).toBe(true)
      expect(formsIn(Buffer.from(text)).size).toBeGreaterThan(0)
    }
    expect(formsIn(expandKey(key).subarray(32))).toEqual(
      new Set(['AES key schedule, first round', 'AES key schedule, last round']),
    )
    expect(formsIn(Buffer.concat([randomBytes(100_000), key.subarray(0, 15), Buffer.of(key[15]! ^ 1)]))).toEqual(
      new Set(),
    )
  })

  it('finds a pattern at the very start and the very end, and none that is cut', () => {
    const patterns = [randomBytes(16), randomBytes(33)]
    const search = new PatternSearch(patterns)
    const found: [number, number][] = []
    search.search(Buffer.concat([patterns[1]!, patterns[0]!]), (pattern, offset) => found.push([pattern, offset]))
    expect(found).toEqual([
      [1, 0],
      [0, 33],
    ])
    search.search(patterns[1]!.subarray(0, 32), () => found.push([-1, -1]))
    expect(found).toHaveLength(2)
  })
})
