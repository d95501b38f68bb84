import { readdirSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { setTimeout as wait } from 'node:timers/promises'
import { limits } from '../../src/limits.ts'
import type { Answer } from '../../src/server/answer.ts'
import { startServer, type TestServer, type TestServerOptions } from '../support/start-server.ts'
import { frame, numberOf } from './frames.ts'
import { RecordCounter } from './record-counter.ts'

let server: TestServer | undefined
const start = async (options?: TestServerOptions): Promise<TestServer> => (server = await startServer(options))

afterEach(async () => {
  await server?.stop()
  server = undefined
})

describe('TLS', () => {
  test('1.2 and 1.3 are spoken, 1.1 is not', async () => {
    const { connect, port, authority, counters } = await start()
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = await connect({ minVersion: version, maxVersion: version })
      expect(client.socket.getProtocol()).toBe(version)
      await client.close()
    }
    const old = connectTls({
      port,
      host: '127.0.0.1',
      ca: authority.certificatePem,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    await expect(new Promise((_, reject) => old.once('error', reject))).rejects.toThrow()
    await expect.poll(() => counters.read('handshakesFailed')).toBe(1)
  })

  test('X25519MLKEM768 is what is agreed on first', async () => {
    const { connect } = await start()
    const client = await connect()
    expect(client.socket.getEphemeralKeyInfo()).toMatchObject({ name: 'X25519MLKEM768' })
    await client.close()
  })

  test('in the approved profile suites and curves are those that are approved', async () => {
    const { connect, authority, port } = await start({ approved: true })
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = await connect({ minVersion: version, maxVersion: version })
      expect(client.socket.getCipher().name).toMatch(/AES(?:_|)(?:128|256)[-_]GCM/u)
      expect(client.socket.getEphemeralKeyInfo()).toMatchObject({ name: 'prime256v1' })
      await client.close()
    }
    for (const options of [{ ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }, { ecdhCurve: 'X25519' }]) {
      const refused = connectTls({ port, host: '127.0.0.1', ca: authority.certificatePem, ...options })
      await expect(new Promise((_, reject) => refused.once('error', reject))).rejects.toThrow(/handshake|alert/u)
    }
  })

  test('nobody resumes: what a client was given opens no later connection', async () => {
    const { authority, client, port } = await start()
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = {
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: authority.certificatePem,
        cert: client.cert,
        key: client.key,
        maxVersion,
      }
      const first = connectTls(options)
      const sessions: Buffer[] = []
      first.on('session', (session) => sessions.push(session))
      await exchange(first)
      for (const session of sessions) {
        const second = connectTls({ ...options, session })
        await exchange(second)
        expect(second.isSessionReused()).toBe(false)
        second.destroy()
      }
      first.destroy()
    }
  })

  test('every client is asked for a certificate, and no name of an authority is sent', async () => {
    const { connect, port } = await start()
    const proxy = await RecordCounter.start(port)
    const client = await connect({ port: proxy.port, maxVersion: 'TLSv1.2' })
    // In TLS 1.2 the server's first flight is readable: a CertificateRequest (13) ends with the list of names, which has no byte.
    const request = handshakeMessage(Buffer.concat(proxy.bytes), 13)!
    const types = request[0]!
    const algorithms = request.readUInt16BE(1 + types)
    expect(request.readUInt16BE(1 + types + 2 + algorithms)).toBe(0)
    expect(request.length).toBe(1 + types + 2 + algorithms + 2)
    await client.close()
    proxy.stop()
  })
})

