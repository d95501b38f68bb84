import { request as httpsRequest } from 'node:https'
import { afterEach, describe, expect, test } from 'vitest'
import { peerOf } from '../../src/auth/authenticate.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { decodeResponse } from '../../src/kmip/response-message.ts'
import { limits } from '../../src/limits.ts'
import { FrameMemory } from '../../src/server/frame-memory.ts'
import { largestHolder } from '../../src/server/largest-holder.ts'
import type { ServedConnection } from '../../src/server/served-connection.ts'
import { serveHttps } from '../../src/server/serve-https.ts'
import type { TestIdentity } from '../support/certificates.ts'
import type { KmipClient } from '../support/kmip-client.ts'
import { startServer, type TestServer, type TestServerOptions } from '../support/start-server.ts'
import { frame, numberOf } from './frames.ts'

const mib = 1024 * 1024
const largest = limits.frameBytesMaxKnown

let server: TestServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

/** A server that answers a frame with its first bytes, and a client of a second tenant. */
async function start(options: TestServerOptions = {}): Promise<{ started: TestServer; acme: TestIdentity }> {
  const answer = (request: Buffer) => {
    const bytes = Buffer.from(request.subarray(0, 72))
    bytes.writeUInt32BE(64, 4)
    return { bytes, sensitive: false }
  }
  server = await startServer({ answer, ...options })
  await server.registry.createTenant('acme', 'operator:test')
  return { started: server, acme: await server.addClient({ tenant: 'acme', name: 'acme' }) }
}

/** One of the longest frames, without its end, on each of so many connections. */
async function holdFrames(started: TestServer, identity: TestIdentity, count: number): Promise<KmipClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => started.connect(identity)))
  const before = started.counters.read('bytesReceived')
  const bytes = frame(1, largest - 8).subarray(0, 15 * mib)
  for (const { socket } of clients) socket.write(bytes)
  await expect
    .poll(() => started.counters.read('bytesReceived') - before, { timeout: 20_000 })
    .toBe(count * bytes.length)
  return clients
}

