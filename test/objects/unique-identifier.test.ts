import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseUniqueIdentifier, uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'

test('gives back the identifier of every text that it made', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const id = Buffer.from(bytes)
      expect(parseUniqueIdentifier(uniqueIdentifierOf(id))).toEqual(id)
    }),
  )
})

test('knows no identifier for any other text', () => {
  const own = '01234567-89ab-cdef-0123-456789abcdef'
  expect(parseUniqueIdentifier(own)?.toString('hex')).toBe('0123456789abcdef0123456789abcdef')
  for (const other of [
    '',
    'no-such-key',
    own.toUpperCase(),
    `${own} `,
    own.slice(1),
    own.replaceAll('-', ''),
    `\n${own}`,
  ]) {
    expect(parseUniqueIdentifier(other)).toBeUndefined()
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      const id = parseUniqueIdentifier(text)
      expect(id === undefined || uniqueIdentifierOf(id) === text).toBe(true)
    }),
  )
})
