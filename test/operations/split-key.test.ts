import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  EncodingOption,
  KeyFormatType,
  ObjectType,
  Operation,
  SecretDataType,
  SplitKeyMethod,
  WrappingMethod,
} from '../../src/kmip/enums.ts'
import type { SplitKey } from '../../src/kmip/object.ts'
import type { CreateSplitKeyRequest } from '../../src/kmip/payloads/create-split-key.ts'
import type { JoinSplitKeyRequest } from '../../src/kmip/payloads/join-split-key.ts'
import { limits } from '../../src/limits.ts'
import {
  attribute,
  createPayload,
  item,
  named,
  newServer,
  refusalOf,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic, rsa } from './key-pairs.ts'

const { XOR, PolynomialSharingGF2_8, PolynomialSharingGF2_16, PolynomialSharingPrimeField } = SplitKeyMethod
/** The smallest prime beyond 2^256, as a Big Integer: a multiple of 8 bytes. */
const primeFieldSize = Buffer.from((2n ** 256n + 297n).toString(16).padStart(80, '0'), 'hex')
const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i))

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

function splitting(
  uniqueIdentifier: string | undefined,
  asked: Partial<CreateSplitKeyRequest> = {},
  attributes: readonly WireAttribute[] = [],
): CreateSplitKeyRequest {
  return {
    objectType: ObjectType.SplitKey,
    uniqueIdentifier,
    splitKeyParts: 5,
    splitKeyThreshold: 3,
    splitKeyMethod: PolynomialSharingGF2_8,
    templateAttribute: { names: [], attributes },
    ...asked,
  }
}

const split = async (...of: Parameters<typeof splitting>) =>
  (await client.send(Operation.CreateSplitKey, splitting(...of))).uniqueIdentifiers as string[]
const joining = (uniqueIdentifiers: readonly string[], asked: Partial<JoinSplitKeyRequest> = {}) => ({
  objectType: ObjectType.SymmetricKey,
  uniqueIdentifiers,
  ...asked,
})
const join = async (...of: Parameters<typeof joining>) =>
  (await client.send(Operation.JoinSplitKey, joining(...of))).uniqueIdentifier
const part = async (uniqueIdentifier: string) =>
  (await client.send(Operation.Get, { uniqueIdentifier })).splitKey as SplitKey
const partOf = (method: number, change: Partial<SplitKey> = {}, material: Uint8Array = Buffer.alloc(32, 1)) => ({
  objectType: ObjectType.SplitKey,
  templateAttribute: { names: [], attributes: [] },
  splitKey: {
    splitKeyParts: 3,
    keyPartIdentifier: 1,
    splitKeyThreshold: 2,
    splitKeyMethod: method,
    keyBlock: { keyFormatType: KeyFormatType.Raw, keyValue: { keyMaterial: material } },
    ...change,
  },
})

