import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { GatheredFrame } from '../../src/ttlv/gathered-frame.ts'

test('a frame is whole whatever the pieces that it comes in', () => {
  for (const size of [0, 1, limits.gatheredFrameFirstBytes, limits.gatheredFrameFirstBytes + 1, 1_000_000]) {
    for (const piece of [7919, 65_536, 400_000]) {
      const bytes = randomBytes(size)
      const frame = new GatheredFrame(size)
      for (let at = 0; at < size; at += piece) frame.add(bytes.subarray(at, at + piece))
      expect(frame.gathered).toBe(size)
      expect(frame.whole.equals(bytes)).toBe(true)
    }
  }
})

test('a frame of which bytes are missing is not given out', () => {
  const frame = new GatheredFrame(8)
  frame.add(Buffer.alloc(7))
  expect(() => frame.whole).toThrow('7 of 8 bytes of a frame have come')
})

test('what is announced and does not come takes next to no memory', () => {
  const before = process.memoryUsage().arrayBuffers
  const frames = Array.from({ length: 100 }, () => new GatheredFrame(limits.frameBytesMaxKnown))
  for (const frame of frames) frame.add(Buffer.alloc(8))
  const each = (process.memoryUsage().arrayBuffers - before) / frames.length
  expect(each).toBeLessThan(4 * limits.gatheredFrameFirstBytes)
})
