import { createPublicKey, ECDH, generateKeyPairSync, KeyObject } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digest } from '../../src/crypto/digest.ts'
import {
  CryptographicAlgorithm,
  KeyCompressionType,
  KeyFormatType,
  Operation,
  RecommendedCurve,
} from '../../src/kmip/enums.ts'
import type { KeyBlock, TransparentKey } from '../../src/kmip/key-block.ts'
import { attribute, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic, rsa, secp256k1 } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

/** Key material in every format of a private RSA key. */
const rsaPrivate = {
  [KeyFormatType.PKCS1]: rsa.privateKey.export({ format: 'der', type: 'pkcs1' }),
  [KeyFormatType.PKCS8]: rsa.privateKey.export({ format: 'der', type: 'pkcs8' }),
  [KeyFormatType.TransparentRSAPrivateKey]: transparentRsa(rsa.privateKey),
}
const rsaPublic = {
  [KeyFormatType.PKCS1]: rsa.publicKey.export({ format: 'der', type: 'pkcs1' }),
  [KeyFormatType.X509]: rsa.publicKey.export({ format: 'der', type: 'spki' }),
  [KeyFormatType.TransparentRSAPublicKey]: only(transparentRsa(rsa.privateKey), ['modulus', 'publicExponent']),
}
const ecPrivate = {
  [KeyFormatType.ECPrivateKey]: p256.privateKey.export({ format: 'der', type: 'sec1' }),
  [KeyFormatType.PKCS8]: p256.privateKey.export({ format: 'der', type: 'pkcs8' }),
  [KeyFormatType.TransparentECPrivateKey]: {
    recommendedCurve: RecommendedCurve.P256,
    d: positive(jwk(p256.privateKey, 'd')),
  },
}
const ecPublic = {
  [KeyFormatType.X509]: p256.publicKey.export({ format: 'der', type: 'spki' }),
  [KeyFormatType.TransparentECPublicKey]: { recommendedCurve: RecommendedCurve.P256, qString: pointOf(p256.publicKey) },
  [KeyFormatType.TransparentECDSAPublicKey]: {
    recommendedCurve: RecommendedCurve.P256,
    qString: pointOf(p256.publicKey),
  },
}

