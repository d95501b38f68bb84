import { constants, publicEncrypt, sign as signWith, verify as verifyWith } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digest } from '../../src/crypto/digest.ts'
import { nativeAddon } from '../../src/crypto/native.ts'
import {
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  HashingAlgorithm,
  Operation,
  PaddingMethod,
  RecommendedCurve,
  RevocationReasonCode,
  UsageLimitsUnit,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { attribute, item, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic, rsa, secp256k1 } from './key-pairs.ts'

let server: Server
let client: Client
let rsaIds: { private: string; public: string }
let ecIds: { private: string; public: string }
beforeAll(async () => {
  server = await newServer()
  client = server.client
  rsaIds = await registered(rsa)
  ecIds = await registered(p256)
})
afterAll(() => server.services.cryptoWork.close(0))

const active = [attribute('activationDate', 0)]
const data = Buffer.from('what is signed')

async function registered(pair: typeof rsa) {
  const own = await client.send(Operation.Register, registerPrivate(pair.privateKey, active))
  const other = await client.send(Operation.Register, registerPublic(pair.publicKey, active))
  return { private: own.uniqueIdentifier, public: other.uniqueIdentifier }
}

const signature = async (uniqueIdentifier: string, cryptographicParameters?: CryptographicParameters) => {
  const { signatureData } = await client.send(Operation.Sign, { uniqueIdentifier, cryptographicParameters, data })
  return Buffer.from(signatureData!)
}

const validity = async (
  uniqueIdentifier: string,
  cryptographicParameters: CryptographicParameters | undefined,
  signatureData: Uint8Array,
  signed: { data?: Uint8Array; digestedData?: Uint8Array } = { data },
) => {
  const request = { uniqueIdentifier, cryptographicParameters, signatureData, ...signed }
  return (await client.send(Operation.SignatureVerify, request)).validityIndicator
}

const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }
const pss = { ...sha256, paddingMethod: PaddingMethod.PSS }
const schemes: [string, CryptographicParameters][] = [
  [
    'PKCS#1 v1.5',
    { ...sha256, paddingMethod: PaddingMethod.PKCS1V1_5, cryptographicAlgorithm: CryptographicAlgorithm.RSA },
  ],
  ['PKCS#1 v1.5 by name', { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.SHA384WithRSAEncryptionPKCS1V1_5 }],
  ['PKCS#1 v1.5 with SHA-3', { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.SHA3_256WithRSAEncryption }],
  ['PSS', pss],
  ['PSS by name', { ...sha256, digitalSignatureAlgorithm: DigitalSignatureAlgorithm.RSASSAPSSPKCS1V2_1 }],
  ['PSS with its longest salt', { ...pss, saltLength: 222 }],
  ['PSS without a salt', { ...pss, saltLength: 0, maskGeneratorHashingAlgorithm: HashingAlgorithm.SHA512 }],
]

