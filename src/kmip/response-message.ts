import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { ItemType } from '../ttlv/item-type.ts'
import { TtlvWriter } from '../ttlv/writer.ts'
import { enumTables, ResultReason } from './enums.ts'
import { batchItemHead, protocolVersionHead } from './heads.ts'
import { bytes, dateTime, enumeration, integer, text } from './kinds.ts'
import { payloadsOf } from './payloads/index.ts'
import { MessageReader, optional, optionalRepeated, required, struct } from './struct.ts'
import type { Kind, Struct, ValueOf } from './struct.ts'
import { MessageExtension, Nonce, ProtocolVersion } from './structures.ts'
import { Tag } from './tags.ts'
import { newestVersion, protocolVersion, servedVersion, supportedVersions } from './version.ts'
import type { KmipVersion } from './version.ts'

export interface ResponseMessage {
  readonly version: KmipVersion
  /** Seconds since 1970. */
  readonly timeStamp: number
  readonly nonce?: Nonce
  readonly attestationTypes?: readonly number[]
  readonly clientCorrelationValue?: string
  readonly serverCorrelationValue?: string
  readonly batchItems: readonly ResponseBatchItem[]
}

export interface ResponseBatchItem {
  readonly operation?: number
  readonly uniqueBatchItemID?: Uint8Array
  readonly resultStatus: number
  readonly resultReason?: number
  readonly resultMessage?: string
  readonly asynchronousCorrelationValue?: Uint8Array
  /** Of the operation's response struct (payloads/index.ts). */
  readonly responsePayload?: unknown
  readonly messageExtension?: MessageExtension
}

export interface EncodedResponse {
  readonly bytes: Buffer
  /** The frame holds key material, a plaintext or random data: whoever sends it wipes it afterwards. */
  readonly sensitive: boolean
}

/**
 * Writes an answer in the version of its request: nothing newer goes out (KMIP 1.4 section 7.2).
 * @throws KryptonError feature-not-supported: a value that must be sent is newer than the client. response-too-large: for any client
 */
export function encodeResponse(response: ResponseMessage): EncodedResponse {
  const { version, batchItems } = response
  const plain = isPlain(response) ? plainHeader(response) : undefined
  const header = plain === undefined ? headerOf(response) : undefined
  const size = itemsSize(response, plain?.byteLength ?? ResponseHeader.size(header!, version))
  if (size > limits.responseBytesMax) throw responseTooLarge(size, limits.responseBytesMax)
  const writer = new TtlvWriter(size)
  const start = writer.begin(Tag.ResponseMessage)
  if (plain === undefined) ResponseHeader.write(writer, Tag.ResponseHeader, header!, version)
  else writer.words(plain)
  for (let i = 0; i < batchItems.length; i++) writeBatchItem(writer, batchItems[i]!, version)
  writer.end(start)
  return { bytes: writer.bytes, sensitive: writer.sensitive }
}

/** The refusal of an answer that is larger than Maximum Response Size, the client's or the server's own. */
export function responseTooLarge(bytes: number, bytesMax: number): KryptonError {
  return new KryptonError(
    'response-too-large',
    `Ask for less, or allow more: the answer has at least ${bytes} bytes, Maximum Response Size is ${bytesMax}`,
  )
}

/** Bytes of the answer, known before it is written: what Maximum Response Size is compared with (6.3). */
export function responseSize(response: ResponseMessage): number {
  return itemsSize(
    response,
    isPlain(response) ? plainHeaderBytes : ResponseHeader.size(headerOf(response), response.version),
  )
}

/**
 * Reads an answer: for clients (bench/load) and tests. Byte strings are views of the frame.
 * @throws KryptonError frame-*, invalid-message, invalid-field
 */