describe('Register and Get of a key pair', () => {
  test.each([
    ['private RSA', registerPrivate(rsa.privateKey), rsaPrivate],
    ['public RSA', registerPublic(rsa.publicKey), rsaPublic],
    ['private EC', registerPrivate(p256.privateKey), ecPrivate],
    ['public EC', registerPublic(p256.publicKey), ecPublic],
  ])('gives a %s key back as it came, and in every other format it has', async (_, request, formats) => {
    for (const [from, keyMaterial] of Object.entries(formats)) {
      const { uniqueIdentifier } = await client.send(
        Operation.Register,
        withBlock(request, { keyFormatType: Number(from), keyValue: { keyMaterial } }),
      )
      const own = await keyBlockOf(uniqueIdentifier)
      expect(own.keyFormatType).toBe(Number(from))
      expect(own.keyValue?.keyMaterial).toEqual(keyMaterial)
      for (const [to, wanted] of Object.entries(formats)) {
        const block = await keyBlockOf(uniqueIdentifier, { keyFormatType: Number(to) })
        expect(block, `${from} to ${to}`).toMatchObject({
          keyFormatType: Number(to),
          keyValue: { keyMaterial: wanted },
        })
        expect(block.cryptographicAlgorithm).toBe(own.cryptographicAlgorithm)
        expect(block.keyCompressionType).toBeUndefined()
      }
    }
    expect(server.faults).toEqual([])
  })

  test('digests the bytes that came, of a transparent key its encoding', async () => {
    const { uniqueIdentifier } = await client.send(Operation.Register, registerPrivate(rsa.privateKey))
    expect(await client.attribute(uniqueIdentifier, 'Digest')).toEqual({
      hashingAlgorithm: 6,
      digestValue: digest('sha256', rsaPrivate[KeyFormatType.PKCS1]),
      keyFormatType: KeyFormatType.PKCS1,
    })
    const point = pointOf(p256.publicKey)
    const request = withBlock(registerPublic(p256.publicKey), {
      keyFormatType: KeyFormatType.TransparentECPublicKey,
      keyValue: { keyMaterial: ecPublic[KeyFormatType.TransparentECPublicKey] },
    })
    const transparent = await client.send(Operation.Register, request)
    const encoded = Buffer.concat([
      Buffer.from('42004301000000604200750500000004000000070000000042007208 00000041'.replaceAll(' ', ''), 'hex'),
      point,
      Buffer.alloc(7),
    ])
    encoded.writeUInt32BE(encoded.length - 8, 4)
    expect(await client.attribute(transparent.uniqueIdentifier, 'Digest')).toMatchObject({
      digestValue: digest('sha256', encoded),
    })
  })

  test('tells algorithm and length from the material where the request does not', async () => {
    for (const [request, algorithm, length] of [
      [registerPrivate(rsa.privateKey), CryptographicAlgorithm.RSA, 2048],
      [registerPublic(secp256k1.publicKey), CryptographicAlgorithm.EC, 256],
    ] as const) {
      const bare = withBlock(request, { cryptographicAlgorithm: undefined, cryptographicLength: undefined })
      const { uniqueIdentifier } = await client.send(Operation.Register, bare)
      expect(await client.attributes(uniqueIdentifier)).toMatchObject({
        'Cryptographic Algorithm': [algorithm],
        'Cryptographic Length': [length],
      })
    }
  })

  test('compresses the point of a public key on request, and says so', async () => {
    const { uniqueIdentifier } = await client.send(Operation.Register, registerPublic(p256.publicKey))
    const compressed = KeyCompressionType.ECPublicKeyTypeX9_62CompressedPrime
    for (const [keyCompressionType, form] of [
      [compressed, 'compressed'],
      [KeyCompressionType.ECPublicKeyTypeX9_62Hybrid, 'hybrid'],
      [KeyCompressionType.ECPublicKeyTypeUncompressed, 'uncompressed'],
    ] as const) {
      const block = await keyBlockOf(uniqueIdentifier, {
        keyFormatType: KeyFormatType.TransparentECPublicKey,
        keyCompressionType,
      })
      const qString = ECDH.convertKey(pointOf(p256.publicKey), 'prime256v1', undefined, undefined, form)
      expect(block.keyValue?.keyMaterial).toMatchObject({ qString })
      expect(block.keyCompressionType).toBe(form === 'uncompressed' ? undefined : keyCompressionType)
    }
    const inDer = await keyBlockOf(uniqueIdentifier, { keyCompressionType: compressed })
    const der = Buffer.from(inDer.keyValue!.keyMaterial as Uint8Array)
    expect(createPublicKey({ key: der, format: 'der', type: 'spki' }).equals(p256.publicKey)).toBe(true)
    expect(der.byteLength).toBeLessThan(ecPublic[KeyFormatType.X509].byteLength)
    // What comes compressed goes out so.
    const again = withBlock(registerPublic(p256.publicKey), {
      keyCompressionType: compressed,
      keyValue: { keyMaterial: der },
    })
    const other = await client.send(Operation.Register, again)
    expect(await keyBlockOf(other.uniqueIdentifier)).toMatchObject({
      keyCompressionType: compressed,
      keyValue: { keyMaterial: der },
    })
  })

  test('keeps what it cannot look into, and serves it in its own format only', async () => {
    const encrypted = rsa.privateKey.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
    const kept = withBlock(registerPrivate(rsa.privateKey, [attribute('activationDate', 0)]), {
      keyFormatType: KeyFormatType.PKCS8,
      keyValue: { keyMaterial: encrypted },
    })
    const { uniqueIdentifier } = await client.send(Operation.Register, kept)
    expect((await keyBlockOf(uniqueIdentifier)).keyValue?.keyMaterial).toEqual(encrypted)
    const parameters = { hashingAlgorithm: 6 }
    for (const refusal of [
      await client.refusal(Operation.Get, { uniqueIdentifier, keyFormatType: KeyFormatType.PKCS1 }),
      await client.refusal(Operation.Sign, { uniqueIdentifier, cryptographicParameters: parameters, data: encrypted }),
    ]) {
      expect(refusal.reason).toBe('Key Format Type Not Supported')
    }
    const nameless = withBlock(kept, { cryptographicAlgorithm: undefined, cryptographicLength: undefined })
    expect((await client.refusal(Operation.Register, nameless)).reason).toBe('Missing Data')
    const primes = only(rsaPrivate[KeyFormatType.TransparentRSAPrivateKey], ['modulus', 'p', 'q'])
    const partial = await client.send(
      Operation.Register,
      withBlock(registerPrivate(rsa.privateKey), {
        keyFormatType: KeyFormatType.TransparentRSAPrivateKey,
        keyValue: { keyMaterial: primes },
      }),
    )
    expect((await keyBlockOf(partial.uniqueIdentifier)).keyValue?.keyMaterial).toEqual(primes)
    const dsa = {
      p: positive(Buffer.alloc(128, 0xff)),
      q: positive(Buffer.alloc(20, 0xff)),
      g: positive(Buffer.from([2])),
    }
    const request = withBlock(registerPublic(rsa.publicKey), {
      keyFormatType: KeyFormatType.TransparentDSAPublicKey,
      keyValue: { keyMaterial: { ...dsa, y: dsa.g } },
      cryptographicAlgorithm: CryptographicAlgorithm.DSA,
      cryptographicLength: 1024,
    })
    const { uniqueIdentifier: dsaKey } = await client.send(Operation.Register, request)
    expect((await keyBlockOf(dsaKey)).keyValue?.keyMaterial).toEqual({ ...dsa, y: dsa.g })
  })

  test('takes a private key whose material stays with the client', async () => {
    const request = registerPrivate(rsa.privateKey, [
      attribute('keyValueLocation', { keyValueLocationValue: 'hsm', keyValueLocationType: 1 }),
      attribute('activationDate', 0),
    ])
    const { keyValue: _, ...keyBlock } = request.privateKey!.keyBlock
    const { uniqueIdentifier } = await client.send(Operation.Register, { ...request, privateKey: { keyBlock } })
    expect((await keyBlockOf(uniqueIdentifier)).keyValue).toBeUndefined()
    const parameters = { hashingAlgorithm: 6 }
    const use = { uniqueIdentifier, cryptographicParameters: parameters, data: Buffer.from('x') }
    expect((await client.refusal(Operation.Sign, use)).reason).toBe('Key Value Not Present')
  })

  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const shortRsa = generateKeyPairSync('rsa', { modulusLength: 512 })
  const numbers = rsaPrivate[KeyFormatType.TransparentRSAPrivateKey]
  const transparent = (keyMaterial: TransparentKey) =>
    withBlock(registerPrivate(rsa.privateKey), {
      keyFormatType: KeyFormatType.TransparentRSAPrivateKey,
      keyValue: { keyMaterial },
      cryptographicLength: undefined,
    })
  const publicPoint = (qString: Uint8Array, recommendedCurve: number = RecommendedCurve.P256) =>
    withBlock(registerPublic(p256.publicKey), {
      keyFormatType: KeyFormatType.TransparentECPublicKey,
      keyValue: { keyMaterial: { recommendedCurve, qString } },
    })
  const point = pointOf(p256.publicKey)
  const rsaWithExponent = (publicExponent: number[]) =>
    withBlock(registerPublic(rsa.publicKey), {
      keyFormatType: KeyFormatType.TransparentRSAPublicKey,
      keyValue: { keyMaterial: { modulus: numbers.modulus, publicExponent: positive(Buffer.from(publicExponent)) } },
    })
  const der = (keyMaterial: Uint8Array) => withBlock(registerPrivate(rsa.privateKey), { keyValue: { keyMaterial } })
  const pkcs1 = rsaPrivate[KeyFormatType.PKCS1]
  test.each([
    ['bytes that are no DER', der(Buffer.from('no key'))],
    ['DER that is cut', der(pkcs1.subarray(0, -1))],
    ['DER with bytes after it', der(Buffer.concat([pkcs1, Buffer.from([0])]))],
    ['a public key as a private one', der(rsaPublic[KeyFormatType.PKCS1])],
    ['another length', registerPrivate(rsa.privateKey, [], { length: 2047 })],
    ['another algorithm', registerPrivate(rsa.privateKey, [], { algorithm: CryptographicAlgorithm.EC })],
    ['a symmetric algorithm', registerPublic(p256.publicKey, [], { algorithm: CryptographicAlgorithm.AES })],
    ['RSA of 512 bits', registerPrivate(shortRsa.privateKey)],
    [
      'numbers of two keys',
      transparent({ ...numbers, privateExponent: transparentRsa(otherRsa.privateKey).privateExponent }),
    ],
    ['primes of another key', transparent({ ...transparentRsa(otherRsa.privateKey), modulus: numbers.modulus })],
    ['an even modulus', transparent({ ...numbers, modulus: flipped(numbers.modulus, -1, 1) })],
    ['a negative number', transparent({ ...numbers, p: Buffer.alloc(128, 0xff) })],
    ['none of the numbers that one needs', transparent(only(numbers, ['modulus', 'publicExponent']))],
    ['a public exponent of 1', rsaWithExponent([1])],
    ['an even public exponent', rsaWithExponent([1, 0, 0])],
    ['a public exponent of 72 bits', rsaWithExponent([1, 0, 0, 0, 0, 0, 0, 0, 1])],
    ['a point that is not on the curve', publicPoint(flipped(point, 20, 1))],
    ['a point of another length', publicPoint(point.subarray(0, -1))],
    ['the point at infinity', publicPoint(Buffer.from([0]))],
    [
      'a hybrid point of the wrong parity',
      publicPoint(Buffer.concat([Buffer.from([6 + ((point.at(-1)! & 1) ^ 1)]), point.subarray(1)])),
    ],
    ['a point on another curve', publicPoint(point, RecommendedCurve.SECP256K1)],
    ['a curve that is not served', publicPoint(point, RecommendedCurve.P192)],
    [
      'a private value of 0',
      withBlock(registerPrivate(p256.privateKey), {
        keyFormatType: KeyFormatType.TransparentECPrivateKey,
        keyValue: { keyMaterial: { recommendedCurve: RecommendedCurve.P256, d: Buffer.alloc(8) } },
      }),
    ],
    [
      'a private value above the order',
      withBlock(registerPrivate(p256.privateKey), {
        keyFormatType: KeyFormatType.TransparentECPrivateKey,
        keyValue: { keyMaterial: { recommendedCurve: RecommendedCurve.P256, d: positive(Buffer.alloc(32, 0xff)) } },
      }),
    ],
    [
      'a private key with the point of another',
      withBlock(registerPrivate(p256.privateKey), {
        keyValue: { keyMaterial: replaced(ecPrivate[KeyFormatType.ECPrivateKey], point, otherPoint()) },
      }),
    ],
    [
      'a curve among the attributes that is not the key’s',
      registerPublic(p256.publicKey, [
        attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.P384 }),
      ]),
    ],
    ['a length among the attributes that is not the key’s', registerPublic(p384.publicKey)],
    [
      'another compression than the point has',
      withBlock(registerPublic(p256.publicKey), { keyCompressionType: KeyCompressionType.ECPublicKeyTypeX9_62Hybrid }),
    ],
  ])('refuses %s', async (_, request) => {
    const refusal = await client.refusal(Operation.Register, request)
    expect(refusal.reason).toBe('Invalid Field')
    expect(refusal.message).not.toBe('')
    expect(server.faults).toEqual([])
  })

  test.each([
    [
      'a private key as X.509',
      registerPrivate(rsa.privateKey, [], { keyBlock: { keyFormatType: KeyFormatType.X509 } }),
      'Key Format Type Not Supported',
    ],
    [
      'a public key as ECPrivateKey',
      registerPublic(p256.publicKey, [], { keyBlock: { keyFormatType: KeyFormatType.ECPrivateKey } }),
      'Key Format Type Not Supported',
    ],
    [
      'a compressed RSA key',
      registerPublic(rsa.publicKey, [], { keyBlock: { keyCompressionType: 1 } }),
      'Key Compression Type Not Supported',
    ],
    [
      'a key without material before 1.2',
      registerPrivate(rsa.privateKey, [], { keyBlock: { keyValue: undefined } }),
      'Missing Data',
    ],
  ])('refuses %s', async (_, request, reason) => {
    expect((await client.refusal(Operation.Register, request, { version: 11 })).reason).toBe(reason)
  })

  test.each([
    ['an RSA key as EC', { keyFormatType: KeyFormatType.ECPrivateKey }, 'Key Format Type Not Supported'],
    ['an RSA key as Raw', { keyFormatType: KeyFormatType.Raw }, 'Key Format Type Not Supported'],
    ['a private key compressed', { keyCompressionType: 2 }, 'Key Compression Type Not Supported'],
  ])('does not serve %s', async (_, asked, reason) => {
    const { uniqueIdentifier } = await client.send(Operation.Register, registerPrivate(rsa.privateKey))
    expect((await client.refusal(Operation.Get, { uniqueIdentifier, ...asked })).reason).toBe(reason)
  })

  async function keyBlockOf(
    uniqueIdentifier: string,
    asked: { keyFormatType?: number; keyCompressionType?: number } = {},
  ): Promise<KeyBlock> {
    const { privateKey, publicKey } = await client.send(Operation.Get, { uniqueIdentifier, ...asked })
    return (privateKey ?? publicKey)!.keyBlock
  }
})

