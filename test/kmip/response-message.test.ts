import { describe, expect, test } from 'vitest'
import { Operation, ObjectType, QueryFunction, ResultReason, ResultStatus } from '../../src/kmip/enums.ts'
import { decodeResponse, encodeResponse, responseSize } from '../../src/kmip/response-message.ts'
import type { ResponseMessage } from '../../src/kmip/response-message.ts'
import { Tag } from '../../src/kmip/tags.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import * as items from './items.ts'

const nonce = { nonceID: Buffer.of(1), nonceValue: Buffer.alloc(8, 2) }

function everything(version: KmipVersion): ResponseMessage {
  return {
    version,
    timeStamp: 1_700_000_000,
    nonce,
    attestationTypes: [1],
    clientCorrelationValue: 'client',
    serverCorrelationValue: 'server',
    batchItems: [
      {
        operation: Operation.Query,
        uniqueBatchItemID: Buffer.from('QLKC0001'),
        resultStatus: ResultStatus.Success,
        responsePayload: {
          operations: [Operation.Create, Operation.Import, Operation.DiscoverVersions],
          objectTypes: [ObjectType.SymmetricKey, ObjectType.PGPKey],
          vendorIdentification: 'Krypton',
          serverInformation: items.text(0x540001, 'node'),
          applicationNamespaces: ['ns'],
          extensionInformation: [{ extensionName: 'e', extensionTag: 0x540001, extensionType: 7 }],
          attestationTypes: [1],
          rngParameters: [{ rngAlgorithm: 1 }],
          profileInformation: [{ profileName: 1, serverURI: 'kmip://x', serverPort: 5696 }],
          validationInformation: [
            {
              validationAuthorityType: 1,
              validationVersionMajor: 1,
              validationType: 3,
              validationLevel: 1,
              validationProfiles: ['p'],
            },
          ],
          capabilityInformation: [{ streamingCapability: false, batchUndoCapability: false, unwrapMode: 1 }],
          clientRegistrationMethods: [1],
        },
      },
    ],
  }
}

const headerTags = (version: KmipVersion) =>
  items.tagsIn(items.contentOf(encodeResponse(everything(version)).bytes, Tag.ResponseHeader))
const payloadTags = (version: KmipVersion) => [
  ...new Set(items.tagsIn(items.contentOf(encodeResponse(everything(version)).bytes, Tag.ResponsePayload))),
]

