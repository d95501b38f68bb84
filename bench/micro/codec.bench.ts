import { Operation, ObjectType, KeyFormatType, ResultStatus, SecretDataType } from '../../src/kmip/enums.ts'
import type { GetRequest } from '../../src/kmip/payloads/get.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import type { ResponseMessage } from '../../src/kmip/response-message.ts'
import { MessageReader } from '../../src/kmip/struct.ts'
import { decodeTree, encodeTree, find } from './codec-object-tree.ts'
import type { TreeItem } from './codec-object-tree.ts'
import { keep } from './suite.ts'
import type { Case, EchoGoal, RatioGoal } from './suite.ts'

export const name = 'codec: a Get of MongoDB, 152 bytes in, 376 out'

const uniqueIdentifier = '0190f3c2-8d4e-7a10-9c33-5b1d2f6a7e88'
const request = encodeRequest({
  requestHeader: { protocolVersion: { protocolVersionMajor: 1, protocolVersionMinor: 2 }, batchCount: 1 },
  batchItems: [{ operation: Operation.Get, requestPayload: { uniqueIdentifier } }],
})

/** A key as it lies in its slot: copied into the frame, once. */
const key = Buffer.alloc(96, 7)
const keyMaterial = {
  byteLength: key.length,
  copyInto(target: Uint8Array, offset: number) {
    target.set(key, offset)
  },
}

function answer(identifier: string | undefined): ResponseMessage {
  return {
    version: 12,
    timeStamp: 1_700_000_000,
    batchItems: [
      {
        operation: Operation.Get,
        resultStatus: ResultStatus.Success,
        responsePayload: {
          objectType: ObjectType.SecretData,
          uniqueIdentifier: identifier,
          secretData: {
            secretDataType: SecretDataType.Seed,
            keyBlock: { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial }, cryptographicLength: 768 },
          },
        },
      },
    ],
  }
}

const response = encodeResponse(answer(uniqueIdentifier)).bytes

/** The same answer as a handler over such a codec would make it. */
function answerTree(identifier: string): TreeItem {
  const structure = (tag: string, ...value: TreeItem[]): TreeItem => ({ tag, type: 'Structure', value })
  const integer = (tag: string, value: number): TreeItem => ({ tag, type: 'Integer', value })
  const enumeration = (tag: string, value: number): TreeItem => ({ tag, type: 'Enumeration', value })
  return structure(
    '0x42007b',
    structure(
      '0x42007a',
      structure('0x420069', integer('0x42006a', 1), integer('0x42006b', 2)),
      { tag: '0x420092', type: 'DateTime', value: 1_700_000_000n },
      integer('0x42000d', 1),
    ),
    structure(
      '0x42000f',
      enumeration('0x42005c', Operation.Get),
      enumeration('0x42007f', ResultStatus.Success),
      structure(
        '0x42007c',
        enumeration('0x420057', ObjectType.SecretData),
        { tag: '0x420094', type: 'TextString', value: identifier },
        structure(
          '0x420085',
          enumeration('0x420086', SecretDataType.Seed),
          structure(
            '0x420040',
            enumeration('0x420042', KeyFormatType.Opaque),
            structure('0x420045', { tag: '0x420043', type: 'ByteString', value: key }),
            integer('0x42002a', 768),
          ),
        ),
      ),
    ),
  )
}

function identifierOf(frame: Buffer): string {
  return (decodeRequest(frame).batchItems[0]!.requestPayload as GetRequest).uniqueIdentifier!
}

function identifierOfTree(frame: Buffer): string {
  return find(decodeTree(frame), '0x42000f', '0x420079', '0x420094') as string
}

if (
  request.length !== 152 ||
  response.length !== 376 ||
  !encodeTree(answerTree(identifierOfTree(request))).equals(encodeResponse(answer(identifierOf(request))).bytes)
) {
  throw new Error('the two codecs do not write the same Get')
}

const reads = 2048
const numbers = Buffer.alloc(reads * 4, 1)
const numbersView = new DataView(numbers.buffer, numbers.byteOffset, numbers.length)

function sumByBuffer(): number {
  let sum = 0
  for (let at = 0; at < numbers.length; at += 4) sum ^= numbers.readInt32BE(at)
  return sum
}

function sumByView(): number {
  let sum = 0
  for (let at = 0; at < numbers.length; at += 4) sum ^= numbersView.getInt32(at)
  return sum
}

const ours = 'decode the request and encode the answer'
const tree = 'object tree: decode the request and encode the answer'

const decode = 'decode the request'
const encode = 'encode the answer'

export const cases: readonly Case[] = [
  { name: ours, fn: () => keep(encodeResponse(answer(identifierOf(request)))) },
  { name: tree, fn: () => keep(encodeTree(answerTree(identifierOfTree(request)))) },
  { name: 'check the frame of the request', fn: () => keep(new MessageReader(request)) },
  { name: decode, fn: () => keep(decodeRequest(request)) },
  { name: 'object tree: decode the request', fn: () => keep(decodeTree(request)) },
  { name: encode, fn: () => keep(encodeResponse(answer(uniqueIdentifier))) },
  { name: 'object tree: encode the answer', fn: () => keep(encodeTree(answerTree(uniqueIdentifier))) },
  { name: 'decode the answer', fn: () => keep(decodeResponse(response)) },
  { name: 'one number of 4 bytes by Buffer.readInt32BE', fn: () => keep(sumByBuffer()), batch: reads },
  { name: 'one number of 4 bytes by a DataView that is kept', fn: () => keep(sumByView()), batch: reads },
  { name: 'a DataView', fn: () => keep(new DataView(numbers.buffer, numbers.byteOffset, 152)) },
]

export const goals: readonly RatioGoal[] = [
  { name: 'a Get against an object tree', slow: tree, fast: ours, atLeast: 10 },
]

export const echoGoal: EchoGoal = {
  name: 'decode and encode of a Get',
  answer: response,
  together: ours,
  apart: [decode, encode],
  atMost: 0.06,
}
