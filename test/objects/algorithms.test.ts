import { describe, expect, test } from 'vitest'
import { BlockCipherMode, CryptographicAlgorithm, ObjectType, PaddingMethod, State } from '../../src/kmip/enums.ts'
import { Attributes } from '../../src/kmip/attribute.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import {
  cipherUse as cipherUseBy,
  generatedLength,
  materialBytes,
  registeredLength,
  setParity,
} from '../../src/objects/algorithms.ts'
import { KeyForm, ManagedObject } from '../../src/objects/managed-object.ts'

const cipherUse = (object: ManagedObject, parameters: CryptographicParameters | undefined) =>
  cipherUseBy(object, parameters, { approved: false, tripleDes: false, clientNonces: true })

function key(parameters?: CryptographicParameters, algorithm: number = CryptographicAlgorithm.AES): ManagedObject {
  const attributes = new Attributes()
  if (parameters !== undefined) attributes.add('cryptographicParameters', parameters)
  return new ManagedObject(
    {
      id: Buffer.alloc(16),
      sequence: 1,
      objectType: ObjectType.SymmetricKey,
      state: State.Active,
      activationDate: undefined,
      deactivationDate: undefined,
      algorithm,
      lengthBits: 256,
      keyFormatType: 1,
      keyForm: KeyForm.Plain,
      archived: false,
      dataType: 0,
      keyVersion: 1,
      blobVersion: 1,
      record: Buffer.alloc(1),
      rowVersion: 1,
    },
    attributes,
  )
}

describe('Cryptographic Parameters', () => {
  const cbc = { algorithm: 'aes', mode: 'cbc', padding: 'pkcs5', tagLength: 16, ivLength: undefined }

  test('of nobody are AES-CBC with PKCS5 padding', () => {
    expect(cipherUse(key(), undefined)).toEqual(cbc)
    expect(cipherUse(key(), {})).toEqual(cbc)
    expect(cipherUse(key(), { randomIV: true })).toEqual(cbc)
  })

  test('of the key are used when the request names no mode', () => {
    const gcm = key({ blockCipherMode: BlockCipherMode.GCM, tagLength: 12, randomIV: true })
    expect(cipherUse(gcm, undefined)).toEqual({ ...cbc, mode: 'gcm', padding: 'none', tagLength: 12 })
    expect(cipherUse(gcm, { tagLength: 16 })).toEqual({ ...cbc, mode: 'gcm', padding: 'none', tagLength: 16 })
  })

  test('of a request that names a mode stand alone: padding of another mode would change the data', () => {
    const padded = key({ blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.PKCS5 })
    expect(cipherUse(padded, { blockCipherMode: BlockCipherMode.ECB })).toEqual({
      ...cbc,
      mode: 'ecb',
      padding: 'none',
    })
  })

  test.each<[string, CryptographicParameters]>([
    ['a mode that is not served', { blockCipherMode: BlockCipherMode.PCBC }],
    ['a padding that is not served', { blockCipherMode: BlockCipherMode.CBC, paddingMethod: PaddingMethod.OAEP }],
    ['another algorithm than the key has', { cryptographicAlgorithm: CryptographicAlgorithm.TripleDES }],
    ['a counter that is built from parts', { blockCipherMode: BlockCipherMode.CTR, initialCounterValue: 1 }],
    ['a nonce that is built from parts', { blockCipherMode: BlockCipherMode.GCM, fixedFieldLength: 32 }],
    ['a length that no IV of CBC has', { blockCipherMode: BlockCipherMode.CBC, ivLength: 96 }],
    ['a length that no IV of GCM should have', { blockCipherMode: BlockCipherMode.GCM, ivLength: 8 }],
  ])('refuse %s', (_, parameters) => {
    expect(() => cipherUse(key(), parameters)).toThrow(
      expect.objectContaining({ code: 'unsupported-cryptographic-parameters' }),
    )
  })

  test('refuse a key of no cipher, and one of 3DES where the operator has not allowed it', () => {
    const { HMACSHA256, TripleDES } = CryptographicAlgorithm
    for (const algorithm of [HMACSHA256, TripleDES]) {
      expect(() => cipherUse(key(undefined, algorithm), undefined)).toThrow(
        expect.objectContaining({ code: 'unsupported-cryptographic-parameters' }),
      )
    }
    const allowed = { approved: false, tripleDes: true, clientNonces: true }
    expect(cipherUseBy(key(undefined, TripleDES), undefined, allowed)).toEqual({ ...cbc, algorithm: '3des' })
  })

  test('of ChaCha20 have one mode', () => {
    const { ChaCha20, ChaCha20Poly1305 } = CryptographicAlgorithm
    expect(cipherUse(key(undefined, ChaCha20), undefined).mode).toBe('stream')
    for (const parameters of [undefined, { blockCipherMode: BlockCipherMode.AEAD }]) {
      expect(cipherUse(key(undefined, ChaCha20Poly1305), parameters).mode).toBe('aead')
    }
    expect(() => cipherUse(key(undefined, ChaCha20), { blockCipherMode: BlockCipherMode.CTR })).toThrow(
      expect.objectContaining({ code: 'unsupported-cryptographic-parameters' }),
    )
  })

  test('say how long a random IV is', () => {
    expect(cipherUse(key(), { blockCipherMode: BlockCipherMode.GCM, ivLength: 128 }).ivLength).toBe(16)
  })
})

