import { afterAll, beforeAll, expect, it } from 'vitest'
import { BlockCipherMode, Operation, ResultReason, State } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { KmipConnection } from './kmip-connection.ts'
import {
  about,
  createKey,
  identifierOf,
  locateByName,
  request,
  resultOf,
  revokeKey,
  succeeded,
} from './kmip-messages.ts'
import { KryptonServer } from './krypton-server.ts'
import { boolean, bytes, bytesOf, enumeration, numberOf, structure, text, textOf } from './ttlv-tree.ts'
import type { Item } from './ttlv-tree.ts'

const directory = temporaryDirectory('threads')
const connectionCount = 12
let server: KryptonServer

/** Twelve connections that the kernel spreads over the threads: two in a row may be on one thread, all twelve are not. */
function connect(target = server.target()): Promise<KmipConnection[]> {
  return Promise.all(Array.from({ length: connectionCount }, () => KmipConnection.open(target)))
}

beforeAll(async () => {
  server = await KryptonServer.start(directory, { env: { KRYPTON_SERVER_THREADS: '3' } })
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

function stateOf(identifier: string): ReturnType<typeof request> {
  return request(2, Operation.GetAttributes, text(Tag.UniqueIdentifier, identifier), text(Tag.AttributeName, 'State'))
}

it('runs as many listener threads as the environment asks for', async () => {
  expect(JSON.parse(await server.command('status', '--json'))).toMatchObject({ threads: 3 })
})

it('shows every thread at once what another one has acknowledged, though each keeps what it has read', async () => {
  const connections = await connect()
  const state = async (connection: KmipConnection, identifier: string): Promise<number> =>
    numberOf(succeeded(await connection.exchange(stateOf(identifier))), Tag.AttributeValue)
  for (let round = 0; round < connectionCount; round++) {
    const writer = connections[round]!
    const key = identifierOf(await writer.exchange(createKey(`key-${round}`)))
    const material = bytesOf(await writer.exchange(about(Operation.Get, key)), Tag.KeyMaterial)
    for (const reader of connections) {
      expect(bytesOf(succeeded(await reader.exchange(about(Operation.Get, key))), Tag.KeyMaterial)).toEqual(material)
      expect(textOf(succeeded(await reader.exchange(locateByName(`key-${round}`))), Tag.UniqueIdentifier)).toBe(key)
      expect(await state(reader, key)).toBe(State.PreActive)
    }
    succeeded(await connections[(round + 5) % connectionCount]!.exchange(about(Operation.Activate, key)))
    for (const reader of connections) expect(await state(reader, key)).toBe(State.Active)
    succeeded(await connections[(round + 7) % connectionCount]!.exchange(revokeKey(key)))
    for (const reader of connections) expect(await state(reader, key)).toBe(State.Deactivated)
    succeeded(await writer.exchange(about(Operation.Destroy, key)))
    for (const reader of connections) {
      expect(resultOf(await reader.exchange(about(Operation.Get, key))).reason).toBe(ResultReason.IllegalOperation)
    }
  }
  for (const connection of connections) connection.close()
})

it('lets one of many that activate a key at the same moment win, and tells the others', async () => {
  const connections = await connect()
  for (let round = 0; round < 20; round++) {
    const key = identifierOf(await connections[0]!.exchange(createKey()))
    const answers = await Promise.all(
      connections.map((connection) => connection.exchange(about(Operation.Activate, key))),
    )
    expect(answers.filter((answer) => resultOf(answer).status === 0)).toHaveLength(1)
    for (const answer of answers) expect([undefined, ResultReason.PermissionDenied]).toContain(resultOf(answer).reason)
  }
  for (const connection of connections) connection.close()
})

it('gives a name to one of many that ask for it at the same moment', async () => {
  const connections = await connect()
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(connections.map((connection) => connection.exchange(createKey(`race-${round}`))))
    expect(answers.filter((answer) => resultOf(answer).status === 0)).toHaveLength(1)
  }
  for (const connection of connections) connection.close()
})

it('goes on with an operation in parts on every connection of its client, whichever thread has it', async () => {
  const connections = await connect()
  const key = identifierOf(await connections[0]!.exchange(createKey()))
  succeeded(await connections[0]!.exchange(about(Operation.Activate, key)))
  const data = Buffer.from(Array.from({ length: 16 * connectionCount }, (_, i) => i))
  const encrypt = (...more: readonly Item[]) => request(4, Operation.Encrypt, text(Tag.UniqueIdentifier, key), ...more)
  const parameters = structure(Tag.CryptographicParameters, enumeration(Tag.BlockCipherMode, BlockCipherMode.ECB))
  const whole = bytesOf(await connections[0]!.exchange(encrypt(parameters, bytes(Tag.Data, data))), Tag.Data)
  for (const first of connections) {
    const begin = encrypt(parameters, boolean(Tag.InitIndicator, true))
    const correlation = bytes(Tag.CorrelationValue, bytesOf(await first.exchange(begin), Tag.CorrelationValue))
    const made: Buffer[] = []
    for (const [i, connection] of connections.entries()) {
      const end = i === connectionCount - 1 ? [boolean(Tag.FinalIndicator, true)] : []
      const part = bytes(Tag.Data, data.subarray(16 * i, 16 * i + 16))
      made.push(bytesOf(succeeded(await connection.exchange(encrypt(part, correlation, ...end))), Tag.Data))
    }
    expect(Buffer.concat(made)).toEqual(whole)
    const again = await first.exchange(encrypt(correlation, boolean(Tag.FinalIndicator, true)))
    expect(resultOf(again).reason).toBe(ResultReason.ItemNotFound)
  }
  for (const connection of connections) connection.close()
})

it('forgets a revoked client in every thread', async () => {
  const identity = await server.addClient('leaver', 'threads')
  const connections = await connect(server.target(identity))
  for (const connection of connections) succeeded(await connection.exchange(createKey()))
  await server.revokeClient('leaver', 'threads')
  for (const connection of connections) {
    expect(resultOf(await connection.exchange(createKey())).reason).toBe(ResultReason.AuthenticationNotSuccessful)
    await connection.untilClosed()
  }
})
