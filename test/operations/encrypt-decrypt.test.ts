import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  Operation,
  PaddingMethod,
  RevocationReasonCode,
} from '../../src/kmip/enums.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { attribute, newServer, registerSecret } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
let id: string
beforeAll(async () => {
  server = await newServer()
  client = server.client
  id = await client.register(key, [attribute('activationDate', 0)])
})
afterAll(() => server.services.cryptoWork.close(0))

const key = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
const data = Buffer.from('01020304050607080910111213141516', 'hex')
const iv = data
const cbc = { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 }
const gcm = { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 }

/** Vectors of the OASIS test cases CS-BC-M-4, 8 and 10. */
const vectors: [string, CryptographicParameters, Buffer, Buffer | undefined, string][] = [
  ['ECB', { blockCipherMode: BlockCipherMode.ECB }, data, undefined, 'd9bcce11b0b437b90239552df3a360c9'],
  [
    'ECB with PKCS5',
    { blockCipherMode: BlockCipherMode.ECB, paddingMethod: PaddingMethod.PKCS5 },
    data,
    undefined,
    'd9bcce11b0b437b90239552df3a360c90efb6bfed93b4d1ea2123ba4db075ff6',
  ],
  [
    'CBC with PKCS5',
    cbc,
    Buffer.concat([data, data, Buffer.from([1])]),
    iv,
    '79abc5c23868ad84d388ce61110a62742bda19d694bbcb757dd06617c0d80fb1df2e71864ad9633d7d797e30860df00d',
  ],
]

describe('Encrypt and Decrypt', () => {
  test.each(vectors)(
    'agree with the vectors of %s',
    async (_, cryptographicParameters, plaintext, ivCounterNonce, hex) => {
      const request = { uniqueIdentifier: id, cryptographicParameters, ivCounterNonce }
      const encrypted = await client.send(Operation.Encrypt, { ...request, data: plaintext })
      expect(encrypted).toEqual({ uniqueIdentifier: id, data: Buffer.from(hex, 'hex') })
      const decrypted = await client.send(Operation.Decrypt, { ...request, data: encrypted.data })
      expect(decrypted).toEqual({ uniqueIdentifier: id, data: plaintext })
    },
  )

  test.each<[string, CryptographicParameters]>([
    ['CBC', cbc],
    ['CTR', { blockCipherMode: BlockCipherMode.CTR }],
    ['GCM', gcm],
    ['GCM with a short tag and a long IV', { ...gcm, tagLength: 12, ivLength: 128 }],
  ])('%s gives back what it was given, with an IV of the server’s own each time', async (_, parameters) => {
    const cryptographicParameters = { ...parameters, randomIV: true }
    const request = { uniqueIdentifier: id, cryptographicParameters, data: Buffer.from('hello') }
    const [a, b] = [await client.send(Operation.Encrypt, request), await client.send(Operation.Encrypt, request)]
    expect(a.ivCounterNonce).toBeDefined()
    expect(a.ivCounterNonce).not.toEqual(b.ivCounterNonce)
    const { data: encrypted, ivCounterNonce, authenticatedEncryptionTag } = a
    const decrypted = await client.send(Operation.Decrypt, {
      uniqueIdentifier: id,
      cryptographicParameters: parameters,
      data: encrypted,
      ivCounterNonce,
      authenticatedEncryptionTag,
    })
    expect(decrypted.data).toEqual(Buffer.from('hello'))
  })

  test('take data that is too long for the event loop', async () => {
    const long = Buffer.alloc(1_000_000, 5)
    const request = { uniqueIdentifier: id, cryptographicParameters: gcm }
    const encrypted = await client.send(Operation.Encrypt, { ...request, data: long })
    const { uniqueIdentifier: _, ...sent } = encrypted
    const opened = await client.send(Operation.Decrypt, { ...request, ...sent })
    expect(Buffer.compare(opened.data as Uint8Array, long)).toBe(0)
    const spoilt = { ...request, ...sent, ivCounterNonce: Buffer.alloc(12) }
    expect((await client.refusal(Operation.Decrypt, spoilt)).reason).toBe('Cryptographic Failure')
    expect(server.faults).toEqual([])
  })

  test('authenticate additional data', async () => {
    const additional = Buffer.from('context')
    const request = { uniqueIdentifier: id, cryptographicParameters: gcm }
    const encrypted = await client.send(Operation.Encrypt, {
      ...request,
      data,
      authenticatedEncryptionAdditionalData: additional,
    })
    const { uniqueIdentifier: _, ...sent } = encrypted
    const opened = { ...request, ...sent, authenticatedEncryptionAdditionalData: additional }
    expect((await client.send(Operation.Decrypt, opened)).data).toEqual(data)
    const other = { ...opened, authenticatedEncryptionAdditionalData: Buffer.from('other') }
    expect((await client.refusal(Operation.Decrypt, other)).reason).toBe('Cryptographic Failure')
  })

  test('take the parameters of the key when the request has none', async () => {
    const own = await client.register(key, [
      attribute('activationDate', 0),
      attribute('cryptographicParameters', { ...gcm, randomIV: true }),
    ])
    const encrypted = await client.send(Operation.Encrypt, { uniqueIdentifier: own, data })
    expect(encrypted.ivCounterNonce?.byteLength).toBe(12)
    expect((await client.send(Operation.Decrypt, encrypted)).data).toEqual(data)
  })

  test('refuse an IV that has not the IV Length of its request, whole and in parts, and take one that has (3.6)', async () => {
    const said = { uniqueIdentifier: id, cryptographicParameters: { ...gcm, ivLength: 128 }, data }
    const short = { ...said, ivCounterNonce: Buffer.alloc(12, 1) }
    for (const request of [short, { ...short, initIndicator: true }]) {
      for (const operation of [Operation.Encrypt, Operation.Decrypt] as const) {
        const { reason, message } = await client.refusal(operation, request)
        expect([reason, message]).toEqual(['Invalid Field', expect.stringContaining('16 bytes')])
      }
    }
    const long = { ...said, ivCounterNonce: Buffer.alloc(16, 1) }
    const { data: encrypted, authenticatedEncryptionTag } = await client.send(Operation.Encrypt, long)
    const opened = { ...long, data: encrypted, authenticatedEncryptionTag }
    expect((await client.send(Operation.Decrypt, opened)).data).toEqual(data)
  })

  test('take an Init and a Final Indicator that both stand for the whole', async () => {
    const whole = {
      uniqueIdentifier: id,
      cryptographicParameters: cbc,
      data,
      initIndicator: true,
      finalIndicator: true,
    }
    await client.send(Operation.Encrypt, whole)
  })

  test.each([
    ['a part of what never began', { correlationValue: data, ivCounterNonce: undefined }, 'Item Not Found'],
    ['no data', { data: undefined }, 'Missing Data'],
    [
      'a mode that is not served',
      { cryptographicParameters: { blockCipherMode: BlockCipherMode.PCBC } },
      'Invalid Field',
    ],
    ['an IV of a wrong length', { cryptographicParameters: cbc, ivCounterNonce: data.subarray(1) }, 'Invalid Field'],
  ])('refuse %s', async (_, change, reason) => {
    const request = { uniqueIdentifier: id, data, ivCounterNonce: iv, ...change }
    expect((await client.refusal(Operation.Encrypt, request)).reason).toBe(reason)
    expect((await client.refusal(Operation.Decrypt, request)).reason).toBe(reason)
  })

  test('refuse data that no padding fits, and data of half a block without padding', async () => {
    const encrypted = await client.send(Operation.Encrypt, { uniqueIdentifier: id, data })
    const altered = Buffer.from(encrypted.data!)
    altered[15]! ^= 1
    const opened = { ...encrypted, data: altered }
    const broken = await client.refusal(Operation.Decrypt, opened)
    const cut = await client.refusal(Operation.Decrypt, { ...encrypted, data: encrypted.data!.subarray(3) })
    expect(broken.reason).toBe('Cryptographic Failure')
    expect(cut).toEqual(broken)
    const half = {
      uniqueIdentifier: id,
      cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB },
      data: data.subarray(8),
    }
    expect((await client.refusal(Operation.Encrypt, half)).reason).toBe('Invalid Field')
  })

  test('refuse a missing IV as the conformance cases have it', async () => {
    const encrypted = await client.send(Operation.Encrypt, { uniqueIdentifier: id, data })
    const opened = { uniqueIdentifier: id, data: encrypted.data }
    expect((await client.refusal(Operation.Decrypt, opened)).reason).toBe('Invalid Message')
  })
})

