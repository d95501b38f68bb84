import type { OutgoingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameToJson } from '../../src/kmip/encodings/frame-to-json.ts'
import { frameToXml } from '../../src/kmip/encodings/frame-to-xml.ts'
import { limits } from '../../src/limits.ts'
import { serveHttps } from '../../src/server/serve-https.ts'
import { startServer, testResponder, type TestServer } from '../support/start-server.ts'
import { identityOf, type TestIdentity } from '../support/certificates.ts'
import { structure, text } from '../kmip/items.ts'
import { Tag } from '../../src/kmip/tags.ts'

/** What the server was handed, and what it answers: the same message, marked as one with keys. */
const frames: Buffer[] = []
const answers: Buffer[] = []
let server: TestServer
let agent: Agent

const hello = structure(Tag.RequestMessage, text(Tag.Comment, 'hello'))

beforeAll(async () => {
  server = await startServer({
    serve: serveHttps(),
    limits: { frameMs: 1_500, frameGraceMs: 500, firstByteMs: 60_000 },
    responder: ({ authenticator }) =>
      testResponder(authenticator, { now: Date.now, monotonic: () => performance.now() }, (frame) => {
        if (frame.includes('fault')) throw new Error('a fault')
        frames.push(frame)
        const bytes = frame.includes('control')
          ? structure(Tag.ResponseMessage, text(Tag.Comment, '\u0001'))
          : Buffer.from(frame)
        answers.push(bytes)
        return { bytes, sensitive: true }
      }),
  })
  agent = agentOf(server.client)
})

afterAll(async () => {
  agent.destroy()
  await server.stop()
})

function agentOf(identity: Partial<TestIdentity>): Agent {
  return new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: server.authority.certificatePem,
    cert: identity.cert,
    key: identity.key,
    servername: 'localhost',
  })
}

interface Reply {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
  /** Of the client's side: the same for requests on one connection. */
  readonly port: number | undefined
}

