import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Operation, ResultReason } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { exchangeOnce } from './kmip-connection.ts'
import {
  about,
  createKey,
  encryptData,
  identifierOf,
  locateByName,
  registerKey,
  request,
  resultOf,
  revokeKey,
  succeeded,
} from './kmip-messages.ts'
import { KryptonServer } from './krypton-server.ts'
import type { Identity } from './krypton-server.ts'
import { boolean, bytes, bytesOf, find, structure, textOf } from './ttlv-tree.ts'
import type { Item } from './ttlv-tree.ts'

const directory = temporaryDirectory('restart')
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory)
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

/** The request, whose client takes a later answer. */
function withIndicator(message: Item): Item {
  const [header, ...items] = message.children!
  const [version, ...rest] = header!.children!
  const fields = [version!, boolean(Tag.AsynchronousIndicator, true), ...rest]
  return structure(message.tag, structure(header!.tag, ...fields), ...items)
}

/** A Locate that is answered later: its Asynchronous Correlation Value. */
async function beginLocate(client: Identity, name: string): Promise<Buffer> {
  const pending = await exchangeOnce(server.target(client), withIndicator(locateByName(name)))
  return bytesOf(pending, Tag.AsynchronousCorrelationValue)
}

/** What Poll says was located; undefined while it says nothing yet. */
async function polled(client: Identity, correlationValue: Buffer): Promise<string | undefined> {
  const poll = request(2, Operation.Poll, bytes(Tag.AsynchronousCorrelationValue, correlationValue))
  const answer = await exchangeOnce(server.target(client), poll)
  return find(answer, Tag.UniqueIdentifier) === undefined ? undefined : textOf(answer, Tag.UniqueIdentifier)
}

describe.each([
  ['stopped', (running: KryptonServer) => running.stop()],
  ['killed', (running: KryptonServer) => running.kill()],
])('a server that was %s', (word, end) => {
  it('comes back with its CA, its clients and every key as it was', async () => {
    const files = ['ca.pem', 'server.pem', 'client.pem', 'client.key', 'client-bundle.pem', 'seal.key']
    const before = files.map((name) => readFileSync(join(directory, name)))
    const client = await server.addClient(`kept-${word}`, 'keeper')
    const material = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
    const registered = identifierOf(await exchangeOnce(server.target(client), registerKey(material)))
    const named = identifierOf(await exchangeOnce(server.target(client), createKey(`name-${word}`)))
    const key = bytesOf(await exchangeOnce(server.target(client), about(Operation.Get, named)), Tag.KeyMaterial)
    const destroyed = identifierOf(await exchangeOnce(server.target(client), createKey()))
    succeeded(await exchangeOnce(server.target(client), about(Operation.Destroy, destroyed)))
    succeeded(await exchangeOnce(server.target(client), about(Operation.Activate, named)))

    const answered = await beginLocate(client, `name-${word}`)
    await expect.poll(() => polled(client, answered), { timeout: 10_000 }).toBe(named)

    await end(server)
    server = await server.restart()

    expect(await polled(client, answered)).toBe(named)

    expect(files.map((name) => readFileSync(join(directory, name)))).toEqual(before)
    const got = async (identifier: string): Promise<Buffer> =>
      bytesOf(await exchangeOnce(server.target(client), about(Operation.Get, identifier)), Tag.KeyMaterial)
    expect(await got(registered)).toEqual(material)
    expect(await got(named)).toEqual(key)
    const found = succeeded(await exchangeOnce(server.target(client), locateByName(`name-${word}`)))
    expect(textOf(found, Tag.UniqueIdentifier)).toBe(named)
    expect(resultOf(await exchangeOnce(server.target(client), about(Operation.Get, destroyed)))).toMatchObject({
      status: 1,
      reason: ResultReason.IllegalOperation,
    })
    succeeded(await exchangeOnce(server.target(client), encryptData(named, Buffer.from('still active'))))
    expect(identifierOf(await exchangeOnce(server.target(client), revokeKey(named)))).toBe(named)
  })
})

it('keeps its keys and its socket from other users of the machine', () => {
  const mode = (name: string): number => statSync(join(directory, name)).mode & 0o777
  expect(mode('seal.key')).toBe(0o400)
  expect(mode('ca.key')).toBe(0o400)
  expect(mode('krypton.sock')).toBe(0o600)
  expect(mode('client.key') & 0o077).toBe(0)
  expect(mode('client-bundle.pem') & 0o077).toBe(0)
})

it('refuses to start a second server on the same directory, and leaves the first one alone', async () => {
  const second = KryptonServer.launch(directory)
  try {
    expect(await second.end(30_000)).toMatch(/^exit code [1-9]/)
    expect(second.stderr).toMatch(/another|lock|in use|already/i)
    expect(second.stderr).not.toMatch(/^\s+at /m)
  } finally {
    await second.stop()
  }
  identifierOf(await exchangeOnce(server.target(), createKey()))
  await server.command('status')
})

it('ends well on SIGTERM, and says on the next start nothing of trouble', async () => {
  expect(await server.stop()).toBe('exit code 0')
  server = await server.restart()
  expect(server.process.stderr).not.toMatch(/error/i)
})
