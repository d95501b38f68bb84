import { describe, expect, test } from 'vitest'
import { keyCommitment, openAead, sealAead, Suite } from '../../src/crypto/aead.ts'
import { equalBytes } from '../../src/crypto/compare.ts'
import { digest } from '../../src/crypto/digest.ts'
import { deriveIdentifier, deriveSecret, deriveWithHmac } from '../../src/crypto/kdf.ts'
import { knownAnswers } from '../../src/crypto/known-answers.ts'
import { labels } from '../../src/crypto/labels.ts'
import { hmac, verifyHmac } from '../../src/crypto/mac.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { generateSecret, secretFromBytes } from '../../src/crypto/secret.ts'
import { selfTest } from '../../src/crypto/self-test.ts'

const none = new Uint8Array(0)

describe('derivation', () => {
  test('labels are distinct and hold no zero byte, which ends a label in the KDF', () => {
    const all: readonly string[] = Object.values(labels)
    expect(new Set(all).size).toBe(all.length)
    for (const label of all) expect(label).toMatch(/^[a-z0-9-]+$/)
  })

  test('gives another key for each label, context and parent, and the same for the same', () => {
    const key = secretFromBytes(Buffer.alloc(32, 7), 'system')
    const tags = new Set<string>()
    for (const label of Object.values(labels)) {
      for (const context of [none, Buffer.from('a'), Buffer.from('b')]) {
        const of = (): string => hmac('sha256', deriveSecret(key, label, context, 'system'), none).toString('hex')
        expect(of()).toBe(of())
        tags.add(of())
      }
    }
    expect(tags.size).toBe(Object.keys(labels).length * 3)
    expect(deriveIdentifier(key, labels.wrapIvkId, none)).toHaveLength(16)
  })

  // NIST CAVP, KDFCTR_gen: PRF HMAC_SHA256, counter before fixed input, r = 32, first count. The fixed input stands whole in `label`
  // there, so it is compared through the PRF: HMAC(key, u32 1 ‖ fixed).
  test('is SP 800-108 in counter mode: its first block is HMAC(key, 1 ‖ label ‖ 0 ‖ context ‖ bits)', () => {
    const key = generateSecret(32, 'object')
    const fixed = Buffer.from(
      '00000001' + Buffer.from('label').toString('hex') + '00' + Buffer.from('context').toString('hex') + '00000180',
      'hex',
    )
    const second = Buffer.from(fixed)
    second[3] = 2
    const whole = Buffer.concat([hmac('sha256', key, fixed), hmac('sha256', key, second)])
    expect(deriveWithHmac(key, Buffer.from('label'), Buffer.from('context'), 48)).toEqual(whole.subarray(0, 48))
  })
})

describe('sealing', () => {
  test('suite 0x03 is XAES-256-GCM under a key derived for it, and commits under another', () => {
    const bytes = randomBytes(32)
    const key = secretFromBytes(bytes, 'wrapping')
    const nonce = randomBytes(24)
    const derived = deriveSecret(key, labels.suite3Encryption, none, 'wrapping')
    const text = Buffer.from('text')
    expect(sealAead(Suite.Xaes256GcmCommitted, key, nonce, none, text)).toEqual(
      sealAead(Suite.Xaes256Gcm, derived, nonce, none, text),
    )
    const committing = deriveSecret(key, labels.suite3Commitment, none, 'system')
    expect(keyCommitment(key, text)).toEqual(hmac('sha256', committing, text))
    expect(keyCommitment(generateSecret(32, 'wrapping'), text)).not.toEqual(keyCommitment(key, text))
  })

  test.each([Suite.Aes256Gcm, Suite.Xaes256Gcm, Suite.Xaes256GcmCommitted])(
    'suite %i opens nothing that was changed by one bit, cut or lengthened',
    (suite) => {
      const key = generateSecret(32, 'wrapping')
      const nonce = randomBytes(suite === Suite.Aes256Gcm ? 12 : 24)
      const associated = Buffer.from('associated')
      const sealed = sealAead(suite, key, nonce, associated, generateSecret(32, 'wrapping'))
      const refused = expect.objectContaining({ code: 'record-does-not-open' })
      for (let i = 0; i < sealed.byteLength * 8; i++) {
        const changed = Buffer.from(sealed)
        changed[i >> 3]! ^= 1 << (i & 7)
        expect(() => openAead(suite, key, nonce, associated, changed, 'object')).toThrow(refused)
      }
      for (let length = 0; length < sealed.byteLength; length++) {
        expect(() => openAead(suite, key, nonce, associated, sealed.subarray(0, length), 'object')).toThrow(refused)
      }
      expect(() => openAead(suite, key, nonce, associated, Buffer.concat([sealed, Buffer.alloc(1)]), 'object')).toThrow(
        refused,
      )
      expect(() => openAead(suite, key, nonce, none, sealed, 'object')).toThrow(refused)
      expect(() => openAead(suite, key, nonce.subarray(1), associated, sealed, 'object')).toThrow(refused)
      expect(() => sealAead(suite, key, nonce.subarray(1), associated, none)).toThrow(TypeError)
      expect(openAead(suite, key, nonce, associated, sealed, 'wrapping').byteLength).toBe(32)
    },
  )
})

describe('comparison, hash and MAC', () => {
  test('bytes are equal only when all of them are', () => {
    expect(equalBytes(Buffer.from('ab'), Buffer.from('ab'))).toBe(true)
    expect(equalBytes(Buffer.from('ab'), Buffer.from('ac'))).toBe(false)
    expect(equalBytes(Buffer.from('ab'), Buffer.from('a'))).toBe(false)
  })

  test('SHA-256 of abc is what FIPS 180-4 says', () => {
    expect(digest('sha256', Buffer.from('abc')).toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })

  test('a MAC of less than 8 bytes is never right', () => {
    const key = generateSecret(32, 'system')
    const tag = hmac('sha256', key, Buffer.from('data'))
    expect(verifyHmac('sha256', key, Buffer.from('data'), tag)).toBe(true)
    expect(verifyHmac('sha256', key, Buffer.from('data'), tag.subarray(0, 8))).toBe(true)
    expect(verifyHmac('sha256', key, Buffer.from('data'), tag.subarray(0, 7))).toBe(false)
    expect(verifyHmac('sha256', key, Buffer.from('data'), Buffer.concat([tag, tag]))).toBe(false)
  })
})

describe('the self-test', () => {
  test('passes on this machine', () => {
    expect(() => selfTest()).not.toThrow()
  })

  test.each(Object.keys(knownAnswers))('stops the server when the answer of %s is wrong', (name) => {
    expect(() => selfTest({ ...knownAnswers, [name]: '00' })).toThrow(
      expect.objectContaining({ code: 'cryptographic-failure' }),
    )
  })
})
