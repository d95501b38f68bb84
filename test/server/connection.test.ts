import { setTimeout as wait } from 'node:timers/promises'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { ResultReason } from '../../src/kmip/enums.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import type { Answer } from '../../src/server/answer.ts'
import { newSigner, signIdentity } from '../support/certificates.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startServer, type TestServer, type TestServerOptions } from '../support/start-server.ts'
import { frame, numberOf } from './frames.ts'
import { RecordCounter } from './record-counter.ts'

let server: TestServer | undefined
const start = async (options?: TestServerOptions): Promise<TestServer> => (server = await startServer(options))

afterEach(async () => {
  await server?.stop()
  server = undefined
})

const reasonOf = (bytes: Buffer): number | undefined => decodeResponse(bytes).batchItems[0]?.resultReason

describe('answers', () => {
  test('each is a TLS record of its own, under 8 requests in one write', async () => {
    const { port, connect: connectClient } = await start()
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const proxy = await RecordCounter.start(port)
      const client = await connectClient({ port: proxy.port, maxVersion })
      await client.send(frame(0))
      const before = proxy.records.length
      const frames = Array.from({ length: 8 }, (_, index) => frame(index + 1, 800))
      const answers = frames.map(() => client.answer())
      client.socket.write(Buffer.concat(frames))
      await Promise.all(answers)
      const records = proxy.records.slice(before)
      expect(records).toHaveLength(8)
      expect(new Set(records.map(({ length }) => length)).size).toBe(1)
      await client.close()
      proxy.stop()
    }
  })

  test('up to 16 KiB are one record', async () => {
    const { port, connect: connectClient } = await start()
    const proxy = await RecordCounter.start(port)
    const client = await connectClient({ port: proxy.port, maxVersion: 'TLSv1.2' })
    const before = proxy.records.length
    await client.send(frame(1, 16 * 1024 - 8))
    expect(proxy.records.slice(before)).toHaveLength(1)
    await client.close()
    proxy.stop()
  })

  test('leave in the order of the requests, though later ones are ready first', async () => {
    const answer = (request: Buffer): Answer | Promise<Answer> => {
      const bytes = Buffer.from(request)
      const number = numberOf(bytes)
      if (number % 3 === 2) return { bytes, sensitive: false }
      return wait(40 - number).then(() => ({ bytes, sensitive: false }))
    }
    const { connect: connectClient } = await start({ answer })
    const client = await connectClient()
    const answers = Array.from({ length: 30 }, (_, index) => client.send(frame(index)))
    expect((await Promise.all(answers)).map(numberOf)).toEqual(Array.from({ length: 30 }, (_, index) => index))
    await client.close()
  })

  test('come to a request that arrives byte by byte', async () => {
    const { connect: connectClient } = await start()
    const client = await connectClient()
    const answer = client.answer()
    for (const byte of frame(7, 16)) {
      client.socket.write(Buffer.of(byte))
      await wait(1)
    }
    expect(numberOf(await answer)).toBe(7)
    await client.close()
  })

  test('that are sensitive are wiped when they were written, and requests when they were answered', async () => {
    const sent: Buffer[] = []
    const came: Buffer[] = []
    const answer = (request: Buffer): Answer => {
      came.push(request)
      const bytes = Buffer.from(request)
      sent.push(bytes)
      return { bytes, sensitive: true }
    }
    const { connect: connectClient } = await start({ answer })
    const client = await connectClient()
    expect(numberOf(await client.send(frame(9)))).toBe(9)
    await client.close()
    expect(sent[0]!.every((byte) => byte === 0)).toBe(true)
    expect(came[0]!.every((byte) => byte === 0)).toBe(true)
  })

  test('of a client that closes its side after the request are still sent', async () => {
    const answer = async (request: Buffer): Promise<Answer> => {
      const bytes = Buffer.from(request)
      await wait(30)
      return { bytes, sensitive: false }
    }
    const { connect: connectClient } = await start({ answer })
    const client = await connectClient()
    const pending = client.answer()
    client.socket.allowHalfOpen = true
    client.socket.end(frame(3))
    expect(numberOf(await pending)).toBe(3)
  })

  test('of a client that closes its side in one flight with the end of the handshake are still sent', async () => {
    const { port, authority, client } = await start()
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (let time = 0; time < 10; time++) {
        const { cert, key } = client
        const socket = connectTls({
          port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: authority.certificatePem,
          cert,
          key,
          maxVersion,
        })
        // Written before there is TLS: it leaves with the client's last message of the handshake.
        socket.end(frame(time))
        const chunks: Buffer[] = []
        for await (const chunk of socket) chunks.push(chunk)
        expect(Buffer.concat(chunks)).toEqual(frame(time))
      }
    }
  })

  test('wait in the socket when too many requests are open, and none is lost', async () => {
    let open = 0
    let most = 0
    const answer = async (request: Buffer): Promise<Answer> => {
      const bytes = Buffer.from(request)
      most = Math.max(most, ++open)
      await wait(2)
      open -= 1
      return { bytes, sensitive: false }
    }
    const { connect: connectClient } = await start({ answer })
    const client = await connectClient()
    const frames = Array.from({ length: 500 }, (_, index) => frame(index, 16))
    const answers = frames.map(() => client.answer())
    client.socket.write(Buffer.concat(frames))
    expect((await Promise.all(answers)).map(numberOf)).toEqual(frames.map(numberOf))
    expect(most).toBe(64)
    await client.close()
  })

  test('come to all of many who send many requests at once, each its own and in order', async () => {
    const { connect: connectClient } = await start()
    const clients = await Promise.all(Array.from({ length: 40 }, () => connectClient()))
    await Promise.all(
      clients.map(async (client, index) => {
        const numbers = Array.from({ length: 100 }, (_, number) => index * 1_000 + number)
        const answers = numbers.map(() => client.answer())
        client.socket.write(Buffer.concat(numbers.map((number) => frame(number))))
        expect((await Promise.all(answers)).map(numberOf)).toEqual(numbers)
        await client.close()
      }),
    )
  })

  test('a fault of ours ends the connection, is logged whole, and is told to nobody', async () => {
    const answer = (): Answer => {
      throw new TypeError('the inside of the server')
    }
    const { connect: connectClient, logLines } = await start({ answer })
    const client = await connectClient()
    await expect(client.send(frame(1))).rejects.toThrow()
    expect(logLines.join('')).toContain('the inside of the server')
  })
})

