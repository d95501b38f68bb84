import { describe, expect, test } from 'vitest'
import { CredentialType, Operation } from '../../src/kmip/enums.ts'
import { decodeRequest } from '../../src/kmip/request-message.ts'
import { Tag } from '../../src/kmip/tags.ts'
import * as items from './items.ts'

/** What real clients send. Each test is named after the rule that it keeps. */

const uid = items.text(Tag.UniqueIdentifier, 'a')
const mask = (value: number) => items.attribute('Cryptographic Usage Mask', items.integer(Tag.AttributeValue, value))
const name = (value: string) =>
  items.structure(Tag.AttributeValue, items.text(Tag.NameValue, value), items.enumeration(Tag.NameType, 1))

function payload(minor: number, operation: number, ...content: items.Item[]): unknown {
  const item = decodeRequest(items.request(minor, operation, content)).batchItems[0]!
  if (item.payloadError !== undefined) throw item.payloadError
  return item.requestPayload
}

function locate(minor: number, ...content: items.Item[]): unknown {
  return payload(minor, Operation.Locate, ...content)
}

describe('versions', () => {
  test('clients mix versions on one connection: each message is read in its own', () => {
    expect(decodeRequest(items.request(2, Operation.Encrypt, [uid])).version).toBe(12)
    expect(decodeRequest(items.request(0, Operation.Activate, [uid])).version).toBe(10)
    expect(decodeRequest(items.request(4, Operation.Get, [uid])).version).toBe(14)
  })

  test('a request Time Stamp of any date is taken', () => {
    for (const seconds of [0n, -1n, 2n ** 40n, 2n ** 63n - 1n]) {
      expect(() =>
        decodeRequest(items.request(0, Operation.Get, [uid], [items.dateTime(Tag.TimeStamp, seconds)])),
      ).not.toThrow()
    }
  })
})

describe('attributes', () => {
  test('mask 0, no Name, no algorithm: MongoDB registers a secret so', () => {
    expect(
      payload(
        0,
        Operation.Create,
        items.enumeration(Tag.ObjectType, 2),
        items.structure(Tag.TemplateAttribute, mask(0)),
      ),
    ).toMatchObject({ templateAttribute: { names: [], attributes: [{ name: 'cryptographicUsageMask', value: 0 }] } })
  })

  test('an empty Template-Attribute is taken: older libmongocrypt sends it', () => {
    expect(
      payload(0, Operation.Create, items.enumeration(Tag.ObjectType, 2), items.structure(Tag.TemplateAttribute)),
    ).toMatchObject({
      templateAttribute: { attributes: [] },
    })
  })

  test('Attribute Index before Attribute Value: Oracle sends it', () => {
    expect(
      payload(
        1,
        Operation.Create,
        items.enumeration(Tag.ObjectType, 2),
        items.structure(Tag.TemplateAttribute, items.attribute('Name', name('key'), 0)),
      ),
    ).toMatchObject({ templateAttribute: { attributes: [{ name: 'name', index: 0, value: { nameValue: 'key' } }] } })
  })

  test('unknown x- and y- attributes of any TTLV type are taken as they are', () => {
    const tag = Tag.AttributeValue
    const values = [
      items.structure(tag, items.integer(Tag.BatchCount, 1)),
      items.integer(tag, 1),
      items.longInteger(tag, 1n),
      items.bigInteger(tag, Buffer.alloc(8)),
      items.enumeration(tag, 1),
      items.boolean(tag, true),
      items.text(tag, 'VMware, Inc.'),
      items.bytes(tag, Buffer.of(1)),
      items.dateTime(tag, 1n),
      items.interval(tag, 1),
    ]
    values.forEach((value, type) => {
      for (const prefix of ['x-Vendor', 'y-Server']) {
        expect(payload(1, Operation.AddAttribute, uid, items.attribute(prefix, value))).toMatchObject({
          attribute: { name: prefix, attributeName: prefix, value: { itemType: type + 1 } },
        })
      }
    })
  })

  test('Operation Policy Name is taken', () => {
    const policy = items.attribute('Operation Policy Name', items.text(Tag.AttributeValue, 'default'))
    expect(payload(0, Operation.AddAttribute, uid, policy)).toMatchObject({
      attribute: { name: 'operationPolicyName', value: 'default' },
    })
  })

  test('names of attributes that there are not may be asked for: VMware does', () => {
    expect(payload(1, Operation.GetAttributes, uid, items.text(Tag.AttributeName, 'x-Product_Version'))).toMatchObject({
      attributeNames: ['x-Product_Version'],
    })
  })
})

