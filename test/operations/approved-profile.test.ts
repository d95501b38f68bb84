import { afterAll, beforeAll, expect, test } from 'vitest'
import { nativeAddon } from '../../src/crypto/native.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DerivationMethod,
  HashingAlgorithm,
  Operation,
  PaddingMethod,
  QueryFunction,
  RecommendedCurve,
  ValidityIndicator,
} from '../../src/kmip/enums.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { UnitOfWork } from '../../src/keystore/unit-of-work.ts'
import { signWith } from '../../src/operations/certificate-issuer.ts'
import { OperationContext } from '../../src/operations/handler.ts'
import { attribute, createPayload, newServer, registerKey, type Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic, rsa, secp256k1 } from './key-pairs.ts'

let server: Server
beforeAll(async () => {
  server = await newServer(undefined, { approved: true, tripleDes: true })
})
afterAll(() => server.services.cryptoWork.close(0))

const active = attribute('activationDate', 0)
const { AES, TripleDES, ChaCha20, ChaCha20Poly1305, Camellia, HMACSHA256, RSA, EC } = CryptographicAlgorithm
const { GCM, CBC, CMAC } = BlockCipherMode
const data = Buffer.alloc(32, 7)
const mask = Object.values(CryptographicUsageMask).reduce((all, one) => all | one, 0)
const material = Buffer.from(Array.from({ length: 32 }, (_, i) => i))

/** Refused as the profile's words have it, or done. */
async function isDone(asked: Promise<{ resultStatus: number; resultMessage?: string; resultReason?: number }>) {
  const { resultStatus, resultMessage, resultReason } = await asked
  if (resultStatus === 0) return true
  expect(resultMessage).toContain('approved algorithms (crypto.profile)')
  expect(resultReason).toBe(7) // Invalid Field
  return false
}

/** A key of any algorithm is kept: what it is used for is looked at. */
async function registered(algorithm: number, bytes: number): Promise<string> {
  const { symmetricKey, ...payload } = registerKey(material.subarray(0, bytes), [active], { mask })
  const keyBlock = { ...symmetricKey!.keyBlock, cryptographicAlgorithm: algorithm }
  const request = { ...payload, symmetricKey: { keyBlock } }
  return (await server.client.send(Operation.Register, request)).uniqueIdentifier
}

test.each([
  [AES, 256, true],
  [HMACSHA256, 256, true],
  [HMACSHA256, 64, false],
  [TripleDES, 168, false],
  [Camellia, 256, false],
  [ChaCha20, 256, false],
  [ChaCha20Poly1305, 256, false],
])('Create of algorithm %i with %i bits: %s', async (algorithm, length, done) => {
  expect(await isDone(server.client.item(Operation.Create, createPayload([active], { algorithm, length })))).toBe(done)
})

test.each([
  [RSA, 2048, undefined, false],
  [RSA, 3072, undefined, true],
  [EC, 256, RecommendedCurve.P256, true],
  [EC, 256, RecommendedCurve.SECP256K1, false],
])('Create Key Pair of algorithm %i with %i bits: %s', async (algorithm, length, recommendedCurve, done) => {
  const domain =
    recommendedCurve === undefined ? [] : [attribute('cryptographicDomainParameters', { recommendedCurve })]
  const common = [attribute('cryptographicAlgorithm', algorithm), attribute('cryptographicLength', length), ...domain]
  const request = createPair(common)
  expect(await isDone(server.client.item(Operation.CreateKeyPair, request))).toBe(done)
})

test.each([
  [AES, 32, { blockCipherMode: CBC, paddingMethod: PaddingMethod.PKCS5 }, true],
  [AES, 32, { blockCipherMode: GCM }, true],
  [TripleDES, 24, { blockCipherMode: CBC, paddingMethod: PaddingMethod.PKCS5 }, false],
  [ChaCha20, 32, {}, false],
  [ChaCha20Poly1305, 32, {}, false],
])('Encrypt with algorithm %i', async (algorithm, bytes, cryptographicParameters, done) => {
  const request = { uniqueIdentifier: await registered(algorithm, bytes), cryptographicParameters, data }
  expect(await isDone(server.client.item(Operation.Encrypt, request))).toBe(done)
  expect(await isDone(server.client.item(Operation.Encrypt, { ...request, initIndicator: true }))).toBe(done)
})

test('nonces of GCM are the server’s own; an IV of CBC may be the client’s', async () => {
  const uniqueIdentifier = await registered(AES, 32)
  const request = { uniqueIdentifier, data, ivCounterNonce: Buffer.alloc(16) }
  const gcm = { ...request, cryptographicParameters: { blockCipherMode: GCM } }
  expect((await server.client.refusal(Operation.Encrypt, gcm)).reason).toBe('Permission Denied')
  await server.client.send(Operation.Encrypt, { ...request, cryptographicParameters: { blockCipherMode: CBC } })
})

test.each([
  [AES, 32, { blockCipherMode: CMAC }, true],
  [HMACSHA256, 32, {}, true],
  [HMACSHA256, 8, {}, false],
  [TripleDES, 24, { blockCipherMode: CMAC }, false],
])('MAC with algorithm %i and %i bytes', async (algorithm, bytes, cryptographicParameters, done) => {
  const request = { uniqueIdentifier: await registered(algorithm, bytes), cryptographicParameters, data }
  expect(await isDone(server.client.item(Operation.MAC, request))).toBe(done)
})

