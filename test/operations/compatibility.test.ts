import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  KeyFormatType,
  Operation,
  PaddingMethod,
  QueryFunction,
  SecretDataType,
  State,
} from '../../src/kmip/enums.ts'
import { decodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../../src/kmip/response-message.ts'
import { supportedVersions } from '../../src/kmip/version.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import {
  attribute,
  createPayload,
  custom,
  item,
  named,
  newServer,
  refusalOf,
  registerKey,
  registerSecret,
} from './fixture.ts'
import type { Client, Item, Server } from './fixture.ts'

/** The rules that real clients ask for, as far as they are the operations' to keep; each test is named after its rule. */

let server: Server
let client: Client
beforeEach(async () => {
  server = await newServer()
  client = server.client
})

const key = Buffer.alloc(32, 4)
const cbc = { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 }

describe('rule 2', () => {
  test('rule 2: every failure has a reason and a message, and echoes Operation and Unique Batch Item ID, of a single item too', async () => {
    const uniqueBatchItemID = Buffer.from('QLKC0001')
    const failing: Item[] = [
      item(Operation.Get, { uniqueIdentifier: 'x' }),
      item(Operation.Get, {}),
      item(Operation.Create, { ...createPayload(), objectType: 3 }),
      item(Operation.Create, {} as never),
      { operation: Operation.Put, requestPayload: undefined },
      { operation: 0x7fff, requestPayload: undefined },
      item(Operation.RNGRetrieve, { dataLength: 0 }),
    ]
    for (const version of supportedVersions) {
      for (const one of failing) {
        const [answer] = await client.batch([{ ...one, uniqueBatchItemID }], { version })
        const { reason, message } = refusalOf(answer!)
        expect(reason).not.toBe('')
        expect(message.length).toBeGreaterThan(10)
        expect(answer!.operation).toBe(one.operation)
        expect(Buffer.from(answer!.uniqueBatchItemID!)).toEqual(uniqueBatchItemID)
      }
    }
  })

  test('rule 2: Operation and Unique Batch Item ID are echoed with a success', async () => {
    const uniqueBatchItemID = Buffer.from('0123456789abcdef')
    const [answer] = await client.batch([{ ...item(Operation.Create, createPayload()), uniqueBatchItemID }])
    expect(answer).toMatchObject({ operation: Operation.Create, uniqueBatchItemID })
  })
})

