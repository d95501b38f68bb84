import { isKryptonError, KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { TtlvWriter } from '../ttlv/writer.ts'
import { enumTables } from './enums.ts'
import {
  batchItemHead,
  majorHead,
  messageExtensionHead,
  minorHead,
  operationHead,
  protocolVersionHead,
  requestHeaderHead,
  requestMessageHead,
  requestPayloadHead,
  uniqueBatchItemIDHead,
} from './heads.ts'
import { bytes } from './kinds.ts'
import { payloadsOf } from './payloads/index.ts'
import { hasContinuationOption, headerAt, recallHeader, rememberHeader, RequestHeader } from './request-header.ts'
import { readShortRequest } from './short-request.ts'
import { MessageReader } from './struct.ts'
import { MessageExtension, ProtocolVersion } from './structures.ts'
import { Tag } from './tags.ts'
import { newestVersion, oldestVersion, servedVersion, versionText } from './version.ts'
import type { KmipVersion } from './version.ts'

export interface RequestBatchItem {
  readonly operation: number
  readonly uniqueBatchItemID?: Uint8Array
  /** Of the operation's request struct (payloads/index.ts); undefined when the operation is not served or `payloadError` says why. */
  readonly requestPayload?: unknown
  /** What is wrong with this item: it fails, the others do not (section 11.1). */
  readonly payloadError?: KryptonError
  readonly messageExtension?: MessageExtension
}

/** Byte strings in it are views of the frame and live as long. */
export interface RequestMessage {
  /** The version that serves the request and that the answer carries. */
  readonly version: KmipVersion
  readonly requestHeader: RequestHeader
  readonly batchItems: readonly RequestBatchItem[]
}

/**
 * Reads one frame. What is wrong with the frame or the header fails the message and is thrown; what is wrong with a batch item is in its
 * `payloadError`.
 * @throws KryptonError frame-*: the connection cannot go on. invalid-message, invalid-field, feature-not-supported: it can.
 */
export function decodeRequest(frame: Uint8Array): RequestMessage {
  return readShortRequest(frame) ?? readRequest(frame)
}

/** The general reading, without a look whether the request is a short one: `decodeRequest` for the fuzz, which compares the two. */
export function readRequest(frame: Uint8Array): RequestMessage {
  const reader = new MessageReader(frame)
  checkFirst(reader)
  const requestHeader = recallHeader(reader) ?? readHeader(reader)
  const batchItems: RequestBatchItem[] = []
  const end = reader.bytes.length
  for (let at = reader.next(headerAt); at < end; at = reader.next(at)) {
    if (reader.head(at) !== batchItemHead) {
      throw new KryptonError('invalid-message', 'Send after the Request Header nothing but Batch Items')
    }
    if (batchItems.length === limits.batchItemsMax) {
      throw new KryptonError('invalid-message', `Send at most ${limits.batchItemsMax} Batch Items in a message`)
    }
    batchItems.push(readBatchItem(reader, at))
  }
  checkHeader(requestHeader, batchItems)
  return { version: reader.version, requestHeader, batchItems }
}

/**
 * The version in which to answer a message that could not be read: its own if that can be seen, else the oldest, which every client
 * understands. Never throws, whatever the bytes.
 */
export function answerVersion(frame: Uint8Array): KmipVersion {
  // Request Message, Request Header, Protocol Version and its two Integers, one header after the other
  if (frame.length < 56) return oldestVersion
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (
    view.getUint32(16) !== protocolVersionHead ||
    view.getUint32(24) !== majorHead ||
    view.getUint32(40) !== minorHead
  ) {
    return oldestVersion
  }
  return servedVersion(view.getInt32(32), view.getInt32(48)) ?? newestVersion
}

/** Writes a request: for clients (bench/load) and tests. */
export function encodeRequest(message: Pick<RequestMessage, 'requestHeader' | 'batchItems'>): Buffer {
  const { protocolVersionMajor, protocolVersionMinor } = message.requestHeader.protocolVersion
  const version = servedVersion(protocolVersionMajor, protocolVersionMinor) ?? newestVersion
  let size = 8 + RequestHeader.size(message.requestHeader, version)
  for (const item of message.batchItems) size += batchItemSize(item, version)
  const writer = new TtlvWriter(size)
  const start = writer.begin(Tag.RequestMessage)
  RequestHeader.write(writer, Tag.RequestHeader, message.requestHeader, version)
  for (const item of message.batchItems) writeBatchItem(writer, item, version)
  writer.end(start)
  return writer.bytes
}

function checkFirst(reader: MessageReader): void {
  if (reader.head(0) !== requestMessageHead) throw new KryptonError('invalid-message', 'Send a Request Message')
  if (reader.length(0) === 0 || reader.head(headerAt) !== requestHeaderHead) {
    throw new KryptonError('invalid-message', 'Send a Request Header first in a Request Message')
  }
}

function readHeader(reader: MessageReader): RequestHeader {
  readVersion(reader)
  const header = RequestHeader.read(reader, headerAt)
  rememberHeader(reader, headerAt, header)
  return header
}

/** The version comes first of all: it decides what else may stand in the header. */
function readVersion(reader: MessageReader): void {
  const at = versionAt(reader)
  let major: number
  let minor: number
  if (reader.length(at) === 32 && reader.head(at + 8) === majorHead && reader.head(at + 24) === minorHead) {
    major = reader.integer(at + 8)
    minor = reader.integer(at + 24)
  } else {
    ;({ protocolVersionMajor: major, protocolVersionMinor: minor } = ProtocolVersion.read(reader, at))
  }
  const version = servedVersion(major, minor)
  if (version === undefined) {
    throw new KryptonError('invalid-message', `Use KMIP ${versionText(oldestVersion)} to ${versionText(newestVersion)}`)
  }
  reader.version = version
  reader.ignoreUnknown = minor > version - 10
}

function versionAt(reader: MessageReader): number {
  const end = reader.next(headerAt)
  for (let at = headerAt + 8; at < end; at = reader.next(at)) if (reader.head(at) === protocolVersionHead) return at
  throw new KryptonError('invalid-message', 'Send Protocol Version in Request Header')
}

function readBatchItem(reader: MessageReader, start: number): RequestBatchItem {
  const end = reader.next(start)
  let operationAt = 0
  let idAt = 0
  let payloadAt = 0
  let extensionAt = 0
  let payloadError: KryptonError | undefined
  for (let at = start + 8; at < end; at = reader.next(at)) {
    const head = reader.head(at)
    if (head === operationHead && operationAt === 0) operationAt = at
    else if (head === uniqueBatchItemIDHead && idAt === 0) idAt = at
    else if (head === requestPayloadHead && payloadAt === 0) payloadAt = at
    else if (head === messageExtensionHead && extensionAt === 0) extensionAt = at
    else payloadError ??= wrongItem(head, reader.ignoreUnknown)
  }
  if (operationAt === 0) throw new KryptonError('invalid-message', 'Send an Operation in each Batch Item')
  const operation = reader.unsigned(operationAt)
  const uniqueBatchItemID = idAt === 0 ? undefined : reader.value(idAt)
  let requestPayload: unknown
  let messageExtension: MessageExtension | undefined
  if (payloadError === undefined) {
    try {
      if (extensionAt !== 0) messageExtension = MessageExtension.read(reader, extensionAt)
      requestPayload = readPayload(reader, operation, payloadAt)
    } catch (error) {
      if (!isKryptonError(error)) throw error
      payloadError = error
    }
  }
  return { operation, uniqueBatchItemID, requestPayload, payloadError, messageExtension }
}

function readPayload(reader: MessageReader, operation: number, payloadAt: number): unknown {
  const structs = payloadsOf(operation)
  if (structs === undefined || reader.version < structs.since) throw notServed(operation, reader.version)
  if (payloadAt === 0) throw new KryptonError('invalid-message', 'Send a Request Payload in each Batch Item')
  return structs.request.read(reader, payloadAt)
}

function notServed(operation: number, version: KmipVersion): KryptonError {
  const name = enumTables.Operation.get(operation)?.name ?? `operation ${operation}`
  return new KryptonError(
    'operation-not-supported',
    `Use an operation that Query lists for KMIP ${versionText(version)}: ${name} is not served`,
  )
}

function wrongItem(head: number, ignoreUnknown: boolean): KryptonError | undefined {
  const tag = head >>> 8
  if (batchItemTags.has(tag)) {
    return new KryptonError('invalid-message', 'Send each field of a Batch Item once and with its own type')
  }
  if (ignoreUnknown) return undefined
  return new KryptonError(
    'invalid-field',
    `Send in a Batch Item an Operation, a Unique Batch Item ID, a Request Payload and a Message Extension, not tag ${tag.toString(16)}`,
  )
}

const batchItemTags: ReadonlySet<number> = new Set([
  Tag.Operation,
  Tag.UniqueBatchItemID,
  Tag.RequestPayload,
  Tag.MessageExtension,
])

function checkHeader(header: RequestHeader, batchItems: readonly RequestBatchItem[]): void {
  if (batchItems.length === 0) throw new KryptonError('invalid-message', 'Send at least one Batch Item')
  if (header.batchCount !== batchItems.length) {
    throw new KryptonError(
      'invalid-message',
      `Send a Batch Count of ${batchItems.length}: there are as many Batch Items`,
    )
  }
  if (batchItems.length > 1 && batchItems.some((item) => item.uniqueBatchItemID === undefined)) {
    throw new KryptonError('invalid-message', 'Send a Unique Batch Item ID in each of several Batch Items')
  }
  if (!hasContinuationOption(header)) {
    throw new KryptonError('invalid-field', 'Send a Batch Error Continuation Option of Stop, Continue or Undo')
  }
}

function batchItemSize(item: RequestBatchItem, version: KmipVersion): number {
  let size = 8 + 16
  if (item.uniqueBatchItemID !== undefined) size += bytes.size(item.uniqueBatchItemID, version)
  size += payloadsOf(item.operation)?.request.size(item.requestPayload, version) ?? 0
  if (item.messageExtension !== undefined) size += MessageExtension.size(item.messageExtension, version)
  return size
}

function writeBatchItem(writer: TtlvWriter, item: RequestBatchItem, version: KmipVersion): void {
  const start = writer.begin(Tag.BatchItem)
  writer.enumeration(Tag.Operation, item.operation)
  if (item.uniqueBatchItemID !== undefined) writer.byteString(Tag.UniqueBatchItemID, item.uniqueBatchItemID)
  payloadsOf(item.operation)?.request.write(writer, Tag.RequestPayload, item.requestPayload, version)
  if (item.messageExtension !== undefined)
    MessageExtension.write(writer, Tag.MessageExtension, item.messageExtension, version)
  writer.end(start)
}
