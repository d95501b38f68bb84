import { beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  HashingAlgorithm,
  LinkType,
  NameType,
  ObjectType,
  Operation,
  RevocationReasonCode,
  SecretDataType,
} from '../../src/kmip/enums.ts'
import type { DerivationParameters, DeriveKeyRequest } from '../../src/kmip/payloads/derive-key.ts'
import { limits } from '../../src/limits.ts'
import { attribute, item, named, newServer, refusalOf, registerKey, registerOpaque, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

const mask = CryptographicUsageMask.DeriveKey
const bytes = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
const derivationData = Buffer.from('label\0context')
const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }
/** From the same key and data by python3-cryptography 48: hashlib, hmac, and KBKDFHMAC with a counter of 4 bytes before fixed data. */
const known = {
  hash: '630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd',
  hmac: '8f59e7b5a0844bdf632c592f5c0507cab2da64b1cf89506bf2118baed8279ba7',
  counter:
    '18b8910606f09c475658fb393a63521855b7deee922916562c76d87ba4f91aa88d4d4fe95ec82226c6c2bead07a2dfcae6d7c533a683da11b3d108126b583047',
}

let server: Server
let client: Client
let key: string
beforeAll(async () => {
  server = await newServer()
  client = server.client
  key = await newKey()
})

const active = attribute('activationDate', 0)
const register = async (request: Parameters<typeof item<typeof Operation.Register>>[1]) =>
  (await client.send(Operation.Register, request)).uniqueIdentifier
const newKey = () => register(registerKey(bytes, [active], { mask }))
const newSecret = (material: Uint8Array) =>
  register(registerSecret(material, [active, attribute('cryptographicUsageMask', mask)]))

interface Asked {
  readonly method?: DerivationMethod
  readonly parameters?: DerivationParameters
  readonly objectType?: ObjectType
  readonly algorithm?: number | undefined
  readonly length?: number | undefined
  readonly attributes?: readonly WireAttribute[]
  readonly names?: { nameValue: string; nameType: NameType }[]
}

function derivation(uniqueIdentifiers: readonly string[], asked: Asked = {}): DeriveKeyRequest {
  const { method = DerivationMethod.HASH, parameters = { cryptographicParameters: sha256 } } = asked
  const attributes = [...(asked.attributes ?? [])]
  const { algorithm, length } = { algorithm: CryptographicAlgorithm.AES, length: 256, ...asked }
  if (algorithm !== undefined) attributes.push(attribute('cryptographicAlgorithm', algorithm as CryptographicAlgorithm))
  if (length !== undefined) attributes.push(attribute('cryptographicLength', length))
  return {
    objectType: asked.objectType ?? ObjectType.SymmetricKey,
    uniqueIdentifiers,
    derivationMethod: method,
    derivationParameters: parameters,
    templateAttribute: { names: asked.names ?? [], attributes },
  }
}

const derive = async (from: readonly string[], asked?: Asked) =>
  (await client.send(Operation.DeriveKey, derivation(from, asked))).uniqueIdentifier
const refusal = async (from: readonly string[], asked?: Asked) =>
  (await client.refusal(Operation.DeriveKey, derivation(from, asked))).reason
const valueOf = async (uniqueIdentifier: string) => {
  const { symmetricKey, secretData } = await client.send(Operation.Get, { uniqueIdentifier })
  const { keyMaterial } = (symmetricKey ?? secretData)!.keyBlock.keyValue as { keyMaterial: Uint8Array }
  return Buffer.from(keyMaterial).toString('hex')
}

const byHmac = { method: DerivationMethod.HMAC, parameters: { cryptographicParameters: sha256, derivationData } }
const byCounter = { ...byHmac, method: DerivationMethod.NIST800_108C }
const asSecret = { objectType: ObjectType.SecretData, algorithm: undefined }