describe('rule 4', () => {
  const since: Record<string, number> = {
    Fresh: 11,
    'Alternative Name': 12,
    'Key Value Present': 12,
    'Original Creation Date': 12,
    'Random Number Generator': 13,
    Sensitive: 14,
    'Always Sensitive': 14,
    Extractable: 14,
    'Never Extractable': 14,
    Description: 14,
    Comment: 14,
    'PKCS#12 Friendly Name': 14,
  }

  test('rule 4: no attribute is shown that is newer than the client, asked for or not', async () => {
    const id = await client.create([
      attribute('alternativeName', { alternativeNameValue: 'a', alternativeNameType: 1 }),
      attribute('description', 'd'),
      attribute('comment', 'c'),
      attribute('pkcs12FriendlyName', 'f'),
    ])
    for (const version of supportedVersions) {
      const all = await client.attributes(id, [], { version })
      const asked = await client.attributes(id, Object.keys(since), { version })
      const { attributeNames = [] } = await client.send(
        Operation.GetAttributeList,
        { uniqueIdentifier: id },
        { version },
      )
      for (const [name, first] of Object.entries(since)) {
        if (name === 'Key Value Present') continue
        const shown = version >= first
        expect([version, name, name in all, name in asked, attributeNames.includes(name)]).toEqual([
          version,
          name,
          shown,
          shown,
          shown,
        ])
      }
      expect('Initial Date' in all).toBe(version > 10)
    }
  })

  test('rule 4: Get shows no attributes inside the Key Value', async () => {
    const payload = registerKey(key)
    const keyValue = { keyMaterial: key, attributes: [custom('x-inner', 'v')] }
    const keyBlock = { ...payload.symmetricKey!.keyBlock, keyValue }
    const registered = await client.send(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    const { symmetricKey } = await client.send(Operation.Get, registered)
    expect(symmetricKey?.keyBlock.keyValue).toEqual({ keyMaterial: key })
  })

  test('rule 4: a Key Block whose algorithm is newer than the client has no Cryptographic Length either (2.1.3)', async () => {
    const algorithm = CryptographicAlgorithm.ChaCha20
    const created = await client.send(Operation.Create, createPayload([], { algorithm }))
    for (const version of supportedVersions) {
      const { symmetricKey } = await client.send(Operation.Get, created, { version })
      const { cryptographicAlgorithm, cryptographicLength } = symmetricKey!.keyBlock
      const described = version === 14 ? [algorithm, 256] : [undefined, undefined]
      expect([version, cryptographicAlgorithm, cryptographicLength]).toEqual([version, ...described])
    }
  })
})

describe('rule 6', () => {
  test('rule 6: up to 1.3 GCM’s tag follows the data, from 1.4 on it has a field, and each version opens what the other made', async () => {
    const id = await client.register(key, [attribute('activationDate', 0)])
    const data = Buffer.from('sixteen byte str')
    const request = {
      uniqueIdentifier: id,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 },
    }
    const older = await client.send(Operation.Encrypt, { ...request, data }, { version: 12 })
    expect(older.data?.byteLength).toBe(32)
    expect(older.authenticatedEncryptionTag).toBeUndefined()
    const newer = await client.send(Operation.Encrypt, { ...request, data })
    expect(newer.data?.byteLength).toBe(16)
    expect(newer.authenticatedEncryptionTag?.byteLength).toBe(16)

    const inOlder = {
      ...request,
      data: Buffer.concat([newer.data!, newer.authenticatedEncryptionTag!]),
      ivCounterNonce: newer.ivCounterNonce,
    }
    expect((await client.send(Operation.Decrypt, inOlder, { version: 12 })).data).toEqual(data)
    const inNewer = {
      ...request,
      data: older.data!.subarray(0, 16),
      ivCounterNonce: older.ivCounterNonce,
      authenticatedEncryptionTag: older.data!.subarray(16),
    }
    expect((await client.send(Operation.Decrypt, inNewer)).data).toEqual(data)
    const appended = { ...request, data: older.data, ivCounterNonce: older.ivCounterNonce }
    expect((await client.send(Operation.Decrypt, appended)).data).toEqual(data)
  })

  test('rule 6: CBC with Random IV gives back the IV of 16 bytes, and none when the client sent one', async () => {
    const id = await client.register(key, [attribute('activationDate', 0)])
    const data = Buffer.alloc(96, 1)
    const random = {
      uniqueIdentifier: id,
      cryptographicParameters: { ...cbc, cryptographicAlgorithm: 3, randomIV: true },
      data,
    }
    const encrypted = await client.send(Operation.Encrypt, random, { version: 12 })
    expect(encrypted.ivCounterNonce?.byteLength).toBe(16)
    expect(encrypted.data?.byteLength).toBe(112)
    // Table 230: no IV comes back where the request had one, with Random IV too.
    const both = await client.send(Operation.Encrypt, { ...random, ivCounterNonce: Buffer.alloc(16, 7) })
    expect(both.ivCounterNonce).toBeUndefined()
    // Clients decrypt with the parameters that they encrypted with.
    const decrypted = await client.send(Operation.Decrypt, {
      ...random,
      data: both.data,
      ivCounterNonce: Buffer.alloc(16, 7),
    })
    expect(decrypted.data).toEqual(data)
    const { randomIV: _, ...parameters } = random.cryptographicParameters
    const own = { ...random, cryptographicParameters: parameters, ivCounterNonce: Buffer.alloc(16) }
    expect((await client.send(Operation.Encrypt, own, { version: 12 })).ivCounterNonce).toBeUndefined()
  })

  test('rule 6: without Cryptographic Parameters those of the key are used, and without those a sane default', async () => {
    const bare = await client.register(key, [attribute('activationDate', 0)])
    const gcm = await client.register(key, [
      attribute('activationDate', 0),
      attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.GCM, tagLength: 16, randomIV: true }),
    ])
    const data = Buffer.from('no multiple of the block')
    for (const uniqueIdentifier of [bare, gcm]) {
      const encrypted = await client.send(Operation.Encrypt, { uniqueIdentifier, data }, { version: 12 })
      const { ivCounterNonce, data: ciphertext } = encrypted
      const opened = { uniqueIdentifier, data: ciphertext, ivCounterNonce }
      expect((await client.send(Operation.Decrypt, opened, { version: 12 })).data).toEqual(data)
    }
    const explicit = { uniqueIdentifier: bare, cryptographicParameters: cbc, data, ivCounterNonce: Buffer.alloc(16) }
    const implicit = { uniqueIdentifier: bare, data, ivCounterNonce: Buffer.alloc(16) }
    expect((await client.send(Operation.Encrypt, implicit)).data).toEqual(
      (await client.send(Operation.Encrypt, explicit)).data,
    )
  })
})

