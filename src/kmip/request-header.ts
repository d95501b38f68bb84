import { limits } from '../limits.ts'
import { swapped } from '../ttlv/byte-order.ts'
import { Authentication } from './authentication.ts'
import { BatchErrorContinuationOption } from './enums.ts'
import { boolean, dateTime, enumeration, integer, text } from './kinds.ts'
import { optional, optionalRepeated, required, struct } from './struct.ts'
import type { MessageReader, ValueOf } from './struct.ts'
import { ProtocolVersion } from './structures.ts'
import { Tag } from './tags.ts'
import type { KmipVersion } from './version.ts'

/** KMIP 1.4 section 7.2. */
export const RequestHeader = struct('Request Header', {
  protocolVersion: required(Tag.ProtocolVersion, ProtocolVersion),
  maximumResponseSize: optional(Tag.MaximumResponseSize, integer),
  clientCorrelationValue: optional(Tag.ClientCorrelationValue, text, { since: 14 }),
  serverCorrelationValue: optional(Tag.ServerCorrelationValue, text, { since: 14 }),
  asynchronousIndicator: optional(Tag.AsynchronousIndicator, boolean),
  attestationCapableIndicator: optional(Tag.AttestationCapableIndicator, boolean, { since: 12 }),
  attestationTypes: optionalRepeated(Tag.AttestationType, enumeration('AttestationType'), { since: 12 }),
  authentication: optional(Tag.Authentication, Authentication),
  batchErrorContinuationOption: optional(Tag.BatchErrorContinuationOption, enumeration('BatchErrorContinuationOption')),
  batchOrderOption: optional(Tag.BatchOrderOption, boolean),
  timeStamp: optional(Tag.TimeStamp, dateTime),
  batchCount: required(Tag.BatchCount, integer),
})
export type RequestHeader = ValueOf<typeof RequestHeader>

/** A header as it was read before, and the words of its item: a client sends the same one with every request. */
export interface KnownHeader {
  readonly words: Int32Array
  /** The same in the order of this machine, as an array over the frame has them. */
  readonly nativeWords: Int32Array
  readonly header: RequestHeader
  readonly version: KmipVersion
  readonly ignoreUnknown: boolean
}

/** By the length of the item: no two of the usual headers have the same. Replaces reading it field by field (bench/micro/codec.bench.ts). */
const knownHeaders: (KnownHeader | undefined)[] = Array(8).fill(undefined)

/** False for a Batch Error Continuation Option that there is not (KMIP 1.4 section 9.1.3.2.30). */
export function hasContinuationOption({ batchErrorContinuationOption: option }: RequestHeader): boolean {
  return option === undefined || continuationOptions.has(option)
}

const continuationOptions: ReadonlySet<number> = new Set(Object.values(BatchErrorContinuationOption))

/** Keeps the header that was read at `at`, where it is short and good for another message: no password is kept, nor a view of a frame, nor what is different in each message, nor what is refused. */
export function rememberHeader(reader: MessageReader, at: number, header: RequestHeader): void {
  const length = reader.length(at)
  if (
    length > limits.knownHeaderBytesMax ||
    header.authentication !== undefined ||
    header.timeStamp !== undefined ||
    header.clientCorrelationValue !== undefined ||
    !hasContinuationOption(header)
  ) {
    return
  }
  const { version, ignoreUnknown } = reader
  const words = reader.words(at)
  knownHeaders[(length >>> 3) & 7] = {
    words,
    nativeWords: words.map(swapped),
    header: Object.freeze(header),
    version,
    ignoreUnknown,
  }
}

/** The header at `headerAt` of a frame that was checked, if it is one that was read before; the reader goes on in its version. */
export function recallHeader(reader: MessageReader): RequestHeader | undefined {
  const known = knownHeaders[(reader.length(headerAt) >>> 3) & 7]
  if (known === undefined || !reader.hasWords(headerAt, known.words)) return undefined
  reader.version = known.version
  reader.ignoreUnknown = known.ignoreUnknown
  return known.header
}

/** The header at `headerAt` of any bytes, as words in the order of this machine, if it is one that was read before. An array of words is had in less than half the time of a DataView. */
export function knownHeaderOf(frame: Int32Array): KnownHeader | undefined {
  const first = headerAt >>> 2
  if (frame.length < first + 2) return undefined
  const known = knownHeaders[(swapped(frame[first + 1]!) >>> 3) & 7]
  if (known === undefined || frame.length < first + known.nativeWords.length) return undefined
  const { nativeWords } = known
  for (let i = 0; i < nativeWords.length; i++) if (frame[first + i] !== nativeWords[i]) return undefined
  return known
}

/** Where the header of a message is: it comes first in it. */
export const headerAt = 8