function withBlock<T extends { privateKey?: { keyBlock: KeyBlock }; publicKey?: { keyBlock: KeyBlock } }>(
  request: T,
  change: Partial<KeyBlock>,
): T {
  const { privateKey, publicKey } = request
  return {
    ...request,
    privateKey: privateKey && { keyBlock: { ...privateKey.keyBlock, ...change } },
    publicKey: publicKey && { keyBlock: { ...publicKey.keyBlock, ...change } },
  }
}

function transparentRsa(key: KeyObject) {
  return {
    modulus: positive(jwk(key, 'n')),
    privateExponent: positive(jwk(key, 'd')),
    publicExponent: positive(jwk(key, 'e')),
    p: positive(jwk(key, 'p')),
    q: positive(jwk(key, 'q')),
    primeExponentP: positive(jwk(key, 'dp')),
    primeExponentQ: positive(jwk(key, 'dq')),
    crtCoefficient: positive(jwk(key, 'qi')),
  }
}

function jwk(key: KeyObject, name: string): Buffer {
  return Buffer.from(String(key.export({ format: 'jwk' })[name as 'n']), 'base64url')
}

/** A magnitude as the Big Integer that stands for it: the shortest, a multiple of 8 bytes. */
function positive(magnitude: Buffer): Buffer {
  const from = magnitude.findIndex((byte) => byte !== 0)
  const bytes = magnitude.subarray(Math.max(from, 0))
  const length = Math.ceil((bytes.byteLength + (bytes[0]! >= 0x80 ? 1 : 0)) / 8) * 8
  return Buffer.concat([Buffer.alloc(length - bytes.byteLength), bytes])
}

function pointOf(key: KeyObject): Buffer {
  return Buffer.concat([Buffer.from([4]), jwk(key, 'x'), jwk(key, 'y')])
}

function otherPoint(): Buffer {
  return pointOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
}

function only(key: TransparentKey, names: readonly (keyof TransparentKey)[]): TransparentKey {
  return Object.fromEntries(names.map((name) => [name, key[name]]))
}

function flipped(bytes: Uint8Array, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  const index = at < 0 ? copy.length + at : at
  copy[index]! ^= bit
  return copy
}

function replaced(bytes: Buffer, part: Buffer, by: Buffer): Buffer {
  const at = bytes.indexOf(part)
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + part.length)])
}