describe('rule 7', () => {
  test('rule 7: accepts mask 0, no Name and no Activate before Get', async () => {
    const seed = registerSecret(Buffer.alloc(96, 2), [attribute('cryptographicUsageMask', 0)])
    const { uniqueIdentifier } = await client.send(Operation.Register, seed, { version: 10 })
    expect(await client.material(uniqueIdentifier, { version: 10 })).toEqual(Buffer.alloc(96, 2))
    await client.send(Operation.Activate, { uniqueIdentifier }, { version: 10 })
    const { secretData } = await client.send(Operation.Get, { uniqueIdentifier }, { version: 10 })
    expect(secretData).toMatchObject({
      secretDataType: SecretDataType.Seed,
      keyBlock: { keyFormatType: KeyFormatType.Opaque },
    })
    const created = await client.create([])
    expect((await client.material(created)).byteLength).toBe(32)
  })

  test('rule 7: accepts an empty Template-Attribute, as older libraries send it', async () => {
    const { uniqueIdentifier } = await client.send(
      Operation.Register,
      registerSecret(Buffer.alloc(96), [], KeyFormatType.Raw),
      { version: 10 },
    )
    expect(await client.attribute(uniqueIdentifier, 'Cryptographic Usage Mask')).toBe(0)
  })

  test('rule 7: accepts attributes that are not there: an empty answer is no failure', async () => {
    const id = await client.create()
    const asked = { uniqueIdentifier: id, attributeNames: ['x-Product_Version'] }
    const [answer] = await client.batch([item(Operation.GetAttributes, asked)], { version: 11 })
    expect(answer!.resultStatus).toBe(0)
    expect(answer!.responsePayload).toEqual({ uniqueIdentifier: id })
  })

  test('rule 7: accepts x- and y- attributes of every type, gives them back as they came and finds them', async () => {
    const values: [string, number, string | number | bigint | boolean | Uint8Array][] = [
      ['x-integer', 0x02, 7],
      ['x-long', 0x03, 7n],
      ['x-big', 0x04, Buffer.alloc(8, 1)],
      ['x-enumeration', 0x05, 7],
      ['x-boolean', 0x06, true],
      ['x-NETAPP-ClusterName', 0x07, 'cluster'],
      ['x-bytes', 0x08, Buffer.from([1, 2, 3])],
      ['x-date', 0x09, 1_700_000_000],
      ['x-interval', 0x0a, 60],
      ['y-text', 0x07, ''],
    ]
    const attributes: WireAttribute[] = values.map(([name, itemType, value]) => ({
      name,
      attributeName: name,
      value: { itemType, value },
    }))
    const id = await client.create(attributes)
    const added = await client.create()
    for (const one of attributes) await client.send(Operation.AddAttribute, { uniqueIdentifier: added, attribute: one })
    for (const [i, [name, itemType, value]] of values.entries()) {
      expect(await client.attribute(id, name)).toEqual({ itemType, value })
      expect(await client.locate([attributes[i]!])).toEqual([id, added])
    }
  })

  test('rule 7: accepts filters that are wrapped in a Template-Attribute, and Offset Items under 1.0', async () => {
    const [a, b] = [
      await client.create([named('wrapped'), attribute('objectGroup', 'g')]),
      await client.create([attribute('objectGroup', 'g')]),
    ]
    const wrapped = { attributes: [], templateAttribute: { names: [], attributes: [named('wrapped')] } }
    expect((await client.send(Operation.Locate, wrapped, { version: 10 })).uniqueIdentifiers).toEqual([a])

    // The codec writes no Offset Items under 1.0, so the request is written as one of 1.3 and its version changed.
    const { encodeRequest } = await import('../../src/kmip/request-message.ts')
    const frame = encodeRequest({
      requestHeader: { protocolVersion: { protocolVersionMajor: 1, protocolVersionMinor: 3 }, batchCount: 1 },
      batchItems: [
        item(Operation.Locate, { attributes: [attribute('objectGroup', 'g')], maximumItems: 16, offsetItems: 1 }),
      ],
    })
    frame[51] = 0
    const request = decodeRequest(frame)
    expect(request.version).toBe(10)
    const batchItems = await executeBatch(request, client.principal, server.services)
    const [answer] = decodeResponse(encodeResponse({ version: 10, timeStamp: 0, batchItems }).bytes).batchItems
    expect(answer!.responsePayload).toEqual({ uniqueIdentifiers: [b] })
  })

  test('rule 7: stores and returns Operation Policy Name', async () => {
    const id = await client.create([attribute('operationPolicyName', 'default')])
    expect(await client.attribute(id, 'Operation Policy Name', { version: 10 })).toBe('default')
  })
})