describe('encodeResponse', () => {
  test('a header of 1.0 is exactly Protocol Version, Time Stamp and Batch Count; later ones have what their version has', () => {
    const minimal = [Tag.ProtocolVersion, Tag.TimeStamp, Tag.BatchCount]
    expect(headerTags(10)).toEqual(minimal)
    expect(headerTags(11)).toEqual(minimal)
    expect(headerTags(12)).toEqual([Tag.ProtocolVersion, Tag.TimeStamp, Tag.Nonce, Tag.AttestationType, Tag.BatchCount])
    expect(headerTags(14)).toEqual([
      Tag.ProtocolVersion,
      Tag.TimeStamp,
      Tag.Nonce,
      Tag.AttestationType,
      Tag.ClientCorrelationValue,
      Tag.ServerCorrelationValue,
      Tag.BatchCount,
    ])
  })

  test('a payload has the fields of its version in the order of the specification', () => {
    const of10 = [
      Tag.Operation,
      Tag.ObjectType,
      Tag.VendorIdentification,
      Tag.ServerInformation,
      Tag.ApplicationNamespace,
    ]
    const of13 = [
      Tag.RNGParameters,
      Tag.ProfileInformation,
      Tag.ValidationInformation,
      Tag.CapabilityInformation,
      Tag.ClientRegistrationMethod,
    ]
    expect(payloadTags(10)).toEqual(of10)
    expect(payloadTags(11)).toEqual([...of10, Tag.ExtensionInformation])
    expect(payloadTags(12)).toEqual([...of10, Tag.ExtensionInformation, Tag.AttestationType])
    expect(payloadTags(14)).toEqual([...of10, Tag.ExtensionInformation, Tag.AttestationType, ...of13])
  })

  test('lists of enumerated values are those of the version', () => {
    const payload = (version: KmipVersion) =>
      decodeResponse(encodeResponse(everything(version)).bytes).batchItems[0]!.responsePayload
    expect(payload(10)).toMatchObject({ operations: [Operation.Create], objectTypes: [ObjectType.SymmetricKey] })
    expect(payload(11)).toMatchObject({ operations: [Operation.Create, Operation.DiscoverVersions] })
    expect(payload(14)).toMatchObject({
      operations: [Operation.Create, Operation.Import, Operation.DiscoverVersions],
      objectTypes: [ObjectType.SymmetricKey, ObjectType.PGPKey],
    })
    expect(payload(13)).toMatchObject({
      capabilityInformation: [{ streamingCapability: false, batchUndoCapability: undefined }],
    })
    expect(QueryFunction.QueryOperations).toBe(1)
  })

  test('what was written at 1.4 is read as it was', () => {
    const { bytes } = encodeResponse(everything(14))
    expect(encodeResponse(decodeResponse(bytes)).bytes).toEqual(bytes)
    expect(decodeResponse(bytes)).toMatchObject({
      version: 14,
      nonce,
      attestationTypes: [1],
      serverCorrelationValue: 'server',
    })
  })

  test('knows the size before anything is written', () => {
    for (const version of [10, 11, 12, 13, 14] as const) {
      expect(responseSize(everything(version))).toBe(encodeResponse(everything(version)).bytes.length)
    }
  })

  test('a failure carries status, reason and message, the operation and the id', () => {
    const failure = (version: KmipVersion, resultReason: number) =>
      decodeResponse(
        encodeResponse({
          version,
          timeStamp: 1,
          batchItems: [
            {
              operation: Operation.Get,
              uniqueBatchItemID: Buffer.from('id'),
              resultStatus: ResultStatus.OperationFailed,
              resultReason,
              resultMessage: 'why',
              asynchronousCorrelationValue: Buffer.of(9),
              messageExtension: {
                vendorIdentification: 'v',
                criticalityIndicator: false,
                vendorExtension: Buffer.alloc(0),
              },
            },
          ],
        }).bytes,
      ).batchItems[0]
    expect(failure(10, ResultReason.ItemNotFound)).toMatchObject({
      operation: Operation.Get,
      uniqueBatchItemID: Buffer.from('id'),
      resultStatus: ResultStatus.OperationFailed,
      resultReason: ResultReason.ItemNotFound,
      resultMessage: 'why',
      asynchronousCorrelationValue: Buffer.of(9),
      messageExtension: { vendorIdentification: 'v' },
    })
    // Sensitive came with 1.4
    expect(failure(14, ResultReason.Sensitive)).toMatchObject({ resultReason: ResultReason.Sensitive })
    expect(failure(13, ResultReason.Sensitive)).toMatchObject({ resultReason: ResultReason.GeneralFailure })
  })

  test('a message that could not be read is answered by an item without Operation', () => {
    const { bytes } = encodeResponse({
      version: 10,
      timeStamp: 1,
      batchItems: [
        { resultStatus: ResultStatus.OperationFailed, resultReason: ResultReason.InvalidMessage, resultMessage: 'x' },
      ],
    })
    expect(items.tagsIn(items.contentOf(bytes, Tag.BatchItem))).toEqual([
      Tag.ResultStatus,
      Tag.ResultReason,
      Tag.ResultMessage,
    ])
  })

  test('a key is written from where it lies, and the frame says that it is sensitive', () => {
    const keyMaterial = {
      byteLength: 32,
      copyInto: (target: Uint8Array, offset: number) => target.fill(7, offset, offset + 32),
    }
    const get = (material: unknown) =>
      encodeResponse({
        version: 12,
        timeStamp: 1,
        batchItems: [
          {
            operation: Operation.Get,
            resultStatus: ResultStatus.Success,
            responsePayload: {
              objectType: ObjectType.SymmetricKey,
              uniqueIdentifier: 'a',
              symmetricKey: {
                keyBlock: {
                  keyFormatType: 1,
                  keyValue: { keyMaterial: material },
                  cryptographicAlgorithm: 3,
                  cryptographicLength: 256,
                },
              },
            },
          },
        ],
      })
    expect(get(keyMaterial)).toEqual({ bytes: get(Buffer.alloc(32, 7)).bytes, sensitive: true })
    expect(encodeResponse(everything(14)).sensitive).toBe(false)
  })

  test('a payload of an operation that is not described is a fault of ours', () => {
    const batchItems = [{ operation: Operation.Put, resultStatus: 0, responsePayload: {} }]
    expect(() => encodeResponse({ version: 14, timeStamp: 1, batchItems })).toThrow(
      'no payload is described for operation 28',
    )
  })

  test('an object type that the client has no word for is not written', () => {
    const batchItems = [
      {
        operation: Operation.Create,
        resultStatus: 0,
        responsePayload: { objectType: ObjectType.PGPKey, uniqueIdentifier: 'a' },
      },
    ]
    expect(() => encodeResponse({ version: 10, timeStamp: 1, batchItems })).toThrow(
      expect.objectContaining({ code: 'feature-not-supported' }),
    )
  })
})

describe('decodeResponse', () => {
  const header = (count: number, version = items.version(2)) =>
    items.structure(
      Tag.ResponseHeader,
      version,
      items.dateTime(Tag.TimeStamp, 1n),
      items.integer(Tag.BatchCount, count),
    )

  test.each([
    ['a request', items.request(2, 10, [])],
    ['a message without a header', items.structure(Tag.ResponseMessage)],
    ['a header without fields', items.structure(Tag.ResponseMessage, items.structure(Tag.ResponseHeader))],
    ['another major version', items.structure(Tag.ResponseMessage, header(0, items.version(0, 2)))],
    [
      'something else than a Batch Item',
      items.structure(Tag.ResponseMessage, header(1), items.structure(Tag.ResponsePayload)),
    ],
    ['another Batch Count', items.structure(Tag.ResponseMessage, header(1))],
  ])('refuses %s', (_, frame) => {
    expect(() => decodeResponse(frame)).toThrow(expect.objectContaining({ code: 'invalid-message' }))
  })

  test('refuses the payload of an operation that is not served', () => {
    const item = items.structure(
      Tag.BatchItem,
      items.enumeration(Tag.Operation, Operation.Notify),
      items.enumeration(Tag.ResultStatus, 0),
      items.structure(Tag.ResponsePayload),
    )
    expect(() => decodeResponse(items.structure(Tag.ResponseMessage, header(1), item))).toThrow(
      expect.objectContaining({ code: 'operation-not-supported' }),
    )
  })
})
