import { describe, expect, test } from 'vitest'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import type { CipherParameters } from '../../src/crypto/cipher-form.ts'
import { beginDecryption, beginEncryption } from '../../src/crypto/cipher-stream.ts'
import { beginMac, macWithKey } from '../../src/crypto/message-mac.ts'
import { dataBytesOf, paddingOf } from '../../src/crypto/padding.ts'
import { secretFromBytes } from '../../src/crypto/secret.ts'

const key = secretFromBytes(Buffer.from('000102030405060708090a0b0c0d0e0f1011121314151617', 'hex'), 'object')
const whole = Buffer.from(Array.from({ length: 48 }, (_, i) => i * 5))
const iv = whole.subarray(0, 16)

describe('paddings', () => {
  test.each([
    ['pkcs5', 5, '030303'],
    ['ansi-x9.23', 5, '000003'],
    ['ssl3', 5, '020202'],
    ['zeros', 5, '000000'],
    ['pkcs5', 8, '0808080808080808'],
    ['ansi-x9.23', 8, '0000000000000008'],
    ['ssl3', 8, '0707070707070707'],
    ['zeros', 8, ''],
    ['none', 5, ''],
  ] as const)('%s after %i bytes', (padding, bytes, hex) => {
    expect(Buffer.from(paddingOf(padding, bytes, 8)).toString('hex')).toBe(hex)
  })

  test('ISO 10126 is random but for its last byte', () => {
    const made = [paddingOf('iso-10126', 0, 16), paddingOf('iso-10126', 0, 16)]
    expect(made.map((bytes) => bytes.at(-1))).toEqual([16, 16])
    expect(made[0]).not.toEqual(made[1])
  })

  test.each(['pkcs5', 'ansi-x9.23', 'iso-10126', 'ssl3'] as const)('%s is taken off again, in any block', (padding) => {
    for (const blockBytes of [8, 16]) {
      for (let bytes = 0; bytes < blockBytes; bytes++) {
        const block = Buffer.concat([Buffer.alloc(bytes, 9), paddingOf(padding, bytes, blockBytes)])
        expect(dataBytesOf(padding, block)).toBe(bytes)
      }
    }
    const longer = Buffer.alloc(16, 17)
    expect(dataBytesOf(padding, longer)).toBe(undefined)
    expect(dataBytesOf(padding, Buffer.alloc(16))).toBe(padding === 'ssl3' ? 15 : undefined)
  })

  test('PKCS5 and ANSI X9.23 look at all of their bytes', () => {
    expect(dataBytesOf('pkcs5', Buffer.from('0000000000020303', 'hex'))).toBe(undefined)
    expect(dataBytesOf('ansi-x9.23', Buffer.from('0000000000000103', 'hex'))).toBe(undefined)
  })
})

const modes: CipherParameters[] = (['ecb', 'cbc'] as const).flatMap((mode) =>
  (['none', 'pkcs5', 'ansi-x9.23', 'iso-10126', 'ssl3', 'zeros'] as const).map((padding) => {
    return { algorithm: 'aes', mode, padding, tagLength: 16 } as const
  }),
)
const streams = (['ctr', 'cfb', 'ofb', 'gcm'] as const).map((mode) => {
  return { algorithm: 'aes', mode, padding: 'none', tagLength: 16 } as const
})

describe('data in parts', () => {
  test.each([...modes, ...streams])('%o is encrypted as it is whole', (parameters) => {
    const { mode, padding } = parameters
    const used = mode === 'ecb' ? undefined : iv
    for (const bytes of padding === 'none' ? [0, 16, 48] : [0, 1, 15, 16, 17, 47]) {
      const data = whole.subarray(0, bytes)
      const { data: made, tag } = inParts(
        beginEncryption(key, parameters, { iv: used, associatedData: undefined }),
        data,
      )
      const opened = decryptWithKey(key, parameters, made, used, tag)
      // Zeros says nothing of its length.
      expect(opened.subarray(0, bytes)).toEqual(data)
      if (padding !== 'zeros') expect(opened.byteLength).toBe(bytes)
      if (padding !== 'iso-10126') expect(encryptWithKey(key, parameters, data, used).data).toEqual(made)
      if (mode === 'gcm') continue
      const parts = inParts(
        beginDecryption(key, parameters, { iv: used, associatedData: undefined, tag: undefined }),
        made,
      )
      expect(parts.data).toEqual(opened)
    }
  })

  test('half a block without padding is refused, a wrong padding and half a block of ciphertext alike', () => {
    const parameters = { algorithm: 'aes', mode: 'cbc', padding: 'none', tagLength: 16 } as const
    const start = { iv, associatedData: undefined, tag: undefined }
    const encryption = beginEncryption(key, parameters, start)
    encryption.update(whole.subarray(0, 5))
    expect(() => encryption.final()).toThrow(expect.objectContaining({ code: 'invalid-field' }))
    for (const [padding, bytes] of [
      ['ansi-x9.23', 16],
      ['none', 15],
    ] as const) {
      const decryption = beginDecryption(key, { ...parameters, padding }, start)
      decryption.update(whole.subarray(0, bytes))
      expect(() => decryption.final()).toThrow(expect.objectContaining({ code: 'cryptographic-failure' }))
      expect(() => decryption.update(whole)).toThrow('after its end')
    }
  })

  test.each(['aes-cmac', 'sha256', 'sha3-512'] as const)('%s is what it is over the whole', (algorithm) => {
    for (let bytes = 0; bytes <= 48; bytes++) {
      const mac = beginMac(algorithm, key)
      for (let from = 0; from < bytes; from += 7) mac.update(whole.subarray(from, Math.min(from + 7, bytes)))
      expect(mac.final()).toEqual(macWithKey(algorithm, key, whole.subarray(0, bytes)))
      expect(() => mac.update(whole)).toThrow('after its end')
    }
  })
})

function inParts(
  stream: { update(data: Uint8Array): Buffer; final(): { data: Buffer; tag?: Buffer } },
  data: Buffer,
): { data: Buffer; tag?: Buffer } {
  const parts = []
  for (let from = 0; from < data.byteLength; from += 7) parts.push(stream.update(data.subarray(from, from + 7)))
  const { data: last, tag } = stream.final()
  return { data: Buffer.concat([...parts, last]), tag }
}
