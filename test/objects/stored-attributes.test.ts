import { describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { Attributes } from '../../src/kmip/attribute.ts'
import { ObjectType, State } from '../../src/kmip/enums.ts'
import { KeyForm, ManagedObject } from '../../src/objects/managed-object.ts'
import { servingOf } from '../../src/objects/stored-attributes.ts'
import { ItemType } from '../../src/ttlv/item-type.ts'

const fields = {
  id: randomBytes(16),
  sequence: 1,
  objectType: ObjectType.SymmetricKey,
  archived: false,
  state: State.Active,
  activationDate: undefined,
  deactivationDate: undefined,
  algorithm: 3,
  lengthBits: 256,
  keyFormatType: 1,
  keyForm: KeyForm.Plain,
  dataType: 0,
  keyVersion: 1,
  blobVersion: 1,
  record: new Uint8Array(0),
  rowVersion: 1,
} as const

const choices = [undefined, false, true] as const

/** Every way in which an object has these three, among attributes that look like them. */
const sets = choices.flatMap((sensitive) =>
  choices.flatMap((extractable) =>
    choices.map((fresh) => {
      const attributes = new Attributes()
      const own = { sensitive, extractable, fresh }
      for (const [name, value] of Object.entries(own)) if (value !== undefined) attributes.addValue(name, value)
      attributes.set('neverExtractable', !(extractable ?? true))
      attributes.set('alwaysSensitive', sensitive ?? false)
      attributes.set('comment', 'Sensitive')
      attributes.addCustom('x-Sensitive', { itemType: ItemType.Boolean, value: true })
      attributes.add('name', { nameValue: 'Extractable', nameType: 1 })
      attributes.add('name', { nameValue: 'Fresh', nameType: 1 })
      return { own, attributes }
    }),
  ),
)

describe('what Get must know of stored attributes', () => {
  test.each(sets)('$own is looked up as it is decoded', ({ own, attributes }) => {
    const stored = new ManagedObject(fields, attributes).encodedAttributes
    const expected = {
      sensitive: own.sensitive ?? false,
      extractable: own.extractable ?? true,
      fresh: own.fresh ?? false,
    }
    expect(servingOf(stored)).toEqual(expected)
    expect(new ManagedObject(fields, stored).serving).toEqual(expected)
    const decoded = new ManagedObject(fields, stored)
    expect(decoded.attributes.has('name', 1)).toBe(true)
    expect(decoded.serving).toEqual(expected)
  })

  test('is told of bytes that are not ours', () => {
    const stored = Buffer.from(new ManagedObject(fields, sets[0]!.attributes).encodedAttributes)
    stored.writeUInt32BE(0x7fff_fff0, 12)
    let refused: unknown
    try {
      servingOf(stored)
    } catch (error) {
      refused = error
    }
    expect(isKryptonError(refused, 'store-format')).toBe(true)
  })
})
