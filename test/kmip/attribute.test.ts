import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Attributes,
  attributeTable,
  decodeAttributes,
  encodeAttributes,
  encodeAttributeValue,
} from '../../src/kmip/attribute.ts'
import { attributeNamesForVersion, attributesForVersion, wireAttribute } from '../../src/kmip/attributes-1x.ts'
import { CryptographicAlgorithm, NameType, State } from '../../src/kmip/enums.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'
import { wireAttribute as anyAttribute } from './arbitrary.ts'

const name = (nameValue: string) => ({ nameValue, nameType: NameType.UninterpretedTextString })

function example(): Attributes {
  const attributes = new Attributes()
  attributes.addCustom('x-b', { itemType: ItemType.Integer, value: 1 })
  attributes.addCustom('x-a', { itemType: ItemType.TextString, value: 'a' })
  attributes.set('state', State.Active)
  attributes.add('name', name('one'))
  attributes.add('name', name('two'))
  attributes.set('initialDate', 1_700_000_000)
  attributes.set('fresh', true)
  attributes.set('cryptographicAlgorithm', CryptographicAlgorithm.AES)
  attributes.set('sensitive', false)
  return attributes
}

describe('Attributes', () => {
  test('keeps instances by index, and an index stays when others go', () => {
    const attributes = new Attributes()
    expect(attributes.add('name', name('a'))).toBe(0)
    expect(attributes.add('name', name('b'))).toBe(1)
    expect(attributes.add('name', name('c'))).toBe(2)
    expect(attributes.remove('name', 1)).toBe(true)
    expect(attributes.all('name').map(({ index, value }) => [index, value.nameValue])).toEqual([
      [0, 'a'],
      [2, 'c'],
    ])
    expect(attributes.add('name', name('d'))).toBe(3)
    attributes.put('name', 1, name('e'))
    expect(attributes.all('name').map(({ index }) => index)).toEqual([0, 1, 2, 3])
    attributes.put('name', 0, name('f'))
    expect(attributes.first('name')).toEqual(name('f'))
    expect(attributes.has('name', 3)).toBe(true)
    expect(attributes.has('name', 4)).toBe(false)
    attributes.set('name', name('only'))
    expect(attributes.all('name')).toEqual([{ index: 0, value: name('only') }])
  })

  test('says whether there was something to remove', () => {
    const attributes = example()
    expect(attributes.remove('link')).toBe(false)
    expect(attributes.remove('name', 7)).toBe(false)
    expect(attributes.remove('name')).toBe(true)
    expect(attributes.has('name')).toBe(false)
    expect(attributes.remove('fresh', 0)).toBe(true)
    expect(attributes.names()).not.toContain('fresh')
  })

  test('lists names in the order of the specification, then custom ones by name', () => {
    expect(example().names()).toEqual([
      'name',
      'cryptographicAlgorithm',
      'state',
      'initialDate',
      'fresh',
      'sensitive',
      'x-a',
      'x-b',
    ])
  })

  test('has no name that an object inherits', () => {
    const attributes = new Attributes()
    expect(attributes.has('constructor')).toBe(false)
    attributes.addCustom('__proto__', { itemType: ItemType.Boolean, value: true })
    expect(attributes.names()).toEqual(['__proto__'])
    expect(attributes.custom('__proto__')).toEqual([{ index: 0, value: { itemType: ItemType.Boolean, value: true } }])
  })

  test('gives a clone that can change by itself', () => {
    const attributes = example()
    const clone = attributes.clone()
    clone.add('name', name('three'))
    clone.remove('state')
    expect(attributes.all('name')).toHaveLength(2)
    expect(attributes.first('state')).toBe(State.Active)
  })
})

type Lists = Map<string, { index: number; value: unknown }[]>

