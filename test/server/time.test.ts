import { EventEmitter } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { beforeEach, describe, expect, test } from 'vitest'
import { peerOf } from '../../src/auth/authenticate.ts'
import { limits } from '../../src/limits.ts'
import type { Answer } from '../../src/server/answer.ts'
import { FrameMemory } from '../../src/server/frame-memory.ts'
import { defaultConnectionLimits } from '../../src/server/connection-limits.ts'
import { Connection, type ConnectionSurroundings } from '../../src/server/connection.ts'
import { StrangerLog } from '../../src/telemetry/stranger-log.ts'
import { Turn } from '../../src/server/turn.ts'
import { Counters, type CutReason } from '../../src/telemetry/counters.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { frame } from './frames.ts'

/** A socket whose other side takes an answer when the test says so: real ones take what their buffers hold. */
class SlowSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly untaken: (() => void)[] = []
  /** As Node's sockets tell how much of their last write the kernel has not taken. */
  readonly _handle = { _parent: { writeQueueSize: 0 } }
  write(bytes: Buffer, taken: () => void): boolean {
    this._handle._parent.writeQueueSize = bytes.length
    this.untaken.push(taken)
    return true
  }
  resume(): void {}
  pause(): void {}
  end(bytes?: Buffer | (() => void), taken?: () => void): void {
    if (typeof bytes === 'object' && taken !== undefined) this.write(bytes, taken)
  }
  destroy(): void {}
}

const writeMs = 1_000
let socket: SlowSocket
let clock: FakeClock
let counters: Counters
let connection: Connection
let turn: (() => void) | undefined
let around: ConnectionSurroundings
let answer: () => Answer
/** How often whoever holds most was asked for. */
let relieved: number
beforeEach(() => {
  socket = new SlowSocket()
  clock = new FakeClock()
  counters = new Counters()
  const log = openLog('fatal')
  relieved = 0
  answer = () => ({ bytes: frame(1), sensitive: false })
  around = {
    turn: new Turn((run) => (turn = run)),
    responder: {
      identify: () => undefined,
      respond: () => answer(),
      refuseUnknown: () => Buffer.alloc(0),
      refuseFrame: () => undefined,
    },
    limits: { ...defaultConnectionLimits, writeMs, frameGraceMs: 500, frameMs: 1_000 },
    clock,
    counters,
    log,
    strangers: new StrangerLog(log, clock, counters),
    frameMemory: new FrameMemory(),
    queuedAnswersBytes: 0,
    relieve: () => (relieved += 1),
  }
  connection = new Connection(socket as unknown as TLSSocket, peerOf(undefined), around)
})

function ask(count: number): void {
  for (let number = 0; number < count; number++) socket.emit('data', frame(number))
  turn?.()
}

function after(milliseconds: number, reason: CutReason = 'write-slow'): number {
  clock.advance(milliseconds)
  connection.enforceTime(clock.monotonic())
  return counters.readCut(reason)
}

describe('the time in which an answer must be taken', () => {
  test('is its own: one that was taken gives no more to those that wait', () => {
    ask(3)
    expect(socket.untaken).toHaveLength(3)
    expect(after(900)).toBe(0)
    socket.untaken.shift()!()
    expect(after(90)).toBe(0)
    expect(after(20)).toBe(1)
  })

  test('begins with the answer, however many were taken before', () => {
    for (let round = 0; round < 10; round++) {
      ask(2)
      expect(after(900)).toBe(0)
      while (socket.untaken.length > 0) socket.untaken.shift()!()
    }
    expect(after(5_000)).toBe(0)
    ask(1)
    expect(after(1_001)).toBe(1)
  })

  /** A long answer, of which the kernel takes so much in each half second. */
  const takes = (bytesEach: number): number => {
    const { _parent: kernel } = socket._handle
    for (let halves = 0; halves < 20; halves++) {
      kernel.writeQueueSize -= bytesEach
      if (after(500) > 0) return halves / 2
    }
    return Infinity
  }

  test('goes on for as long as the client reads, and ends when it stops', () => {
    answer = () => ({ bytes: frame(1, 4 * 1024 * 1024), sensitive: false })
    ask(1)
    expect(takes(limits.answerBytesPerSecondMin / 2)).toBe(Infinity)
    expect(after(900)).toBe(0)
    expect(after(200)).toBe(1)
  })

  test('does not go on for a kernel that takes what is left over here and there', () => {
    answer = () => ({ bytes: frame(1, 4 * 1024 * 1024), sensitive: false })
    ask(1)
    expect(takes(limits.answerBytesPerSecondMin / 20)).toBeLessThan(2)
  })

  test('is the same for the last answer, of which the client sent the end before', () => {
    answer = () => ({ bytes: frame(1, 4 * 1024 * 1024), sensitive: false })
    ask(1)
    socket.emit('end')
    expect(takes(limits.answerBytesPerSecondMin / 2)).toBe(Infinity)
    expect(counters.readCut('drain')).toBe(0)
    expect(after(limits.lingerMs + writeMs + 1, 'drain')).toBe(1)
  })
})

describe('the time in which a request must come', () => {
  /** Bytes of one request in each half second; for how many seconds it was waited for. */
  const comes = (bytesEach: number): number => {
    const bytes = frame(1, 64 * 1024)
    for (let halves = 0; halves < 20; halves++) {
      socket.emit('data', Buffer.from(bytes.subarray(halves * bytesEach, (halves + 1) * bytesEach)))
      turn?.()
      if (after(500, 'frame-slow') > 0) return halves / 2
    }
    return Infinity
  }

  test('goes on for as long as it comes at the least rate, and ends when it stops', () => {
    expect(comes(limits.frameBytesPerSecondMin / 2)).toBe(Infinity)
    expect(after(501, 'frame-slow')).toBe(1)
  })

  test('is over early for one that comes more slowly', () => {
    expect(comes(limits.frameBytesPerSecondMin / 20)).toBeLessThan(1)
  })

  test('is not saved up: one that came fast and stops is not waited for longer', () => {
    socket.emit('data', frame(1, 64 * 1024).subarray(0, 60_000))
    turn?.()
    expect(after(900, 'frame-slow')).toBe(0)
    expect(after(200, 'frame-slow')).toBe(0)
    expect(after(900, 'frame-slow')).toBe(1)
  })
})

test('an answer beyond the memory of all does not end the connection that happens to have it', () => {
  around.queuedAnswersBytes = limits.queuedAnswersBytesMax
  ask(1)
  expect([relieved, counters.readCut('memory'), connection.heldBytes]).toEqual([1, 0, frame(1).length])
})
