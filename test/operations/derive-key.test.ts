import { diffieHellman, generateKeyPairSync, pbkdf2Sync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import {
  BlockCipherMode,
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
import { p256, registerPrivate, registerPublic, secp256k1 } from './key-pairs.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
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
  // OpenSSL 3.0: KBKDF in feedback mode without use-l and use-separator, and with the key's bytes for a seed; KBKDF with AES-256-CMAC.
  feedback:
    '18b8910606f09c475658fb393a63521855b7deee922916562c76d87ba4f91aa8a3ffd992e13c77dbfee2dd3b86eb345883ad4102a1377d72de574b7a4299f581',
  seeded:
    'cb1772063922d82e672c5a88bbc2f14f137db0536470d2bdb3acf58b648023e2c605f5042dba513e41a1bae8f4e10eb40cdcfe43143a8586b1e89f1f1fd3b39c',
  cmac: '0d66ab4d4ae92d34ae719cda65f2cc871e76bfd931e008bfd9cb540307780c43',
  // Python's hmac by the formula of SP 800-108r1 section 4.3, and its hashlib.
  pipeline:
    '80d3e0462dfaf65bdca1b3602dd52bd373e6c927a1a184164c6b71fe08fc665b5bb5a1a7788f40db135c5f3095d0974e45dbd350e0feaa4fdd9108b203068c0a',
  password: 'bf64323d327eb441cef464796c21e1ac90f17e5cafeee28df2eb16c7e5538248',
  passwordBySha1: 'ac7add97f572099bd4f642780a5d5bf313db928eac012475ee43d2f2d8ab036c',
  // openssl enc -aes-256-cbc -nopad
  encrypted: '54f2be9b47ae84527ef975feb6ae920047a9e86ab0cb1eecc98759e4b801cbc3',
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
const modes = [BlockCipherMode.CBC, BlockCipherMode.CMAC, BlockCipherMode.GCM]
const withModes = modes.map((blockCipherMode) => attribute('cryptographicParameters', { blockCipherMode }))
const newKey = () => register(registerKey(bytes, [active, ...withModes], { mask }))
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
const byFeedback = { ...byHmac, method: DerivationMethod.NIST800_108F }
const byPipeline = { ...byHmac, method: DerivationMethod.NIST800_108DPI }
const salt = Buffer.from('salt')
const password = { cryptographicParameters: sha256, salt, iterationCount: 1000 }
const byPassword = { method: DerivationMethod.PBKDF2, parameters: password }
const encrypting = {
  cryptographicParameters: { blockCipherMode: BlockCipherMode.CBC },
  derivationData: Buffer.from('thirty-two bytes of data to them'),
  initializationVector: Buffer.from('00000000000000000000000000000001', 'hex'),
}
const byEncrypt = { method: DerivationMethod.ENCRYPT, parameters: encrypting }
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

  test('by NIST800-108-F and -DPI feeds back, from the vector where there is one', async () => {
    const longer = { ...asSecret, length: 512 }
    expect(await valueOf(await derive([key], { ...byFeedback, ...longer }))).toBe(known.feedback)
    const seeded = { ...byFeedback.parameters, initializationVector: bytes }
    expect(await valueOf(await derive([key], { ...byFeedback, ...longer, parameters: seeded }))).toBe(known.seeded)
    expect(await valueOf(await derive([key], { ...byPipeline, ...longer }))).toBe(known.pipeline)
  })

  test('by NIST800-108-C with CMAC for the function', async () => {
    const cryptographicParameters = { blockCipherMode: BlockCipherMode.CMAC }
    const byCmac = { ...byCounter, parameters: { cryptographicParameters, derivationData } }
    expect(await valueOf(await derive([key], byCmac))).toBe(known.cmac)
  })

  test('by PBKDF2 takes the object for the password, with SHA-1 where nobody says', async () => {
    const { cryptographicParameters: _, ...usual } = password
    for (const secret of [key, await newSecret(bytes)]) {
      expect(await valueOf(await derive([secret], byPassword))).toBe(known.password)
      expect(await valueOf(await derive([secret], { ...byPassword, parameters: usual }))).toBe(known.passwordBySha1)
    }
    const long = { ...password, iterationCount: 20_000 }
    const derived = await valueOf(await derive([key], { ...byPassword, parameters: long }))
    expect(derived).toBe(pbkdf2Sync(bytes, salt, 20_000, 32, 'sha256').toString('hex'))
  })

  test('by ENCRYPT gives the leading bytes of what is encrypted, data or a secret', async () => {
    expect(await valueOf(await derive([key], byEncrypt))).toBe(known.encrypted)
    const { derivationData: plain, ...parameters } = encrypting
    const data = await newSecret(plain)
    expect(await valueOf(await derive([key, data], { ...byEncrypt, parameters }))).toBe(known.encrypted)
  })

  test('by a cipher takes a mode that the key has, and the first of them where none is sent', async () => {
    const { cryptographicParameters: _, ...parameters } = encrypting
    expect(await valueOf(await derive([key], { ...byEncrypt, parameters }))).toBe(known.encrypted)
    const asked = (cryptographicParameters: CryptographicParameters) => ({
      ...byEncrypt,
      parameters: { ...parameters, cryptographicParameters },
    })
    expect(await refusal([key], asked({ blockCipherMode: BlockCipherMode.OFB }))).toBe('Invalid Field')
    expect(await refusal([key], asked(sha256))).toBe('Invalid Field')
    const plain = await register(registerKey(bytes, [active], { mask }))
    expect(await refusal([plain], byEncrypt)).toBe('Invalid Field')
    expect(await refusal([plain], { ...byEncrypt, parameters })).toBe('Invalid Field')
    const cryptographicParameters = { blockCipherMode: BlockCipherMode.CMAC }
    const byCmac = { ...byCounter, parameters: { cryptographicParameters, derivationData } }
    expect(await refusal([plain], byCmac)).toBe('Invalid Field')
    const hashed = await register(registerKey(bytes, [active, attribute('cryptographicParameters', sha256)], { mask }))
    const sha512 = { hashingAlgorithm: HashingAlgorithm.SHA512 }
    expect(await refusal([hashed], { parameters: { cryptographicParameters: sha512 } })).toBe('Invalid Field')
    expect(
      await refusal([hashed], { ...byHmac, parameters: { cryptographicParameters: sha512, derivationData } }),
    ).toBe('Invalid Field')
    expect(await valueOf(await derive([hashed], byHmac))).toBe(known.hmac)
  })

  test('by Asymmetric Key agrees on a secret with the other side', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const ownId = await register(registerPrivate(p256.privateKey, [active], { mask }))
    const otherId = await register(registerPublic(other.publicKey, [active], { mask }))
    const byAgreement = { method: DerivationMethod.AsymmetricKey, parameters: {} }
    const shared = diffieHellman({ privateKey: other.privateKey, publicKey: p256.publicKey }).toString('hex')
    for (const from of [
      [ownId, otherId],
      [otherId, ownId],
    ]) {
      const derived = await derive(from, byAgreement)
      expect(await valueOf(derived)).toBe(shared)
      expect(await client.attributes(derived, ['Link'])).toMatchObject({ Link: [{}, {}] })
    }
    expect(await refusal([ownId], byAgreement)).toBe('Invalid Field')
    expect(await refusal([otherId], byAgreement)).toBe('Invalid Field')
    expect(await refusal([ownId, otherId], { ...byAgreement, parameters: { derivationData } })).toBe('Invalid Field')
    expect(await refusal([ownId, otherId], { ...byAgreement, ...asSecret, length: 264 })).toBe('Cryptographic Failure')
    const elsewhere = await register(registerPublic(secp256k1.publicKey, [active], { mask }))
    expect(await refusal([ownId, elsewhere], byAgreement)).toBe('Invalid Field')
    const unmasked = await register(registerPublic(other.publicKey, [active]))
    expect(await refusal([ownId, unmasked], byAgreement)).toBe('Invalid Field')
    expect(await refusal([ownId], {})).toBe('Invalid Field')
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
    expect(await refusal([early])).toBe('Invalid Field')
    expect(await refusal([revoked])).toBe('Invalid Field')
    expect(await refusal(['00000000-0000-4000-8000-000000000000'])).toBe('Item Not Found')
    expect(await refusal([key, '00000000-0000-4000-8000-000000000000'], byHmac)).toBe('Item Not Found')
    expect(await refusal([key, key])).toBe('Invalid Field')
    expect(await refusal([key, await newKey()])).toBe('Invalid Field')
    expect(await refusal([key, revoked, opaque])).toBe('Invalid Field')
  })

  test.each<[string, Asked, string]>([
    ['another method', { ...byHmac, method: 9 as DerivationMethod }, 'Invalid Field'],
    ['PBKDF2 without a salt', { ...byPassword, parameters: { iterationCount: 1000 } }, 'Invalid Field'],
    ['PBKDF2 without a count', { ...byPassword, parameters: { salt } }, 'Invalid Field'],
    ['PBKDF2 with no count at all', { ...byPassword, parameters: { salt, iterationCount: 0 } }, 'Invalid Field'],
    [
      'PBKDF2 with an empty salt',
      { ...byPassword, parameters: { ...password, salt: Buffer.alloc(0) } },
      'Invalid Field',
    ],
    [
      'PBKDF2 that takes too long',
      { ...byPassword, parameters: { ...password, iterationCount: 2 ** 30 } },
      'Invalid Field',
    ],
    ['PBKDF2 over data', { ...byPassword, parameters: { ...password, derivationData } }, 'Invalid Field'],
    [
      'ENCRYPT without a vector',
      { ...byEncrypt, parameters: { ...encrypting, initializationVector: undefined } },
      'Invalid Field',
    ],
    [
      'ENCRYPT that authenticates',
      {
        ...byEncrypt,
        parameters: { ...encrypting, cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM } },
      },
      'Invalid Field',
    ],
    ['more than ENCRYPT gives', { ...asSecret, ...byEncrypt, length: 264 }, 'Cryptographic Failure'],
    ['a symmetric key to agree by', { method: DerivationMethod.AsymmetricKey, parameters: {} }, 'Invalid Field'],
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
