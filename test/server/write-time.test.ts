import { EventEmitter } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { beforeEach, describe, expect, test } from 'vitest'
import { peerOf } from '../../src/auth/authenticate.ts'
import { limits } from '../../src/limits.ts'
import { FrameMemory } from '../../src/server/frame-memory.ts'
import { defaultConnectionLimits } from '../../src/server/connection-limits.ts'
import { Connection, type ConnectionSurroundings } from '../../src/server/connection.ts'
import { StrangerLog } from '../../src/telemetry/stranger-log.ts'
import { Turn } from '../../src/server/turn.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { frame } from './frames.ts'

/** A socket whose other side takes an answer when the test says so: real ones take what their buffers hold. */
class SlowSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1'
  readonly untaken: (() => void)[] = []
  write(_bytes: Buffer, taken: () => void): boolean {
    this.untaken.push(taken)
    return true
  }
  resume(): void {}
  pause(): void {}
  end(): void {}
  destroy(): void {}
}

const writeMs = 1_000
let socket: SlowSocket
let clock: FakeClock
let counters: Counters
let connection: Connection
let turn: (() => void) | undefined
let around: ConnectionSurroundings
/** How often whoever holds most was asked for. */
let relieved: number
beforeEach(() => {
  socket = new SlowSocket()
  clock = new FakeClock()
  counters = new Counters()
  const log = openLog('fatal')
  relieved = 0
  around = {
    turn: new Turn((run) => (turn = run)),
    responder: {
      identify: () => undefined,
      respond: () => ({ bytes: frame(1), sensitive: false }),
      refuseUnknown: () => Buffer.alloc(0),
      refuseFrame: () => undefined,
    },
    limits: { ...defaultConnectionLimits, writeMs },
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

function after(milliseconds: number): number {
  clock.advance(milliseconds)
  connection.enforceTime(clock.monotonic())
  return counters.readCut('write-slow')
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
})

test('an answer beyond the memory of all does not end the connection that happens to have it', () => {
  around.queuedAnswersBytes = limits.queuedAnswersBytesMax
  ask(1)
  expect([relieved, counters.readCut('memory'), connection.heldBytes]).toEqual([1, 0, frame(1).length])
})