test('sensitive answers that nobody took are wiped when the connection ends', async () => {
  const sent: Buffer[] = []
  const answer = (): Answer => {
    const bytes = frame(1, 256 * 1024)
    sent.push(bytes)
    return { bytes, sensitive: true }
  }
  const { connect: connectClient, listener, counters } = await start({ answer, limits: { writeMs: 300 } })
  const client = await connectClient()
  client.socket.pause()
  const frames = Array.from({ length: 400 }, (_, number) => frame(number, 16))
  client.socket.write(Buffer.concat(frames))
  await expect.poll(() => counters.readCut('write-slow'), { timeout: 5_000 }).toBe(1)
  await expect.poll(() => listener.connectionCount).toBe(0)
  client.socket.destroy()
  expect(sent.length).toBeGreaterThan(2)
  await expect.poll(() => sent.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
})

test('answers that wait for the end of their turn count: many large ones are not made at once', async () => {
  let inTurn = 0
  let most = 0
  const answer = (): Answer => {
    if (inTurn++ === 0) {
      setImmediate(() => {
        most = Math.max(most, inTurn)
        inTurn = 0
      })
    }
    return { bytes: frame(1, 512 * 1024), sensitive: false }
  }
  const { connect: connectClient } = await start({ answer })
  const client = await connectClient()
  const frames = Array.from({ length: 64 }, (_, number) => frame(number, 16))
  let received = 0
  client.socket.on('data', (chunk: Buffer) => (received += chunk.length))
  client.socket.write(Buffer.concat(frames))
  await expect.poll(() => received, { timeout: 20_000 }).toBeGreaterThanOrEqual(64 * 512 * 1024)
  expect(most).toBe(1)
})

describe('habits of clients', () => {
  test('a connection for each operation is served, many times', async () => {
    const { connect: connectClient, counters } = await start()
    for (let number = 0; number < 20; number++) {
      const client = await connectClient()
      expect(numberOf(await client.send(frame(number)))).toBe(number)
      await client.close()
    }
    expect(counters.read('handshakesOk')).toBe(20)
  })

  test('a connection that ends without close_notify ends quietly', async () => {
    const { connect: connectClient, listener, logLines } = await start()
    const client = await connectClient()
    await client.send(frame(1))
    client.socket.destroy()
    await expect.poll(() => listener.connectionCount).toBe(0)
    expect(logLines.filter((line) => line.includes('"level":"error"'))).toEqual([])
    const next = await connectClient()
    expect(numberOf(await next.send(frame(2)))).toBe(2)
    await next.close()
  })

  test('a probe that connects and closes, with TLS or without, is no event', async () => {
    const { port, connect: connectClient, listener, logLines } = await start()
    const probe = connect(port, '127.0.0.1')
    await new Promise((resolve) => probe.once('connect', resolve))
    probe.destroy()
    const tlsProbe = await connectClient()
    await tlsProbe.close()
    await expect.poll(() => listener.connectionCount).toBe(0)
    expect(logLines.filter((line) => !line.includes('"level":"debug"'))).toEqual([])
  })
})

describe('who is unknown', () => {
  test('gets the fixed answer unread, and the connection ends; the log says why', async () => {
    let parsed = 0
    const answer = (request: Buffer): Answer => {
      parsed += 1
      return { bytes: Buffer.from(request), sensitive: false }
    }
    const { connect: connectClient, logLines } = await start({ answer })
    const stranger = await signIdentity(await newSigner())
    for (const certificate of [
      { cert: stranger.cert, key: stranger.key },
      { cert: undefined, key: undefined },
    ]) {
      const client = await connectClient(certificate)
      expect(reasonOf(await client.send(Buffer.from('nothing like KMIP')))).toBe(
        ResultReason.AuthenticationNotSuccessful,
      )
      await client.closed()
    }
    expect(parsed).toBe(0)
    expect(logLines.join('')).toContain('a registered authority signed')
    expect(logLines.join('')).toContain('the client sent no certificate')
  })

  test('is whoever is revoked, at the next request of an open connection', async () => {
    const { connect: connectClient, registry } = await start()
    const client = await connectClient()
    expect(numberOf(await client.send(frame(1)))).toBe(1)
    await registry.clients.revoke('demo', 'demo', 'operator:test')
    expect(reasonOf(await client.send(frame(2)))).toBe(ResultReason.AuthenticationNotSuccessful)
    await client.closed()
  })

  test('is whoever has expired, at the next request of an open connection', async () => {
    const clock = new FakeClock(Date.now())
    const { connect: connectClient } = await start({ clock, limits: { idleMs: Infinity } })
    const client = await connectClient()
    expect(numberOf(await client.send(frame(1)))).toBe(1)
    clock.advance(900 * 86_400_000)
    expect(reasonOf(await client.send(frame(2)))).toBe(ResultReason.AuthenticationNotSuccessful)
    await client.closed()
  })
})

describe('bad frames', () => {
  test('a length over the limit is answered, after what was asked before, and ends the connection', async () => {
    const { connect: connectClient } = await start()
    const client = await connectClient()
    const tooLong = frame(2)
    tooLong.writeUInt32BE(0x7ffffff8, 4)
    const answers = [client.answer(), client.answer()]
    client.socket.write(Buffer.concat([frame(1), tooLong]))
    const [first, second] = await Promise.all(answers)
    expect(numberOf(first!)).toBe(1)
    expect(reasonOf(second!)).toBe(ResultReason.InvalidMessage)
    await client.closed()
  })

  test.each([
    ['a length that is no multiple of 8', (bytes: Buffer) => bytes.writeUInt32BE(65, 4)],
    ['another type', (bytes: Buffer) => bytes.writeUInt8(8, 3)],
    ['another tag', (bytes: Buffer) => bytes.writeUInt8(0x79, 2)],
  ])('a header with %s is answered, and ends the connection', async (_, spoil) => {
    const { connect: connectClient } = await start()
    const client = await connectClient()
    const bytes = frame(1)
    spoil(bytes)
    expect(reasonOf(await client.send(bytes))).toBe(ResultReason.InvalidMessage)
    await client.closed()
  })

  test('what is no KMIP at all ends the connection without an answer', async () => {
    const { connect: connectClient } = await start()
    const client = await connectClient()
    await expect(client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).rejects.toThrow('closed')
  })

  test('an answer that says close ends the connection', async () => {
    const { connect: connectClient } = await start({
      answer: (request) => ({ bytes: Buffer.from(request), sensitive: false, close: true }),
    })
    const client = await connectClient()
    expect(numberOf(await client.send(frame(4)))).toBe(4)
    await client.closed()
  })
})

describe('time', () => {
  const limits = { firstByteMs: 300, frameMs: 600, frameGraceMs: 300, writeMs: 500, idleMs: 400 }

  test('a client that never sends is cut, and counted', async () => {
    const { connect: connectClient, counters } = await start({ limits })
    const client = await connectClient()
    await client.closed()
    expect(counters.readCut('first-byte-slow')).toBe(1)
  })

  test('a frame that comes too slowly is cut before its time', async () => {
    const { connect: connectClient, counters } = await start({ limits: { ...limits, frameMs: 60_000 } })
    const client = await connectClient()
    client.socket.write(frame(1, 4096).subarray(0, 20))
    await client.closed()
    expect(counters.readCut('frame-slow')).toBe(1)
  })

  test('a frame that is not whole in its time is cut', async () => {
    const { connect: connectClient, counters } = await start({ limits: { ...limits, frameGraceMs: 60_000 } })
    const client = await connectClient()
    client.socket.write(frame(1, 4096).subarray(0, 3000))
    await client.closed()
    expect(counters.readCut('frame-slow')).toBe(1)
  })

  test('a connection without a request for long is ended', async () => {
    const { connect: connectClient, counters } = await start({ limits })
    const client = await connectClient()
    await client.send(frame(1))
    await client.closed()
    expect(counters.readCut('idle')).toBe(1)
  })

  test('a client that never reads its answers is cut, and no more is read from it', async () => {
    let answered = 0
    const answer = (): Answer => {
      answered += 1
      return { bytes: frame(1, 512 * 1024), sensitive: false }
    }
    const { connect: connectClient, counters } = await start({ limits, answer })
    const client = await connectClient()
    client.socket.pause()
    const gone = client.closed()
    for (let number = 0; number < 1_000; number++) client.socket.write(frame(number, 16))
    await expect.poll(() => counters.readCut('write-slow'), { timeout: 5_000 }).toBe(1)
    expect(answered).toBeLessThan(100)
    client.socket.destroy()
    await gone
  })
})

test('a request whose connection was cut keeps its bytes until it is done, and its late answer is wiped', async () => {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let frameOfRequest: Buffer = Buffer.alloc(0)
  const bytes = frame(1)
  const answer = async (request: Buffer): Promise<Answer> => {
    frameOfRequest = request
    await released
    return { bytes, sensitive: true }
  }
  const { connect: connectClient, listener } = await start({ answer })
  const client = await connectClient()
  client.socket.write(frame(8))
  await expect.poll(() => frameOfRequest.length).toBeGreaterThan(0)
  await listener.stop(20)
  await client.closed()
  expect(numberOf(frameOfRequest)).toBe(8)
  release()
  await expect.poll(() => numberOf(frameOfRequest)).toBe(0)
  expect(bytes.every((byte) => byte === 0)).toBe(true)
})

test('an answer that its client takes steadily, for longer than an answer may wait, comes whole', async () => {
  const bytes = frame(1, 16 * 1024 * 1024 - 8)
  const answer = (): Answer => ({ bytes: Buffer.from(bytes), sensitive: false })
  const { connect: connectClient, counters } = await start({ answer, limits: { writeMs: 2_000 } })
  const { socket } = await connectClient()
  socket.removeAllListeners('data')
  socket.pause()
  socket.write(frame(1))
  let taken = 0
  while (taken < bytes.length) {
    await wait(50)
    expect(counters.readCut('write-slow')).toBe(0)
    for (let left = 150_000; left > 0 && socket.readableLength > 0;) {
      const chunk: unknown = socket.read(Math.min(left, socket.readableLength))
      if (!Buffer.isBuffer(chunk)) break
      taken += chunk.length
      left -= chunk.length
    }
    // Fills its buffer again, from what the kernel has.
    socket.read(0)
  }
  expect(taken).toBe(bytes.length)
  socket.destroy()
}, 30_000)
