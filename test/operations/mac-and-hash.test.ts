import { createHash, createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  UsageLimitsUnit,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { placement } from '../../src/limits.ts'
import { attribute, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const bothMasks = CryptographicUsageMask.MACGenerate | CryptographicUsageMask.MACVerify
const active = attribute('activationDate', 0)

async function registerKey(material: Buffer, algorithm: number, mask = bothMasks, more = [active]): Promise<string> {
  const { uniqueIdentifier } = await client.send(Operation.Register, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: { names: [], attributes: [attribute('cryptographicUsageMask', mask), ...more] },
    symmetricKey: {
      keyBlock: {
        keyFormatType: KeyFormatType.Raw,
        keyValue: { keyMaterial: material },
        cryptographicAlgorithm: algorithm,
        cryptographicLength: material.length * 8,
      },
    },
  })
  return uniqueIdentifier
}

const hmacs: [string, number, string][] = [
  ['HMAC-SHA1', CryptographicAlgorithm.HMACSHA1, 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
  ['HMAC-SHA224', CryptographicAlgorithm.HMACSHA224, 'a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44'],
  [
    'HMAC-SHA256',
    CryptographicAlgorithm.HMACSHA256,
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    'HMAC-SHA384',
    CryptographicAlgorithm.HMACSHA384,
    'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
  ],
  [
    'HMAC-SHA512',
    CryptographicAlgorithm.HMACSHA512,
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  ],
]
/** RFC 2202 and RFC 4231, test case 2. */
const jefe = Buffer.from('Jefe')
const nothing = Buffer.from('what do ya want for nothing?')

const macOf = async (uniqueIdentifier: string, data: Buffer, cryptographicParameters?: CryptographicParameters) => {
  const answer = await client.send(Operation.MAC, { uniqueIdentifier, data, cryptographicParameters })
  expect(answer.uniqueIdentifier).toBe(uniqueIdentifier)
  return Buffer.from(answer.macData!)
}

const validityOf = async (uniqueIdentifier: string, data: Buffer, macData: Uint8Array) =>
  (await client.send(Operation.MACVerify, { uniqueIdentifier, data, macData })).validityIndicator

describe('MAC and MAC Verify', () => {
  test.each(hmacs)('know %s', async (_name, algorithm, expected) => {
    const id = await registerKey(jefe, algorithm)
    const made = await macOf(id, nothing)
    expect(made.toString('hex')).toBe(expected)
    expect(await validityOf(id, nothing, made)).toBe(ValidityIndicator.Valid)
    expect(await macOf(id, Buffer.alloc(0))).toHaveLength(made.length)
  })

  test('call a MAC of any other data, key or length invalid', async () => {
    const id = await registerKey(jefe, CryptographicAlgorithm.HMACSHA256)
    const other = await registerKey(Buffer.from('Jeff'), CryptographicAlgorithm.HMACSHA256)
    const made = await macOf(id, nothing)
    const flipped = Buffer.from(made)
    flipped[31]! ^= 1
    const wrong = [flipped, made.subarray(0, 16), Buffer.concat([made, Buffer.alloc(1)]), Buffer.alloc(0)]
    for (const one of wrong) expect(await validityOf(id, nothing, one)).toBe(ValidityIndicator.Invalid)
    expect(await validityOf(id, nothing.subarray(1), made)).toBe(ValidityIndicator.Invalid)
    expect(await validityOf(other, nothing, made)).toBe(ValidityIndicator.Invalid)
  })

  test('take the algorithm from the request, else from the key, and no other than the key is for', async () => {
    const sha384 = { cryptographicAlgorithm: CryptographicAlgorithm.HMACSHA384 }
    const sha256 = { cryptographicAlgorithm: CryptographicAlgorithm.HMACSHA256 }
    const parameters = attribute('cryptographicParameters', sha256)
    const aes = await registerKey(Buffer.alloc(16, 1), CryptographicAlgorithm.AES, bothMasks, [active, parameters])
    const expected = (hash: string) => createHmac(hash, Buffer.alloc(16, 1)).update(nothing).digest()
    expect(await macOf(aes, nothing)).toEqual(expected('sha256'))
    expect(await macOf(aes, nothing, sha384)).toEqual(expected('sha384'))
    const bare = await registerKey(Buffer.alloc(16, 1), CryptographicAlgorithm.AES)
    const own = await registerKey(Buffer.alloc(32, 1), CryptographicAlgorithm.HMACSHA256)
    const refused = [
      { uniqueIdentifier: bare, data: nothing },
      { uniqueIdentifier: own, data: nothing, cryptographicParameters: sha384 },
      {
        uniqueIdentifier: bare,
        data: nothing,
        cryptographicParameters: { cryptographicAlgorithm: CryptographicAlgorithm.HMACMD5 },
      },
    ]
    for (const request of refused) {
      expect((await client.refusal(Operation.MAC, request)).reason).toBe('Invalid Field')
      const macData = Buffer.alloc(32)
      expect((await client.refusal(Operation.MACVerify, { ...request, macData })).reason).toBe('Invalid Field')
    }
  })

  test('take long data, off the event loop, and leave the request as it came', async () => {
    const id = await registerKey(jefe, CryptographicAlgorithm.HMACSHA256)
    const long = Buffer.alloc(placement.offLoopBytesMin + 13, 5)
    const made = await macOf(id, long)
    expect(made).toEqual(createHmac('sha256', jefe).update(long).digest())
    expect(await validityOf(id, long, made)).toBe(ValidityIndicator.Valid)
  })

  test('ask for the mask, the state and the kind of the object', async () => {
    const algorithm = CryptographicAlgorithm.HMACSHA256
    const onlyVerifies = await registerKey(jefe, algorithm, CryptographicUsageMask.MACVerify)
    const onlyMakes = await registerKey(jefe, algorithm, CryptographicUsageMask.MACGenerate)
    const preActive = await registerKey(jefe, algorithm, bothMasks, [])
    const made = await macOf(onlyMakes, nothing)
    const request = (uniqueIdentifier: string) => ({ uniqueIdentifier, data: nothing, macData: made })
    for (const id of [onlyVerifies, preActive]) {
      expect((await client.refusal(Operation.MAC, request(id))).reason).toBe('Permission Denied')
    }
    for (const id of [onlyMakes, preActive]) {
      expect((await client.refusal(Operation.MACVerify, request(id))).reason).toBe('Permission Denied')
    }
    await client.revoke(onlyVerifies)
    expect(await validityOf(onlyVerifies, nothing, made)).toBe(ValidityIndicator.Valid)
    await client.revoke(onlyMakes)
    expect((await client.refusal(Operation.MAC, request(onlyMakes))).reason).toBe('Permission Denied')
    const missing = '00000000-0000-0000-0000-000000000000'
    expect((await client.refusal(Operation.MAC, request(missing))).reason).toBe('Item Not Found')
    expect((await client.refusal(Operation.MACVerify, request(missing))).reason).toBe('Item Not Found')
  })

  test('refuse a request without its data', async () => {
    const id = await registerKey(jefe, CryptographicAlgorithm.HMACSHA256)
    expect((await client.refusal(Operation.MAC, { uniqueIdentifier: id })).reason).toBe('Missing Data')
    const withoutMac = { uniqueIdentifier: id, data: nothing }
    expect((await client.refusal(Operation.MACVerify, withoutMac)).reason).toBe('Missing Data')
  })

  test('take what MAC protects from the Usage Limits, and nothing for verifying', async () => {
    const limits = attribute('usageLimits', { usageLimitsTotal: 2n, usageLimitsUnit: UsageLimitsUnit.Object })
    const id = await registerKey(jefe, CryptographicAlgorithm.HMACSHA256, bothMasks, [active, limits])
    const made = await macOf(id, nothing)
    await macOf(id, nothing)
    const { reason } = await client.refusal(Operation.MAC, { uniqueIdentifier: id, data: nothing })
    expect(reason).toBe('Permission Denied')
    expect(await validityOf(id, nothing, made)).toBe(ValidityIndicator.Valid)
  })
})

describe('Hash', () => {
  const hashes: [string, number][] = [
    ['sha1', HashingAlgorithm.SHA1],
    ['sha224', HashingAlgorithm.SHA224],
    ['sha256', HashingAlgorithm.SHA256],
    ['sha384', HashingAlgorithm.SHA384],
    ['sha512', HashingAlgorithm.SHA512],
    ['sha512-224', HashingAlgorithm.SHA512_224],
    ['sha512-256', HashingAlgorithm.SHA512_256],
    ['sha3-224', HashingAlgorithm.SHA3_224],
    ['sha3-256', HashingAlgorithm.SHA3_256],
    ['sha3-384', HashingAlgorithm.SHA3_384],
    ['sha3-512', HashingAlgorithm.SHA3_512],
  ]
  test.each(hashes)('knows %s, of short data and long', async (name, hashingAlgorithm) => {
    for (const data of [Buffer.alloc(0), nothing, Buffer.alloc(placement.offLoopBytesMin + 1, 3)]) {
      const answer = await client.send(Operation.Hash, { cryptographicParameters: { hashingAlgorithm }, data })
      expect(Buffer.from(answer.data!)).toEqual(createHash(name).update(data).digest())
    }
  })

  test('refuses what it does not know, and what says nothing', async () => {
    const asked = async (cryptographicParameters: CryptographicParameters, data?: Buffer) =>
      (await client.refusal(Operation.Hash, { cryptographicParameters, data })).reason
    expect(await asked({ hashingAlgorithm: HashingAlgorithm.MD5 }, nothing)).toBe('Invalid Field')
    expect(await asked({}, nothing)).toBe('Invalid Field')
    expect(await asked({ hashingAlgorithm: HashingAlgorithm.SHA256 })).toBe('Missing Data')
  })
})

describe('RNG Seed', () => {
  test('uses nothing of what it is given, and says so', async () => {
    expect(await client.send(Operation.RNGSeed, { data: Buffer.alloc(32) })).toEqual({ dataLength: 0 })
    expect((await client.refusal(Operation.RNGSeed, {} as never)).reason).toBe('Missing Data')
  })
})
