import { describe, expect, test } from 'vitest'
import { Operation, ObjectType } from '../../src/kmip/enums.ts'
import { answerVersion, decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { limits } from '../../src/limits.ts'
import * as items from './items.ts'

const uid = items.text(Tag.UniqueIdentifier, 'a')
const refusal = (code: string) => expect.objectContaining({ code })

describe('decodeRequest', () => {
  test('reads each version and answers in it', () => {
    for (const minor of [0, 1, 2, 3, 4]) {
      expect(decodeRequest(items.request(minor, Operation.Get, [uid]))).toMatchObject({
        version: 10 + minor,
        requestHeader: { batchCount: 1 },
        batchItems: [{ operation: Operation.Get, requestPayload: { uniqueIdentifier: 'a' }, payloadError: undefined }],
      })
    }
  })

  test('remembers headers, and mistakes none for another', () => {
    const header = (minor: number, ...fields: Buffer[]) =>
      decodeRequest(items.request(minor, Operation.Get, [uid], fields)).requestHeader
    const size = (bytes: number) => items.integer(Tag.MaximumResponseSize, bytes)
    expect(header(2)).toBe(header(2))
    expect(decodeRequest(items.request(4, Operation.Get, [uid])).version).toBe(14)
    expect(decodeRequest(items.request(2, Operation.Get, [uid])).version).toBe(12)
    // Of the same length, and different in the last bit.
    for (const bytes of [8192, 8193, 8192]) expect(header(2, size(bytes)).maximumResponseSize).toBe(bytes)
    const count = (batchCount: number) =>
      items.structure(
        Tag.RequestMessage,
        items.structure(Tag.RequestHeader, items.version(2), items.integer(Tag.BatchCount, batchCount)),
        items.batchItem(Operation.Get, [uid]),
      )
    expect(() => decodeRequest(count(2))).toThrow(refusal('invalid-message'))
    expect(decodeRequest(count(1)).requestHeader.batchCount).toBe(1)
    expect(() => decodeRequest(count(2))).toThrow(refusal('invalid-message'))
    // A later minor version of the same length: unknown fields are ignored in it alone.
    const unknown = items.text(Tag.Username, 'x')
    expect(decodeRequest(items.request(9, Operation.Get, [uid, unknown])).batchItems[0]!.payloadError).toBeUndefined()
    expect(decodeRequest(items.request(4, Operation.Get, [uid, unknown])).batchItems[0]!.payloadError).toBeDefined()
  })

  test('remembers no header with a password', () => {
    const credential = items.structure(
      Tag.Credential,
      items.enumeration(Tag.CredentialType, 1),
      items.structure(Tag.CredentialValue, items.text(Tag.Username, 'u'), items.text(Tag.Password, 'p')),
    )
    const message = () =>
      decodeRequest(items.request(2, Operation.Get, [uid], [items.structure(Tag.Authentication, credential)]))
        .requestHeader
    expect(message().authentication).toBeDefined()
    expect(message()).not.toBe(message())
  })

  test('reads every header field of 1.4', () => {
    const fields = [
      items.integer(Tag.MaximumResponseSize, 8192),
      items.text(Tag.ClientCorrelationValue, 'client'),
      items.text(Tag.ServerCorrelationValue, 'server'),
      items.boolean(Tag.AsynchronousIndicator, false),
      items.boolean(Tag.AttestationCapableIndicator, true),
      items.enumeration(Tag.AttestationType, 1),
      items.enumeration(Tag.AttestationType, 2),
      items.enumeration(Tag.BatchErrorContinuationOption, 1),
      items.boolean(Tag.BatchOrderOption, true),
      items.dateTime(Tag.TimeStamp, 5n),
    ]
    const frame = items.request(4, Operation.Get, [uid], fields)
    const message = decodeRequest(frame)
    expect(message.requestHeader).toMatchObject({
      maximumResponseSize: 8192,
      clientCorrelationValue: 'client',
      serverCorrelationValue: 'server',
      asynchronousIndicator: false,
      attestationCapableIndicator: true,
      attestationTypes: [1, 2],
      batchErrorContinuationOption: 1,
      batchOrderOption: true,
      timeStamp: 5,
    })
    expect(encodeRequest(message)).toEqual(frame)
  })

  test('serves a later minor version as 1.4 and ignores what it does not know', () => {
    const payload = [uid, items.text(0x4202ff, 'of later')]
    const frame = items.message(7, [
      items.structure(
        Tag.BatchItem,
        items.enumeration(Tag.Operation, Operation.Get),
        items.integer(0x4202fe, 1),
        items.structure(Tag.RequestPayload, ...payload),
      ),
    ])
    expect(decodeRequest(frame)).toMatchObject({
      version: 14,
      batchItems: [{ requestPayload: { uniqueIdentifier: 'a' }, payloadError: undefined }],
    })
    const sameVersion = decodeRequest(items.request(4, Operation.Get, payload))
    expect(sameVersion.batchItems[0]!.payloadError).toMatchObject({ code: 'invalid-field' })
  })

  test.each([
    [
      'another major version',
      items.structure(
        Tag.RequestMessage,
        items.structure(Tag.RequestHeader, items.version(0, 2), items.integer(Tag.BatchCount, 1)),
        items.batchItem(10, []),
      ),
    ],
    ['a negative minor version', items.request(-1, Operation.Get, [])],
    [
      'a header without Protocol Version',
      items.structure(
        Tag.RequestMessage,
        items.structure(Tag.RequestHeader, items.integer(Tag.BatchCount, 1)),
        items.batchItem(10, []),
      ),
    ],
    [
      'a header without Batch Count',
      items.structure(
        Tag.RequestMessage,
        items.structure(Tag.RequestHeader, items.version(2)),
        items.batchItem(10, []),
      ),
    ],
    [
      'a header with a field twice',
      items.request(
        2,
        Operation.Get,
        [],
        [items.integer(Tag.MaximumResponseSize, 1), items.integer(Tag.MaximumResponseSize, 1)],
      ),
    ],
    ['a response', items.structure(Tag.ResponseMessage, items.structure(Tag.ResponseHeader))],
    ['a message without a header', items.structure(Tag.RequestMessage)],
    ['a Batch Item before the header', items.structure(Tag.RequestMessage, items.batchItem(10, []))],
    ['a message without a Batch Item', items.message(2, [])],
    ['something else than a Batch Item', items.message(2, [items.structure(Tag.RequestPayload)])],
    [
      'a Batch Item without Operation',
      items.message(2, [items.structure(Tag.BatchItem, items.structure(Tag.RequestPayload))]),
    ],
    [
      'several Batch Items without ids',
      items.message(2, [items.batchItem(10, [uid], 'a'), items.batchItem(10, [uid])]),
    ],
    [
      'more Batch Items than there may be',
      items.message(
        2,
        Array.from({ length: limits.batchItemsMax + 1 }, (_, i) => items.batchItem(10, [uid], String(i))),
      ),
    ],
  ])('refuses %s as Invalid Message', (_, frame) => {
    expect(() => decodeRequest(frame)).toThrow(refusal('invalid-message'))
  })

  test('refuses a Batch Count that is not that of the Batch Items', () => {
    const header = items.structure(Tag.RequestHeader, items.version(2), items.integer(Tag.BatchCount, 2))
    expect(() => decodeRequest(items.structure(Tag.RequestMessage, header, items.batchItem(10, [uid])))).toThrow(
      refusal('invalid-message'),
    )
  })

  test('refuses a header field that is unknown, or newer than the version, as Invalid Field', () => {
    expect(() => decodeRequest(items.request(4, 10, [uid], [items.text(Tag.Username, 'x')]))).toThrow(
      refusal('invalid-field'),
    )
    expect(() => decodeRequest(items.request(3, 10, [uid], [items.text(Tag.ClientCorrelationValue, 'x')]))).toThrow(
      refusal('invalid-field'),
    )
    expect(() =>
      decodeRequest(items.request(1, 10, [uid], [items.boolean(Tag.AttestationCapableIndicator, true)])),
    ).toThrow(refusal('invalid-field'))
  })

  test('refuses a Batch Error Continuation Option that there is not', () => {
    expect(() =>
      decodeRequest(items.request(2, 10, [uid], [items.enumeration(Tag.BatchErrorContinuationOption, 9)])),
    ).toThrow(refusal('invalid-field'))
  })

  test('an item that is wrong fails alone', () => {
    const item = (id: string, ...fields: items.Item[]) =>
      items.structure(Tag.BatchItem, ...fields, items.bytes(Tag.UniqueBatchItemID, Buffer.from(id)))
    const get = items.enumeration(Tag.Operation, Operation.Get)
    const payload = items.structure(Tag.RequestPayload, uid)
    const { batchItems } = decodeRequest(
      items.message(2, [
        item('good', get, payload),
        item('payload twice', get, payload, payload),
        item('unknown field', get, payload, items.text(Tag.Username, 'x')),
        item('wrong type', items.enumeration(Tag.Operation, Operation.Get), items.text(Tag.RequestPayload, 'x')),
        item('field twice', get, items.structure(Tag.RequestPayload, uid, uid)),
        item('no payload', get),
        item(
          'missing',
          items.enumeration(Tag.Operation, Operation.Create),
          items.structure(Tag.RequestPayload, items.enumeration(Tag.ObjectType, 2)),
        ),
        item('unknown operation', items.enumeration(Tag.Operation, 0x77), payload),
        item('good again', get, payload),
      ]),
    )
    expect(
      batchItems.map(({ uniqueBatchItemID, payloadError }) => [
        Buffer.from(uniqueBatchItemID!).toString(),
        payloadError?.code,
      ]),
    ).toEqual([
      ['good', undefined],
      ['payload twice', 'invalid-message'],
      ['unknown field', 'invalid-field'],
      ['wrong type', 'invalid-message'],
      ['field twice', 'invalid-message'],
      ['no payload', 'invalid-message'],
      ['missing', 'missing-data'],
      ['unknown operation', 'operation-not-supported'],
      ['good again', undefined],
    ])
    expect(batchItems[7]).toMatchObject({ operation: 0x77, requestPayload: undefined })
  })

  test('an operation that is newer than the version is not supported in it', () => {
    const data = [items.integer(Tag.DataLength, 8)]
    expect(decodeRequest(items.request(1, Operation.RNGRetrieve, data)).batchItems[0]!.payloadError).toMatchObject({
      code: 'operation-not-supported',
    })
    expect(decodeRequest(items.request(2, Operation.RNGRetrieve, data)).batchItems[0]!.payloadError).toBeUndefined()
    expect(decodeRequest(items.request(4, Operation.Notify, [])).batchItems[0]!.payloadError).toMatchObject({
      code: 'operation-not-supported',
      message: expect.stringContaining('Notify'),
    })
  })

  test('reads a Message Extension and writes it back', () => {
    const extension = items.structure(
      Tag.MessageExtension,
      items.text(Tag.VendorIdentification, 'acme'),
      items.boolean(Tag.CriticalityIndicator, true),
      items.structure(Tag.VendorExtension, items.integer(0x540001, 1)),
    )
    const frame = items.message(2, [
      items.structure(
        Tag.BatchItem,
        items.enumeration(Tag.Operation, Operation.Get),
        items.structure(Tag.RequestPayload, uid),
        extension,
      ),
    ])
    const message = decodeRequest(frame)
    expect(message.batchItems[0]!.messageExtension).toMatchObject({
      vendorIdentification: 'acme',
      criticalityIndicator: true,
    })
    expect(encodeRequest(message)).toEqual(frame)
  })

  test('throws no error of another kind into a batch item', () => {
    expect(() =>
      decodeRequest(items.request(2, Operation.Get, [items.bytes(Tag.UniqueIdentifier, Buffer.alloc(1))])),
    ).not.toThrow()
  })
})

describe('payloads', () => {
  const payloadOf = (minor: number, operation: number, ...payload: items.Item[]) =>
    decodeRequest(items.request(minor, operation, payload)).batchItems[0]!
  const template = items.structure(Tag.TemplateAttribute)
  const keyBlock = (...fields: items.Item[]) => items.structure(Tag.KeyBlock, ...fields)
  const keyValue = items.structure(Tag.KeyValue, items.bytes(Tag.KeyMaterial, Buffer.alloc(32)))
  const raw = items.enumeration(Tag.KeyFormatType, 1)
  const register = (...objects: items.Item[]) =>
    payloadOf(4, Operation.Register, items.enumeration(Tag.ObjectType, ObjectType.SymmetricKey), template, ...objects)

  test('Register wants one object', () => {
    const key = items.structure(Tag.SymmetricKey, keyBlock(raw, keyValue))
    const secret = items.structure(Tag.SecretData, items.enumeration(Tag.SecretDataType, 1), keyBlock(raw, keyValue))
    expect(register(key).payloadError).toBeUndefined()
    expect(register().payloadError).toMatchObject({ code: 'missing-data' })
    expect(register(key, secret).payloadError).toMatchObject({ code: 'invalid-message' })
    expect(register(key, key).payloadError).toMatchObject({ code: 'invalid-message' })
  })

  test('a Key Block is wrapped, transparent or bytes, and says which', () => {
    const keyOf = (...fields: items.Item[]) =>
      register(items.structure(Tag.SymmetricKey, keyBlock(...fields))).payloadError?.code
    const wrapped = items.bytes(Tag.KeyValue, Buffer.alloc(40))
    const wrapping = items.structure(Tag.KeyWrappingData, items.enumeration(Tag.WrappingMethod, 1))
    const material = (...fields: items.Item[]) =>
      items.structure(Tag.KeyValue, items.structure(Tag.KeyMaterial, ...fields))
    const format = (value: number) => items.enumeration(Tag.KeyFormatType, value)
    const number = (tag: number) => items.bigInteger(tag, Buffer.alloc(8, 1))
    expect(keyOf(raw, wrapped, wrapping)).toBeUndefined()
    expect(keyOf(raw, wrapped)).toBe('invalid-message')
    expect(keyOf(raw, keyValue, wrapped, wrapping)).toBe('invalid-message')
    expect(keyOf(format(0x16), wrapped)).toBeUndefined()
    expect(keyOf(format(7), material(items.bytes(Tag.Key, Buffer.alloc(16))))).toBeUndefined()
    expect(keyOf(format(7), keyValue)).toBe('invalid-message')
    expect(keyOf(format(7), material())).toBe('invalid-message')
    expect(keyOf(format(7), material(items.bytes(Tag.Key, Buffer.alloc(16)), number(Tag.P)))).toBe('invalid-message')
    expect(keyOf(format(1), material(items.bytes(Tag.Key, Buffer.alloc(16))))).toBe('invalid-message')
    expect(keyOf(format(0x0b), keyValue)).toBe('invalid-message')
    expect(keyOf(format(0x0b), material(number(Tag.Modulus), number(Tag.PublicExponent)))).toBeUndefined()
    expect(keyOf(format(0x0c), material(number(Tag.P), number(Tag.Q), number(Tag.G), number(Tag.X)))).toBeUndefined()
  })

  test('attributes are those of the specification, in their version and type, or custom', () => {
    const create = (minor: number, ...attributes: items.Item[]) =>
      payloadOf(
        minor,
        Operation.Create,
        items.enumeration(Tag.ObjectType, 2),
        items.structure(Tag.TemplateAttribute, ...attributes),
      ).payloadError?.code
    const value = items.integer(Tag.AttributeValue, 12)
    const name = (text: string) => items.text(Tag.AttributeName, text)
    const index = items.integer(Tag.AttributeIndex, 0)
    const of = (...fields: items.Item[]) => items.structure(Tag.Attribute, ...fields)
    expect(create(0, of(name('Cryptographic Usage Mask'), value))).toBeUndefined()
    expect(create(0, of(value, index, name('Cryptographic Usage Mask')))).toBeUndefined()
    expect(create(0, of(name('Cryptographic Usage Mask'), items.integer(Tag.AttributeIndex, -1), value))).toBe(
      'invalid-field',
    )
    expect(create(0, of(name('cryptographic usage mask'), value))).toBe('invalid-field')
    expect(create(0, of(name('Cryptographic Usage Mask'), items.text(Tag.AttributeValue, '12')))).toBe('invalid-field')
    expect(create(0, of(name('Fresh'), items.boolean(Tag.AttributeValue, true)))).toBe('invalid-field')
    expect(create(1, of(name('Fresh'), items.boolean(Tag.AttributeValue, true)))).toBeUndefined()
    expect(create(0, of(value))).toBe('invalid-message')
    expect(create(0, of(name('Cryptographic Usage Mask')))).toBe('invalid-message')
    expect(create(0, of(name('x-a'), value, value))).toBe('invalid-message')
    expect(create(0, of(name('x-a'), name('x-a'), value))).toBe('invalid-message')
    expect(create(0, of(name('x-a'), items.text(Tag.AttributeIndex, '0'), value))).toBe('invalid-message')
    expect(create(0, of(name('x-a'), value, items.text(Tag.Username, 'x')))).toBe('invalid-field')
    expect(create(9, of(name('x-a'), value, items.text(Tag.Username, 'x')))).toBeUndefined()
  })
})

describe('answerVersion', () => {
  test('is that of the request, the newest for another major version, the oldest when none can be seen', () => {
    for (const minor of [0, 1, 2, 3, 4]) expect(answerVersion(items.request(minor, 10, []))).toBe(10 + minor)
    expect(answerVersion(items.request(9, 10, []))).toBe(14)
    expect(
      answerVersion(items.structure(Tag.RequestMessage, items.structure(Tag.RequestHeader, items.version(0, 2)))),
    ).toBe(14)
    expect(answerVersion(items.request(3, 10, []).subarray(0, 56))).toBe(13)
    expect(answerVersion(items.request(3, 10, []).subarray(0, 55))).toBe(10)
    expect(answerVersion(Buffer.alloc(0))).toBe(10)
    expect(answerVersion(Buffer.alloc(100, 0x42))).toBe(10)
    expect(
      answerVersion(
        items.structure(
          Tag.RequestMessage,
          items.structure(Tag.RequestHeader, items.integer(Tag.BatchCount, 1), items.version(3)),
        ),
      ),
    ).toBe(10)
  })
})