describe('limits', () => {
  test('connections beyond the most are refused, and others come in when one has gone', async () => {
    const { connect, counters } = await start({ limits: { connectionsMax: 2 } })
    const [first, second] = [await connect(), await connect()]
    await expect(connect()).rejects.toThrow()
    expect(counters.readCut('too-many-connections')).toBe(1)
    await first.close()
    await expect.poll(() => connect().then((client) => client.close())).toBeUndefined()
    await second.close()
  })

  test('connections of one certificate are bounded apart', async () => {
    const { connect, addClient, counters } = await start({ limits: { connectionsPerCertificateMax: 1 } })
    const other = await addClient({ tenant: 'demo', name: 'other' })
    const first = await connect()
    const tooMany = await connect()
    await tooMany.closed()
    expect(counters.readCut('too-many-of-certificate')).toBe(1)
    const another = await connect({ cert: other.cert, key: other.key })
    expect(numberOf(await another.send(frame(1)))).toBe(1)
    await first.close()
    await another.close()
  })

  test('connections of one address are bounded, those in their handshake too', async () => {
    const { port, connect, counters } = await start({ limits: { connectionsPerAddressMax: 2 } })
    const silent = await tcp(port)
    const first = await connect()
    await expect(connect()).rejects.toThrow()
    expect(counters.readCut('too-many-of-address')).toBe(1)
    silent.destroy()
    await expect.poll(() => connect().then((client) => client.close())).toBeUndefined()
    await first.close()
    // Both places are free again.
    const both = async (): Promise<void> => {
      const clients = await Promise.all([connect(), connect()])
      for (const client of clients) await client.close()
    }
    await expect.poll(both).toBeUndefined()
  })

  test('whoever has gone leaves no descriptor behind, however the connection ended', async () => {
    const { port, connect, counters, listener } = await start()
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const settled = async (): Promise<void> => {
      await expect.poll(() => listener.connectionCount).toBe(0)
      await expect.poll(() => counters.read('connectionsOpen')).toBe(0)
      await expect.poll(() => counters.read('handshakesWaiting')).toBe(0)
    }
    const round = async (): Promise<void> => {
      const probe = await tcp(port)
      probe.destroy()
      const noTls = await tcp(port)
      noTls.end('no greeting at all')
      await new Promise((resolve) => noTls.once('close', resolve))
      const stranger = await connect({ cert: undefined, key: undefined })
      stranger.socket.destroy()
      const client = await connect()
      await client.send(frame(1))
      await client.close()
      const rude = await connect()
      rude.socket.write(frame(2).subarray(0, 20))
      rude.socket.destroy()
    }
    await round()
    await settled()
    const before = descriptors()
    for (let rounds = 0; rounds < 50; rounds++) await round()
    await settled()
    await expect.poll(descriptors).toBeLessThanOrEqual(before)
  })

  test('a stranger that connects again and again does not fill the log', async () => {
    const { connect, counters, logLines } = await start()
    for (let time = 0; time < limits.strangerLinesMax + 5; time++) {
      const client = await connect({ cert: undefined, key: undefined })
      await client.send(frame(1))
      client.socket.destroy()
    }
    await expect.poll(() => counters.read('unknownClients')).toBe(limits.strangerLinesMax + 5)
    expect(
      logLines.filter((line) => line.includes('unknown client refused')).length + counters.read('logLinesLeftOut'),
    ).toBe(limits.strangerLinesMax + 5)
    expect(counters.read('logLinesLeftOut')).toBeGreaterThan(0)
  })

  test('who says nothing before TLS is cut', async () => {
    const { port, counters } = await start({ limits: { handshakeMs: 300 } })
    const silent = await tcp(port)
    await new Promise((resolve) => silent.once('close', resolve))
    expect(counters.readCut('handshake-slow')).toBe(1)
  })

  test('silent clients take no place from those who greet', async () => {
    const { port, connect, counters } = await start({ limits: { handshakesMax: 2, handshakeMs: 2_000 } })
    const silent = await Promise.all(Array.from({ length: 20 }, () => tcp(port)))
    const closed = Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect()))
    for (const client of clients) expect(numberOf(await client.send(frame(1)))).toBe(1)
    for (const client of clients) await client.close()
    await closed
    expect(counters.readCut('handshake-slow')).toBe(20)
    expect(counters.read('handshakesWaiting')).toBe(0)
  })

  test('a greeting that comes in pieces is whole for TLS', async () => {
    const { port, authority, client } = await start({ limits: { handshakesMax: 1 } })
    const holder = await tcp(port)
    const socket = new PieceSocket(port)
    const secure = connectTls({
      socket: socket.near,
      servername: 'localhost',
      ca: authority.certificatePem,
      cert: client.cert,
      key: client.key,
    })
    secure.write(frame(5))
    const answer: Buffer = await new Promise((resolve) => secure.once('data', resolve))
    expect(numberOf(answer)).toBe(5)
    secure.destroy()
    socket.stop()
    holder.destroy()
  })

  test('connections that reconnect all at once are all served', async () => {
    const { connect } = await start({ limits: { handshakesMax: 4 } })
    const numbers = Array.from({ length: 60 }, (_, index) => index)
    const answers = await Promise.all(
      numbers.map(async (number) => {
        const client = await connect()
        const answer = numberOf(await client.send(frame(number)))
        await client.close()
        return answer
      }),
    )
    expect(answers).toEqual(numbers)
  })
})

