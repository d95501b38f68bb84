import { describe, expect, test } from 'vitest'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import type { CipherParameters } from '../../src/crypto/cipher-form.ts'
import type { DigestAlgorithm } from '../../src/crypto/digest.ts'
import { unwrapKey, wrapKey } from '../../src/crypto/key-wrap.ts'
import { hmac, verifyHmac } from '../../src/crypto/mac.ts'
import { secretFromBytes } from '../../src/crypto/secret.ts'
import { isKryptonError } from '../../src/errors.ts'
import { bytesOf, vectorsFolder, wycheproof } from './vectors.ts'

/** Tests whose published result is not ours, each with its reason. */
const deviations: Record<string, Record<number, string>> = {
  aes_gcm: {
    268: 'IV of 257 bytes: OpenSSL takes 128 at most, we refuse with invalid-field',
    272: 'the same for AES-192',
    276: 'the same for AES-256',
  },
}

const folder = vectorsFolder()

describe.skipIf(folder === undefined)('Wycheproof', () => {
  test('AES-GCM through encryptWithKey and decryptWithKey', () => {
    const parameters: CipherParameters = { algorithm: 'aes', mode: 'gcm', padding: 'none', tagLength: 16 }
    let run = 0
    for (const group of wycheproof(folder!, 'aes_gcm')) {
      for (const vector of group.tests) {
        const key = bytesOf(vector, 'key')
        const iv = bytesOf(vector, 'iv')
        const aad = bytesOf(vector, 'aad')
        const message = bytesOf(vector, 'msg')
        const ciphertext = bytesOf(vector, 'ct')
        const tag = bytesOf(vector, 'tag')
        const secret = secretFromBytes(key, 'object')
        const opened = attempt(() => decryptWithKey(secret, parameters, ciphertext, iv, tag, aad))
        const openedJoined = attempt(() =>
          decryptWithKey(secret, parameters, Buffer.concat([ciphertext, tag]), iv, undefined, aad),
        )
        run++
        if (deviations['aes_gcm']![vector.tcId] !== undefined) {
          expect(opened, `tcId ${vector.tcId}`).toBeUndefined()
          continue
        }
        if (vector.result === 'valid') {
          expect(opened?.equals(message), `tcId ${vector.tcId} ${vector.comment}`).toBe(true)
          expect(openedJoined?.equals(message), `tcId ${vector.tcId}`).toBe(true)
          const made = encryptWithKey(secret, parameters, message, iv, aad)
          expect(made.data.equals(ciphertext) && made.tag!.equals(tag), `tcId ${vector.tcId}`).toBe(true)
        } else {
          expect(opened, `tcId ${vector.tcId} ${vector.comment}`).toBeUndefined()
          expect(openedJoined, `tcId ${vector.tcId}`).toBeUndefined()
        }
      }
    }
    expect(run).toBe(316)
  })

  test('AES-CBC with PKCS5 through encryptWithKey and decryptWithKey', () => {
    const parameters: CipherParameters = { algorithm: 'aes', mode: 'cbc', padding: 'pkcs5', tagLength: 16 }
    let run = 0
    for (const group of wycheproof(folder!, 'aes_cbc_pkcs5')) {
      for (const vector of group.tests) {
        const key = bytesOf(vector, 'key')
        const iv = bytesOf(vector, 'iv')
        const message = bytesOf(vector, 'msg')
        const ciphertext = bytesOf(vector, 'ct')
        const secret = secretFromBytes(key, 'object')
        const opened = attempt(() => decryptWithKey(secret, parameters, ciphertext, iv))
        run++
        if (vector.result === 'valid') {
          expect(opened?.equals(message), `tcId ${vector.tcId} ${vector.comment}`).toBe(true)
          expect(encryptWithKey(secret, parameters, message, iv).data.equals(ciphertext), `tcId ${vector.tcId}`).toBe(
            true,
          )
        } else {
          expect(opened, `tcId ${vector.tcId} ${vector.comment}`).toBeUndefined()
        }
      }
    }
    expect(run).toBe(216)
  })

  test.each([
    ['aes_wrap', 'kw'],
    ['aes_kwp', 'kwp'],
  ] as const)('%s through wrapKey and unwrapKey', (file, form) => {
    let run = 0
    for (const group of wycheproof(folder!, file)) {
      for (const vector of group.tests) {
        const key = secretFromBytes(bytesOf(vector, 'key'), 'wrapping')
        const message = bytesOf(vector, 'msg')
        const wrapped = bytesOf(vector, 'ct')
        const opened = attempt(() => {
          const secret = unwrapKey(form, key, wrapped, 'object')
          const bytes = Buffer.alloc(secret.byteLength)
          secret.copyInto(bytes, 0)
          return bytes
        })
        run++
        // A key of 64 bits that is wrapped without padding is no key of ours; Wycheproof calls such acceptable.
        if (vector.result === 'acceptable') continue
        expect(opened?.equals(message) ?? false, `tcId ${vector.tcId} ${vector.comment}`).toBe(
          vector.result === 'valid',
        )
        if (vector.result === 'invalid') continue
        expect(wrapKey(form, key, secretFromBytes(message, 'object')).equals(wrapped), `tcId ${vector.tcId}`).toBe(true)
      }
    }
    expect(run).toBeGreaterThan(100)
  })

  const hmacs: Record<string, DigestAlgorithm> = {
    hmac_sha1: 'sha1',
    hmac_sha224: 'sha224',
    hmac_sha256: 'sha256',
    hmac_sha384: 'sha384',
    hmac_sha512: 'sha512',
    hmac_sha512_224: 'sha512-224',
    hmac_sha512_256: 'sha512-256',
    hmac_sha3_224: 'sha3-224',
    hmac_sha3_256: 'sha3-256',
    hmac_sha3_384: 'sha3-384',
    hmac_sha3_512: 'sha3-512',
  }

  test.each(Object.entries(hmacs))('%s through hmac and verifyHmac', (file, algorithm) => {
    let run = 0
    for (const group of wycheproof(folder!, file)) {
      const tagBytes = Number(group['tagSize']) / 8
      for (const vector of group.tests) {
        const key = bytesOf(vector, 'key')
        const message = bytesOf(vector, 'msg')
        const tag = bytesOf(vector, 'tag')
        const secret = secretFromBytes(key, 'object')
        const made = hmac(algorithm, secret, message).subarray(0, tagBytes)
        run++
        expect(made.equals(tag), `tcId ${vector.tcId}`).toBe(vector.result === 'valid')
        expect(verifyHmac(algorithm, secret, message, tag), `tcId ${vector.tcId} ${vector.comment}`).toBe(
          vector.result === 'valid',
        )
      }
    }
    expect(run).toBeGreaterThan(100)
  })
})

/** What `run` returns, or undefined when it refuses as it should: with an error of ours. */
function attempt(run: () => Buffer): Buffer | undefined {
  try {
    return run()
  } catch (error) {
    if (!isKryptonError(error)) throw error
    return undefined
  }
}
