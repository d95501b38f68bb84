import { limits } from '../limits.ts'
import { swapped } from '../ttlv/byte-order.ts'
import { asBuffer, padded } from '../ttlv/reader.ts'
import { batchItemHead, operationHead, requestMessageHead, requestPayloadHead, uniqueIdentifierHead } from './heads.ts'
import { payloadsOf } from './payloads/index.ts'
import { headerAt, knownHeaderOf } from './request-header.ts'
import type { RequestMessage } from './request-message.ts'

/**
 * A request that says nothing but an operation and whose object it is for, behind a header that was read before: what most requests for a key are. It is one Batch Item of an Operation and a
 * payload of a Unique Identifier in ASCII, each at its place, so a few words show all that the walk through a frame and the general reading of it find out. Anything else is undefined, and read by these.
 * It replaces them in half of the time (bench/micro/codec.bench.ts); the fuzz reads both ways and compares.
 */
export function readShortRequest(frame: Uint8Array): RequestMessage | undefined {
  const end = frame.byteLength
  if (end > shortBytesMax || (end & 7) !== 0 || (frame.byteOffset & 3) !== 0) return undefined
  const words = new Int32Array(frame.buffer, frame.byteOffset, end >>> 2)
  const known = knownHeaderOf(words)
  if (known?.header.batchCount !== 1) return undefined
  const item = (headerAt >>> 2) + known.nativeWords.length
  const text = item + 10
  if (words.length < text) return undefined
  const textAt = text << 2
  const length = swapped(words[text - 1]!)
  if (
    length > limits.shortIdentifierBytesMax ||
    textAt + padded(length) !== end ||
    words[0] !== requestMessage ||
    words[1] !== swapped(end - 8) ||
    words[item] !== batchItem ||
    words[item + 1] !== swapped(end - (item << 2) - 8) ||
    words[item + 2] !== operationItem ||
    words[item + 3] !== four ||
    words[item + 5] !== 0 ||
    words[item + 6] !== requestPayloadItem ||
    words[item + 7] !== swapped(end - (item << 2) - 32) ||
    words[item + 8] !== uniqueIdentifier ||
    !isPaddedAscii(words, text, frame, textAt + length)
  ) {
    return undefined
  }
  const operation = swapped(words[item + 4]!)
  const structs = payloadsOf(operation)
  if (structs === undefined || known.version < structs.since || structs.ofIdentifier === undefined) return undefined
  const identifier = asBuffer(frame).toString('latin1', textAt, textAt + length)
  return {
    version: known.version,
    requestHeader: known.header,
    batchItems: [
      {
        operation,
        uniqueBatchItemID: undefined,
        requestPayload: structs.ofIdentifier(identifier),
        payloadError: undefined,
        messageExtension: undefined,
      },
    ],
  }
}

function isPaddedAscii(words: Int32Array, from: number, frame: Uint8Array, textEnd: number): boolean {
  let any = 0
  for (let i = from; i < words.length; i++) any |= words[i]!
  // Each byte has the same bit, in whatever order they stand.
  if ((any & 0x80808080) !== 0) return false
  for (let at = textEnd; at < frame.byteLength; at++) if (frame[at] !== 0) return false
  return true
}

/** Request Message, a header of those that are kept, the four headers before the text, and the text. */
const shortBytesMax = headerAt + 8 + limits.knownHeaderBytesMax + 40 + limits.shortIdentifierBytesMax

const requestMessage = swapped(requestMessageHead)
const batchItem = swapped(batchItemHead)
const operationItem = swapped(operationHead)
const four = swapped(4)
const requestPayloadItem = swapped(requestPayloadHead)
const uniqueIdentifier = swapped(uniqueIdentifierHead)
