import { isDeepStrictEqual } from 'node:util'
import { isKryptonError } from '../../src/errors.ts'
import { Attributes, decodeAttributes, encodeAttributes } from '../../src/kmip/attribute.ts'
import { attributesForVersion } from '../../src/kmip/attributes-1x.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { jsonToFrame } from '../../src/kmip/encodings/json-to-frame.ts'
import { xmlToFrame } from '../../src/kmip/encodings/xml-to-frame.ts'
import { payloadsOf } from '../../src/kmip/payloads/index.ts'
import { answerVersion, decodeRequest, encodeRequest, readRequest } from '../../src/kmip/request-message.ts'
import type { RequestMessage } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import { readShortRequest } from '../../src/kmip/short-request.ts'
import { MessageReader } from '../../src/kmip/struct.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { dump } from '../../src/ttlv/dump.ts'
import { FrameReader } from '../../src/ttlv/frame-reader.ts'
import { TtlvReader } from '../../src/ttlv/reader.ts'
import { TtlvWriter } from '../../src/ttlv/writer.ts'
import type { Random } from './random.ts'
import { executeTexts } from './texts.ts'

/** How far an input came. `signature` is the same for inputs that went the same way. */
export interface Outcome {
  readonly reached: 'nothing' | 'frame' | 'message'
  readonly signature: string
}

/** The decoder under test, as parts that a planted defect replaces. */
export interface Target {
  readonly cut: (reader: FrameReader, input: Buffer) => Buffer | undefined
  readonly decodeRequest: typeof decodeRequest
  readonly readShortRequest: typeof readShortRequest
  readonly encodeRequest: typeof encodeRequest
  readonly jsonToFrame: typeof jsonToFrame
  readonly xmlToFrame: typeof xmlToFrame
}

export const realTarget: Target = {
  cut: (reader, input) => {
    reader.push(input)
    return reader.next()
  },
  decodeRequest,
  readShortRequest,
  encodeRequest,
  jsonToFrame,
  xmlToFrame,
}

/** Where the last byte of the minor version is in a message whose Protocol Version comes first. */
export const versionAt = 51

/** One frame of so many is tried as JSON and XML too, each in five forms: a text takes longer than a frame. */
const textsEvery = 32
/** Longer than any input. */
const frameBytesMax = 1024 * 1024

/** What no input may do. */
export class Finding extends Error {}

/**
 * Runs one input through frame reader, decoder and encoder.
 * @throws whatever is not a KryptonError, and Finding where an oracle is not met
 */
export function execute(target: Target, input: Buffer, random: Random, valuesOnly: boolean): Outcome {
  answerVersion(input)
  const frame = cutFrame(target, input, random)
  if (typeof frame === 'string') return { reached: 'nothing', signature: frame }
  if (random.once(64)) typed(() => dump(frame))
  if (random.once(textsEvery) && typed(() => new TtlvReader(frame)) instanceof TtlvReader)
    executeTexts(target, Buffer.from(frame), random)
  // the caller reuses its memory, so what is kept as a frame is its own
  const isRequest = frame[2] === (Tag.RequestMessage & 0xff)
  return isRequest ? executeRequest(target, frame, random, valuesOnly) : executeResponse(frame, valuesOnly)
}

function cutFrame(target: Target, input: Buffer, random: Random): Buffer | string {
  const reader = new FrameReader(() => frameBytesMax)
  const result = typed(() => {
    if (!random.once(8)) return target.cut(reader, input)
    const first = random.below(input.length + 1)
    // Chunks belong to the reader, which wipes what it gathered from them: the input stays ours.
    const [head, tail] = [Buffer.from(input.subarray(0, first)), Buffer.from(input.subarray(first))]
    return target.cut(reader, head) ?? target.cut(reader, tail)
  })
  if (result instanceof Error) return result.message.slice(0, 40)
  if (result === undefined) {
    if (reader.pendingBytes !== input.length) throw new Finding('the frame reader lost bytes')
    return 'no frame yet'
  }
  if (!result.equals(input.subarray(0, result.length))) throw new Finding('the frame reader changed bytes')
  return result
}

function executeRequest(target: Target, frame: Buffer, random: Random, valuesOnly: boolean): Outcome {
  compareReadings(target, frame)
  const message = typed(() => target.decodeRequest(frame))
  if (message instanceof Error) return { reached: 'frame', signature: signatureOf(message) }
  const item = message.batchItems[0]!
  const error = message.batchItems.find(({ payloadError }) => payloadError !== undefined)?.payloadError
  if (error === undefined) checkRoundTrip(target, frame, message, valuesOnly)
  if (random.once(16)) compareForms(frame, item.operation, message.version)
  if (random.once(16)) keepAttributes(item.requestPayload)
  return { reached: 'message', signature: `${item.operation} ${error === undefined ? '' : signatureOf(error)}` }
}