describe('Create Split Key and Join Split Key', () => {
  test.each([
    ['GF(2^8)', { splitKeyMethod: PolynomialSharingGF2_8 }, [4, 0, 2]],
    ['GF(2^16)', { splitKeyMethod: PolynomialSharingGF2_16 }, [3, 1, 2, 0]],
    ['a prime field', { splitKeyMethod: PolynomialSharingPrimeField, primeFieldSize }, [1, 3, 4]],
    ['XOR', { splitKeyMethod: XOR, splitKeyThreshold: 5 }, [0, 1, 2, 3, 4]],
  ])('by %s give the key again, which is what it was', async (_, asked, chosen) => {
    const parts = await split(await client.register(key, [], { mask: 12 }), asked)
    expect(new Set(parts).size).toBe(5)
    const joined = await join(chosen.map((i) => parts[i]!))
    expect(await client.material(joined)).toEqual(key)
    expect(await client.attributes(joined, ['Cryptographic Algorithm', 'Cryptographic Usage Mask'])).toEqual({
      'Cryptographic Algorithm': [CryptographicAlgorithm.AES],
      'Cryptographic Usage Mask': [12],
    })
  })

  test.each([
    ['GF(2^8)', { splitKeyMethod: PolynomialSharingGF2_8 }, 255, 255],
    ['GF(2^16)', { splitKeyMethod: PolynomialSharingGF2_16 }, 128, 255],
    ['a prime field', { splitKeyMethod: PolynomialSharingPrimeField, primeFieldSize }, 100, 102],
    ['XOR', { splitKeyMethod: XOR }, 255, 255],
  ])('by %s make as many parts as there are identifiers of one byte', async (_, asked, splitKeyThreshold, joined) => {
    const sharing = { ...asked, splitKeyParts: limits.splitKeyPartsMax, splitKeyThreshold }
    const parts = await split(await client.register(key), sharing)
    expect(new Set(parts).size).toBe(255)
    expect((await part(parts[254]!)).keyPartIdentifier).toBe(255)
    expect(await client.material(await join(parts.slice(-joined)))).toEqual(key)
    if (splitKeyThreshold === joined) return
    // One more than is needed, that does not fit the others.
    const foreign = await split(await client.register(Buffer.alloc(32, 1)), sharing)
    const { splitKey } = await client.send(Operation.Get, { uniqueIdentifier: foreign[254]! })
    const registered = {
      objectType: ObjectType.SplitKey,
      templateAttribute: { names: [], attributes: [] },
      splitKey: splitKey!,
    }
    const { uniqueIdentifier } = await client.send(Operation.Register, registered)
    const mixed = joining([...parts.slice(0, splitKeyThreshold), uniqueIdentifier])
    expect((await client.refusal(Operation.JoinSplitKey, mixed)).reason).toBe('Cryptographic Failure')
  })

  test('a part is served with its numbers, and outlives a rewrite of its attributes', async () => {
    const [first, , third] = await split(await client.register(key), {
      splitKeyMethod: PolynomialSharingPrimeField,
      primeFieldSize,
    })
    await client.send(Operation.AddAttribute, {
      uniqueIdentifier: third!,
      attribute: attribute('contactInformation', 'x'),
    })
    const { keyBlock, ...numbers } = await part(third!)
    expect(numbers).toEqual({
      splitKeyParts: 5,
      keyPartIdentifier: 3,
      splitKeyThreshold: 3,
      splitKeyMethod: PolynomialSharingPrimeField,
      primeFieldSize,
    })
    expect(keyBlock).toMatchObject({
      keyFormatType: KeyFormatType.Raw,
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLength: 256,
    })
    expect(await client.attribute(first!, 'Object Type')).toBe(ObjectType.SplitKey)
    expect(
      (await client.refusal(Operation.Get, { uniqueIdentifier: first!, keyFormatType: KeyFormatType.Opaque })).reason,
    ).toBe('Key Format Type Not Supported')
  })

  test('without an object a new key is split, and the ID Placeholder is its first part', async () => {
    const [made, got] = await client.batch([
      item(Operation.CreateSplitKey, {
        ...splitting(undefined),
        templateAttribute: createPayload([]).templateAttribute,
      }),
      item(Operation.Get, {}),
    ])
    const { uniqueIdentifiers } = made!.responsePayload as { uniqueIdentifiers: string[] }
    expect((got!.responsePayload as { splitKey: SplitKey }).splitKey.keyPartIdentifier).toBe(1)
    expect((await client.material(await join(uniqueIdentifiers))).byteLength).toBe(32)
  })

  test('private keys and secrets come out in the format that they had', async () => {
    for (const pair of [rsa, p256]) {
      const request = registerPrivate(pair.privateKey)
      const { uniqueIdentifier } = await client.send(Operation.Register, request)
      const joined = await join(await split(uniqueIdentifier), { objectType: ObjectType.PrivateKey })
      const { privateKey } = await client.send(Operation.Get, { uniqueIdentifier: joined })
      expect(privateKey!.keyBlock).toEqual({ ...request.privateKey!.keyBlock, keyCompressionType: undefined })
    }
    const secret = Buffer.from('correct horse')
    const { uniqueIdentifier } = await client.send(Operation.Register, registerSecret(secret))
    const asSecret = { objectType: ObjectType.SecretData, secretDataType: SecretDataType.Password }
    const joined = await client.send(Operation.Get, {
      uniqueIdentifier: await join(await split(uniqueIdentifier), asSecret),
    })
    expect(joined.secretData!.secretDataType).toBe(SecretDataType.Password)
    expect(joined.secretData!.keyBlock.keyValue!.keyMaterial).toEqual(secret)
    const transparent = await client.register(key, [], { keyFormatType: KeyFormatType.TransparentSymmetricKey })
    expect(await client.material(await join(await split(transparent)))).toEqual(key)
  })

  test('parts leave and come wrapped, whether they can be unwrapped here or not', async () => {
    const parts = await split(await client.register(key), { splitKeyThreshold: 2 })
    const kek = await client.register(
      key,
      [
        attribute('activationDate', 0),
        attribute('cryptographicParameters', { blockCipherMode: BlockCipherMode.NISTKeyWrap }),
      ],
      { mask: CryptographicUsageMask.WrapKey | CryptographicUsageMask.UnwrapKey },
    )
    const { splitKey } = await client.send(Operation.Get, {
      uniqueIdentifier: parts[4]!,
      keyWrappingSpecification: {
        wrappingMethod: WrappingMethod.Encrypt,
        encryptionKeyInformation: { uniqueIdentifier: kek },
        attributeNames: [],
        encodingOption: EncodingOption.NoEncoding,
      },
    })
    expect(splitKey!.keyPartIdentifier).toBe(5)
    const registration = {
      objectType: ObjectType.SplitKey,
      templateAttribute: { names: [], attributes: [] },
      splitKey: splitKey!,
    }
    const { uniqueIdentifier } = await client.send(Operation.Register, registration)
    expect(await client.material(await join([parts[0]!, uniqueIdentifier]))).toEqual(key)
    const { uniqueIdentifier: elsewhere } = await server.otherTenant.send(Operation.Register, registration)
    const kept = await server.otherTenant.send(Operation.Get, { uniqueIdentifier: elsewhere })
    expect(kept.splitKey).toEqual(splitKey)
    const wrong = { ...registration, splitKey: { ...splitKey!, keyPartIdentifier: 6 } }
    expect((await server.otherTenant.refusal(Operation.Register, wrong)).reason).toBe('Invalid Field')
  })

  test('what a part must not tell, the key does not', async () => {
    const parts = await split(await client.register(key), {}, [attribute('extractable', false)])
    const uniqueIdentifier = await join(parts)
    expect((await client.refusal(Operation.Get, { uniqueIdentifier })).reason).toBe('Not Extractable')
    const asked = { templateAttribute: { names: [], attributes: [attribute('extractable', true)] } }
    expect((await client.refusal(Operation.JoinSplitKey, joining(parts, asked))).reason).toBe('Not Extractable')
    for (const [name, value, reason] of [
      ['sensitive', true, 'Sensitive'],
      ['extractable', false, 'Not Extractable'],
    ] as const) {
      const hidden = await client.register(key, [attribute(name, value)])
      expect((await client.refusal(Operation.CreateSplitKey, splitting(hidden))).reason).toBe(reason)
    }
  })

  test('a refused split leaves no part behind', async () => {
    const before = await client.locate([attribute('objectType', ObjectType.SplitKey)])
    const uniqueIdentifier = await client.register(key)
    const [failed] = await client.batch([
      item(Operation.CreateSplitKey, splitting(uniqueIdentifier, { splitKeyThreshold: 6 })),
    ])
    expect(refusalOf(failed!).reason).toBe('Invalid Field')
    expect(await client.locate([attribute('objectType', ObjectType.SplitKey)])).toEqual(before)
  })
})

