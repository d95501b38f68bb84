import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Operation, ResultReason } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { removeDirectory, sleep, temporaryDirectory } from '../support/counterparts.ts'
import { renew, stranger, validFor } from './certificate.ts'
import { KmipConnection, exchangeOnce } from './kmip-connection.ts'
import type { Target } from './kmip-connection.ts'
import { about, createKey, identifierOf, registerKey, resultOf, succeeded } from './kmip-messages.ts'
import { KryptonServer } from './krypton-server.ts'
import { bytesOf, decode, encode, find } from './ttlv-tree.ts'

const directory = temporaryDirectory('open-connection')
const unauthenticated = { status: 1, reason: ResultReason.AuthenticationNotSuccessful }
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

/** What the server answers to a request of this target, over a connection of its own. */
async function refusalOf(target: Target): Promise<ReturnType<typeof resultOf>> {
  return resultOf(await exchangeOnce(target, createKey()))
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (tls) => {
  it('a client that is revoked is refused with its next request on the connection that it holds', async () => {
    const identity = await server.addClient(`leaver-${tls.slice(-1)}`, 'open')
    const connection = await KmipConnection.open({ ...server.target(identity), tls })
    const key = identifierOf(await connection.exchange(createKey()))
    succeeded(await connection.exchange(about(Operation.Get, key)))
    await server.revokeClient(`leaver-${tls.slice(-1)}`, 'open')
    const answer = await connection.exchange(about(Operation.Get, key))
    expect(resultOf(answer)).toMatchObject(unauthenticated)
    expect(find(answer, Tag.KeyMaterial)).toBeUndefined()
    await connection.untilClosed()
    expect(await refusalOf({ ...server.target(identity), tls })).toMatchObject(unauthenticated)
  })

  it('a client whose certificate expires is refused with its next request on the connection that it holds', async () => {
    const identity = await server.addClient(`short-lived-${tls.slice(-1)}`, 'open')
    const lifeMs = 4_000
    const out = join(directory, `renewed-${tls}`)
    const renewed = await renew(directory, identity, out, validFor(lifeMs))
    const started = performance.now()
    const connection = await KmipConnection.open({ ...server.target(renewed), tls })
    const key = identifierOf(await connection.exchange(createKey()))
    await sleep(lifeMs + 1_500 - (performance.now() - started))
    expect(resultOf(await connection.exchange(about(Operation.Get, key)))).toMatchObject(unauthenticated)
    await connection.untilClosed()
    const again = await exchangeOnce({ ...server.target(identity), tls }, about(Operation.Get, key))
    expect(bytesOf(succeeded(again), Tag.KeyMaterial)).toHaveLength(32)
  })

  it('a stranger gets one fixed answer, unread, and is closed', async () => {
    const identity = await stranger(directory, join(directory, `stranger-${tls}`))
    const connection = await KmipConnection.open({ ...server.target(identity), tls })
    // Not TTLV at all: whoever is unknown is not read.
    connection.send(Buffer.from('4200780100000008ffffffffffffffff', 'hex'))
    const answer = decode(await connection.receive())
    expect(resultOf(answer)).toMatchObject(unauthenticated)
    expect(resultOf(answer).message).toMatch(/\S+/)
    await connection.untilClosed()
  })

  it('a client without a certificate gets nothing but a refusal', async () => {
    const { host, port, caFile } = server.target()
    const outcome = await refusalOf({ host, port, caFile, tls }).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome.message).toMatch(/certificate|handshake|closed|ECONNRESET|alert/i)
    else expect(outcome).toMatchObject(unauthenticated)
  })
})

it.each([undefined, 'localhost', '127.0.0.1'])(
  'a client is served whatever server name it sends: %s, as drivers send a name, none, or the address itself',
  async (serverName) => {
    identifierOf(
      await exchangeOnce({ ...server.target(), ...(serverName === undefined ? {} : { serverName }) }, createKey()),
    )
  },
)

it('a certificate that is not valid yet is refused', async () => {
  const identity = await server.addClient('early', 'open')
  const validity = { notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) }
  const early = await renew(directory, identity, join(directory, 'early'), validity)
  expect(await refusalOf(server.target(early))).toMatchObject(unauthenticated)
})

it('a client that may only Get is told so for anything else, and its connection goes on', async () => {
  const key = identifierOf(
    await exchangeOnce(server.target(await server.addClient('writer', 'open')), registerKey(Buffer.alloc(32, 9))),
  )
  const identity = await server.addClient('reader', 'open', '--allow', 'get')
  const connection = await KmipConnection.open(server.target(identity))
  expect(resultOf(await connection.exchange(createKey()))).toMatchObject({
    status: 1,
    reason: ResultReason.PermissionDenied,
  })
  expect(bytesOf(succeeded(await connection.exchange(about(Operation.Get, key))), Tag.KeyMaterial)).toHaveLength(32)
  connection.close()
})

it('answers in the order of the requests, also when they arrive together and some are durable writes', async () => {
  const connection = await KmipConnection.open(server.target())
  const key = identifierOf(await connection.exchange(createKey()))
  const requests = Array.from({ length: 16 }, (_, index) =>
    index % 3 === 0 ? createKey() : about(index % 3 === 1 ? Operation.Get : Operation.GetAttributeList, key),
  )
  connection.send(Buffer.concat(requests.map(encode)))
  for (const request of requests) {
    const answer = succeeded(decode(await connection.receive()))
    expect(bytesOf(answer, Tag.Operation)).toEqual(bytesOf(request, Tag.Operation))
  }
  connection.close()
})

it('answers what it has taken when SIGTERM comes, then closes, and keeps what it acknowledged', async () => {
  const connections = await Promise.all(Array.from({ length: 4 }, () => KmipConnection.open(server.target())))
  for (const connection of connections) identifierOf(await connection.exchange(createKey()))
  const batch = Buffer.concat(Array.from({ length: 25 }, () => encode(createKey())))
  for (const connection of connections) connection.send(batch)
  // The first answers show that the server has read the requests that arrived with them.
  const first = await Promise.all(connections.map((connection) => connection.receive()))
  const stopping = server.stop()
  const acknowledged = first.map((frame) => identifierOf(decode(frame)))
  for (const connection of connections) {
    for (let answered = 1; answered < 25; answered++)
      acknowledged.push(identifierOf(decode(await connection.receive())))
    await connection.untilClosed()
  }
  expect(await stopping).toBe('exit code 0')
  await expect(KmipConnection.open(server.target())).rejects.toThrow(/ECONNREFUSED/)
  server = await server.restart()
  const connection = await KmipConnection.open(server.target())
  for (const key of acknowledged) succeeded(await connection.exchange(about(Operation.Get, key)))
  connection.close()
})
