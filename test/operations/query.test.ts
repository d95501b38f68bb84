import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BatchErrorContinuationOption,
  BlockCipherMode,
  CryptographicUsageMask,
  DestroyAction,
  enumTables,
  KeyWrapType,
  ObjectType,
  Operation,
  QueryFunction,
  ResultStatus,
  RNGMode,
  State,
  UnwrapMode,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import type { RequestHeader } from '../../src/kmip/request-header.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { newestVersion, protocolVersion, supportedVersions } from '../../src/kmip/version.ts'
import type { KmipVersion } from '../../src/kmip/version.ts'
import type { CryptoPolicy } from '../../src/objects/crypto-policy.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import { handlerOf } from '../../src/operations/index.ts'
import { newSigner } from '../support/certificates.ts'
import { registers } from './every-object.ts'
import type { Register } from './every-object.ts'
import {
  attribute,
  Client,
  createPayload,
  item,
  named,
  newServer,
  principalOf,
  refusalOf,
  registerKey,
} from './fixture.ts'
import type { Item, Server } from './fixture.ts'

let server: Server
const everyObject = new Map<string, { register: Register; objectType: ObjectType }>()
beforeAll(async () => {
  server = await newServer()
  const { der } = await newSigner()
  const types = new Map([...enumTables.ObjectType].map(([objectType, { name }]) => [name, objectType as ObjectType]))
  for (const [name, register] of Object.entries(registers(der))) {
    everyObject.set(name, { register, objectType: types.get(name)! })
  }
})
afterAll(() => server.services.cryptoWork.close(0))

