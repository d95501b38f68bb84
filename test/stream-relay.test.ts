import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KryptonError } from '../src/errors.ts'
import { limits } from '../src/limits.ts'
import { type StreamPlace, type StreamStart, Streams } from '../src/operations/streams.ts'
import { type StreamMessage, StreamRelay } from '../src/stream-relay.ts'
import { FakeClock } from './operations/fixture.ts'

const place: StreamPlace = { client: 'client', operation: 31, object: 'key' }

/** Two threads' streams and what the main thread does between them, over real ports. */
class Threads {
  readonly faults: unknown[] = []
  readonly streams: Streams[] = []
  readonly ports: MessagePort[] = []
  /** Threads that have ended. */
  readonly lost = new Set<number>()

  constructor() {
    const clock = new FakeClock()
    for (const thread of [0, 1]) {
      const { port1, port2 } = new MessageChannel()
      const relay = new StreamRelay(
        thread,
        (message) => post(port1, message),
        (error) => this.faults.push(error),
      )
      const streams = new Streams(thread, clock, relay)
      port1.on('message', (message: StreamMessage) => relay.receive(message, streams))
      port2.on('message', (message: StreamMessage) => this.#handOver(message))
      this.ports.push(port1, port2)
      this.streams.push(streams)
    }
  }

  #handOver(message: StreamMessage): void {
    if (message.kind === 'stream-lost') throw new Error('the main thread alone says so')
    if (!this.lost.has(message.to)) post(this.ports[2 * message.to + 1]!, message)
    else if (message.kind === 'stream-part') {
      post(this.ports[2 * message.from + 1]!, { kind: 'stream-lost', thread: message.to })
    }
  }
}

function post(port: MessagePort, message: StreamMessage): void {
  port.postMessage(message)
}

let threads: Threads
let wiped = 0
const start: StreamStart = {
  ...place,
  tenant: 'tenant',
  memo: { scheme: 'pss' },
  parameters: undefined,
  recheck: () => undefined,
  work: {
    update: (data) => Buffer.from(data.toReversed()),
    final: () => ({ data: Buffer.from('end'), tag: Buffer.from('tag') }),
    wipe: () => {
      wiped++
    },
  },
}
const part = (correlationValue: Uint8Array, more: object = {}) => {
  return {
    ...place,
    correlationValue,
    data: undefined,
    parameters: undefined,
    expected: undefined,
    isFinal: false,
    ...more,
  }
}

beforeEach(() => {
  threads = new Threads()
  wiped = 0
})
afterEach(() => {
  vi.useRealTimers()
  for (const port of threads.ports) port.close()
  for (const streams of threads.streams) streams.clear()
})

test('a part finds its stream in the thread that has it, and its answer the way back', async () => {
  const [own, other] = threads.streams
  const correlationValue = own!.begin(start)
  const { data } = await other!.part(part(correlationValue, { data: Buffer.from('abc') }))
  expect(data).toEqual(Buffer.from('cba'))
  const expected = Buffer.from('mac')
  const last = await other!.part(part(correlationValue, { data: Buffer.from('de'), expected, isFinal: true }))
  const { memo } = start
  expect(last).toMatchObject({ data: Buffer.from('edend'), tag: Buffer.from('tag'), memo })
  expect(Buffer.from(last.expected!)).toEqual(expected)
  expect([own!.size, wiped]).toEqual([0, 1])
})

test('another client finds nothing, whatever thread it asks, and its end ends nothing', async () => {
  const [own, other] = threads.streams
  const correlationValue = own!.begin(start)
  const stranger = { ...place, client: 'stranger' }
  const refused = { code: 'item-not-found' }
  await expect(other!.part(part(correlationValue, stranger))).rejects.toMatchObject(refused)
  other!.end(stranger, correlationValue)
  await other!.part(part(correlationValue, { data: Buffer.from('a') }))
  other!.end(place, correlationValue)
  await expect(other!.part(part(correlationValue))).rejects.toMatchObject(refused)
  expect([own!.size, wiped]).toEqual([0, 1])
})

test('what the work refuses comes back as it is, a fault of ours as one', async () => {
  const [own, other] = threads.streams
  const failing = (error: Error) =>
    own!.begin({
      ...start,
      work: {
        ...start.work,
        update: () => {
          throw error
        },
      },
    })
  const refusal = new KryptonError('cryptographic-failure', 'no')
  const data = Buffer.from('a')
  await expect(other!.part(part(failing(refusal), { data }))).rejects.toMatchObject({ code: refusal.code })
  expect(threads.faults).toEqual([])
  await expect(other!.part(part(failing(new Error('broken')), { data }))).rejects.toThrow('its log says how')
  expect(threads.faults).toHaveLength(1)
  expect(own!.size).toBe(0)
})

test('a thread that has ended has lost its streams, and one that says nothing too', async () => {
  const [own, other] = threads.streams
  const correlationValue = own!.begin(start)
  threads.lost.add(0)
  await expect(other!.part(part(correlationValue))).rejects.toMatchObject({ code: 'item-not-found' })
  threads.lost.delete(0)
  const hangs = own!.begin({ ...start, work: { ...start.work, final: () => new Promise(() => undefined) } })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const asked = expect(other!.part(part(hangs, { isFinal: true }))).rejects.toMatchObject({ code: 'item-not-found' })
  await vi.advanceTimersByTimeAsync(limits.streamHandOverMs)
  await asked
})