describe('Locate', () => {
  const filter = items.attribute('Name', name('key'))

  test('Offset Items under KMIP 1.0 is taken: libkmip sends it', () => {
    expect(locate(0, items.integer(Tag.MaximumItems, 16), items.integer(Tag.OffsetItems, 32), filter)).toMatchObject({
      maximumItems: 16,
      offsetItems: 32,
    })
  })

  test('Storage Status Mask is an Integer', () => {
    expect(locate(1, items.integer(Tag.StorageStatusMask, 1), filter)).toMatchObject({ storageStatusMask: 1 })
  })

  test('filters wrapped in a Template-Attribute are filters', () => {
    const plain = locate(1, filter, mask(4))
    expect(locate(1, items.structure(Tag.TemplateAttribute, filter, mask(4)))).toEqual(plain)
    expect(locate(1, filter, items.structure(Tag.TemplateAttribute, mask(4)))).toEqual(plain)
  })

  test('a Name in a wrapping Template-Attribute is a filter too, not nothing', () => {
    const templateName = items.structure(Tag.Name, items.text(Tag.NameValue, 'key'), items.enumeration(Tag.NameType, 1))
    expect(locate(1, items.structure(Tag.TemplateAttribute, templateName))).toMatchObject({
      attributes: [{ name: 'name', value: { nameValue: 'key' } }],
      templateAttribute: undefined,
    })
  })

  test('an unknown filter is refused: it never finds all objects', () => {
    const unknown = items.attribute('Colour', items.text(Tag.AttributeValue, 'blue'))
    expect(() => locate(1, unknown)).toThrow(expect.objectContaining({ code: 'invalid-field' }))
    expect(() => locate(1, items.structure(Tag.TemplateAttribute, unknown))).toThrow(
      expect.objectContaining({ code: 'invalid-field' }),
    )
    expect(() => locate(1, items.text(Tag.Username, 'x'))).toThrow(expect.objectContaining({ code: 'invalid-field' }))
  })

  test('a filter may have some fields of a structure only', () => {
    const link = items.attribute(
      'Link',
      items.structure(Tag.AttributeValue, items.text(Tag.LinkedObjectIdentifier, 'b')),
    )
    expect(locate(1, link)).toMatchObject({
      attributes: [{ name: 'link', value: { linkType: undefined, linkedObjectIdentifier: 'b' } }],
    })
    expect(() => payload(1, Operation.AddAttribute, uid, link)).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    )
  })
})

describe('credentials in the header', () => {
  const credential = (type: number, ...fields: items.Item[]) =>
    items.structure(
      Tag.Credential,
      items.enumeration(Tag.CredentialType, type),
      items.structure(Tag.CredentialValue, ...fields),
    )
  const header = (minor: number, ...credentials: items.Item[]) =>
    decodeRequest(items.request(minor, Operation.Get, [uid], [items.structure(Tag.Authentication, ...credentials)]))
      .requestHeader.authentication
  const user = credential(
    CredentialType.UsernameAndPassword,
    items.text(Tag.Username, 'fred'),
    items.text(Tag.Password, 'pässword'),
  )
  const nonce = items.structure(
    Tag.Nonce,
    items.bytes(Tag.NonceID, Buffer.of(1)),
    items.bytes(Tag.NonceValue, Buffer.of(2)),
  )

  test('Username and Password is read, and the password stays bytes', () => {
    expect(header(0, user)).toEqual({
      credentials: [
        {
          credentialType: CredentialType.UsernameAndPassword,
          credentialValue: expect.objectContaining({ username: 'fred', password: Buffer.from('pässword') }),
        },
      ],
    })
    expect(header(0, credential(1, items.text(Tag.Username, 'fred')))).toBeDefined()
  })

  test('Device and Attestation are read, and several at once', () => {
    const device = credential(
      CredentialType.Device,
      items.text(Tag.DeviceSerialNumber, '1'),
      items.text(Tag.MediaIdentifier, '2'),
    )
    const attestation = credential(
      CredentialType.Attestation,
      nonce,
      items.enumeration(Tag.AttestationType, 1),
      items.bytes(Tag.AttestationMeasurement, Buffer.of(3)),
    )
    expect(header(2, user, device, attestation)?.credentials).toHaveLength(3)
  })

  test('a Credential Value of another type, of none, or of an unknown type is refused', () => {
    expect(() => header(4, credential(CredentialType.Device, items.text(Tag.Username, 'x')))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    )
    expect(() => header(4, credential(CredentialType.Device))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    )
    expect(() => header(4, credential(CredentialType.UsernameAndPassword, items.text(Tag.Password, 'x')))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    )
    expect(() => header(4, credential(CredentialType.Attestation, nonce))).toThrow(
      expect.objectContaining({ code: 'invalid-message' }),
    )
    expect(() => header(4, credential(0x8000_0001, items.text(Tag.Username, 'x')))).toThrow(
      expect.objectContaining({ code: 'invalid-field' }),
    )
    expect(() => header(4)).toThrow(expect.objectContaining({ code: 'invalid-message' }))
  })
})