describe('a key', () => {
  const both = async (uniqueIdentifier: string) => {
    const encrypted = await client.item(Operation.Encrypt, {
      uniqueIdentifier,
      cryptographicParameters: cbc,
      data,
      ivCounterNonce: iv,
    })
    const padded = { uniqueIdentifier, cryptographicParameters: { blockCipherMode: BlockCipherMode.ECB }, data }
    const decrypted = await client.item(Operation.Decrypt, padded)
    return [encrypted, decrypted].map(({ resultStatus }) => resultStatus === 0)
  }

  test('encrypts while Active, and decrypts until it is destroyed', async () => {
    const own = await client.register(key)
    expect(await both(own)).toEqual([false, false])
    await client.activate(own)
    expect(await both(own)).toEqual([true, true])
    await client.revoke(own)
    expect(await both(own)).toEqual([false, true])
    await client.revoke(own, RevocationReasonCode.KeyCompromise)
    expect(await both(own)).toEqual([false, true])
    await client.destroy(own)
    expect(await both(own)).toEqual([false, false])
  })

  test('does what its mask allows; a mask of 0 allows nothing', async () => {
    const active = [attribute('activationDate', 0)]
    const { Encrypt, Decrypt } = CryptographicUsageMask
    expect(await both(await client.register(key, active, { mask: Encrypt }))).toEqual([true, false])
    expect(await both(await client.register(key, active, { mask: Decrypt }))).toEqual([false, true])
    expect(await both(await client.register(key, active, { mask: 0 }))).toEqual([false, false])
  })

  test('keeps to its Process Start Date and its Protect Stop Date', async () => {
    const { clock } = server
    const own = await client.register(key, [
      attribute('activationDate', clock.seconds - 10),
      attribute('processStartDate', clock.seconds + 10),
      attribute('protectStopDate', clock.seconds + 5),
    ])
    expect(await both(own)).toEqual([true, false])
    clock.seconds += 5
    expect(await both(own)).toEqual([true, false])
    clock.seconds += 1
    expect(await both(own)).toEqual([false, false])
    clock.seconds += 4
    expect(await both(own)).toEqual([false, true])
  })

  test('is a Symmetric Key of AES', async () => {
    const secret = await client.send(Operation.Register, registerSecret(key))
    await client.activate(secret.uniqueIdentifier)
    expect((await client.refusal(Operation.Encrypt, { ...secret, data })).reason).toBe('Permission Denied')
    const { uniqueIdentifier } = await client.send(Operation.Create, {
      objectType: 2,
      templateAttribute: {
        names: [],
        attributes: [
          attribute('cryptographicAlgorithm', CryptographicAlgorithm.TripleDES),
          attribute('cryptographicUsageMask', 12),
          attribute('activationDate', 0),
        ],
      },
    })
    expect((await client.refusal(Operation.Encrypt, { uniqueIdentifier, data })).reason).toBe('Invalid Field')
  })
})