const sha256 = { hashingAlgorithm: HashingAlgorithm.SHA256 }
const sha1 = { hashingAlgorithm: HashingAlgorithm.SHA1 }
const signatures: [string, typeof rsa, CryptographicParameters, boolean][] = [
  ['RSA with SHA-256', rsa, sha256, true],
  ['RSA with PSS', rsa, { ...sha256, paddingMethod: PaddingMethod.PSS }, true],
  [
    'RSA with PSS and a salt longer than the hash',
    rsa,
    { ...sha256, paddingMethod: PaddingMethod.PSS, saltLength: 64 },
    false,
  ],
  ['RSA with SHA-1', rsa, sha1, false],
  ['ECDSA', p256, sha256, true],
  ['ECDSA on secp256k1', secp256k1, sha256, false],
]
test.each(signatures)('Sign: %s', async (_, pair, cryptographicParameters, done) => {
  const { uniqueIdentifier } = await server.client.send(Operation.Register, registerPrivate(pair.privateKey, [active]))
  const request = { uniqueIdentifier, cryptographicParameters, data }
  expect(await isDone(server.client.item(Operation.Sign, request))).toBe(done)
  if (pair !== rsa && nativeAddon() === undefined) return
  expect(await isDone(server.client.item(Operation.Sign, { ...request, initIndicator: true }))).toBe(done)
})

test('what was signed with SHA-1 may be verified', async () => {
  const { uniqueIdentifier } = await server.client.send(Operation.Register, registerPublic(rsa.publicKey, [active]))
  const request = { uniqueIdentifier, cryptographicParameters: sha1, data, signatureData: Buffer.alloc(256) }
  const { validityIndicator } = await server.client.send(Operation.SignatureVerify, request)
  expect(validityIndicator).toBe(ValidityIndicator.Invalid)
})

test('RSA encrypts with OAEP alone', async () => {
  const { uniqueIdentifier } = await server.client.send(Operation.Register, registerPublic(rsa.publicKey, [active]))
  for (const [paddingMethod, done] of [
    [PaddingMethod.OAEP, true],
    [PaddingMethod.PKCS1V1_5, false],
  ] as const) {
    const request = { uniqueIdentifier, cryptographicParameters: { ...sha256, paddingMethod }, data }
    expect(await isDone(server.client.item(Operation.Encrypt, request))).toBe(done)
  }
})

test.each([
  ['NIST800-108-C', DerivationMethod.NIST800_108C, { cryptographicParameters: sha256, derivationData: data }, true],
  ['HASH', DerivationMethod.HASH, { cryptographicParameters: sha256 }, false],
  ['HMAC', DerivationMethod.HMAC, { cryptographicParameters: sha256, derivationData: data }, false],
  ['PBKDF2', DerivationMethod.PBKDF2, { salt: data, iterationCount: 1000 }, true],
  ['PBKDF2 with few iterations', DerivationMethod.PBKDF2, { salt: data, iterationCount: 999 }, false],
  ['PBKDF2 with a short salt', DerivationMethod.PBKDF2, { salt: data.subarray(17), iterationCount: 1000 }, false],
  ['Asymmetric Key', DerivationMethod.AsymmetricKey, {}, false],
] as const)('Derive Key by %s', async (_, derivationMethod, derivationParameters, done) => {
  const request = {
    objectType: 2,
    uniqueIdentifiers: [await registered(AES, 32)],
    derivationMethod,
    derivationParameters,
    templateAttribute: {
      names: [],
      attributes: [attribute('cryptographicAlgorithm', AES), attribute('cryptographicLength', 256)],
    },
  } as const
  expect(await isDone(server.client.item(Operation.DeriveKey, request))).toBe(done)
})

test('certificates are signed with keys that are approved', async () => {
  const { client, services, clock } = server
  const { keystore, randomBytes, cryptoWork, server: facts, policy, streams } = services
  const { principal } = client
  const unit = new UnitOfWork(keystore.forPrincipal(principal), () => expect.unreachable('nothing is changed'))
  const made = { randomBytes, cryptoWork, server: facts, policy, streams, clock, now: clock.seconds }
  const context = new OperationContext({ ...made, unit, principal, version: 14 })
  const issuer = { name: new Uint8Array(0), subjectPublicKeyInfo: new Uint8Array(0) }
  const { privateKey } = secp256k1
  const { uniqueIdentifier } = await client.send(Operation.Register, registerPrivate(privateKey, [active]))
  const key = await unit.get(uniqueIdentifier)
  // What is wanted is not looked at before the key was.
  const issued = async () => signWith(key, issuer, {} as Parameters<typeof signWith>[2], context)
  await expect(issued()).rejects.toMatchObject({ code: 'unsupported-cryptographic-parameters' })
})

test('Query says so', async () => {
  const { vendorIdentification } = await server.client.send(Operation.Query, {
    queryFunctions: [QueryFunction.QueryServerInformation],
  })
  expect(vendorIdentification).toBe('Krypton 1.2.3, approved algorithms')
})
