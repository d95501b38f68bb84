import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digest } from '../../src/crypto/digest.ts'
import {
  CryptographicAlgorithm,
  KeyFormatType,
  LinkType,
  ObjectType,
  Operation,
  RecommendedCurve,
} from '../../src/kmip/enums.ts'
import { attribute, custom, item, named, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { createPair } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const rsa2048 = [
  attribute('cryptographicAlgorithm', CryptographicAlgorithm.RSA),
  attribute('cryptographicLength', 2048),
]
const ec = (recommendedCurve: number) => [
  attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
  attribute('cryptographicDomainParameters', { recommendedCurve }),
]

describe('Create Key Pair', () => {
  test('makes two objects that know of each other, with the attributes of their own and the common ones', async () => {
    const request = createPair([...rsa2048, custom('x-common', 'both'), attribute('contactInformation', 'common')], {
      private: [named('pair-private'), attribute('contactInformation', 'own')],
      public: [named('pair-public')],
    })
    const [made, list] = await client.batch([
      item(Operation.CreateKeyPair, request),
      item(Operation.GetAttributes, { attributeNames: ['Unique Identifier'] }),
    ])
    const ids = made!.responsePayload as { privateKeyUniqueIdentifier: string; publicKeyUniqueIdentifier: string }
    expect(list!.responsePayload).toMatchObject({ uniqueIdentifier: ids.privateKeyUniqueIdentifier })
    const privateKey = await client.attributes(ids.privateKeyUniqueIdentifier)
    const publicKey = await client.attributes(ids.publicKeyUniqueIdentifier)
    expect(privateKey).toMatchObject({
      'Object Type': [ObjectType.PrivateKey],
      'Cryptographic Algorithm': [CryptographicAlgorithm.RSA],
      'Cryptographic Length': [2048],
      'Cryptographic Usage Mask': [9],
      'Contact Information': ['own'],
      'x-common': [{ value: 'both' }],
      Link: [{ linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: ids.publicKeyUniqueIdentifier }],
      Fresh: [true],
      State: [1],
    })
    expect(publicKey).toMatchObject({
      'Object Type': [ObjectType.PublicKey],
      'Cryptographic Usage Mask': [6],
      'Contact Information': ['common'],
      Link: [{ linkType: LinkType.PrivateKeyLink, linkedObjectIdentifier: ids.privateKeyUniqueIdentifier }],
    })
    for (const attributes of [privateKey, publicKey]) {
      expect(attributes['Original Creation Date']).toEqual([server.clock.seconds])
      expect(attributes['Random Number Generator']).toBeDefined()
    }
    const linked = [
      attribute('link', { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: ids.publicKeyUniqueIdentifier }),
    ]
    expect(await client.locate([attribute('objectType', ObjectType.PrivateKey), ...linked])).toEqual([
      ids.privateKeyUniqueIdentifier,
    ])
  })

  test('makes halves that belong together, digested as they are served', async () => {
    const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.send(
      Operation.CreateKeyPair,
      createPair(rsa2048),
    )
    const own = await client.send(Operation.Get, { uniqueIdentifier: privateKeyUniqueIdentifier })
    const other = await client.send(Operation.Get, { uniqueIdentifier: publicKeyUniqueIdentifier })
    expect(own.privateKey?.keyBlock).toMatchObject({
      keyFormatType: KeyFormatType.PKCS1,
      cryptographicAlgorithm: CryptographicAlgorithm.RSA,
      cryptographicLength: 2048,
    })
    const privateDer = Buffer.from(own.privateKey!.keyBlock.keyValue!.keyMaterial as Uint8Array)
    const publicDer = Buffer.from(other.publicKey!.keyBlock.keyValue!.keyMaterial as Uint8Array)
    const signature = sign('sha256', privateDer, createPrivateKey({ key: privateDer, format: 'der', type: 'pkcs1' }))
    const publicKey = createPublicKey({ key: publicDer, format: 'der', type: 'pkcs1' })
    expect(verify('sha256', privateDer, publicKey, signature)).toBe(true)
    expect(await client.attribute(privateKeyUniqueIdentifier, 'Digest')).toEqual({
      hashingAlgorithm: 6,
      digestValue: digest('sha256', privateDer),
      keyFormatType: KeyFormatType.PKCS1,
    })
    expect(await client.attribute(publicKeyUniqueIdentifier, 'Digest')).toMatchObject({
      digestValue: digest('sha256', publicDer),
    })
  })

  test.each([
    ['P-256', RecommendedCurve.P256, 256, 'prime256v1'],
    ['P-384', RecommendedCurve.P384, 384, 'secp384r1'],
    ['P-521', RecommendedCurve.P521, 521, 'secp521r1'],
    ['secp256k1', RecommendedCurve.SECP256K1, 256, 'secp256k1'],
  ])('makes pairs on %s', async (_, curve, bits, namedCurve) => {
    const ids = await client.send(Operation.CreateKeyPair, createPair(ec(curve)))
    const { privateKey } = await client.send(Operation.Get, {
      uniqueIdentifier: ids.privateKeyUniqueIdentifier,
      keyFormatType: KeyFormatType.PKCS8,
    })
    const { publicKey } = await client.send(Operation.Get, { uniqueIdentifier: ids.publicKeyUniqueIdentifier })
    expect(privateKey?.keyBlock.cryptographicLength).toBe(bits)
    const own = createPrivateKey({
      key: Buffer.from(privateKey!.keyBlock.keyValue!.keyMaterial as Uint8Array),
      format: 'der',
      type: 'pkcs8',
    })
    const other = createPublicKey({
      key: Buffer.from(publicKey!.keyBlock.keyValue!.keyMaterial as Uint8Array),
      format: 'der',
      type: 'spki',
    })
    expect(own.asymmetricKeyDetails?.namedCurve).toBe(namedCurve)
    expect(createPublicKey(own).equals(other)).toBe(true)
    expect(await client.attribute(ids.publicKeyUniqueIdentifier, 'Cryptographic Domain Parameters')).toEqual({
      recommendedCurve: curve,
    })
  })

  test('makes RSA-3072 and the curve of the length when no more is said', async () => {
    const rsa = await client.send(Operation.CreateKeyPair, createPair(rsa2048.slice(0, 1)))
    expect(await client.attribute(rsa.publicKeyUniqueIdentifier, 'Cryptographic Length')).toBe(3072)
    const ecdsa = await client.send(
      Operation.CreateKeyPair,
      createPair([
        attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
        attribute('cryptographicLength', 384),
      ]),
      { version: 10 },
    )
    expect(await client.attribute(ecdsa.privateKeyUniqueIdentifier, 'Cryptographic Algorithm')).toBe(
      CryptographicAlgorithm.ECDSA,
    )
  })

  test('makes neither half when one cannot be kept', async () => {
    await client.create([named('taken')])
    const before = await client.locate([])
    const refusal = await client.refusal(Operation.CreateKeyPair, createPair(rsa2048, { public: [named('taken')] }))
    expect(refusal.reason).toBe('Invalid Field')
    const same = createPair(rsa2048, { private: [named('halves')], public: [named('halves')] })
    expect((await client.refusal(Operation.CreateKeyPair, same)).reason).toBe('Invalid Field')
    expect(await client.locate([])).toEqual(before)
    expect(await client.locate([named('halves')])).toEqual([])
  })

  test('activates what is to be active', async () => {
    const ids = await client.send(
      Operation.CreateKeyPair,
      createPair(ec(RecommendedCurve.P256), { private: [attribute('activationDate', server.clock.seconds - 1)] }),
    )
    expect(await client.attribute(ids.privateKeyUniqueIdentifier, 'State')).toBe(2)
    expect(await client.attribute(ids.publicKeyUniqueIdentifier, 'State')).toBe(1)
  })

  test('belongs to the service that asked', async () => {
    const ids = await client.send(Operation.CreateKeyPair, createPair(ec(RecommendedCurve.P256)))
    for (const uniqueIdentifier of [ids.privateKeyUniqueIdentifier, ids.publicKeyUniqueIdentifier]) {
      for (const other of [server.otherService, server.otherTenant]) {
        expect((await other.refusal(Operation.Get, { uniqueIdentifier })).reason).toBe('Item Not Found')
      }
    }
  })

  test.each([
    ['no algorithm', createPair([]), 'Invalid Message'],
    [
      'a symmetric algorithm',
      createPair([attribute('cryptographicAlgorithm', CryptographicAlgorithm.AES)]),
      'Invalid Field',
    ],
    ['an odd length', createPair([rsa2048[0]!, attribute('cryptographicLength', 2000)]), 'Invalid Field'],
    ['a length that is too short', createPair([rsa2048[0]!, attribute('cryptographicLength', 512)]), 'Invalid Field'],
    ['a curve that is not served', createPair(ec(RecommendedCurve.P192)), 'Invalid Field'],
    [
      'a curve of another length',
      createPair([...ec(RecommendedCurve.P256), attribute('cryptographicLength', 384)]),
      'Invalid Field',
    ],
    ['no curve', createPair(ec(RecommendedCurve.P256).slice(0, 1)), 'Invalid Field'],
    ['a curve for RSA', createPair([...rsa2048, ec(RecommendedCurve.P256)[1]!]), 'Invalid Field'],
    [
      'halves of different lengths',
      createPair(rsa2048.slice(0, 1), { private: [rsa2048[1]!], public: [attribute('cryptographicLength', 3072)] }),
      'Invalid Field',
    ],
    ['a State', createPair(rsa2048, { private: [attribute('state', 2)] }), 'Invalid Field'],
    ['an Object Type', createPair([...rsa2048, attribute('objectType', ObjectType.PrivateKey)]), 'Invalid Field'],
    [
      'a template',
      {
        ...createPair(rsa2048),
        commonTemplateAttribute: { names: [{ nameValue: 'x', nameType: 1 }], attributes: rsa2048 },
      },
      'Item Not Found',
    ],
  ])('refuses %s', async (_, request, reason) => {
    const refusal = await client.refusal(Operation.CreateKeyPair, request)
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })
})
