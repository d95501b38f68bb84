import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import type { CipherParameters } from '../../src/crypto/cipher-form.ts'
import { generateSecret, secretFromBytes } from '../../src/crypto/secret.ts'

const base: CipherParameters = { algorithm: 'aes', mode: 'cbc', padding: 'pkcs5', tagLength: 16 }
const key = generateSecret(32, 'object')
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

describe('Encrypt and Decrypt', () => {
  test('give back what went in, for every mode, key length and data length', () => {
    const bytes = fc.uint8Array({ maxLength: 100 })
    fc.assert(
      fc.property(
        bytes,
        fc.constantFrom(16, 24, 32),
        fc.constantFrom('ecb', 'cbc', 'ctr', 'gcm'),
        bytes,
        (data, keyBytes, mode, additional) => {
          const associated = mode === 'gcm' ? additional : undefined
          const key = generateSecret(keyBytes, 'object')
          const parameters = { ...base, mode } as CipherParameters
          const made = encryptWithKey(key, parameters, data, undefined, associated)
          expect(decryptWithKey(key, parameters, made.data, made.iv, made.tag, associated)).toEqual(Buffer.from(data))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('keep each answer to itself, whatever is made after it', () => {
    const modes = ['cbc', 'gcm', 'ctr'] as const
    const made = Array.from({ length: 200 }, (_, i) => {
      const parameters = { ...base, mode: modes[i % 3]! }
      const data = Buffer.alloc((i * 997) % 20_000, i)
      return { parameters, plaintext: data, ...encryptWithKey(key, parameters, data) }
    })
    for (const { parameters, plaintext, data, iv, tag } of made) {
      expect(decryptWithKey(key, parameters, data, iv, tag).equals(plaintext)).toBe(true)
    }
    expect(new Set(made.map(({ iv }) => iv!.toString('hex'))).size).toBe(made.length)
  })

  // NIST SP 800-38A, F.1.5, F.2.5 and F.5.5: AES-256, first block.
  test.each([
    ['ecb', undefined, 'f3eed1bdb5d2a03c064b5a7e3db181f8'],
    ['cbc', '000102030405060708090a0b0c0d0e0f', 'f58c4c04d6e5f1ba779eabfb5f7bfbd6'],
    ['ctr', 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', '601ec313775789a5b7a7f504bbf3d228'],
  ] as const)('%s agrees with SP 800-38A', (mode, iv, ciphertext) => {
    const key = secretFromBytes(
      Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex'),
      'object',
    )
    const plaintext = Buffer.from('6bc1bee22e409f96e93d7e117393172a', 'hex')
    const made = encryptWithKey(
      key,
      { ...base, mode, padding: 'none' },
      plaintext,
      iv === undefined ? undefined : Buffer.from(iv, 'hex'),
    )
    expect(made.data.toString('hex')).toBe(ciphertext)
  })

  test('make an IV of 12 bytes for GCM and of 16 for CBC and CTR, another each time, and none for ECB', () => {
    const made = (mode: CipherParameters['mode']): Buffer | undefined =>
      encryptWithKey(key, { ...base, mode }, Buffer.alloc(16)).iv
    expect(made('gcm')).toHaveLength(12)
    expect(made('cbc')).toHaveLength(16)
    expect(made('ctr')).toHaveLength(16)
    expect(made('ecb')).toBeUndefined()
    expect(made('gcm')).not.toEqual(made('gcm'))
  })

  test.each([12, 13, 14, 15, 16])('GCM has a tag of %i bytes when asked, beside the data or after it', (tagLength) => {
    const parameters: CipherParameters = { ...base, mode: 'gcm', tagLength }
    const made = encryptWithKey(key, parameters, Buffer.from('text'))
    expect(made.tag).toHaveLength(tagLength)
    const joined = Buffer.concat([made.data, made.tag!])
    expect(decryptWithKey(key, parameters, joined, made.iv).toString()).toBe('text')
  })

  test('refuses a key of 20 bytes and a tag of 4 with unsupported-cryptographic-parameters', () => {
    const short = generateSecret(20, 'object')
    expect(() => encryptWithKey(short, base, Buffer.alloc(16))).toThrow(code('unsupported-cryptographic-parameters'))
    expect(() => decryptWithKey(short, base, Buffer.alloc(16), Buffer.alloc(16))).toThrow(
      code('unsupported-cryptographic-parameters'),
    )
    const parameters: CipherParameters = { ...base, mode: 'gcm', tagLength: 4 }
    expect(() => encryptWithKey(key, parameters, Buffer.alloc(16))).toThrow(
      code('unsupported-cryptographic-parameters'),
    )
    expect(() => decryptWithKey(key, parameters, Buffer.alloc(16), Buffer.alloc(12))).toThrow(
      code('unsupported-cryptographic-parameters'),
    )
  })

  test('refuses an IV of a wrong length, and Decrypt without one, with invalid-field', () => {
    for (const mode of ['cbc', 'ctr'] as const) {
      expect(() => encryptWithKey(key, { ...base, mode }, Buffer.alloc(16), Buffer.alloc(15))).toThrow(
        code('invalid-field'),
      )
      expect(() => decryptWithKey(key, { ...base, mode }, Buffer.alloc(16), Buffer.alloc(17))).toThrow(
        code('invalid-field'),
      )
      expect(() => decryptWithKey(key, { ...base, mode }, Buffer.alloc(16), undefined)).toThrow(code('invalid-field'))
    }
    const gcm: CipherParameters = { ...base, mode: 'gcm' }
    for (const length of [0, 129]) {
      expect(() => encryptWithKey(key, gcm, Buffer.alloc(16), Buffer.alloc(length))).toThrow(code('invalid-field'))
      expect(() => decryptWithKey(key, gcm, Buffer.alloc(32), Buffer.alloc(length))).toThrow(code('invalid-field'))
    }
  })

  test('refuses data that is no whole block when nothing pads it', () => {
    for (const mode of ['cbc', 'ecb'] as const) {
      expect(() => encryptWithKey(key, { ...base, mode, padding: 'none' }, Buffer.alloc(17))).toThrow(
        code('invalid-field'),
      )
    }
    for (const padding of ['none', 'pkcs5'] as const)
      expect(() => encryptWithKey(key, { ...base, mode: 'kw', padding }, Buffer.alloc(17))).toThrow(
        'Key wrap takes a multiple of 8 bytes: send such data, or ask for AES Key Wrap Padding',
      )
  })

  test('answers a wrong padding, a wrong tag and impossible data with one and the same error', () => {
    const gcm: CipherParameters = { ...base, mode: 'gcm' }
    const cbc = encryptWithKey(key, base, Buffer.from('0123456789abcdef'))
    const sealed = encryptWithKey(key, gcm, Buffer.from('text'))
    const wrongTag = Buffer.from(sealed.tag!)
    wrongTag[0]! ^= 1
    const attempts = [
      () => decryptWithKey(key, base, cbc.data.subarray(0, 16), cbc.iv),
      () => decryptWithKey(key, base, cbc.data.subarray(0, 31), cbc.iv),
      () => decryptWithKey(key, base, Buffer.alloc(0), cbc.iv),
      () => decryptWithKey(key, { ...base, mode: 'ecb', padding: 'none' }, Buffer.alloc(15), undefined),
      () => decryptWithKey(key, gcm, sealed.data, sealed.iv, wrongTag),
      () => decryptWithKey(key, gcm, sealed.data, sealed.iv, sealed.tag!.subarray(0, 12)),
      () => decryptWithKey(key, gcm, Buffer.alloc(3), sealed.iv),
      () => decryptWithKey(key, gcm, sealed.data, sealed.iv, sealed.tag, Buffer.from('other')),
    ]
    const messages = new Set(
      attempts.map((attempt) => {
        expect(attempt).toThrow(code('cryptographic-failure'))
        try {
          return attempt().toString('hex')
        } catch (error) {
          return String(error)
        }
      }),
    )
    expect(messages.size).toBe(1)
  })

  test('keeps each plaintext in a buffer of its own, which the caller can wipe', () => {
    const made = encryptWithKey(key, base, Buffer.from('a text of twenty-one!'))
    const opened = decryptWithKey(key, base, made.data, made.iv)
    // What padding leaves over at its end may be part of it; the pool is not.
    expect(opened.byteOffset).toBe(0)
    expect(opened.buffer.byteLength - opened.byteLength).toBeLessThanOrEqual(16)
  })
})