describe('stopping', () => {
  test('answers what has come, takes nothing more, and ends every connection', async () => {
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    const answer = async (request: Buffer): Promise<Answer> => {
      const bytes = Buffer.from(request)
      await released
      return { bytes, sensitive: false }
    }
    const { connect, listener, counters } = await start({ answer })
    const idle = await connect()
    const busy = await connect()
    const pending = busy.send(frame(6))
    await expect.poll(() => counters.read('bytesReceived')).toBeGreaterThan(0)
    const stopped = listener.stop(5_000)
    await idle.closed()
    await expect(connect()).rejects.toThrow()
    release()
    expect(numberOf(await pending)).toBe(6)
    await busy.closed()
    await stopped
  })

  test('is not held by who has asked for nothing: clients that do not end, one with half a frame, strangers, one in its handshake', async () => {
    const { authority, client, listener, port, counters } = await start()
    const silent = {
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: authority.certificatePem,
      allowHalfOpen: true,
    }
    const idle = connectTls({ ...silent, cert: client.cert, key: client.key })
    await exchange(idle)
    const half = connectTls({ ...silent, cert: client.cert, key: client.key })
    half.write(frame(1).subarray(0, 12))
    const stranger = connectTls(silent)
    const probe = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [idle, half, stranger, probe]) socket.on('error', () => undefined).resume()
    await expect.poll(() => counters.read('connectionsOpen')).toBe(3)
    await expect.poll(() => counters.read('connectionsTotal')).toBe(4)
    const began = performance.now()
    await listener.stop()
    expect(performance.now() - began).toBeLessThan(limits.lingerMs + 2 * limits.sweepRoundMs)
    for (const socket of [idle, half, stranger, probe]) socket.destroy()
  })

  test('cuts what is not done when the time is over', async () => {
    const { connect, listener, counters } = await start({ answer: () => new Promise(() => undefined) })
    const client = await connect()
    const pending = client.send(frame(1))
    pending.catch(() => undefined)
    await expect.poll(() => counters.read('bytesReceived')).toBeGreaterThan(0)
    await listener.stop(100)
    await expect(pending).rejects.toThrow()
    expect(counters.readCut('drain')).toBe(1)
  })
})

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.resume()
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

async function exchange(socket: TLSSocket): Promise<void> {
  socket.write(frame(1))
  await new Promise((resolve, reject) => {
    socket.once('data', resolve)
    socket.once('error', reject)
  })
  await wait(20)
}

/** The body of the first handshake message of a type in the records of a TLS 1.2 server's first flight. */
function handshakeMessage(stream: Buffer, type: number): Buffer | undefined {
  const contents: Buffer[] = []
  for (let at = 0; at + 5 <= stream.length; at += 5 + stream.readUInt16BE(at + 3)) {
    if (stream[at] === 22) contents.push(stream.subarray(at + 5, at + 5 + stream.readUInt16BE(at + 3)))
  }
  const flight = Buffer.concat(contents)
  for (let at = 0; at + 4 <= flight.length; at += 4 + flight.readUIntBE(at + 1, 3)) {
    if (flight[at] === type) return flight.subarray(at + 4, at + 4 + flight.readUIntBE(at + 1, 3))
  }
  return undefined
}

/** A way to the server that passes on the client's first bytes one small piece after the other. */
class PieceSocket {
  readonly near: Duplex
  readonly #far: Socket

  constructor(port: number) {
    const far = connectTcp({ port, host: '127.0.0.1', noDelay: true })
    this.#far = far
    let left = 10
    this.near = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        void (async () => {
          let rest = chunk
          while (left > 0 && rest.length > 3) {
            far.write(rest.subarray(0, 3))
            rest = rest.subarray(3)
            left -= 1
            await wait(5)
          }
          far.write(rest)
          done()
        })()
      },
    })
    far.on('data', (chunk: Buffer) => this.near.push(chunk))
    far.on('error', () => far.destroy())
  }

  stop(): void {
    this.#far.destroy()
  }
}
