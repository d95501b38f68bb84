import { Operation, Tag } from './tags.ts'
import { findChild, itemBytes, uint32 } from './ttlv.ts'

/** What an answer must be to count as one. */
export interface Expectation {
  readonly operation: number
  /** The identifier that the answer must name; absent where the server chooses it. */
  readonly identifier?: string
}

/** Where the payload of a good answer lies in its frame. */
export interface Payload {
  readonly start: number
  readonly end: number
}

/**
 * Checks an answer: one batch item, the operation that was asked for, status Success, the payload's fields that a client of
 * MongoDB reads, and the identifier, so that a server that mixes up answers is found. Returns where the payload is, or the
 * reason why the answer is wrong, in words short enough to be counted by.
 */
export function checkAnswer(frame: Buffer, expected: Expectation): Payload | string {
  const size = frame.length
  if (size < 8 || uint32(frame, 0) >>> 8 !== Tag.ResponseMessage) return 'not a KMIP answer'
  const item = findChild(frame, 8, size, Tag.BatchItem)
  if (item < 0) return 'an answer without a Batch Item'
  const itemEnd = item + 8 + uint32(frame, item + 4)
  const status = findChild(frame, item + 8, itemEnd, Tag.ResultStatus)
  if (status < 0) return 'an answer without a Result Status'
  if (uint32(frame, status + 8) !== 0) return failure(frame, item + 8, itemEnd)
  const operation = findChild(frame, item + 8, itemEnd, Tag.Operation)
  if (operation < 0 || uint32(frame, operation + 8) !== expected.operation) return 'an answer to another operation'
  const payload = findChild(frame, item + 8, itemEnd, Tag.ResponsePayload)
  if (payload < 0) return 'an answer without a Response Payload'
  const start = payload + 8
  const end = start + uint32(frame, payload + 4)
  for (const tag of fieldsOf[expected.operation] ?? []) {
    if (findChild(frame, start, end, tag) < 0) return 'an answer without a field that its client reads'
  }
  if (expected.identifier !== undefined && !namesIdentifier(frame, start, end, expected.identifier)) {
    return 'an answer about another object'
  }
  return { start, end }
}

/** Undefined when an answer has so many batch items and each says Success; otherwise what is wrong. */
export function refusedItem(frame: Buffer, items: number): string | undefined {
  let seen = 0
  let next = 0
  for (let at = 8; at + 8 <= frame.length; at = next) {
    next = at + itemBytes(uint32(frame, at + 4))
    if (uint32(frame, at) >>> 8 !== Tag.BatchItem) continue
    seen++
    const status = findChild(frame, at + 8, next, Tag.ResultStatus)
    if (status < 0) return 'an answer without a Result Status'
    if (uint32(frame, status + 8) !== 0) return failure(frame, at + 8, next)
  }
  return seen === items ? undefined : `${seen} answers to ${items} requests`
}

/** The text of `tag` in the payload. Throws when it is not there: `checkAnswer` has seen it. */
export function textIn(frame: Buffer, payload: Payload, tag: number): string {
  const at = findChild(frame, payload.start, payload.end, tag)
  if (at < 0) throw new Error('the field was checked and is gone')
  return frame.toString('latin1', at + 8, at + 8 + uint32(frame, at + 4))
}

/** The operations that the answer to a Query names. */
export function operationsIn(frame: Buffer, payload: Payload): Set<number> {
  const found = new Set<number>()
  for (let at = payload.start; at + 8 <= payload.end; at += itemBytes(uint32(frame, at + 4))) {
    if (uint32(frame, at) >>> 8 === Tag.Operation) found.add(uint32(frame, at + 8))
  }
  return found
}

/** A copy of the bytes of `tag` in the payload. */
export function bytesIn(frame: Buffer, payload: Payload, tag: number): Buffer {
  const at = findChild(frame, payload.start, payload.end, tag)
  if (at < 0) throw new Error('the field was checked and is gone')
  return Buffer.from(frame.subarray(at + 8, at + 8 + uint32(frame, at + 4)))
}

/**
 * Length of the whole frame that begins at `offset`, or 0 while its header is not there yet.
 * Throws when what is there is no KMIP message: then the rest of the stream cannot be cut.
 */
export function frameBytes(buffer: Uint8Array, offset: number): number {
  if (buffer.length - offset < 8) return 0
  if (buffer[offset] !== 0x42 || buffer[offset + 1] !== 0) throw new Error('not a KMIP answer')
  return itemBytes(uint32(buffer, offset + 4))
}

const fieldsOf: Readonly<Record<number, readonly number[]>> = {
  [Operation.Create]: [Tag.UniqueIdentifier],
  [Operation.CreateKeyPair]: [Tag.PrivateKeyUniqueIdentifier],
  [Operation.Register]: [Tag.UniqueIdentifier],
  [Operation.Activate]: [Tag.UniqueIdentifier],
  [Operation.Get]: [Tag.ObjectType, Tag.UniqueIdentifier],
  [Operation.GetAttributes]: [Tag.UniqueIdentifier, Tag.Attribute],
  [Operation.Locate]: [Tag.UniqueIdentifier],
  [Operation.Encrypt]: [Tag.Data, Tag.IVCounterNonce],
  [Operation.Decrypt]: [Tag.Data],
  [Operation.Sign]: [Tag.SignatureData],
}

function namesIdentifier(frame: Buffer, start: number, end: number, identifier: string): boolean {
  const at = findChild(frame, start, end, Tag.UniqueIdentifier)
  if (at < 0 || uint32(frame, at + 4) !== identifier.length) return false
  for (let i = 0; i < identifier.length; i++) if (frame[at + 8 + i] !== identifier.charCodeAt(i)) return false
  return true
}

function failure(frame: Buffer, start: number, end: number): string {
  const reasonAt = findChild(frame, start, end, Tag.ResultReason)
  const messageAt = findChild(frame, start, end, Tag.ResultMessage)
  const reason = reasonAt < 0 ? 'none given' : String(uint32(frame, reasonAt + 8))
  const message =
    messageAt < 0 ? '' : `: ${frame.toString('utf8', messageAt + 8, messageAt + 8 + uint32(frame, messageAt + 4))}`
  return `refused, Result Reason ${reason}${message.length > messageCharactersMax ? `${message.slice(0, messageCharactersMax)}…` : message}`
}

/** A server's own words, so far as they fit a line of a report: ours are shorter. */
const messageCharactersMax = 300
