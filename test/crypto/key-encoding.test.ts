import { generateKeyPairSync } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asymmetricKey } from '../../src/crypto/asymmetric-key.ts'
import { DerReader, derSequence, DerTag, encodeDer } from '../../src/crypto/der.ts'
import { checkKey } from '../../src/crypto/key-check.ts'
import {
  isEncryptedPkcs8,
  readEcPrivateKey,
  readPkcs8,
  readRsaPrivateKey,
  readRsaPublicKey,
  readSubjectPublicKeyInfo,
  writeEcPrivateKey,
  writePkcs1,
  writePkcs8,
  writeSubjectPublicKeyInfo,
} from '../../src/crypto/key-encoding.ts'
import { bitLength, keyBits } from '../../src/crypto/key-parts.ts'
import { sign } from '../../src/crypto/signature.ts'
import { isKryptonError } from '../../src/errors.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curves = ['P-256', 'P-384', 'P-521', 'secp256k1'] as const
const pairs = curves.map((namedCurve) => generateKeyPairSync('ec', { namedCurve }))

describe('DER', () => {
  test('is read back as it was written, whatever the length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70_000, size: 'max' }),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        (long, short) => {
          const der = encodeDer(
            derSequence({ tag: DerTag.octetString, content: long }, { unsigned: short }, { bits: short }),
          )
          const reader = new DerReader(der).within(DerTag.sequence)
          expect(Buffer.compare(reader.item(DerTag.octetString), long)).toBe(0)
          const number = reader.unsigned()
          expect(BigInt(`0x0${Buffer.from(number).toString('hex')}`)).toBe(
            BigInt(`0x0${Buffer.from(short).toString('hex')}`),
          )
          expect(Buffer.compare(reader.bits(), short)).toBe(0)
          reader.end()
        },
      ),
      { numRuns: 200 },
    )
  })

  test.each([
    ['nothing', ''],
    ['a tag alone', '02'],
    ['a length that runs out', '0201'],
    ['a length without end', '028000'],
    ['a length that needs no second byte', '02810101'],
    ['a length with a leading zero', `028200ff${'01'.repeat(255)}`],
    ['a length of four bytes', '028400000001'],
    ['a negative number', '020180'],
    ['a number with a useless zero', '02020001'],
    ['an empty number', '0200'],
    ['another tag', '0401'],
  ])('refuses %s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(() => new DerReader(bytes).unsigned()).toThrow(expect.objectContaining({ code: 'invalid-field' }))
  })
})

describe('keys in DER', () => {
  test('are written byte by byte as OpenSSL writes them', () => {
    const privateOf = (type: 'pkcs1' | 'pkcs8' | 'sec1', key: typeof rsa.privateKey) =>
      key.export({ format: 'der', type })
    const publicOf = (type: 'pkcs1' | 'spki', key: typeof rsa.publicKey) => key.export({ format: 'der', type })
    const pkcs1 = privateOf('pkcs1', rsa.privateKey)
    expect(writePkcs1(readRsaPrivateKey(pkcs1))).toEqual(pkcs1)
    expect(writePkcs8(readRsaPrivateKey(pkcs1))).toEqual(privateOf('pkcs8', rsa.privateKey))
    const spki = publicOf('spki', rsa.publicKey)
    expect(writeSubjectPublicKeyInfo(readRsaPublicKey(publicOf('pkcs1', rsa.publicKey)))).toEqual(spki)
    for (const { privateKey, publicKey } of pairs) {
      const sec1 = privateOf('sec1', privateKey)
      expect(writeEcPrivateKey(readEcPrivateKey(sec1))).toEqual(sec1)
      expect(writePkcs8(readEcPrivateKey(sec1))).toEqual(privateOf('pkcs8', privateKey))
      const ec = publicOf('spki', publicKey)
      expect(writeSubjectPublicKeyInfo(readSubjectPublicKeyInfo(ec))).toEqual(ec)
    }
  })

  test('never make anything but a key or a refusal of a spoilt one', () => {
    const read = [readPkcs8, readRsaPrivateKey, readRsaPublicKey, readEcPrivateKey, readSubjectPublicKeyInfo] as const
    const whole = [
      rsa.privateKey.export({ format: 'der', type: 'pkcs8' }),
      pairs[0]!.privateKey.export({ format: 'der', type: 'sec1' }),
      pairs[3]!.publicKey.export({ format: 'der', type: 'spki' }),
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...whole),
        fc.array(fc.record({ at: fc.nat(2000), byte: fc.nat(255) }), { maxLength: 4 }),
        fc.nat(2000),
        (der, changes, cut) => {
          const spoilt = Buffer.from(cut < der.length ? der.subarray(0, cut) : der)
          for (const { at, byte } of changes) if (spoilt.length > 0) spoilt[at % spoilt.length] = byte
          for (const one of read) {
            try {
              const parts = one(spoilt)
              if (parts.secret === undefined) checkKey(parts)
            } catch (error) {
              if (!isKryptonError(error, 'invalid-field')) throw error
            }
          }
          expect(typeof isEncryptedPkcs8(spoilt)).toBe('boolean')
        },
      ),
      { numRuns: 500 },
    )
  })

  test('tell encrypted PKCS #8 from plain', () => {
    const options = { format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' } as const
    expect(isEncryptedPkcs8(rsa.privateKey.export(options))).toBe(true)
    expect(isEncryptedPkcs8(rsa.privateKey.export({ format: 'der', type: 'pkcs8' }))).toBe(false)
  })

  test('refuse a curve that is written out instead of named', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' })
    const der = publicKey.export({ format: 'der', type: 'spki' })
    expect(() => readSubjectPublicKeyInfo(der)).toThrow(expect.objectContaining({ code: 'invalid-field' }))
  })

  test('refuse keys of other algorithms and versions', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const refused = expect.objectContaining({ code: 'invalid-field' })
    expect(() => readPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }))).toThrow(refused)
    expect(() => readSubjectPublicKeyInfo(publicKey.export({ format: 'der', type: 'spki' }))).toThrow(refused)
    const multiPrime = Buffer.from(rsa.privateKey.export({ format: 'der', type: 'pkcs1' }))
    multiPrime[6] = 1
    expect(() => readRsaPrivateKey(multiPrime)).toThrow(refused)
  })

  test('have the length of their modulus or curve', () => {
    expect([bitLength(Buffer.from([0, 1])), bitLength(Buffer.from([0x80, 0])), bitLength(Buffer.from([0]))]).toEqual([
      1, 16, 0,
    ])
    expect(
      pairs.map(({ publicKey }) =>
        keyBits(readSubjectPublicKeyInfo(publicKey.export({ format: 'der', type: 'spki' }))),
      ),
    ).toEqual([256, 384, 521, 256])
  })

  test('end as keys: none prints its numbers, none works after its end', () => {
    const key = asymmetricKey(readPkcs8(rsa.privateKey.export({ format: 'der', type: 'pkcs8' })))
    expect([String(key), JSON.stringify({ key })]).toEqual([
      '[AsymmetricKey rsa 2048]',
      '{"key":"[AsymmetricKey rsa 2048]"}',
    ])
    key.wipe()
    const scheme = { scheme: 'pkcs1', hash: 'sha256' } as const
    expect(() => sign(key, scheme, { bytes: Buffer.alloc(0), isDigest: false })).toThrow(/wiped/)
  })
})