/** A POST of one of the longest frames, whose body is not sent yet, and its answer. */
function post(started: TestServer, { cert, key }: TestIdentity) {
  const request = httpsRequest({
    port: started.port,
    path: '/kmip',
    method: 'POST',
    servername: 'localhost',
    ca: started.authority.certificatePem,
    cert,
    key,
    agent: false,
    headers: { 'content-type': 'application/octet-stream', 'content-length': largest },
  })
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    request.once('response', (response) => {
      response.setEncoding('utf8')
      response.once('data', (text: string) => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.once('error', reject)
  })
  return { request, answered }
}

function postWhole(
  started: TestServer,
  identity: TestIdentity,
  whole: Buffer,
): Promise<{ status: number; text: string }> {
  const { request, answered } = post(started, identity)
  request.end(whole)
  return answered
}

describe('unfinished frames of one client', () => {
  test('take no room from another tenant, however many there are', async () => {
    const { started, acme } = await start()
    const holders = await holdFrames(started, acme, 9)
    const client = await started.connect()
    expect(numberOf(await client.send(frame(7, mib + 176)))).toBe(7)
    expect(numberOf(await client.send(frame(8, largest - 8)))).toBe(8)
    expect(started.counters.readCut('memory')).toBe(0)
    for (const { socket } of holders) socket.destroy()
    await client.close()
  })

  test('count from their headers on, so that there is room for what is still to come', async () => {
    const { started, acme } = await start()
    const holders = await Promise.all(Array.from({ length: 4 }, () => started.connect(acme)))
    const before = started.counters.read('bytesReceived')
    for (const { socket } of holders) socket.write(frame(1, largest - 8).subarray(0, 8))
    await expect.poll(() => started.counters.read('bytesReceived') - before).toBe(32)
    const client = await started.connect(acme)
    const { resultMessage } = decodeResponse(await client.send(frame(2, mib))).batchItems[0]!
    expect(resultMessage).toMatch(/^Send the request again when others of this client have been answered/)
    for (const { socket } of holders) socket.destroy()
    await client.close()
  })

  test('have it told so when it sends more, the connection goes on, and there is room when they have ended', async () => {
    const { started, acme } = await start()
    const holders = await holdFrames(started, acme, 4)
    const client = await started.connect(acme)
    const answers = [client.answer(), client.answer(), client.answer()]
    client.socket.write(Buffer.concat([frame(1), frame(2, largest - 8), frame(3)]))
    const [first, second, third] = await Promise.all(answers)
    expect([numberOf(first!), numberOf(third!)]).toEqual([1, 3])
    const { resultMessage } = decodeResponse(second!).batchItems[0]!
    expect(resultMessage).toMatch(/^Send the request again when others of this client have been answered/)
    for (const holder of holders) holder.socket.destroy()
    await expect.poll(() => started.listener.connectionCount).toBe(1)
    expect(numberOf(await client.send(frame(4, largest - 8)))).toBe(4)
    await client.close()
  })

  test('have it told so over HTTPS', async () => {
    const { started, acme } = await start({ serve: serveHttps() })
    const whole = frame(1, largest - 8)
    const held = Array.from({ length: 4 }, () => post(started, acme))
    for (const { request } of held) request.write(whole.subarray(0, 15 * mib))
    await expect.poll(() => started.counters.read('bytesReceived'), { timeout: 20_000 }).toBe(held.length * 15 * mib)
    expect(await postWhole(started, acme, whole)).toMatchObject({
      status: 503,
      text: expect.stringContaining('Send the request again when others of this client'),
    })
    await started.stop()
    await Promise.all(held.map(({ answered }) => answered.catch(() => undefined)))
  })

  test('count over HTTPS while they are worked on, also when their connection is gone', async () => {
    const working: (() => void)[] = []
    const { started, acme } = await start({
      serve: serveHttps(),
      answer: async (bytes) => {
        await new Promise<void>((resolve) => working.push(resolve))
        return { bytes: Buffer.from(bytes.subarray(0, 72)), sensitive: false }
      },
    })
    const whole = frame(1, largest - 8)
    const gone = Array.from({ length: 4 }, () => post(started, acme))
    for (const { request } of gone) request.end(whole)
    await expect.poll(() => working.length, { timeout: 20_000 }).toBe(4)
    for (const { request } of gone) request.destroy()
    await Promise.all(gone.map(({ answered }) => answered.catch(() => undefined)))
    await expect.poll(() => started.listener.connectionCount).toBe(0)
    expect(await postWhole(started, acme, whole)).toMatchObject({ status: 503 })
    for (const end of working.splice(0)) end()
    const later = postWhole(started, acme, whole)
    await expect.poll(() => working.length, { timeout: 20_000 }).toBe(1)
    working[0]!()
    expect(await later).toMatchObject({ status: 200 })
  })
})

describe('the memory of frames', () => {
  const peerOfClient = (client: string, tenant: string) =>
    ({
      ...peerOf(undefined),
      identified: {
        trustVersion: 1,
        validity: { notBefore: 0, notAfter: 0 },
        dependent: undefined,
        principal: { client: Buffer.from(client), tenant: Buffer.from(tenant), tenantName: tenant } as Principal,
      },
    }) as unknown as ServedConnection['peer']

  test('is bounded for a client over all its connections, for a tenant over all its clients, and others have theirs', () => {
    const memory = new FrameMemory()
    const most = limits.partialFramesBytesPerClientMax
    const shares = [memory.shareOf(peerOfClient('a', 'one')), memory.shareOf(peerOfClient('a', 'one'))]
    shares[0]!.add(most - 10)
    expect(shares[1]!.refusalOf(10)).toBeUndefined()
    expect(shares[1]!.refusalOf(11)).toMatchObject({ code: 'overloaded', message: expect.stringContaining('client') })
    const sibling = memory.shareOf(peerOfClient('b', 'one'))
    sibling.add(most)
    const third = memory.shareOf(peerOfClient('c', 'one'))
    expect(third.refusalOf(10)).toBeUndefined()
    expect(third.refusalOf(11)).toMatchObject({ code: 'overloaded', message: expect.stringContaining('tenant') })
    expect(memory.shareOf(peerOfClient('d', 'two')).refusalOf(most)).toBeUndefined()
    expect(memory.bytes).toBe(2 * most - 10)
  })

  test('counts what an ended connection still has, until that is done', () => {
    const memory = new FrameMemory()
    const share = memory.shareOf(peerOfClient('a', 'one'))
    share.add(limits.partialFramesBytesPerClientMax)
    share.end()
    expect(memory.shareOf(peerOfClient('a', 'one')).refusalOf(1)).toBeDefined()
    share.add(-limits.partialFramesBytesPerClientMax)
    expect(memory.shareOf(peerOfClient('a', 'one')).refusalOf(1)).toBeUndefined()
    expect(memory.bytes).toBe(0)
  })

  test('is taken back from the tenant that holds most, not from the longest frame', () => {
    const connection = (tenant: string, heldBytes: number) =>
      ({ peer: peerOfClient('a', tenant), heldBytes }) as ServedConnection
    const many = Array.from({ length: 9 }, (_, index) => connection('one', index))
    expect(largestHolder([connection('two', 20), ...many, connection('three', 30)])).toBe(many[8])
    expect(largestHolder([connection('two', 0)])).toBeUndefined()
  })
})