describe('rule 8', () => {
  test('rule 8: a Time Stamp of any year is no reason to refuse', async () => {
    for (const timeStamp of [0, 1, 4_000_000_000]) {
      const [answer] = await client.batch([item(Operation.Create, createPayload())], { header: { timeStamp } })
      expect(answer!.resultStatus).toBe(0)
    }
  })
})

describe('rule 9', () => {
  test('rule 9: a user name and password are read, and the certificate says who it is', async () => {
    const authentication = {
      credentials: [{ credentialType: 1, credentialValue: { username: 'fortigate', password: Buffer.from('secret') } }],
    }
    const [answer] = await client.batch([item(Operation.Create, createPayload())], {
      version: 10,
      header: { authentication },
    })
    expect(answer!.resultStatus).toBe(0)
  })
})

describe('rule 11', () => {
  test('rule 11: Query names every operation that was just used, and what else it serves', async () => {
    const { operations, objectTypes } = await client.send(Operation.Query, {
      queryFunctions: Object.values(QueryFunction),
    })
    expect(operations).toEqual(expect.arrayContaining([Operation.Create, Operation.Register, Operation.Encrypt]))
    expect(objectTypes).toEqual(expect.arrayContaining([2, 3, 4, 7, 8]))
  })
})

describe('rule 12', () => {
  let group: string[]
  beforeAll(() => {
    group = []
  })

  test('rule 12: Locate by Name, Object Group and custom attribute matches exactly, in a stable order, page by page', async () => {
    group = []
    for (let i = 0; i < 5; i++) {
      group.push(await client.create([named(`rule-${i}`), attribute('objectGroup', 'rule'), custom('x-rule', 'v')]))
    }
    expect(await client.locate([named('rule-3')])).toEqual([group[3]])
    expect(await client.locate([named('rule')])).toEqual([])
    expect(await client.locate([named('RULE-3')])).toEqual([])
    for (const filter of [attribute('objectGroup', 'rule'), custom('x-rule', 'v')]) {
      expect(await client.locate([filter])).toEqual(group)
      await client.activate(group[4 - (await client.locate([attribute('state', State.Active)])).length]!)
      expect(await client.locate([filter])).toEqual(group)
      const pages = [0, 2, 4].map((offsetItems) => client.locate([filter], { maximumItems: 2, offsetItems }))
      expect(await Promise.all(pages)).toEqual([group.slice(0, 2), group.slice(2, 4), group.slice(4)])
    }
  })

  test('rule 12: a filter that no object fits, or that nobody knows, never gives all objects', async () => {
    await client.create([named('one')])
    for (const filter of [custom('x-none', 'v'), attribute('contactInformation', 'v'), attribute('objectGroup', '')]) {
      expect(await client.locate([filter])).toEqual([])
      expect(await client.locate([filter, named('one')])).toEqual([])
    }
    const misspelt = { name: 'Objekt Group', attributeName: 'Objekt Group', value: { itemType: 7, value: 'g' } }
    expect((await client.refusal(Operation.Locate, { attributes: [misspelt] })).reason).toBe('Invalid Field')
  })
})