/** What may be done to attributes, on a plain model: each name has a list of instances in the order of their indices. */
const steps: Readonly<Record<string, (attributes: Attributes, lists: Lists, at: Step) => void>> = {
  set: (attributes, lists, { name, value }) => {
    if (name.startsWith('x-')) return
    attributes.set(name as 'contactInformation', value as string)
    lists.set(name, [{ index: 0, value }])
  },
  add: (attributes, lists, { name, value }) => {
    const list = lists.get(name) ?? []
    const index = (list.at(-1)?.index ?? -1) + 1
    expect(attributes.addValue(name, value)).toBe(index)
    lists.set(name, [...list, { index, value }])
  },
  put: (attributes, lists, { name, index, value }) => {
    attributes.putValue(name, index, value)
    const others = (lists.get(name) ?? []).filter((one) => one.index !== index)
    lists.set(
      name,
      [...others, { index, value }].sort((a, b) => a.index - b.index),
    )
  },
  remove: (attributes, lists, { name, index }) => {
    const list = lists.get(name) ?? []
    const rest = list.filter((one) => one.index !== index)
    expect(attributes.remove(name, index)).toBe(rest.length < list.length)
    if (rest.length === 0) lists.delete(name)
    else lists.set(name, rest)
  },
  removeAll: (attributes, lists, { name }) => expect(attributes.remove(name)).toBe(lists.delete(name)),
}

interface Step {
  readonly kind: string
  readonly name: string
  readonly index: number
  readonly value: unknown
}

/** In the order in which they are listed. */
const stepNames = ['objectGroup', 'contactInformation', 'x-a', 'x-b'] as const

const anyStep = fc.record({
  kind: fc.constantFrom(...Object.keys(steps)),
  name: fc.constantFrom(...stepNames),
  index: fc.integer({ min: 0, max: 3 }),
  value: fc.string({ maxLength: 3 }),
})

test('attributes are lists of instances by name, whatever was done to them', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 20 }), (all) => {
      const attributes = new Attributes()
      const lists: Lists = new Map()
      for (const drawn of all) {
        const isCustom = drawn.name.startsWith('x-')
        const step = isCustom ? { ...drawn, value: { itemType: ItemType.TextString, value: drawn.value } } : drawn
        const clone = attributes.clone()
        const before = encodeAttributes(clone)
        steps[step.kind]!(attributes, lists, step)
        expect(encodeAttributes(clone)).toEqual(before)
        expect(attributes.names()).toEqual(stepNames.filter((name) => lists.has(name)))
        for (const name of stepNames) {
          const list = lists.get(name) ?? []
          expect(attributes.instances(name)).toEqual(list)
          expect(attributes.first(name as 'contactInformation')).toBe(list[0]?.value)
          expect(attributes.has(name)).toBe(list.length > 0)
          for (const index of [0, 1, 2, 3])
            expect(attributes.has(name, index)).toBe(list.some((one) => one.index === index))
        }
      }
    }),
  )
})

describe('attributes in a record', () => {
  test('come back as they were, with their indices', () => {
    fc.assert(
      fc.property(fc.array(anyAttribute, { maxLength: 8 }), (wire) => {
        const attributes = new Attributes()
        for (const { name, index, value } of wire) attributes.putValue(name, index ?? 0, value)
        const back = decodeAttributes(encodeAttributes(attributes))
        expect(back.names()).toEqual(attributes.names())
        for (const one of attributes.names()) expect(back.instances(one)).toEqual(attributes.instances(one))
      }),
    )
  })

  test('are the same bytes in whatever order they were set', () => {
    const other = new Attributes()
    other.set('sensitive', false)
    other.set('cryptographicAlgorithm', CryptographicAlgorithm.AES)
    other.set('initialDate', 1_700_000_000)
    other.put('name', 1, name('two'))
    other.put('name', 0, name('one'))
    other.set('fresh', true)
    other.addCustom('x-a', { itemType: ItemType.TextString, value: 'a' })
    other.set('state', State.Active)
    other.addCustom('x-b', { itemType: ItemType.Integer, value: 1 })
    expect(encodeAttributes(other)).toEqual(encodeAttributes(example()))
  })

  test('are refused when the bytes are not ours', () => {
    expect(() => decodeAttributes(Buffer.alloc(3))).toThrow(expect.objectContaining({ code: 'store-format' }))
    expect(() => decodeAttributes(encodeAttributes(example()).subarray(8))).toThrow(
      expect.objectContaining({ code: 'store-format' }),
    )
  })

  test('have equal bytes for equal values only', () => {
    expect(encodeAttributeValue('name', name('a'))).toEqual(encodeAttributeValue('name', name('a')))
    expect(encodeAttributeValue('name', name('a'))).not.toEqual(encodeAttributeValue('name', name('b')))
    expect(encodeAttributeValue('x-a', { itemType: ItemType.Integer, value: 1 })).not.toEqual(
      encodeAttributeValue('x-a', { itemType: ItemType.Enumeration, value: 1 }),
    )
  })

  test('refuses a custom value of no TTLV type', () => {
    expect(() => encodeAttributeValue('x-a', { itemType: 77, value: 1 })).toThrow(
      expect.objectContaining({ code: 'invalid-field' }),
    )
  })
})

