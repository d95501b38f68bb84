import { describe, expect, test } from 'vitest'
import { isKryptonError } from '../../src/errors.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { decodeRequest, readRequest } from '../../src/kmip/request-message.ts'
import { readShortRequest } from '../../src/kmip/short-request.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { limits } from '../../src/limits.ts'
import * as items from './items.ts'

const identifier = '0190f3c2-8d4e-7a10-9c33-5b1d2f6a7e88'
const uid = (value: string): Buffer => items.text(Tag.UniqueIdentifier, value)

/** What reading comes to: the message, or what is wrong with it. */
function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    if (!isKryptonError(error)) throw error
    return [error.code, error.message]
  }
}

/** Both ways of reading a frame come to the same. Read twice, since a header is known from its second time on. */
function expectAlike(frame: Buffer): void {
  const general = outcome(() => readRequest(frame))
  expect(outcome(() => decodeRequest(frame))).toEqual(general)
  expect(outcome(() => decodeRequest(frame))).toEqual(general)
}

describe('a request of nothing but a Unique Identifier', () => {
  test('is read by its shape once its header is known, and as any other', () => {
    const frame = items.request(2, Operation.Get, [uid(identifier)])
    readRequest(frame)
    expect(readShortRequest(frame)).toStrictEqual(readRequest(frame))
    expect(Object.keys(readShortRequest(frame)!.batchItems[0]!.requestPayload as object)).toEqual(
      Object.keys(readRequest(frame).batchItems[0]!.requestPayload as object),
    )
  })

  test('is read alike of every operation, known or not, under every version', () => {
    let short = 0
    for (const minor of [0, 1, 2, 3, 4, 5, 9]) {
      for (const operation of [...Object.values(Operation), 0, 0x2c, 0x7fff_ffff, 0x8000_0001]) {
        const frame = items.request(minor, operation, [uid(identifier)])
        expectAlike(frame)
        if (readShortRequest(frame) !== undefined) short++
      }
    }
    expect(short).toBeGreaterThan(50)
  })

  test('is read alike with identifiers of every length, and of more than ASCII', () => {
    for (let length = 0; length <= limits.shortIdentifierBytesMax + 9; length++)
      expectAlike(items.request(2, Operation.Get, [uid('a'.repeat(length))]))
    for (const text of ['schlüssel', '鍵', '\u0000', '\u007f', '\u0080'])
      expectAlike(items.request(2, Operation.Get, [uid(text)]))
    expectAlike(items.request(2, Operation.Get, [items.raw(Tag.UniqueIdentifier, 7, Buffer.of(0xff, 0xfe))]))
  })

  test('is read alike wherever it lies in its memory', () => {
    const frame = items.request(2, Operation.Get, [uid(identifier)])
    for (let offset = 0; offset < 9; offset++) {
      const memory = Buffer.alloc(frame.length + 16)
      frame.copy(memory, offset)
      expectAlike(memory.subarray(offset, offset + frame.length))
    }
  })

  test('is read alike behind every header, also one that is refused', () => {
    const option = (value: number): Buffer => items.enumeration(Tag.BatchErrorContinuationOption, value)
    const headers = [[], [items.integer(Tag.MaximumResponseSize, 8192)], [option(1)], [option(99)], [option(0)]]
    for (const header of headers) expectAlike(items.request(4, Operation.Get, [uid(identifier)], header))
    const counted = (batchCount: number): Buffer =>
      items.structure(
        Tag.RequestMessage,
        items.structure(Tag.RequestHeader, items.version(2), items.integer(Tag.BatchCount, batchCount)),
        items.batchItem(Operation.Get, [uid(identifier)]),
      )
    for (const batchCount of [0, 1, 2, -1]) expectAlike(counted(batchCount))
  })

  test('with more in it is read as any other', () => {
    const get = (...payload: Buffer[]): Buffer => items.request(2, Operation.Get, payload)
    expectAlike(get())
    expectAlike(get(uid(identifier), items.enumeration(Tag.KeyFormatType, 1)))
    expectAlike(get(uid(identifier), uid(identifier)))
    expectAlike(items.message(2, [items.batchItem(Operation.Get, [uid(identifier)], 'id')]))
    const item = items.batchItem(Operation.Get, [uid(identifier)])
    expectAlike(items.message(2, [item, item]))
  })

  test('with any of its bytes changed, cut or followed by others is read alike', () => {
    const frame = items.request(2, Operation.Get, [uid('0190f3c2-8d4e')])
    for (let at = 0; at < frame.length; at++) {
      for (const byte of [0, 1, 2, 7, 8, 0x0a, 0x42, 0x7f, 0x80, 0xff, frame[at]! ^ 1, (frame[at]! + 8) & 0xff]) {
        const changed = Buffer.from(frame)
        changed[at] = byte
        expectAlike(changed)
      }
      expectAlike(Buffer.from(frame.subarray(0, at)))
    }
    for (const more of [1, 4, 8, 16]) expectAlike(Buffer.concat([frame, Buffer.alloc(more)]))
  })
})