describe('Sign and Signature Verify', () => {
  test.each(schemes)('agree on RSA with %s, over data and over its digest', async (_, parameters) => {
    const made = await signature(rsaIds.private, parameters)
    expect(await validity(rsaIds.public, parameters, made)).toBe(ValidityIndicator.Valid)
    const hash = parameters.hashingAlgorithm === undefined ? undefined : digest('sha256', data)
    if (hash !== undefined) {
      expect(await validity(rsaIds.public, parameters, made, { digestedData: hash })).toBe(ValidityIndicator.Valid)
      const overDigest = await client.send(Operation.Sign, {
        uniqueIdentifier: rsaIds.private,
        cryptographicParameters: parameters,
        digestedData: hash,
      })
      expect(await validity(rsaIds.public, parameters, overDigest.signatureData!)).toBe(ValidityIndicator.Valid)
    }
    made[10]! ^= 1
    expect(await validity(rsaIds.public, parameters, made)).toBe(ValidityIndicator.Invalid)
    expect(await validity(rsaIds.public, parameters, Buffer.alloc(3))).toBe(ValidityIndicator.Invalid)
  })

  test('make what others confirm, and confirm what others make', async () => {
    const pkcs1 = { ...sha256, paddingMethod: PaddingMethod.PKCS1V1_5 }
    expect(verifyWith('sha256', data, rsa.publicKey, await signature(rsaIds.private, pkcs1))).toBe(true)
    const padding = constants.RSA_PKCS1_PSS_PADDING
    const mask = { ...pss, maskGeneratorHashingAlgorithm: HashingAlgorithm.SHA256 }
    const made = await signature(rsaIds.private, mask)
    expect(verifyWith('sha256', data, { key: rsa.publicKey, padding, saltLength: 32 }, made)).toBe(true)
    // A client's library takes the message's own hash for the mask, unasked.
    const theirs = signWith('sha256', data, { key: rsa.privateKey, padding })
    expect(await validity(rsaIds.public, pss, theirs)).toBe(ValidityIndicator.Valid)
    expect(await validity(rsaIds.public, { ...pss, saltLength: 20 }, theirs)).toBe(ValidityIndicator.Invalid)
    for (const [pair, ids] of [
      [p256, ecIds],
      [secp256k1, await registered(secp256k1)],
    ] as const) {
      expect(verifyWith('sha256', data, pair.publicKey, await signature(ids.private, sha256))).toBe(true)
      expect(await validity(ids.public, sha256, signWith('sha256', data, pair.privateKey))).toBe(
        ValidityIndicator.Valid,
      )
      const p1363 = signWith('sha256', data, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' })
      expect(await validity(ids.public, sha256, p1363)).toBe(ValidityIndicator.Invalid)
    }
  })

  test.each([RecommendedCurve.P384, RecommendedCurve.P521])('agree on curve %i', async (recommendedCurve) => {
    const common = [
      attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
      attribute('cryptographicDomainParameters', { recommendedCurve }),
      ...active,
    ]
    const ids = await client.send(Operation.CreateKeyPair, createPair(common))
    const parameters = { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.ECDSAWithSHA512 }
    const made = await signature(ids.privateKeyUniqueIdentifier, parameters)
    expect(await validity(ids.publicKeyUniqueIdentifier, parameters, made)).toBe(ValidityIndicator.Valid)
  })

  test('take the parameters of the key when the request has none, and only then', async () => {
    const own = await client.send(
      Operation.Register,
      registerPrivate(rsa.privateKey, [...active, attribute('cryptographicParameters', { ...pss, saltLength: 10 })]),
    )
    const made = await signature(own.uniqueIdentifier)
    expect(await validity(rsaIds.public, { ...pss, saltLength: 10 }, made)).toBe(ValidityIndicator.Valid)
    expect((await client.refusal(Operation.Sign, { ...own, cryptographicParameters: {}, data })).reason).toBe(
      'Invalid Field',
    )
    const refusal = await client.refusal(Operation.Sign, { uniqueIdentifier: rsaIds.private, data })
    expect(refusal).toMatchObject({
      reason: 'Invalid Field',
      message: expect.stringContaining('Cryptographic Parameters'),
    })
  })

  test('take a digest for ECDSA where the addon is, and say that it is needed where it is not', async () => {
    const request = { uniqueIdentifier: ecIds.private, cryptographicParameters: sha256 }
    const digestedData = digest('sha256', data)
    if (nativeAddon() === undefined) {
      const refusals = [
        await client.refusal(Operation.Sign, { ...request, digestedData }),
        await client.refusal(Operation.SignatureVerify, {
          ...request,
          uniqueIdentifier: ecIds.public,
          digestedData,
          signatureData: data,
        }),
      ]
      expect(refusals.map(({ reason }) => reason)).toEqual(['Feature Not Supported', 'Feature Not Supported'])
      return
    }
    const { signatureData } = await client.send(Operation.Sign, { ...request, digestedData })
    expect(verifyWith('sha256', data, p256.publicKey, signatureData!)).toBe(true)
    expect(await validity(ecIds.public, sha256, signatureData!, { digestedData })).toBe(ValidityIndicator.Valid)
    digestedData[0]! ^= 1
    expect(await validity(ecIds.public, sha256, signatureData!, { digestedData })).toBe(ValidityIndicator.Invalid)
  })

  test('use a key pair that the same batch makes', async () => {
    const [, made] = await client.batch([
      item(
        Operation.CreateKeyPair,
        createPair([
          attribute('cryptographicAlgorithm', CryptographicAlgorithm.EC),
          attribute('cryptographicLength', 256),
          ...active,
        ]),
      ),
      item(Operation.Sign, { cryptographicParameters: sha256, data }),
    ])
    expect(made!.resultStatus).toBe(0)
  })

  test('keep to states, masks and dates', async () => {
    const attempt = async (
      uniqueIdentifier: string,
      operation: typeof Operation.Sign | typeof Operation.SignatureVerify,
    ) => {
      const request = { uniqueIdentifier, cryptographicParameters: sha256, data, signatureData: data }
      const answer = await client.item(operation, request)
      return answer.resultStatus === 0
    }
    const { Sign, Verify } = CryptographicUsageMask
    const { uniqueIdentifier: preActive } = await client.send(Operation.Register, registerPrivate(p256.privateKey))
    expect(await attempt(preActive, Operation.Sign)).toBe(false)
    await client.activate(preActive)
    expect(await attempt(preActive, Operation.Sign)).toBe(true)
    const { uniqueIdentifier: masked } = await client.send(
      Operation.Register,
      registerPrivate(p256.privateKey, active, { mask: Verify }),
    )
    expect(await attempt(masked, Operation.Sign)).toBe(false)
    const { uniqueIdentifier: later } = await client.send(
      Operation.Register,
      registerPrivate(p256.privateKey, [
        attribute('activationDate', server.clock.seconds + 5),
        attribute('deactivationDate', server.clock.seconds + 10),
      ]),
    )
    expect(await attempt(later, Operation.Sign)).toBe(false)
    server.clock.seconds += 5
    expect(await attempt(later, Operation.Sign)).toBe(true)
    server.clock.seconds += 5
    expect(await attempt(later, Operation.Sign)).toBe(false)
    // What was signed before is still confirmed after.
    const { uniqueIdentifier: publicKey } = await client.send(
      Operation.Register,
      registerPublic(p256.publicKey, active, { mask: Sign | Verify }),
    )
    await client.revoke(publicKey, RevocationReasonCode.KeyCompromise)
    expect(await attempt(publicKey, Operation.SignatureVerify)).toBe(true)
    expect(await attempt(publicKey, Operation.Sign)).toBe(false)
    await client.destroy(publicKey)
    expect(await attempt(publicKey, Operation.SignatureVerify)).toBe(false)
  })

  test('count against Usage Limits when they sign, and not when they fail', async () => {
    const usageLimits = { usageLimitsTotal: 2n, usageLimitsUnit: UsageLimitsUnit.Object }
    const { uniqueIdentifier } = await client.send(
      Operation.Register,
      registerPrivate(p256.privateKey, [...active, attribute('usageLimits', usageLimits)]),
    )
    const request = { uniqueIdentifier, cryptographicParameters: sha256 }
    expect((await client.refusal(Operation.Sign, { ...request, digestedData: data })).reason).toBe('Invalid Field')
    await client.send(Operation.Sign, { ...request, data })
    await client.send(Operation.Sign, { ...request, data })
    expect((await client.refusal(Operation.Sign, { ...request, data })).reason).toBe('Permission Denied')
    expect(await client.attribute(uniqueIdentifier, 'Usage Limits')).toMatchObject({ usageLimitsCount: 0n })
  })

  test.each([
    ['no data', { data: undefined }, 'Missing Data'],
    ['data and its digest', { digestedData: data }, 'Invalid Field'],
    ['a digest of another length', { data: undefined, digestedData: data }, 'Invalid Field'],
    ['no hash', { cryptographicParameters: { paddingMethod: PaddingMethod.PSS } }, 'Invalid Field'],
    ['MD5', { cryptographicParameters: { hashingAlgorithm: HashingAlgorithm.MD5 } }, 'Invalid Field'],
    ['OAEP', { cryptographicParameters: { ...sha256, paddingMethod: PaddingMethod.OAEP } }, 'Invalid Field'],
    ['a salt that is too long', { cryptographicParameters: { ...pss, saltLength: 223 } }, 'Invalid Field'],
    ['a salt of gigabytes', { cryptographicParameters: { ...pss, saltLength: 2_147_483_647 } }, 'Invalid Field'],
    ['a negative salt', { cryptographicParameters: { ...pss, saltLength: -1 } }, 'Invalid Field'],
    ['another trailer', { cryptographicParameters: { ...pss, trailerField: 2 } }, 'Invalid Field'],
    ['another mask', { cryptographicParameters: { ...pss, maskGenerator: 2 } }, 'Invalid Field'],
    [
      'ECDSA with an RSA key',
      { cryptographicParameters: { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.ECDSAWithSHA256 } },
      'Invalid Field',
    ],
    [
      'another algorithm',
      { cryptographicParameters: { ...sha256, cryptographicAlgorithm: CryptographicAlgorithm.EC } },
      'Invalid Field',
    ],
    [
      'two hashes',
      {
        cryptographicParameters: {
          ...sha256,
          digitalSignatureAlgorithm: DigitalSignatureAlgorithm.SHA1WithRSAEncryptionPKCS1V1_5,
        },
      },
      'Invalid Field',
    ],
    [
      'two paddings',
      {
        cryptographicParameters: {
          ...pss,
          digitalSignatureAlgorithm: DigitalSignatureAlgorithm.SHA256WithRSAEncryptionPKCS1V1_5,
        },
      },
      'Invalid Field',
    ],
    [
      'DSA',
      { cryptographicParameters: { digitalSignatureAlgorithm: DigitalSignatureAlgorithm.DSAWithSHA256 } },
      'Invalid Field',
    ],
  ])('refuse %s', async (_, change, reason) => {
    const request = { uniqueIdentifier: rsaIds.private, cryptographicParameters: sha256, data, ...change }
    const refusal = await client.refusal(Operation.Sign, request)
    expect(refusal.reason).toBe(reason)
    expect(server.faults).toEqual([])
  })

  test('refuse a signature that is not there, and a padding for ECDSA', async () => {
    const request = { uniqueIdentifier: rsaIds.public, cryptographicParameters: sha256, data }
    expect((await client.refusal(Operation.SignatureVerify, request)).reason).toBe('Missing Data')
    const padded = { uniqueIdentifier: ecIds.private, cryptographicParameters: pss, data }
    expect((await client.refusal(Operation.Sign, padded)).reason).toBe('Invalid Field')
  })
})

const oaep = { ...sha256, paddingMethod: PaddingMethod.OAEP }
const paddings: [string, CryptographicParameters][] = [
  ['PKCS#1 v1.5', { paddingMethod: PaddingMethod.PKCS1V1_5 }],
  ['OAEP', oaep],
  ['OAEP with SHA-1', { ...oaep, hashingAlgorithm: HashingAlgorithm.SHA1 }],
  ['OAEP with a mask of its own', { ...oaep, maskGeneratorHashingAlgorithm: HashingAlgorithm.SHA384 }],
  ['OAEP with one hash', { ...oaep, maskGeneratorHashingAlgorithm: HashingAlgorithm.SHA256 }],
  ['OAEP with a label', { ...oaep, pSource: Buffer.from('label') }],
]

describe('Encrypt and Decrypt with RSA', () => {
  test.each(paddings)('give back with %s what they were given', async (_, cryptographicParameters) => {
    for (const plaintext of [Buffer.from('a data key'), Buffer.alloc(0), Buffer.alloc(80, 7)]) {
      const encrypted = await client.send(Operation.Encrypt, {
        uniqueIdentifier: rsaIds.public,
        cryptographicParameters,
        data: plaintext,
      })
      expect(encrypted.data?.byteLength).toBe(256)
      expect(encrypted.ivCounterNonce).toBeUndefined()
      const request = { uniqueIdentifier: rsaIds.private, cryptographicParameters, data: encrypted.data }
      expect((await client.send(Operation.Decrypt, request)).data).toEqual(plaintext)
    }
  })

  test('open what a client encrypted by its own library', async () => {
    const options = { key: rsa.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    const request = {
      uniqueIdentifier: rsaIds.private,
      cryptographicParameters: oaep,
      data: publicEncrypt(options, data),
    }
    expect((await client.send(Operation.Decrypt, request)).data).toEqual(data)
  })

  test('tell no fault from another', async () => {
    const good = publicEncrypt(
      { key: rsa.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      data,
    )
    const spoilt = Buffer.from(good)
    spoilt[100]! ^= 1
    const request = { uniqueIdentifier: rsaIds.private, cryptographicParameters: oaep }
    const refusals = [
      await client.refusal(Operation.Decrypt, { ...request, data: spoilt }),
      await client.refusal(Operation.Decrypt, { ...request, data: good.subarray(1) }),
      await client.refusal(Operation.Decrypt, { ...request, data: Buffer.alloc(256, 0xff) }),
      await client.refusal(Operation.Decrypt, {
        ...request,
        cryptographicParameters: { ...oaep, pSource: Buffer.from('other') },
        data: good,
      }),
    ]
    for (const refusal of refusals) expect(refusal).toEqual({ ...refusals[0], reason: 'Cryptographic Failure' })
    const pkcs1 = { ...request, cryptographicParameters: { paddingMethod: PaddingMethod.PKCS1V1_5 }, data: good }
    expect((await client.send(Operation.Decrypt, pkcs1)).data).not.toEqual(data)
  })

  test.each([
    ['data that is too long', { data: Buffer.alloc(191) }],
    ['no padding', { cryptographicParameters: { paddingMethod: PaddingMethod.None } }],
    ['no hash for OAEP', { cryptographicParameters: { paddingMethod: PaddingMethod.OAEP } }],
    ['an IV', { ivCounterNonce: data }],
    ['additional data', { authenticatedEncryptionAdditionalData: data }],
    [
      'an algorithm of other keys',
      { cryptographicParameters: { ...oaep, cryptographicAlgorithm: CryptographicAlgorithm.AES } },
    ],
  ])('refuse %s', async (_, change) => {
    const request = { uniqueIdentifier: rsaIds.public, cryptographicParameters: oaep, data, ...change }
    expect((await client.refusal(Operation.Encrypt, request)).reason).toBe('Invalid Field')
  })

  test('encrypt with the public half and decrypt with the private one', async () => {
    const request = { cryptographicParameters: oaep, data }
    for (const [operation, uniqueIdentifier] of [
      [Operation.Encrypt, rsaIds.private],
      [Operation.Decrypt, rsaIds.public],
    ] as const) {
      expect((await client.refusal(operation, { ...request, uniqueIdentifier })).reason).toBe('Permission Denied')
    }
    const withEc = await client.refusal(Operation.Encrypt, { ...request, uniqueIdentifier: ecIds.public })
    expect(withEc.reason).toBe('Invalid Field')
    expect(server.faults).toEqual([])
  })
})