export function decodeResponse(frame: Uint8Array): ResponseMessage {
  const reader = new MessageReader(frame)
  if (reader.head(0) !== responseMessageHead || reader.length(0) === 0 || reader.head(8) !== responseHeaderHead) {
    throw new KryptonError('invalid-message', 'Send a Response Message that starts with a Response Header')
  }
  if (reader.length(8) > 0 && reader.head(16) === protocolVersionHead) {
    const { protocolVersionMajor, protocolVersionMinor } = ProtocolVersion.read(reader, 16)
    reader.version = servedVersion(protocolVersionMajor, protocolVersionMinor) ?? newestVersion
  }
  const { protocolVersion: sent, batchCount, ...header } = ResponseHeader.read(reader, 8)
  const version = servedVersion(sent.protocolVersionMajor, sent.protocolVersionMinor)
  if (version === undefined) throw new KryptonError('invalid-message', 'Send an answer of KMIP 1.0 to 1.4')
  const batchItems: ResponseBatchItem[] = []
  for (let at = reader.next(8); at < reader.bytes.length; at = reader.next(at)) {
    if (reader.head(at) !== batchItemHead)
      throw new KryptonError('invalid-message', 'Send after the header nothing but Batch Items')
    batchItems.push(readBatchItem(reader, at))
  }
  if (batchCount !== batchItems.length)
    throw new KryptonError('invalid-message', 'Send as many Batch Items as Batch Count says')
  return { version, ...header, batchItems }
}

const responseMessageHead = (Tag.ResponseMessage << 8) | ItemType.Structure
const responseHeaderHead = (Tag.ResponseHeader << 8) | ItemType.Structure

/** Of KMIP 1.0 it is exactly Protocol Version, Time Stamp and Batch Count: libkmip takes nothing else. */
const ResponseHeader = struct('Response Header', {
  protocolVersion: required(Tag.ProtocolVersion, ProtocolVersion),
  timeStamp: required(Tag.TimeStamp, dateTime),
  nonce: optional(Tag.Nonce, Nonce, { since: 12 }),
  attestationTypes: optionalRepeated(Tag.AttestationType, enumeration('AttestationType'), { since: 12 }),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, text, { since: 14 }),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, text, { since: 14 }),
  batchCount: required(Tag.BatchCount, integer),
})
type ResponseHeader = ValueOf<typeof ResponseHeader>

/** Where an item is, for one that is read later. */
const position: Kind<number> = {
  types: [ItemType.Structure],
  read: (_reader, at) => at,
  size: () => 0,
  write: () => undefined,
}

/** A batch item without its payload, whose struct depends on the operation. */
const ResponseItem = struct('Batch Item', {
  operation: optional(Tag.Operation, enumeration('Operation')),
  uniqueBatchItemID: optional(Tag.UniqueBatchItemID, bytes),
  resultStatus: required(Tag.ResultStatus, enumeration('ResultStatus')),
  resultReason: optional(Tag.ResultReason, enumeration('ResultReason')),
  resultMessage: optional(Tag.ResultMessage, text),
  asynchronousCorrelationValue: optional(Tag.AsynchronousCorrelationValue, bytes),
  payloadAt: optional(Tag.ResponsePayload, position),
  messageExtension: optional(Tag.MessageExtension, MessageExtension),
})

function headerOf(response: ResponseMessage): ResponseHeader {
  return {
    protocolVersion: protocolVersion(response.version),
    timeStamp: response.timeStamp,
    nonce: response.nonce,
    attestationTypes: response.attestationTypes,
    clientCorrelationValue: response.clientCorrelationValue,
    serverCorrelationValue: response.serverCorrelationValue,
    batchCount: response.batchItems.length,
  }
}

/** True for a header of nothing but Protocol Version, Time Stamp and Batch Count: that of nearly every answer. */
function isPlain(response: ResponseMessage): boolean {
  return (
    response.nonce === undefined &&
    response.attestationTypes === undefined &&
    response.clientCorrelationValue === undefined &&
    response.serverCorrelationValue === undefined
  )
}

/**
 * A plain header as words of 4 bytes, good until the next call: it is the same for all answers of a version, but for two of its numbers.
 * Replaces writing it field by field (bench/micro/codec.bench.ts).
 */