/** The answer to what the newest version can write, sent as a message of that version: a client may write what its version has no word for. */
async function sentUnder(version: KmipVersion, batchItem: Item): Promise<ResponseBatchItem> {
  const requestHeader = { protocolVersion: protocolVersion(newestVersion), batchCount: 1 }
  const frame = encodeRequest({ requestHeader, batchItems: [batchItem] })
  frame.writeInt32BE(version - 10, minorVersionAt)
  const { principal } = server.client
  return (await executeBatch(decodeRequest(frame), principal, server.services))[0]!
}
/** Where the value stands: after the headers of four items and the major version. */
const minorVersionAt = 48

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

  test.each(supportedVersions)(
    'lists under version %i the objects that are registered and served there',
    async (version) => {
      const { objectTypes } = await server.client.send(
        Operation.Query,
        { queryFunctions: [QueryFunction.QueryObjects] },
        { version },
      )
      const served: number[] = []
      for (const [name, { register, objectType }] of everyObject) {
        const made = await sentUnder(version, item(Operation.Register, register([named(`${name} ${version}`)])))
        if (made.resultStatus !== ResultStatus.Success) continue
        const { uniqueIdentifier } = made.responsePayload as { uniqueIdentifier: string }
        expect(await server.client.send(Operation.Get, { uniqueIdentifier }, { version })).toMatchObject({ objectType })
        served.push(objectType)
      }
      expect(objectTypes?.toSorted((a, b) => a - b)).toEqual(served.toSorted((a, b) => a - b))
    },
  )

  test('tells the profiles of its own version and those before, as the server is configured', async () => {
    const told = async (of: Server, version: KmipVersion = 14) => {
      const queryFunctions = [QueryFunction.QueryProfiles]
      const { profileInformation = [] } = await of.client.send(Operation.Query, { queryFunctions }, { version })
      return profileInformation.map(({ profileName }) => enumTables.ProfileName.get(profileName)!.name)
    }
    const usual = await told(server)
    expect(usual).toEqual(expect.arrayContaining(['Baseline Server Basic KMIP v1.4', 'Tape Library Server KMIP v1.0']))
    expect(usual.filter((name) => name.includes('Client') || name.startsWith('Complete'))).toEqual([])
    expect(usual.filter((name) => /HTTPS|JSON|XML/u.test(name))).toEqual([])
    expect((await told(server, 13)).filter((name) => name.endsWith('v1.4'))).toEqual([])
    const lost = async (policy: Partial<CryptoPolicy>) => {
      const names = await told(await newServer(undefined, policy))
      return new Set(usual.filter((name) => !names.includes(name)).map((name) => name.replace(/ Server.*/u, '')))
    }
    expect(await lost({ clientNonces: false })).toEqual(new Set(['Basic Cryptographic']))
    expect(await lost({ approved: true })).toEqual(
      new Set([
        'Symmetric Key Lifecycle',
        'Asymmetric Key Lifecycle',
        'Basic Cryptographic',
        'Advanced Cryptographic',
        'Symmetric Key Foundry',
      ]),
    )
    const { services, client } = server
    const overHttps = new Client(client.principal, { ...services, server: { version: '1.2.3', https: true } })
    const { profileInformation } = await overHttps.send(Operation.Query, {
      queryFunctions: [QueryFunction.QueryProfiles],
    })
    expect(profileInformation).toHaveLength(usual.length + 15)
  })

  test('claims the capabilities that it has', async () => {
    const { client } = server
    const queryFunctions = [QueryFunction.QueryCapabilities]
    const { capabilityInformation } = await client.send(Operation.Query, { queryFunctions })
    const key = await client.register(Buffer.alloc(16, 1), [attribute('activationDate', 0)])
    const wrapping = CryptographicUsageMask.WrapKey | CryptographicUsageMask.UnwrapKey
    const keyWrap = attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.NISTKeyWrap })
    const wrapper = await client.register(Buffer.alloc(16, 2), [attribute('activationDate', 0), keyWrap], {
      mask: wrapping,
    })
    const create = item(Operation.Create, createPayload())
    const fails = item(Operation.Destroy, { uniqueIdentifier: 'none' })
    const statuses = async (header: Partial<RequestHeader>, ...items: Item[]) =>
      (await client.batch(items, { header })).map(({ resultStatus }) => resultStatus)
    const { Undo, Continue } = BatchErrorContinuationOption
    const { OperationFailed, OperationPending, OperationUndone, Success } = ResultStatus

    const data = { uniqueIdentifier: key, data: Buffer.alloc(16), initIndicator: true }
    const { correlationValue } = await client.send(Operation.Encrypt, data)
    const { symmetricKey } = await client.send(Operation.Get, {
      uniqueIdentifier: key,
      keyWrappingSpecification: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: wrapper },
        attributeNames: [],
      },
    })
    const registration = { ...registerKey(Buffer.alloc(16)), symmetricKey }
    const { uniqueIdentifier: unwrapped } = await client.send(Operation.Register, registration)
    await client.send(Operation.Get, { uniqueIdentifier: unwrapped, keyWrapType: KeyWrapType.NotWrapped })
    await client.revoke(wrapper)
    await client.destroy(wrapper)
    const { tenant, system, service } = client.principal.scope
    const rows = await server.store.find('objects', { tenant, system, service })
    const destroyed = rows.filter(({ state }) => state === State.Destroyed)

    expect(capabilityInformation).toEqual([
      {
        streamingCapability: correlationValue !== undefined,
        asynchronousCapability:
          (await statuses({ asynchronousIndicator: true }, item(Operation.Locate, { attributes: [] })))[0] ===
          OperationPending,
        // A credential of type Attestation is read, and answers nothing.
        attestationCapability: false,
        batchUndoCapability: isDeepStrictEqual(await statuses({ batchErrorContinuationOption: Undo }, create, fails), [
          OperationUndone,
          OperationFailed,
        ]),
        batchContinueCapability: isDeepStrictEqual(
          await statuses({ batchErrorContinuationOption: Continue }, fails, create),
          [OperationFailed, Success],
        ),
        // What comes wrapped is opened where it can be.
        unwrapMode: (await client.material(unwrapped)).equals(Buffer.alloc(16, 1)) ? UnwrapMode.Processed : undefined,
        destroyAction:
          destroyed.length === 1 && destroyed[0]!.record.byteLength === 0
            ? DestroyAction.KeyMaterialDeleted
            : undefined,
        rngMode: RNGMode.SharedInstantiation,
      },
    ])
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