describe('refused are', () => {
  const { Encrypt } = CryptographicUsageMask
  test.each<[string, Partial<CreateSplitKeyRequest>, string]>([
    ['no parts', { splitKeyParts: 0 }, 'Invalid Field'],
    ['too many parts', { splitKeyParts: limits.splitKeyPartsMax + 1 }, 'Invalid Field'],
    ['a threshold of 0', { splitKeyThreshold: 0 }, 'Invalid Field'],
    ['a threshold of more than the parts', { splitKeyThreshold: 6 }, 'Invalid Field'],
    ['XOR that needs not all parts', { splitKeyMethod: XOR }, 'Invalid Field'],
    ['an unknown method', { splitKeyMethod: 9 }, 'Invalid Field'],
    ['a prime where there is none', { primeFieldSize }, 'Invalid Field'],
    ['no prime where there is one', { splitKeyMethod: PolynomialSharingPrimeField }, 'Invalid Field'],
    [
      'a number that is no prime',
      {
        splitKeyMethod: PolynomialSharingPrimeField,
        primeFieldSize: Buffer.concat([primeFieldSize.subarray(0, 39), Buffer.of(0x2b)]),
      },
      'Invalid Field',
    ],
    [
      'a prime that is not larger than the key',
      { splitKeyMethod: PolynomialSharingPrimeField, primeFieldSize: Buffer.from('00000000000000fb', 'hex') },
      'Invalid Field',
    ],
    ['another Object Type', { objectType: ObjectType.SymmetricKey }, 'Invalid Field'],
    [
      'a Name, which each part would have',
      { templateAttribute: { names: [], attributes: [named('one of many')] } },
      'Invalid Field',
    ],
    ['a new key of no algorithm', { uniqueIdentifier: undefined }, 'Missing Data'],
  ])('%s', async (_, asked, reason) => {
    const request = splitting(await client.register(key), asked)
    expect((await client.refusal(Operation.CreateSplitKey, request)).reason).toBe(reason)
  })

  test('objects that have no key to split', async () => {
    const { uniqueIdentifier: opaque } = await client.send(Operation.Register, registerOpaque(key))
    const { uniqueIdentifier: half } = await client.send(Operation.Register, registerPublic(p256.publicKey))
    const destroyed = await client.register(key)
    await client.destroy(destroyed)
    const { uniqueIdentifier: long } = await client.send(
      Operation.Register,
      registerSecret(Buffer.alloc(limits.splitKeyBytesMax + 1, 7)),
    )
    const { uniqueIdentifier: odd } = await client.send(Operation.Register, registerSecret(Buffer.alloc(33, 7)))
    for (const [uniqueIdentifier, reason, asked] of [
      [opaque, 'Invalid Field'],
      [half, 'Invalid Field'],
      [destroyed, 'Illegal Operation'],
      [long, 'Invalid Field'],
      [odd, 'Invalid Field', { splitKeyMethod: PolynomialSharingGF2_16 }],
    ] as const) {
      expect((await client.refusal(Operation.CreateSplitKey, splitting(uniqueIdentifier, asked))).reason).toBe(reason)
    }
  })

  test.each<[string, ReturnType<typeof partOf>]>([
    ['a part of number 0', partOf(PolynomialSharingGF2_8, { keyPartIdentifier: 0 })],
    ['a part beyond the last', partOf(PolynomialSharingGF2_8, { keyPartIdentifier: 4 })],
    ['an odd number of bytes in GF(2^16)', partOf(PolynomialSharingGF2_16, {}, Buffer.alloc(31, 1))],
    ['a number that is shorter than the prime', partOf(PolynomialSharingPrimeField, { primeFieldSize })],
    [
      'a number that is not less than the prime',
      partOf(PolynomialSharingPrimeField, { primeFieldSize }, Buffer.alloc(33, 0xff)),
    ],
  ])('in Register %s', async (_, request) => {
    expect((await client.refusal(Operation.Register, request)).reason).toBe('Invalid Field')
  })

  test('joins of too few parts, of one twice, of parts of two keys, of what is no part, and to what is no key', async () => {
    const parts = await split(await client.register(key))
    const others = await split(await client.register(key))
    const whole = await client.register(key, [], { mask: Encrypt })
    const gone = await split(await client.register(key))
    await client.destroy(gone[0]!)
    const reasonOf = async (...of: Parameters<typeof joining>) =>
      (await client.refusal(Operation.JoinSplitKey, joining(...of))).reason
    expect(await reasonOf(parts.slice(0, 2))).toBe('Cryptographic Failure')
    expect(await reasonOf([parts[0]!, parts[1]!, parts[1]!])).toBe('Cryptographic Failure')
    expect(await reasonOf([parts[0]!, parts[1]!, others[2]!])).toBe('Cryptographic Failure')
    expect(await reasonOf([...parts, whole])).toBe('Invalid Field')
    expect(await reasonOf(gone)).toBe('Illegal Operation')
    expect(await reasonOf(Array.from({ length: limits.splitKeyPartsMax + 1 }, () => parts[0]!))).toBe('Invalid Field')
    expect(await reasonOf(parts, { objectType: ObjectType.OpaqueObject })).toBe('Invalid Field')
    expect(await reasonOf(parts, { secretDataType: SecretDataType.Seed })).toBe('Invalid Field')
    expect(await reasonOf(parts, { objectType: ObjectType.PrivateKey })).toBe('Key Format Type Not Supported')
    expect(server.faults).toEqual([])
  })
})