function post(
  body: Uint8Array | string,
  type: string | null = 'application/json',
  options: Omit<RequestOptions, 'headers'> & { readonly length?: false; readonly headers?: OutgoingHttpHeaders } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(type === null ? {} : { 'content-type': type }),
      ...(options.length === false ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...options.headers,
    }
    const sent = httpsRequest(
      { port: server.port, path: '/kmip', method: 'POST', agent, ...options, headers },
      (response) => {
        const chunks: Buffer[] = []
        const port = response.socket.localPort
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), port }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const encodings: Record<string, Buffer> = {
  'application/octet-stream': hello,
  'application/json': frameToJson(hello),
  'text/xml': frameToXml(hello),
}

describe('a message over HTTPS', () => {
  test('is answered in its own encoding, on one connection, and nothing of it is left in memory', async () => {
    const ports = new Set<number | undefined>()
    for (const [type, body] of Object.entries(encodings)) {
      const reply = await post(body, type)
      expect(reply.status).toBe(200)
      expect(reply.headers).toMatchObject({
        'content-type': type,
        'content-length': String(reply.body.length),
        'cache-control': 'no-cache',
      })
      expect(reply.body).toEqual(body)
      ports.add(reply.port)
    }
    expect(ports.size).toBe(1)
    await expect.poll(() => [...frames, ...answers].every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
    expect(frames).toHaveLength(3)
  })

  test('may say that it is UTF-8', async () => {
    expect((await post(encodings['text/xml']!, 'text/XML; charset="UTF-8"')).status).toBe(200)
  })

  test('may be pipelined by one, and not by two', async () => {
    const head = `POST /kmip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${hello.length}\r\n\r\n`
    const one = Buffer.concat([Buffer.from(head), hello])
    const last = Buffer.concat([Buffer.from(head.replace('Host', 'Connection: close\r\nHost')), hello])
    expect((await raw(Buffer.concat([one, last]), false)).split('HTTP/1.1 200').length - 1).toBe(2)
    expect((await raw(Buffer.concat([one, one, one]), false)).split('hello').length - 1).toBeLessThan(3)
  })

  test('may be sent by HTTP/1.0', async () => {
    const head = `POST /kmip HTTP/1.0\r\nContent-Type: application/octet-stream\r\nContent-Length: ${hello.length}   \r\n\r\n`
    expect(await raw(Buffer.concat([Buffer.from(head), hello]))).toMatch(/^HTTP\/1.1 200 OK[^]*hello/)
  })
})

describe('a request that is none of KMIP', () => {
  const json = encodings['application/json']!
  test.each<[string, number, RegExp, () => Promise<Reply>]>([
    ['another path', 404, /\/kmip/, () => post(json, undefined, { path: '/' })],
    ['another method', 405, /POST/, () => post('', undefined, { method: 'GET' })],
    ['no Content-Type', 415, /application\/json/, () => post(json, null)],
    ['another Content-Type', 415, /text\/xml/, () => post(json, 'text/plain')],
    ['another charset', 415, /UTF-8/, () => post(json, 'text/xml; charset=latin1')],
    ['a Content-Encoding', 415, /without/, () => post(json, 'text/xml', { headers: { 'content-encoding': 'gzip' } })],
    [
      'no Content-Length',
      411,
      /Content-Length/,
      () => post(json, 'text/xml', { length: false, headers: { 'transfer-encoding': 'chunked' } }),
    ],
    [
      'a text too long',
      413,
      /4194304/,
      () => post('', 'text/xml', { headers: { 'content-length': limits.textMessageBytesMax + 1 } }),
    ],
    [
      'a frame too long',
      413,
      /16777216/,
      () => post('', 'application/octet-stream', { headers: { 'content-length': limits.frameBytesMaxKnown + 1 } }),
    ],
    ['no JSON', 400, /byte 0/, () => post('hello')],
    ['a document type', 400, /no document type/, () => post('<!DOCTYPE a><X/>', 'text/xml')],
    ['too deep', 400, /32 deep/, () => post('<X>'.repeat(40), 'text/xml')],
    [
      'an answer that XML has no character for',
      500,
      /JSON or TTLV/,
      () => post(frameToXml(structure(Tag.RequestMessage, text(Tag.Comment, 'control'))), 'text/xml'),
    ],
    [
      'a fault of ours',
      500,
      /log says why/,
      () => post(frameToXml(structure(Tag.RequestMessage, text(Tag.Comment, 'fault'))), 'text/xml'),
    ],
    ['headers too long', 431, /8192/, () => post(json, 'text/xml', { headers: { more: 'x'.repeat(10_000) } })],
  ])('%s is answered with %i', async (_, status, detail, send) => {
    const reply = await send()
    expect(reply.status).toBe(status)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(reply.body.toString())).toMatchObject({ status, detail: expect.stringMatching(detail) })
    if (status === 405) expect(reply.headers['allow']).toBe('POST')
    expect((await post(json)).status).toBe(200)
  })

  test('what is no HTTP is told so', async () => {
    expect(await raw(hello)).toMatch(/^HTTP\/1.1 400 Bad Request[^]*Send HTTP/)
  })

  test('who sends slowly is cut', async () => {
    const before = server.counters.readCut('frame-slow')
    expect(await raw(Buffer.from('POST /kmip'), false)).toBe('')
    expect(
      await raw(
        Buffer.from('POST /kmip HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 9\r\n\r\n<'),
        false,
      ),
    ).toBe('')
    expect(server.counters.readCut('frame-slow')).toBe(before + 2)
  })
})

describe('a client', () => {
  test('that is unknown is refused unread', async () => {
    for (const identity of [
      {},
      await server.authority.issueClient({ name: 'stranger' }, new Date()).then(identityOf),
    ]) {
      const stranger = agentOf(identity)
      const reply = await post(hello, 'application/octet-stream', { agent: stranger })
      expect(reply.status).toBe(403)
      expect(reply.headers['connection']).toBe('close')
      expect(reply.body.toString()).toMatch(/krypton client add/)
      stranger.destroy()
    }
  })

  test('that is revoked is refused on its open connection', async () => {
    const identity = await server.addClient({ tenant: 'demo', name: 'leaving' })
    const leaving = agentOf(identity)
    expect((await post(hello, 'application/octet-stream', { agent: leaving })).status).toBe(200)
    await server.registry.clients.revoke('demo', 'leaving', 'system')
    const reply = await post(hello, 'application/octet-stream', { agent: leaving })
    expect([reply.status, reply.headers['connection']]).toEqual([403, 'close'])
    leaving.destroy()
  })
})

test('a server that stops answers what has come and ends idle connections', async () => {
  expect((await post(hello, 'application/octet-stream')).status).toBe(200)
  const began = performance.now()
  await server.stop()
  expect(performance.now() - began).toBeLessThan(900)
})

test('a client that asks for nothing and does not end its side does not hold a server that stops', async () => {
  server = await startServer({ serve: serveHttps() })
  const { cert, key } = server.client
  const options = { port: server.port, host: '127.0.0.1', servername: 'localhost', allowHalfOpen: true }
  const idle = connect({ ...options, ca: server.authority.certificatePem, cert, key })
  idle.on('error', () => undefined).resume()
  await expect.poll(() => server.counters.read('connectionsOpen')).toBe(1)
  const began = performance.now()
  await server.listener.stop()
  expect(performance.now() - began).toBeLessThan(limits.lingerMs + 2 * limits.sweepRoundMs)
  idle.destroy()
})

/** Sends bytes as they are and returns all that comes until the end. */
function raw(bytes: Buffer, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const { cert, key } = server.client
    const socket = connect({
      port: server.port,
      ca: server.authority.certificatePem,
      cert,
      key,
      servername: 'localhost',
    })
    let came = ''
    socket.on('data', (chunk: Buffer) => (came += chunk.toString()))
    socket.once('error', reject)
    socket.once('close', () => resolve(came))
    socket.write(bytes)
    if (end) socket.end()
  })
}
