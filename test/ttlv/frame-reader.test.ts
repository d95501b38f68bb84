import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { droppedFrame, FrameReader } from '../../src/ttlv/frame-reader.ts'
import { TtlvReader } from '../../src/ttlv/reader.ts'
import { placement } from '../../src/limits.ts'
import { raw } from '../kmip/items.ts'

const message = (bytes: number, fill = 1) => raw(0x420078, 0x01, Buffer.alloc(bytes, fill))

function framesOf(reader: FrameReader, chunks: readonly Uint8Array[]): Buffer[] {
  const frames: Buffer[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(Buffer.from(frame))
  }
  return frames
}

describe('FrameReader', () => {
  test('gives a frame in one chunk as a view, with 0 bytes copied', () => {
    const reader = new FrameReader(() => 1024)
    const chunk = Buffer.concat([message(16), message(24), message(0)])
    reader.push(chunk)
    const frame = reader.next()!
    expect(frame.buffer).toBe(chunk.buffer)
    expect(frame).toEqual(message(16))
    expect(reader.next()).toEqual(message(24))
    expect(reader.next()).toEqual(message(0))
    expect(reader.next()).toBeUndefined()
    expect(reader.bytesCopied).toBe(0)
    expect(reader.pendingBytes).toBe(0)
  })

  test('gathers a long frame in memory that threads share, from which it is read as any other', () => {
    const text = 'Schlüssel 鍵 🔑'
    const content = Buffer.concat([
      raw(0x420055, 0x07, Buffer.from(text)),
      raw(0x4200c2, 0x08, Buffer.alloc(placement.offLoopBytesMin, 7)),
    ])
    const frame = raw(0x420078, 0x01, content)
    const reader = new FrameReader(() => 2 * placement.offLoopBytesMin)
    reader.push(Buffer.from(frame.subarray(0, 100)))
    expect(reader.next()).toBeUndefined()
    reader.push(Buffer.from(frame.subarray(100)))
    const gathered = reader.next()!
    expect(gathered.buffer).toBeInstanceOf(SharedArrayBuffer)
    const items = new TtlvReader(gathered)
    expect(items.text(8)).toBe(text)
    expect(Buffer.compare(items.value(items.next(8)), content.subarray(-placement.offLoopBytesMin))).toBe(0)
  })

  test('gives the same frames for any chunking, and counts what is pending', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
        (sizes, cuts) => {
          const frames = sizes.map((size, index) => message(size * 8, index + 1))
          const stream = Buffer.concat(frames)
          const chunks: Buffer[] = []
          let cut = 0
          for (let at = 0; at < stream.length;) {
            const size = cuts[cut++ % cuts.length]!
            chunks.push(Buffer.from(stream.subarray(at, at + size)))
            at += size
          }
          const reader = new FrameReader(() => 1024)
          let pushed = 0
          let given = 0
          const got: Buffer[] = []
          for (const chunk of chunks) {
            pushed += chunk.length
            reader.push(chunk)
            for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
              given += frame.length
              got.push(Buffer.from(frame))
            }
            expect(reader.pendingBytes).toBe(pushed - given)
          }
          expect(got).toEqual(frames)
        },
      ),
    )
  })

  test('gives the same frames byte by byte, and when several chunks come before the first look', () => {
    const frames = [message(8), message(64), message(16)]
    const stream = Buffer.concat(frames)
    expect(
      framesOf(
        new FrameReader(() => 1024),
        [...stream].map((byte) => Buffer.of(byte)),
      ),
    ).toEqual(frames)

    const reader = new FrameReader(() => 1024)
    reader.push(stream.subarray(0, 20))
    reader.push(stream.subarray(20))
    expect(framesOf(reader, [Buffer.alloc(0)])).toEqual(frames)
  })

  test('goes on with a frame that was begun before more chunks came', () => {
    const reader = new FrameReader(() => 1024)
    const frame = message(80)
    reader.push(Buffer.from(frame.subarray(0, 40)))
    expect(reader.next()).toBeUndefined()
    reader.push(Buffer.from(frame.subarray(40, 60)))
    reader.push(Buffer.concat([frame.subarray(60), message(8).subarray(0, 4)]))
    reader.push(message(8).subarray(4))
    expect(reader.next()).toEqual(frame)
    expect(reader.next()).toEqual(message(8))
  })

  test('refuses a frame longer than allowed at its header, before a buffer is made', () => {
    const reader = new FrameReader(() => 1024)
    reader.push(raw(0x420078, 0x01, Buffer.alloc(0), 0x7fff_fff8))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'frame-too-large' }))

    const largest = new FrameReader(() => 1024)
    largest.push(Buffer.from('42007801ffffffff', 'hex'))
    expect(() => largest.next()).toThrow(expect.objectContaining({ code: 'frame-too-large' }))

    const split = new FrameReader(() => 1024)
    split.push(Buffer.from('42007801', 'hex'))
    expect(split.next()).toBeUndefined()
    split.push(Buffer.from('fffffff8', 'hex'))
    expect(() => split.next()).toThrow(expect.objectContaining({ code: 'frame-too-large' }))
  })

  test('takes a frame that is just as long as allowed, and asks for the limit anew for each frame', () => {
    let limit = 24
    const reader = new FrameReader(() => limit)
    reader.push(Buffer.concat([message(16), message(24)]))
    expect(reader.next()).toEqual(message(16))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'frame-too-large' }))
    limit = 32
    expect(reader.next()).toEqual(message(24))
  })

  test.each([
    ['another tag', '4200770100000000'],
    ['another type', '4200780200000008'],
    ['a length that is no multiple of 8', '4200780100000009'],
  ])('refuses %s', (_, hex) => {
    const reader = new FrameReader(() => 1024)
    reader.push(Buffer.from(hex, 'hex'))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'frame-invalid' }))
  })

  test('knows what is no KMIP at all from a header that is wrong', () => {
    const reader = new FrameReader(() => 1024)
    reader.push(Buffer.from('GET / HT'))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'no-frame' }))
  })

  test('leaves nothing of a frame in the chunks that it was gathered from', () => {
    const frame = message(64, 0xa5)
    for (const cuts of [[3], [7, 9], [8], [12], [20, 40, 60], [1, 2, 3, 4, 5, 6, 7]]) {
      const reader = new FrameReader(() => 1024)
      const chunks = [...cuts, frame.length].map((end, at) => Buffer.from(frame.subarray(cuts[at - 1] ?? 0, end)))
      const copies = chunks.map((chunk) => chunk)
      expect(framesOf(reader, chunks)).toEqual([frame])
      for (const chunk of copies) expect(chunk.includes(0xa5)).toBe(false)
    }
  })

  test('reads a frame that it is told not to keep, and gives what comes before and after it', () => {
    const asked: number[] = []
    const reader = new FrameReader(
      () => 1024,
      (bytes) => {
        asked.push(bytes)
        return false
      },
    )
    const [before, dropped, after] = [message(16, 1), message(80, 0xa5), message(24, 3)]
    const stream = Buffer.concat([before, dropped, after])
    const chunks = [40, 60, 100, stream.length].map((end, at, ends) =>
      Buffer.from(stream.subarray(ends[at - 1] ?? 0, end)),
    )
    reader.push(chunks[0]!)
    expect(reader.next()).toEqual(before)
    expect(reader.next()).toBeUndefined()
    expect([reader.keptBytes, reader.pendingBytes]).toEqual([0, 16])
    for (const chunk of chunks.slice(1, 3)) {
      reader.push(chunk)
      expect(reader.next()).toBeUndefined()
      expect(reader.keptBytes).toBe(0)
    }
    expect(reader.pendingBytes).toBe(76)
    reader.push(chunks[3]!)
    expect(reader.next()).toBe(droppedFrame)
    expect(reader.next()).toEqual(after)
    expect([asked, reader.pendingBytes]).toEqual([[dropped.length], 0])
    for (const chunk of chunks) expect(chunk.includes(0xa5)).toBe(false)
  })

  test('overwrites what never became a frame', () => {
    const reader = new FrameReader(() => 1024)
    const whole = message(64, 0xa5)
    const chunk = Buffer.concat([whole, whole.subarray(0, 40)])
    reader.push(chunk)
    expect(reader.next()).toEqual(whole)
    reader.push(Buffer.alloc(0))
    reader.wipe()
    expect(reader.pendingBytes).toBe(0)
    expect(chunk.subarray(whole.length).includes(0xa5)).toBe(false)
    expect(chunk.subarray(0, whole.length)).toEqual(whole)
    reader.push(whole)
    expect(reader.next()).toEqual(whole)
  })
})