describe('Derive Key', () => {
  test('by HASH gives the leading bytes of the digest of the key', async () => {
    expect(await valueOf(await derive([key]))).toBe(known.hash)
    expect(await valueOf(await derive([key], { length: 128 }))).toBe(known.hash.slice(0, 32))
  })

  test('by HMAC gives the leading bytes of the MAC of the data, whichever of the objects is the secret', async () => {
    expect(await valueOf(await derive([key], byHmac))).toBe(known.hmac)
    const withSecret = { ...byHmac, parameters: { cryptographicParameters: sha256 } }
    const data = await newSecret(derivationData)
    expect(await valueOf(await derive([key, data], withSecret))).toBe(known.hmac)
    expect(await valueOf(await derive([data, key], withSecret))).toBe(known.hmac)
  })

  test('by NIST800-108-C gives as many blocks as it takes, cut to the length', async () => {
    const secret = await derive([key], { ...byCounter, ...asSecret, length: 512 })
    expect(await valueOf(secret)).toBe(known.counter)
    expect(await valueOf(await derive([key], { ...byCounter, ...asSecret, length: 264 }))).toBe(
      known.counter.slice(0, 66),
    )
  })

  test('takes the hash from the key that is for one HMAC, then from the request, then from the key', async () => {
    const { symmetricKey, ...rest } = registerKey(bytes, [active], { mask })
    const cryptographicAlgorithm = CryptographicAlgorithm.HMACSHA256
    const hmacKey = { ...rest, symmetricKey: { keyBlock: { ...symmetricKey!.keyBlock, cryptographicAlgorithm } } }
    const own = await register(hmacKey)
    const sha512 = { hashingAlgorithm: HashingAlgorithm.SHA512 }
    const asked = { ...byHmac, parameters: { cryptographicParameters: sha512, derivationData } }
    expect(await valueOf(await derive([own], asked))).toBe(known.hmac)
    const withAttribute = await register(
      registerKey(bytes, [active, attribute('cryptographicParameters', sha256)], { mask }),
    )
    expect(await valueOf(await derive([withAttribute], { parameters: {} }))).toBe(known.hash)
    expect(await refusal([key], { parameters: {} })).toBe('Invalid Field')
  })

  test('links both objects, and sets what the server sets', async () => {
    const base = await newKey()
    const made = await derive([base], { attributes: [named('derived')] })
    const after = await client.attributes(made)
    expect(after).toMatchObject({
      Name: [{ nameValue: 'derived' }],
      'Object Type': [ObjectType.SymmetricKey],
      'Cryptographic Length': [256],
      'Initial Date': [server.clock.seconds],
      Fresh: [true],
      Link: [{ linkType: LinkType.DerivationBaseObjectLink, linkedObjectIdentifier: base }],
    })
    const link = { linkType: LinkType.DerivedKeyLink, linkedObjectIdentifier: made }
    expect(await client.attributes(base, ['Link'])).toMatchObject({ Link: [link] })
    expect(await refusal([base], { attributes: [named('derived')] })).toBe('Invalid Field')
    expect(await client.attributes(base, ['Link'])).toEqual({ Link: [link] })
  })

  test('makes Secret Data that is a seed', async () => {
    const { secretData } = await client.send(Operation.Get, { uniqueIdentifier: await derive([key], asSecret) })
    expect(secretData!.secretDataType).toBe(SecretDataType.Seed)
  })

  test('sets the ID Placeholder, and takes nothing from it', async () => {
    const answers = await client.batch([item(Operation.DeriveKey, derivation([key])), item(Operation.Get, {})])
    expect(answers[1]!.responsePayload).toMatchObject({ objectType: ObjectType.SymmetricKey })
    const [, second] = await client.batch([
      item(Operation.Locate, { attributes: [] }),
      item(Operation.DeriveKey, derivation([])),
    ])
    expect(refusalOf(second!).reason).toBe('Invalid Message')
  })

  test('refuses objects that it cannot derive from, each with its reason', async () => {
    const opaque = await register(registerOpaque(bytes))
    const noMask = await register(registerKey(bytes, [active]))
    const early = await register(registerKey(bytes, [], { mask }))
    const revoked = await newKey()
    await client.send(Operation.Revoke, {
      uniqueIdentifier: revoked,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
    })
    expect(await refusal([opaque])).toBe('Invalid Field')
    expect(await refusal([noMask])).toBe('Invalid Field')
    expect(await refusal([early])).toBe('Permission Denied')
    expect(await refusal([revoked])).toBe('Permission Denied')
    expect(await refusal(['00000000-0000-4000-8000-000000000000'])).toBe('Item Not Found')
    expect(await refusal([key, '00000000-0000-4000-8000-000000000000'], byHmac)).toBe('Item Not Found')
    expect(await refusal([key, key])).toBe('Invalid Field')
    expect(await refusal([key, await newKey()])).toBe('Invalid Field')
    expect(await refusal([key, revoked, opaque])).toBe('Invalid Field')
  })

  test.each<[string, Asked, string]>([
    ['another method', { ...byHmac, method: DerivationMethod.PBKDF2 }, 'Invalid Field'],
    ['HASH with data', { parameters: byHmac.parameters }, 'Invalid Field'],
    ['HMAC without data', { ...byHmac, parameters: { cryptographicParameters: sha256 } }, 'Invalid Field'],
    ['a vector', { parameters: { cryptographicParameters: sha256, initializationVector: bytes } }, 'Invalid Field'],
    ['a salt', { parameters: { cryptographicParameters: sha256, salt: bytes } }, 'Invalid Field'],
    ['a count', { parameters: { cryptographicParameters: sha256, iterationCount: 1 } }, 'Invalid Field'],
    ['no length', { length: undefined }, 'Invalid Field'],
    ['a length of no bytes', { ...asSecret, length: 12 }, 'Invalid Field'],
    ['a negative length', { ...asSecret, length: -8 }, 'Invalid Field'],
    ['a length past the bound', { ...asSecret, ...byCounter, length: limits.derivedBitsMax + 8 }, 'Invalid Field'],
    ['a length that no AES key has', { length: 136 }, 'Invalid Field'],
    ['no algorithm', { algorithm: undefined }, 'Invalid Field'],
    ['another type', { objectType: ObjectType.OpaqueObject }, 'Invalid Field'],
    [
      'a Template',
      { names: [{ nameValue: 'template', nameType: NameType.UninterpretedTextString }] },
      'Item Not Found',
    ],
    ['more than HASH gives', { ...asSecret, length: 264 }, 'Cryptographic Failure'],
    ['more than HMAC gives', { ...asSecret, ...byHmac, length: 264 }, 'Cryptographic Failure'],
  ])('refuses %s', async (_, asked, reason) => {
    expect(await refusal([key], asked)).toBe(reason)
  })

  test('refuses data twice, and too much of them', async () => {
    const data = await newSecret(derivationData)
    expect(await refusal([key, data], byHmac)).toBe('Invalid Message')
    const long = Buffer.alloc(limits.derivationDataBytesMax + 1)
    const withSecret = { ...byHmac, parameters: { cryptographicParameters: sha256 } }
    const tooMuch = { ...byHmac, parameters: { cryptographicParameters: sha256, derivationData: long } }
    expect(await refusal([key], tooMuch)).toBe('Invalid Field')
    expect(await refusal([key, await newSecret(long)], withSecret)).toBe('Invalid Field')
  })

  test('derives nothing from a key, nor over a secret, of another service', async () => {
    const own = await server.otherService.send(Operation.Register, registerKey(bytes, [active], { mask }))
    const data = await newSecret(derivationData)
    for (const from of [[key], [own.uniqueIdentifier, data]]) {
      const answer = await server.otherService.item(Operation.DeriveKey, derivation(from, byHmac))
      expect(refusalOf(answer).reason).toBe('Item Not Found')
    }
  })
})
