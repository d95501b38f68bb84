import { beforeAll, describe, expect, test } from 'vitest'
import { ObjectType, Operation, QueryFunction } from '../../src/kmip/enums.ts'
import { supportedVersions } from '../../src/kmip/version.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import { handlerOf } from '../../src/operations/index.ts'
import { Client, createPayload, item, newServer, principalOf, refusalOf } from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
beforeAll(async () => {
  server = await newServer()
})

const everything = Object.values(QueryFunction)

describe('Query', () => {
  test.each(supportedVersions)(
    'lists under version %i exactly the operations that are served there',
    async (version) => {
      const { operations = [] } = await server.client.send(
        Operation.Query,
        { queryFunctions: [QueryFunction.QueryOperations] },
        { version },
      )
      for (const operation of Object.values(Operation)) {
        const answer = await server.client.item(
          operation as typeof Operation.Query,
          { queryFunctions: [] },
          { version },
        )
        const isServed = answer.resultStatus === 0 || refusalOf(answer).reason !== 'Operation Not Supported'
        expect([operation, operations.includes(operation)]).toEqual([operation, isServed])
      }
    },
  )

  test.each(supportedVersions)('answers every function, those that version %i does not know too', async (version) => {
    const answer = await server.client.send(Operation.Query, { queryFunctions: everything }, { version })
    const { Certificate, SymmetricKey, PublicKey, PrivateKey, SplitKey, Template, SecretData, OpaqueObject, PGPKey } =
      ObjectType
    const always = [Certificate, SymmetricKey, PublicKey, PrivateKey, SplitKey, Template, SecretData, OpaqueObject]
    expect(answer.objectTypes).toEqual(version >= 12 ? [...always, PGPKey] : always)
    expect(answer.vendorIdentification).toBe('Krypton 1.2.3')
    expect(answer.serverInformation?.byteLength).toBe(0)
    expect(answer.profileInformation !== undefined).toBe(version >= 13)
    expect(answer.rngParameters !== undefined).toBe(version >= 13)
    expect(answer.clientRegistrationMethods !== undefined).toBe(version >= 13)
    expect(answer.capabilityInformation?.[0]?.batchUndoCapability).toBe(version >= 14 ? true : undefined)
    expect(answer.applicationNamespaces).toBeUndefined()
  })

  test('answers a function that nobody knows with nothing', async () => {
    expect(await server.client.send(Operation.Query, { queryFunctions: [0x7f] })).toEqual({})
  })

  test('is free to a client that may do nothing else', async () => {
    const restricted = new Client(principalOf(server.client.principal.scope, 'restricted', []), server.services)
    await restricted.send(Operation.Query, { queryFunctions: everything })
    await restricted.send(Operation.DiscoverVersions, { protocolVersions: [] })
    expect((await restricted.refusal(Operation.Create, createPayload())).reason).toBe('Permission Denied')
  })
})

describe('Discover Versions', () => {
  const versions = async (minors: number[], version: KmipVersion = 10) => {
    const asked = {
      protocolVersions: minors.map((minor) => ({ protocolVersionMajor: 1, protocolVersionMinor: minor })),
    }
    const answer = await server.client.batch([item(Operation.DiscoverVersions, asked)], { version })
    // Of 1.0 the operation is unknown.
    if (answer[0]!.resultStatus !== 0) return undefined
    const { protocolVersions } = answer[0]!.responsePayload as { protocolVersions: { protocolVersionMinor: number }[] }
    return protocolVersions.map(({ protocolVersionMinor }) => protocolVersionMinor)
  }

  test('lists what both sides know, the newest first', async () => {
    expect(await versions([], 11)).toEqual([4, 3, 2, 1, 0])
    expect(await versions([0, 2, 9], 12)).toEqual([2, 0])
    expect(await versions([7], 14)).toEqual([])
    expect(await versions([], 10)).toBeUndefined()
  })
})

describe('RNG Retrieve', () => {
  test('gives as many bytes as are asked for, others each time', async () => {
    const retrieve = async (dataLength: number) =>
      (await server.client.send(Operation.RNGRetrieve, { dataLength })).data
    const [a, b] = [(await retrieve(32)) as Uint8Array, (await retrieve(32)) as Uint8Array]
    expect(a.byteLength).toBe(32)
    expect(Buffer.compare(a, b)).not.toBe(0)
  })

  test.each([0, -1, 64 * 1024 + 1])('refuses to give %i', async (dataLength) => {
    expect((await server.client.refusal(Operation.RNGRetrieve, { dataLength })).reason).toBe('Invalid Field')
  })
})

test('has a handler for what the codec decodes, and for nothing else', () => {
  expect(handlerOf(Operation.Get)).toBeDefined()
  expect(handlerOf(Operation.Put)).toBeUndefined()
  expect(handlerOf(0x7fff)).toBeUndefined()
})