/** What is read by its shape is what the general reading makes of it. */
function compareReadings(target: Target, frame: Buffer): void {
  const short = typed(() => target.readShortRequest(frame))
  if (
    short !== undefined &&
    !isDeepStrictEqual(
      short,
      typed(() => readRequest(frame)),
    )
  )
    throw new Finding('a request read by its shape is not what it is')
}

function checkRoundTrip(target: Target, frame: Buffer, message: RequestMessage, valuesOnly: boolean): void {
  const encoded = typed(() => target.encodeRequest(message))
  if (encoded instanceof Error) {
    // a required value may be newer than the version: it is read, but never written
    if (message.version < 14) return
    throw encoded
  }
  if (valuesOnly && isNewest(frame) && !encoded.equals(frame)) {
    throw new Finding(`encode(decode(x)) is not x: ${encoded.toString('hex')}`)
  }
  const decoded = target.decodeRequest(encoded)
  // a list whose every value is newer than the version is not written either
  if (message.version < 14 && decoded.batchItems.some(({ payloadError }) => payloadError !== undefined)) return
  if (!target.encodeRequest(decoded).equals(encoded)) throw new Finding('what was encoded is not encoded alike again')
}

function executeResponse(frame: Buffer, valuesOnly: boolean): Outcome {
  const message = typed(() => decodeResponse(frame))
  if (message instanceof Error) return { reached: 'frame', signature: signatureOf(message) }
  const encoded = typed(() => encodeResponse(message).bytes)
  // a required value that is newer than the version is read, but never written
  if (encoded instanceof Error) return { reached: 'message', signature: encoded.message.slice(0, 40) }
  if (valuesOnly && isNewest(frame) && !encoded.equals(frame)) {
    throw new Finding(`encode(decode(x)) is not x: ${encoded.toString('hex')}`)
  }
  const again = encodeResponse(decodeResponse(encoded)).bytes
  if (!again.equals(encoded)) throw new Finding('what was encoded is not encoded alike again')
  return { reached: 'message', signature: `response ${message.batchItems[0]?.operation}` }
}

/** Compiled and interpreted, a payload is read and written alike. */
function compareForms(frame: Buffer, operation: number, version: number): void {
  const struct = payloadsOf(operation)?.request
  const at = payloadAt(frame)
  if (struct?.compiled === undefined || at === 0) return
  const readers = [struct.compiled, struct.interpreted].map((codec) => {
    const reader = new MessageReader(frame)
    reader.version = version as MessageReader['version'] // it came from a message that was read
    const value = typed(() => codec.read(reader, at))
    if (value instanceof Error) return value.message
    return [
      value,
      typed(() => {
        const writer = new TtlvWriter(codec.size(value, reader.version))
        codec.write(writer, Tag.RequestPayload, value, reader.version)
        return writer.bytes
      }),
    ]
  })
  if (!isDeepStrictEqual(readers[0], readers[1])) throw new Finding('compiled and interpreted codecs differ')
}

function payloadAt(frame: Buffer): number {
  for (let at = 8; at < frame.length;) {
    const head = frame.readUInt32BE(at)
    if (head === Tag.RequestPayload * 256 + 1) return at
    const next = at + 8 + ((frame.readUInt32BE(at + 4) + 7) & ~7)
    at = head === Tag.BatchItem * 256 + 1 ? at + 8 : next
  }
  return 0
}

/** Attributes that were taken come out of a record as they went in. */
function keepAttributes(payload: unknown): void {
  const template = (payload as { templateAttribute?: { attributes?: readonly WireAttribute[] } } | undefined)
    ?.templateAttribute
  if (template?.attributes === undefined) return
  const attributes = new Attributes()
  for (const { name, index, value } of template.attributes) attributes.putValue(name, index ?? 0, value)
  const bytes = encodeAttributes(attributes)
  const back = typed(() => decodeAttributes(bytes))
  if (back instanceof Error) {
    // thousands of attributes are more items than a frame may have
    if (!(back.cause instanceof Error) || !isKryptonError(back.cause, 'frame-too-many-items'))
      throw new Finding('a record’s attributes cannot be read')
    return
  }
  if (!encodeAttributes(back).equals(bytes)) throw new Finding('a record’s attributes are not encoded alike again')
  for (const version of [10, 12, 14] as const) {
    attributesForVersion(back, version)
    attributesForVersion(back, version, back.names())
  }
}

/** KMIP 1.4 itself: under another version some of what is taken is not written. */
function isNewest(frame: Buffer): boolean {
  return frame.length > versionAt && frame.readUInt32BE(versionAt - 3) === 4
}

/** The result, or the KryptonError. */
function typed<T>(act: () => T): T | Error {
  try {
    return act()
  } catch (error) {
    if (isKryptonError(error)) return error
    throw error
  }
}

function signatureOf(error: Error): string {
  return error.message.replaceAll(/\d+/g, '').slice(0, 120)
}