describe('what named clients send', () => {
  test('VMware: an 8-byte item id for one item, a batch of three attributes, then Get Attributes and Get', async () => {
    const sent = { version: 11 } as const
    const id = await client.create([], sent)
    const answers = await client.batch(
      [
        item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-Product_Version', '7.0') }),
        item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-Vendor', 'VMware, Inc.') }),
        item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-Product', 'VMware vSphere') }),
      ],
      sent,
    )
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([0, 0, 0])
    expect(await client.attribute(id, 'x-Vendor', sent)).toEqual({ itemType: 7, value: 'VMware, Inc.' })
  })

  test('HPE: Query, Locate, Get as Opaque and Get Attributes in one request of KMIP 1.0', async () => {
    const id = await client.create([custom('x-ResourceID', 'r'), custom('x-SystemID', 5, 2)])
    const answers = await client.batch(
      [
        item(Operation.Query, { queryFunctions: [1, 2, 3, 4] }),
        item(Operation.Locate, { attributes: [custom('x-ResourceID', 'r'), custom('x-SystemID', 5, 2)] }),
        item(Operation.Get, { keyFormatType: KeyFormatType.Opaque }),
        item(Operation.GetAttributes, { attributeNames: ['x-SystemID', 'Name'] }),
      ],
      { version: 10 },
    )
    expect(answers.map(({ resultStatus }) => resultStatus)).toEqual([0, 0, 0, 0])
    expect(answers[2]!.responsePayload).toMatchObject({ uniqueIdentifier: id })
  })

  test('FortiGate: four Locates by Name in Template-Attributes, on to the end, with Maximum Response Size', async () => {
    const names = ['f1', 'f2', 'f3', 'f4']
    for (const name of names.slice(0, 2)) await client.create([named(name)])
    const answers = await client.batch(
      names.map((name) =>
        item(Operation.Locate, {
          maximumItems: 1,
          attributes: [],
          templateAttribute: { names: [], attributes: [named(name)] },
        }),
      ),
      {
        version: 10,
        header: { maximumResponseSize: 65536, batchErrorContinuationOption: 1, batchOrderOption: true },
      },
    )
    const found = answers.map(
      ({ responsePayload }) => (responsePayload as { uniqueIdentifiers?: string[] }).uniqueIdentifiers?.length ?? 0,
    )
    expect(found).toEqual([1, 1, 0, 0])
  })

  test('Percona: Register with a Name, found by type and Name under 1.0, revoked with a message and destroyed', async () => {
    const id = await client.register(key, [named('tde')])
    const filters = [attribute('objectType', 2), named('tde')]
    expect(await client.locate(filters, { maximumItems: 16 }, { version: 10 })).toEqual([id])
    const revocationReason = { revocationReasonCode: 1, revocationMessage: 'erased' }
    await client.send(Operation.Revoke, { uniqueIdentifier: id, revocationReason }, { version: 10 })
    await client.send(Operation.Destroy, { uniqueIdentifier: id }, { version: 10 })
    expect(await client.locate([attribute('objectType', 2)], {}, { version: 10 })).toEqual([])
  })

  test('Synology: Modify Attribute of the Name shows the attribute', async () => {
    const { uniqueIdentifier } = await client.send(Operation.Register, registerSecret(key, [named('hex')]), {
      version: 12,
    })
    const changed = { uniqueIdentifier, attribute: named('volume-uuid') }
    const answer = await client.send(Operation.ModifyAttribute, changed, { version: 12 })
    expect(answer.attribute).toMatchObject({ attributeName: 'Name', value: { nameValue: 'volume-uuid' } })
    expect(await client.locate([named('volume-uuid')], {}, { version: 12 })).toEqual([uniqueIdentifier])
  })
})
