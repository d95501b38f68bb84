import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { sealAead, Suite } from '../../src/crypto/aead.ts'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import type { CipherParameters } from '../../src/crypto/cipher-form.ts'
import { deriveWithHmac } from '../../src/crypto/kdf.ts'
import { wrapKey } from '../../src/crypto/key-wrap.ts'
import { randomBytes, randomIdentifier, RandomSource } from '../../src/crypto/random.ts'
import { exportSecret, generateSecret, importSecret, type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { hmac, verifyHmac } from '../../src/crypto/mac.ts'

describe('a secret', () => {
  test('prints its length and nothing else, however it is turned into text', () => {
    for (const secretClass of ['object', 'wrapping', 'system'] as const) {
      const secret = secretFromBytes(Buffer.from('correct horse battery staple 123'), secretClass)
      const texts = [
        String(secret),
        JSON.stringify({ secret }),
        inspect(secret),
        inspect({ deep: { secret } }, { showHidden: true }),
      ]
      for (const text of texts) {
        expect(text).toContain('[Secret 32]')
        expect(text).not.toContain('horse')
        expect(text).not.toContain(Buffer.from('horse').toString('hex'))
      }
      expect(Object.values(secret).some((value) => value instanceof Uint8Array)).toBe(false)
    }
  })

  test('copies itself out when it is of class object, and never otherwise', () => {
    const source = randomBytes(32)
    const target = Buffer.alloc(40)
    secretFromBytes(source, 'object').copyInto(target, 4)
    expect(target.subarray(4, 36)).toEqual(source)
    expect(() => secretFromBytes(source, 'wrapping').copyInto(target, 0)).toThrow(/cannot be copied out/)
    expect(() => secretFromBytes(source, 'system').copyInto(target, 0)).toThrow(/cannot be copied out/)
  })

  test('of another class than object leaves by no function, whoever holds it', () => {
    const parameters: CipherParameters = { algorithm: 'aes', mode: 'gcm', padding: 'none', tagLength: 16 }
    const object = generateSecret(32, 'object')
    const none = Buffer.alloc(0)
    const counter = Buffer.from([0, 0, 0, 1])
    for (const secretClass of ['wrapping', 'system'] as const) {
      const secret = generateSecret(32, secretClass)
      expect(() => deriveWithHmac(secret, Buffer.from('label'), none, 32)).toThrow(/nothing is derived into a buffer/)
      expect(() => encryptWithKey(secret, parameters, none)).toThrow(/encrypts no data/)
      expect(() => decryptWithKey(secret, parameters, none, Buffer.alloc(12), Buffer.alloc(16))).toThrow(/encrypts no/)
      expect(() => hmac('sha256', secret, counter)).toThrow(/no MAC over the input of a derivation/)
      expect(() => hmac('sha256', secret, counter.subarray(0, 2), counter.subarray(2))).toThrow(/no MAC over/)
      expect(() => verifyHmac('sha256', secret, counter, Buffer.alloc(32))).toThrow(/no MAC over/)
      expect(() => sealAead(Suite.Aes256Gcm, object, Buffer.alloc(12), none, secret)).toThrow(/seals no secret/)
      expect(() => wrapKey('kw', object, secret)).toThrow(/wraps no secret/)
      // A MAC of other data is no key.
      expect(hmac('sha256', secret, Buffer.from([0, 7, 1]))).toHaveLength(32)
    }
  })

  test('does not change when its source is wiped, and is of no use after it was wiped itself', () => {
    const source = randomBytes(32)
    const kept = Buffer.from(source)
    for (const secretClass of ['object', 'wrapping', 'system'] as const) {
      const secret = secretFromBytes(source, secretClass)
      const before = hmac('sha256', secret, kept)
      source.fill(0)
      expect(hmac('sha256', secret, kept)).toEqual(before)
      source.set(kept)
      secret.wipe()
      expect(() => hmac('sha256', secret, kept)).toThrow(/after it was wiped/)
    }
    const object = secretFromBytes(source, 'object')
    object.wipe()
    expect(() => object.copyInto(Buffer.alloc(32), 0)).toThrow(/after it was wiped/)
  })

  test('that is shared ends with the last of its users', () => {
    for (const secretClass of ['object', 'wrapping', 'system'] as const) {
      const secret = secretFromBytes(randomBytes(32), secretClass)
      expect(secret.share()).toBe(secret)
      secret.wipe()
      expect(hmac('sha256', secret, Buffer.alloc(1))).toHaveLength(32)
      secret.wipe()
      expect(() => hmac('sha256', secret, Buffer.alloc(1))).toThrow(/after it was wiped/)
      secret.wipe()
      expect(() => hmac('sha256', secret, Buffer.alloc(1))).toThrow(/after it was wiped/)
    }
  })

  test('crosses to another thread when it wraps or authenticates, and not when it is an object', () => {
    const { port1, port2 } = new MessageChannel()
    const secret = generateSecret(32, 'wrapping')
    port1.postMessage(exportSecret(secret))
    const received: { message: ReturnType<typeof exportSecret> } | undefined = receiveMessageOnPort(port2)
    const arrived = importSecret(received!.message)
    expect(arrived.secretClass).toBe('wrapping')
    const seal = (key: Secret): Buffer =>
      sealAead(Suite.Xaes256Gcm, key, Buffer.alloc(24), Buffer.alloc(0), Buffer.alloc(8))
    expect(seal(arrived)).toEqual(seal(secret))
    expect(() => exportSecret(generateSecret(32, 'object'))).toThrow(/stays in its thread/)
    port1.close()
  })

  test('is looked into by files of crypto/ only', () => {
    const source = join(import.meta.dirname, '../../src')
    const importers = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('crypto/'))
      .filter((file) => readFileSync(join(source, file), 'utf8').includes('key-material'))
    expect(importers).toEqual([])
  })
})

describe('random bytes', () => {
  test('are never twice the same and stand in buffers of their own', () => {
    const seen = new Set(Array.from({ length: 1000 }, () => randomIdentifier().toString('hex')))
    expect(seen.size).toBe(1000)
    const bytes = randomBytes(24)
    expect(bytes.buffer.byteLength).toBe(24)
    expect(randomBytes(100_000)).toHaveLength(100_000)
  })

  test('fail with random-failed when the device is absent or ends', () => {
    expect(() => new RandomSource('/nonexistent/urandom').bytes(16)).toThrow(
      expect.objectContaining({ code: 'random-failed' }),
    )
    expect(() => new RandomSource('/dev/null').bytes(16)).toThrow(expect.objectContaining({ code: 'random-failed' }))
  })
})