describe('attributes for a version', () => {
  test('are not newer than it, and Initial Date is shown to 1.0 only when asked for', () => {
    const shown = (version: 10 | 11 | 14, asked?: string[]) =>
      attributesForVersion(example(), version, asked).map(({ attributeName }) => attributeName)
    expect(shown(14)).toEqual([
      'Name',
      'Name',
      'Cryptographic Algorithm',
      'State',
      'Initial Date',
      'Fresh',
      'Sensitive',
      'x-a',
      'x-b',
    ])
    expect(shown(11)).toEqual([
      'Name',
      'Name',
      'Cryptographic Algorithm',
      'State',
      'Initial Date',
      'Fresh',
      'x-a',
      'x-b',
    ])
    expect(shown(10)).toEqual(['Name', 'Name', 'Cryptographic Algorithm', 'State', 'x-a', 'x-b'])
    expect(shown(10, ['Initial Date'])).toEqual(['Initial Date'])
    expect(attributeNamesForVersion(example(), 10)).toEqual(['Name', 'Cryptographic Algorithm', 'State', 'x-a', 'x-b'])
  })

  test('come in the order in which they were asked for; absent ones are left out', () => {
    expect(attributesForVersion(example(), 14, ['x-b', 'Link', 'State', 'No Such', 'Name'])).toEqual([
      wireAttribute('x-b', undefined, { itemType: ItemType.Integer, value: 1 }),
      wireAttribute('state', undefined, State.Active),
      wireAttribute('name', undefined, name('one')),
      wireAttribute('name', 1, name('two')),
    ])
  })

  test('leave out a value that the version has no word for', () => {
    const attributes = new Attributes()
    attributes.set('cryptographicAlgorithm', CryptographicAlgorithm.ChaCha20)
    expect(attributesForVersion(attributes, 13)).toEqual([])
    expect(attributesForVersion(attributes, 14)).toHaveLength(1)
  })

  test('attributes newer than each version are those of the specification', () => {
    const since = (version: number) =>
      Object.values(attributeTable)
        .filter((one) => one.since === version)
        .map((one) => one.attributeName)
    expect(since(11)).toEqual([
      'Certificate Length',
      'X.509 Certificate Identifier',
      'X.509 Certificate Subject',
      'X.509 Certificate Issuer',
      'Digital Signature Algorithm',
      'Fresh',
    ])
    expect(since(12)).toEqual(['Alternative Name', 'Key Value Present', 'Key Value Location', 'Original Creation Date'])
    expect(since(13)).toEqual(['Random Number Generator'])
    expect(since(14)).toEqual([
      'PKCS#12 Friendly Name',
      'Description',
      'Comment',
      'Sensitive',
      'Always Sensitive',
      'Extractable',
      'Never Extractable',
    ])
  })
})