function plainHeader({ version, timeStamp, batchItems }: ResponseMessage): Int32Array {
  const words = plainHeaders[version - 10]!
  words[timeStampWord] = Math.floor(timeStamp / 0x1_0000_0000)
  words[timeStampWord + 1] = timeStamp
  words[batchCountWord] = batchItems.length
  return words
}

const plainHeaders = supportedVersions.toReversed().map((version) => {
  const header = { protocolVersion: protocolVersion(version), timeStamp: 0, batchCount: 0 }
  const writer = new TtlvWriter(ResponseHeader.size(header, version))
  ResponseHeader.write(writer, Tag.ResponseHeader, header, version)
  return new MessageReader(writer.bytes).words(0)
})
const plainHeaderBytes = plainHeaders[0]!.byteLength
/** The header's own, Protocol Version with its two Integers, the header of the date. */
const timeStampWord = (8 + 40 + 8) / 4
const batchCountWord = timeStampWord + 2 + 2

function itemsSize({ version, batchItems }: ResponseMessage, headerBytes: number): number {
  let size = 8 + headerBytes
  for (let i = 0; i < batchItems.length; i++) size += batchItemSize(batchItems[i]!, version)
  return size
}

function batchItemSize(item: ResponseBatchItem, version: KmipVersion): number {
  let size = 8 + 16
  if (item.operation !== undefined) size += 16
  if (item.uniqueBatchItemID !== undefined) size += bytes.size(item.uniqueBatchItemID, version)
  if (item.resultReason !== undefined) size += 16
  if (item.resultMessage !== undefined) size += text.size(item.resultMessage, version)
  if (item.asynchronousCorrelationValue !== undefined) size += bytes.size(item.asynchronousCorrelationValue, version)
  if (item.responsePayload !== undefined) size += payloadStruct(item).size(item.responsePayload, version)
  if (item.messageExtension !== undefined) size += MessageExtension.size(item.messageExtension, version)
  return size
}

function writeBatchItem(writer: TtlvWriter, item: ResponseBatchItem, version: KmipVersion): void {
  const start = writer.begin(Tag.BatchItem)
  if (item.operation !== undefined) writer.enumeration(Tag.Operation, item.operation)
  if (item.uniqueBatchItemID !== undefined) writer.byteString(Tag.UniqueBatchItemID, item.uniqueBatchItemID)
  writer.enumeration(Tag.ResultStatus, item.resultStatus)
  if (item.resultReason !== undefined)
    writer.enumeration(Tag.ResultReason, reasonForVersion(item.resultReason, version))
  if (item.resultMessage !== undefined) writer.text(Tag.ResultMessage, item.resultMessage)
  if (item.asynchronousCorrelationValue !== undefined) {
    writer.byteString(Tag.AsynchronousCorrelationValue, item.asynchronousCorrelationValue)
  }
  if (item.responsePayload !== undefined)
    payloadStruct(item).write(writer, Tag.ResponsePayload, item.responsePayload, version)
  if (item.messageExtension !== undefined)
    MessageExtension.write(writer, Tag.MessageExtension, item.messageExtension, version)
  writer.end(start)
}

/** A reason that the client's version does not have is a general failure to it; the message still says what happened. */
function reasonForVersion(reason: number, version: KmipVersion): number {
  return version >= (enumTables.ResultReason.get(reason)?.since ?? 10) ? reason : ResultReason.GeneralFailure
}

function payloadStruct(item: ResponseBatchItem): Struct<unknown> {
  const structs = payloadsOf(item.operation ?? 0)
  if (structs === undefined) throw new Error(`no payload is described for operation ${item.operation}`)
  return structs.response
}

function readBatchItem(reader: MessageReader, at: number): ResponseBatchItem {
  const { payloadAt, ...item } = ResponseItem.read(reader, at)
  if (payloadAt === undefined) return item
  const structs = payloadsOf(item.operation ?? 0)
  if (structs === undefined)
    throw new KryptonError('operation-not-supported', 'Read only answers of operations that are served')
  return { ...item, responsePayload: structs.response.read(reader, payloadAt) }
}