describe('lengths', () => {
  test('of keys to be made are those of their algorithm', () => {
    expect(generatedLength(CryptographicAlgorithm.AES, undefined)).toBe(256)
    expect(generatedLength(CryptographicAlgorithm.AES, 192)).toBe(192)
    expect(generatedLength(CryptographicAlgorithm.HMACSHA384, undefined)).toBe(384)
    expect(generatedLength(CryptographicAlgorithm.HMACSHA3_224, undefined)).toBe(224)
    expect(generatedLength(CryptographicAlgorithm.HMACSHA256, 512)).toBe(512)
    for (const [algorithm, bits] of [
      [CryptographicAlgorithm.AES, 200],
      [CryptographicAlgorithm.AES, 0],
      [CryptographicAlgorithm.HMACSHA256, 9],
      [CryptographicAlgorithm.HMACSHA256, 100_000],
      [CryptographicAlgorithm.RSA, 2048],
    ] as const) {
      expect(() => generatedLength(algorithm, bits)).toThrow(expect.objectContaining({ code: 'invalid-field' }))
    }
  })

  test('of 3DES leave out the bits of parity, which its bytes have', () => {
    expect([112, 128, 168, 192].map((bits) => materialBytes(CryptographicAlgorithm.TripleDES, bits))).toEqual([
      16, 16, 24, 24,
    ])
    const material = Buffer.from([0x00, 0x01, 0xff, 0xfe, 0x10])
    setParity(CryptographicAlgorithm.TripleDES, material)
    expect([...material]).toEqual([0x01, 0x01, 0xfe, 0xfe, 0x10])
  })

  test('of registered keys are those of the material', () => {
    expect(registeredLength(CryptographicAlgorithm.AES, 32, undefined)).toBe(256)
    expect(registeredLength(CryptographicAlgorithm.AES, 32, 256)).toBe(256)
    expect(registeredLength(CryptographicAlgorithm.TripleDES, 24, 168)).toBe(168)
    expect(() => registeredLength(CryptographicAlgorithm.AES, 32, 128)).toThrow(/256/)
    for (const bytes of [0, 1, 15, 17, 31, 33, 48]) {
      expect(() => registeredLength(CryptographicAlgorithm.AES, bytes, undefined)).toThrow(/128, 192, 256 bits/)
    }
    expect(registeredLength(CryptographicAlgorithm.AES, 64, undefined)).toBe(512)
    expect(() => registeredLength(CryptographicAlgorithm.TripleDES, 8, undefined)).toThrow(/bits, not 64/)
    expect(() => registeredLength(CryptographicAlgorithm.TripleDES, 24, 112)).toThrow(/192/)
  })
})
