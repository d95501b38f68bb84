import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Attributes } from '../../src/kmip/attribute.ts'
import type { AttributeName, AttributeValues } from '../../src/kmip/attribute.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { matcherOf } from '../../src/objects/match.ts'

function filter<K extends AttributeName>(
  name: K,
  value: Partial<AttributeValues[K]> | AttributeValues[K],
): WireAttribute {
  return { name, attributeName: name, value }
}

function withAttributes(put: (attributes: Attributes) => void): Attributes {
  const attributes = new Attributes()
  put(attributes)
  return attributes
}

const matches = (attributes: Attributes, ...filters: WireAttribute[]) => matcherOf(filters)(attributes)

describe('a filter', () => {
  const object = withAttributes((attributes) => {
    attributes.add('name', { nameValue: 'Key 1', nameType: 1 })
    attributes.add('name', { nameValue: 'other', nameType: 2 })
    attributes.set('cryptographicUsageMask', 0b1100)
    attributes.set('activationDate', 100)
    attributes.set('usageLimits', { usageLimitsTotal: 100n, usageLimitsCount: 40n, usageLimitsUnit: 1 })
    attributes.set('digest', { hashingAlgorithm: 6, digestValue: Buffer.from('abc'), keyFormatType: 1 })
    attributes.addCustom('x-color', { itemType: 7, value: 'blue' })
    attributes.addCustom('x-size', { itemType: 2, value: 5 })
    attributes.addCustom('x-bytes', { itemType: 8, value: Buffer.from([1, 2]) })
  })

  test('matches text exactly: no case folding, no prefix, no pattern', () => {
    expect(matches(object, filter('name', { nameValue: 'Key 1' }))).toBe(true)
    for (const nameValue of ['key 1', 'Key', 'Key 1 ', 'Key*', '.*', '']) {
      expect(matches(object, filter('name', { nameValue }))).toBe(false)
    }
  })

  test('matches any instance, and a structure by the fields that it gives, of one instance', () => {
    expect(matches(object, filter('name', { nameValue: 'other', nameType: 2 }))).toBe(true)
    expect(matches(object, filter('name', { nameType: 2 }))).toBe(true)
    expect(matches(object, filter('name', { nameValue: 'other', nameType: 1 }))).toBe(false)
  })

  test('of an attribute that the object does not have matches nothing', () => {
    expect(matches(object, filter('contactInformation', 'x'))).toBe(false)
    expect(matches(object, { name: 'x-none', attributeName: 'x-none', value: { itemType: 7, value: '' } })).toBe(false)
    expect(matches(object, filter('deactivationDate', 0))).toBe(false)
    expect(matches(new Attributes(), filter('usageLimits', { usageLimitsCount: 0n }))).toBe(false)
    expect(matches(new Attributes(), filter('cryptographicUsageMask', 0))).toBe(false)
  })

  test('that gives no field of its structure is refused, rather than matching all', () => {
    for (const value of [{}, { nameValue: undefined }]) {
      expect(() => matches(object, filter('name', value))).toThrow(expect.objectContaining({ code: 'invalid-field' }))
    }
  })

  test('asks for the bits of a mask', () => {
    const asked = [0, 0b100, 0b1100, 0b1, 0b1101]
    expect(asked.map((mask) => matches(object, filter('cryptographicUsageMask', mask)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })

  test('of one date asks for that date, of two for what lies between, ends included, in either order', () => {
    const dates = (...given: number[]) => matches(object, ...given.map((date) => filter('activationDate', date)))
    expect([dates(100), dates(99), dates(100, 200), dates(200, 100), dates(50, 100), dates(101, 200)]).toEqual([
      true,
      false,
      true,
      true,
      true,
      false,
    ])
  })

  test('refuses a date that is given three times', () => {
    expect(() => matcherOf([1, 2, 3].map((date) => filter('activationDate', date)))).toThrow(/once, or twice/)
  })

  test('of the largest date asks for objects without the date', () => {
    expect(matches(object, filter('deactivationDate', Number.MAX_SAFE_INTEGER))).toBe(true)
    expect(matches(object, filter('activationDate', Number.MAX_SAFE_INTEGER))).toBe(false)
  })

  test('of Usage Limits asks for at least as much', () => {
    const ask = (value: Partial<AttributeValues['usageLimits']>) => matches(object, filter('usageLimits', value))
    expect(ask({ usageLimitsTotal: 100n, usageLimitsCount: 40n })).toBe(true)
    expect(ask({ usageLimitsTotal: 101n })).toBe(false)
    expect(ask({ usageLimitsCount: 41n })).toBe(false)
    expect(ask({ usageLimitsUnit: 2 })).toBe(false)
  })

  test('compares bytes, and a custom attribute by type and value', () => {
    expect(matches(object, filter('digest', { digestValue: Buffer.from('abc') }))).toBe(true)
    expect(matches(object, filter('digest', { digestValue: Buffer.from('abd') }))).toBe(false)
    const ask = (name: string, itemType: number, value: unknown) =>
      matches(object, { name, attributeName: name, value: { itemType, value } })
    expect(ask('x-color', 7, 'blue')).toBe(true)
    expect(ask('x-size', 2, 5)).toBe(true)
    expect(ask('x-size', 3, 5n)).toBe(false)
    expect(ask('x-bytes', 8, Buffer.from([1, 2]))).toBe(true)
    expect(ask('x-bytes', 7, 'blue')).toBe(false)
  })
})

test('all filters hold together: none of them is ever left out', () => {
  const pool = fc.constantFrom<WireAttribute[]>(
    filter('objectGroup', 'a'),
    filter('objectGroup', 'b'),
    filter('contactInformation', 'c'),
    filter('cryptographicUsageMask', 4),
    filter('initialDate', 7),
    { name: 'x-1', attributeName: 'x-1', value: { itemType: 7, value: 'v' } },
  )
  fc.assert(
    fc.property(fc.uniqueArray(pool), fc.uniqueArray(pool), (has, asked) => {
      const object = withAttributes((attributes) => {
        for (const { name, value } of has) attributes.addValue(name, value)
      })
      expect(matches(object, ...asked)).toBe(asked.every((one) => has.includes(one)))
    }),
  )
})
