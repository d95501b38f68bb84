import { beforeAll, describe, expect, test } from 'vitest'
import { digest } from '../../src/crypto/digest.ts'
import { CryptographicAlgorithm, KeyFormatType, ObjectType, Operation, SecretDataType } from '../../src/kmip/enums.ts'
import type { RequestPayload } from '../../src/kmip/payloads/index.ts'
import { limits } from '../../src/limits.ts'
import {
  attribute,
  custom,
  encryptDecrypt,
  named,
  newServer,
  registerKey,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
beforeAll(async () => {
  server = await newServer()
})

const key = Buffer.alloc(32, 7)

describe('Register', () => {
  test('refuses a Symmetric Key of an algorithm that has none', async () => {
    const { client } = server
    const { RSA, EC, DH } = CryptographicAlgorithm
    for (const algorithm of [RSA, EC, DH, 0x7fffffff, 0xff]) {
      const payload = registerKey(key)
      const keyBlock = { ...payload.symmetricKey!.keyBlock, cryptographicAlgorithm: algorithm }
      const { reason } = await client.refusal(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
      expect(reason).toBe('Invalid Field')
    }
    const ofVendor = registerKey(key)
    const keyBlock = { ...ofVendor.symmetricKey!.keyBlock, cryptographicAlgorithm: 0x80000001 }
    expect(await client.send(Operation.Register, { ...ofVendor, symmetricKey: { keyBlock } })).toBeDefined()
  })

  test('keeps a key as it came, with algorithm and length', async () => {
    const { client } = server
    const uniqueIdentifier = await client.register(key, [named('registered')])
    const { symmetricKey } = await client.send(Operation.Get, { uniqueIdentifier })
    expect(symmetricKey?.keyBlock).toMatchObject({
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: key },
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLength: 256,
    })
    const attributes = await client.attributes(uniqueIdentifier)
    expect(attributes['Digest']).toEqual([
      { hashingAlgorithm: 6, digestValue: digest('sha256', key), keyFormatType: 1 },
    ])
    expect(attributes['Original Creation Date']).toBeUndefined()
  })

  test('takes a key in transparent form, and its digest over the encoding of that form', async () => {
    const { client } = server
    const uniqueIdentifier = await client.register(key, [], { keyFormatType: KeyFormatType.TransparentSymmetricKey })
    const { symmetricKey } = await client.send(Operation.Get, { uniqueIdentifier })
    expect(symmetricKey?.keyBlock.keyValue?.keyMaterial).toMatchObject({ key })
    const encoded = Buffer.concat([Buffer.from('420043010000002842003f0800000020', 'hex'), key])
    expect(await client.attribute(uniqueIdentifier, 'Digest')).toMatchObject({ digestValue: digest('sha256', encoded) })
    const raw = await client.send(Operation.Get, { uniqueIdentifier, keyFormatType: KeyFormatType.Raw })
    expect(raw.symmetricKey?.keyBlock.keyValue?.keyMaterial).toEqual(key)
  })

  test('takes a secret without algorithm, length, mask and Name, as MongoDB sends it', async () => {
    const { client } = server
    const seed = Buffer.alloc(96, 1)
    const { uniqueIdentifier } = await client.send(Operation.Register, registerSecret(seed), { version: 10 })
    const { secretData, objectType } = await client.send(Operation.Get, { uniqueIdentifier }, { version: 10 })
    expect(objectType).toBe(ObjectType.SecretData)
    expect(secretData).toEqual({
      secretDataType: SecretDataType.Seed,
      keyBlock: { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial: seed } },
    })
    expect(await client.attribute(uniqueIdentifier, 'Cryptographic Usage Mask')).toBe(0)
  })

  test('takes an Opaque Object of any type, which has no State', async () => {
    const { client } = server
    const value = Buffer.from('opaque')
    const { uniqueIdentifier } = await client.send(Operation.Register, registerOpaque(value, [named('opaque')]))
    expect(await client.send(Operation.Get, { uniqueIdentifier })).toMatchObject({
      objectType: ObjectType.OpaqueObject,
      opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: value },
    })
    expect(await client.attribute(uniqueIdentifier, 'State')).toBeUndefined()
    expect(await client.locate([named('opaque')])).toEqual([uniqueIdentifier])
  })

  test('takes a PGP Key as bytes, with the algorithm and length that the client says', async () => {
    const { client } = server
    const armored = Buffer.from('-----BEGIN PGP PUBLIC KEY BLOCK-----')
    const keyBlock = {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: armored },
      cryptographicAlgorithm: CryptographicAlgorithm.RSA,
      cryptographicLength: 2048,
    }
    const request = {
      objectType: ObjectType.PGPKey,
      templateAttribute: { names: [], attributes: [] },
      pgpKey: { pgpKeyVersion: 4, keyBlock },
    }
    const { uniqueIdentifier } = await client.send(Operation.Register, request)
    expect(await client.send(Operation.Get, { uniqueIdentifier })).toMatchObject({
      objectType: ObjectType.PGPKey,
      pgpKey: { pgpKeyVersion: 4, keyBlock },
    })
    expect(await client.attributes(uniqueIdentifier)).toMatchObject({
      'Cryptographic Algorithm': [CryptographicAlgorithm.RSA],
      Digest: [{ digestValue: digest('sha256', armored) }],
      State: [1],
    })
    const pkcs8 = {
      ...request,
      pgpKey: { pgpKeyVersion: 4, keyBlock: { ...keyBlock, keyFormatType: KeyFormatType.PKCS8 } },
    }
    expect((await client.refusal(Operation.Register, pkcs8)).reason).toBe('Key Format Type Not Supported')
    const negative = { ...request, pgpKey: { pgpKeyVersion: 4, keyBlock: { ...keyBlock, cryptographicLength: -1 } } }
    expect((await client.refusal(Operation.Register, negative)).reason).toBe('Invalid Field')
  })

  test('keeps no hash of a secret in the store, and still tells its digest', async () => {
    const { client, store } = server
    const password = Buffer.from('correct horse')
    const { uniqueIdentifier } = await client.send(
      Operation.Register,
      registerSecret(password, [attribute('cryptographicUsageMask', encryptDecrypt)]),
    )
    const wanted = { hashingAlgorithm: 6, digestValue: digest('sha256', password), keyFormatType: 2 }
    expect(await client.attribute(uniqueIdentifier, 'Digest')).toEqual(wanted)
    expect((await client.attributes(uniqueIdentifier))['Digest']).toEqual([wanted])
    const { attributeNames } = await client.send(Operation.GetAttributeList, { uniqueIdentifier })
    expect(attributeNames).toContain('Digest')
    const rows = await store.find('objects', { tenant: client.principal.tenant })
    const bytes = Buffer.concat(rows.flatMap((row) => [Buffer.from(row.attributes), Buffer.from(row.record)]))
    expect(bytes.includes(digest('sha256', password))).toBe(false)
    expect(bytes.includes(password)).toBe(false)
  })

  test('takes a key whose material stays with the client', async () => {
    const { client } = server
    const payload = registerKey(key, [
      attribute('keyValueLocation', { keyValueLocationValue: 'hsm', keyValueLocationType: 1 }),
    ])
    const { keyValue: _, ...keyBlock } = payload.symmetricKey!.keyBlock
    const kept = { ...payload, symmetricKey: { keyBlock } }
    const { uniqueIdentifier } = await client.send(Operation.Register, kept)
    const { symmetricKey } = await client.send(Operation.Get, { uniqueIdentifier })
    expect(symmetricKey?.keyBlock.keyValue).toBeUndefined()
    expect(await client.attribute(uniqueIdentifier, 'Key Value Present')).toBe(false)
    expect(await client.attribute(uniqueIdentifier, 'Digest')).toBeUndefined()
    await client.activate(uniqueIdentifier)
    const refusal = await client.refusal(Operation.Encrypt, { uniqueIdentifier, data: key })
    expect(refusal.reason).toBe('Key Value Not Present')
    expect((await client.refusal(Operation.Register, kept, { version: 11 })).reason).toBe('Missing Data')
  })

  test('takes what came with the key material where the request says nothing else', async () => {
    const { client } = server
    const payload = registerKey(key, [custom('x-own', 'request')])
    const carried = [custom('x-own', 'carried'), custom('x-other', 'carried'), attribute('state', 2)]
    const keyBlock = { ...payload.symmetricKey!.keyBlock, keyValue: { keyMaterial: key, attributes: carried } }
    const { uniqueIdentifier } = await client.send(Operation.Register, { ...payload, symmetricKey: { keyBlock } })
    expect(await client.attributes(uniqueIdentifier)).toMatchObject({
      'x-own': [{ value: 'request' }],
      'x-other': [{ value: 'carried' }],
      State: [1],
    })
  })

  const block = registerKey(key).symmetricKey!.keyBlock
  const withBlock = (change: object) => ({ ...registerKey(key), symmetricKey: { keyBlock: { ...block, ...change } } })
  test.each([
    [
      'an object of another type than it names',
      { ...registerKey(key), objectType: ObjectType.SecretData },
      'Invalid Field',
    ],
    [
      'a Split Key of XOR that needs not all parts',
      {
        objectType: ObjectType.SplitKey,
        templateAttribute: { names: [], attributes: [] },
        splitKey: {
          splitKeyParts: 2,
          keyPartIdentifier: 1,
          splitKeyThreshold: 1,
          splitKeyMethod: 1,
          keyBlock: registerKey(key).symmetricKey!.keyBlock,
        },
      },
      'Invalid Field',
    ],
    ['another length than the material has', withBlock({ cryptographicLength: 128 }), 'Invalid Field'],
    [
      'another algorithm among the attributes',
      registerKey(key, [attribute('cryptographicAlgorithm', CryptographicAlgorithm.TripleDES)]),
      'Invalid Field',
    ],
    ['a key without algorithm', withBlock({ cryptographicAlgorithm: undefined }), 'Missing Data'],
    [
      'a key without material and length',
      withBlock({ keyValue: undefined, cryptographicLength: undefined }),
      'Missing Data',
    ],
    ['a format that is not served', withBlock({ keyFormatType: KeyFormatType.PKCS8 }), 'Key Format Type Not Supported'],
    [
      'a secret in a format that is not served',
      registerSecret(key, [], KeyFormatType.PKCS8),
      'Key Format Type Not Supported',
    ],
    ['a compressed key', withBlock({ keyCompressionType: 2 }), 'Key Compression Type Not Supported'],
    [
      'a key wrapped by no key',
      withBlock({ keyValue: undefined, wrappedKeyValue: key, keyWrappingData: { wrappingMethod: 1 } }),
      'Invalid Message',
    ],
    ['no bytes', registerOpaque(Buffer.alloc(0)), 'Invalid Field'],
    ['too many bytes', registerOpaque(Buffer.alloc(limits.materialBytesMax + 1)), 'Invalid Field'],
    ['an attribute that the server sets', registerKey(key, [attribute('uniqueIdentifier', 'mine')]), 'Invalid Field'],
    ['an attribute of other objects', registerOpaque(key, [attribute('activationDate', 1)]), 'Invalid Field'],
    ['a Name that is taken', registerKey(key, [named('registered')]), 'Invalid Field'],
  ])('refuses %s', async (_, payload, reason) => {
    const refusal = await server.client.refusal(Operation.Register, payload)
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  test('speaks of the data of an Opaque Object, and of the material of a key', async () => {
    const message = async (payload: RequestPayload<typeof Operation.Register>) =>
      (await server.client.refusal(Operation.Register, payload)).message
    expect(await message(registerOpaque(Buffer.alloc(0)))).toBe('Send opaque data of at least one byte')
    expect(await message(registerSecret(Buffer.alloc(0)))).toBe('Send key material of at least one byte')
  })
})
