import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { DerReader, derSequence, DerTag, encodeDer } from '../../src/crypto/der.ts'
import type { DerItem } from '../../src/crypto/der.ts'
import { digest } from '../../src/crypto/digest.ts'
import { hmac } from '../../src/crypto/mac.ts'
import { deriveByPassword } from '../../src/crypto/key-derivation.ts'
import { readPkcs12 } from '../../src/crypto/pkcs12-reading.ts'
import { decryptRc2 } from '../../src/crypto/rc2.ts'
import { adoptSecret, secretFromBytes } from '../../src/crypto/secret.ts'
import { isKryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'

const folder = join(import.meta.dirname, '../vectors/pkcs12')
const file = (name: string): Buffer => readFileSync(join(folder, name))
const vectors = (name: string): Buffer => file(`${name}.p12`)
const password = secretFromBytes(Buffer.from('correct horse'), 'object')
const another = secretFromBytes(Buffer.from('Grüße, 鍵 und 🔑'), 'object')
afterAll(() => {
  password.wipe()
  another.wipe()
})
const [key, leaf, root] = [file('key.der'), file('leaf.der'), file('root.der')]
const codeOf = (read: () => unknown): string | undefined => {
  try {
    read()
  } catch (error) {
    if (isKryptonError(error)) return error.code
    throw error
  }
  return undefined
}

describe('a PKCS #12 file', () => {
  test.each([
    'openssl-3',
    'openssl-1',
    'windows-10',
    'windows-11',
    'two-key-3des',
    'other-aes',
    'pbes2-3des',
    'not-encrypted',
  ])('as %s writes it gives its key, its chain and its name', (name) => {
    const { privateKey, certificates, friendlyName } = readPkcs12(vectors(name), password, undefined)
    expect(certificates.map((certificate) => Buffer.from(certificate))).toEqual([leaf, root])
    expect(friendlyName).toBe('My Key')
    expect(privateKey).toEqual(key)
    expect(codeOf(() => readPkcs12(vectors(name), another, undefined))).toBe('cryptographic-failure')
  })

  test.each(['java', 'java-legacy'])('of %s with two keys gives the one of the name that is asked for', (name) => {
    const first = readPkcs12(vectors(name), password, 'MY KEY')
    expect(first.certificates.map((certificate) => Buffer.from(certificate))).toEqual([leaf, root])
    const second = readPkcs12(vectors(name), password, 'other')
    expect(second.certificates[1]).toEqual(new Uint8Array(root))
    expect(second.privateKey).not.toEqual(first.privateKey)
    expect(readPkcs12(vectors(name), password, undefined).friendlyName).toMatch(/^(my key|other)$/u)
    expect(codeOf(() => readPkcs12(vectors(name), password, 'third'))).toBe('invalid-field')
  })

  test('opens with a password of every kind, and without a certificate', () => {
    expect(readPkcs12(vectors('any-password'), another, 'my key').privateKey).toEqual(key)
    const alone = readPkcs12(vectors('no-certificate'), password, undefined)
    expect(alone).toEqual({ privateKey: key, certificates: [], friendlyName: undefined })
  })

  test.each([
    ['whose key is under 40 bits', 'rc2-key', 'unsupported-cryptographic-parameters'],
    ['of another cipher', 'camellia', 'unsupported-cryptographic-parameters'],
    ['without a MAC', 'no-mac', 'unsupported-cryptographic-parameters'],
    ['without a key', 'no-key', 'invalid-field'],
    ['with certificates of others only', 'others-certificate', 'invalid-field'],
  ])('%s is refused', (_, name, code) => {
    expect(codeOf(() => readPkcs12(vectors(name), password, undefined))).toBe(code)
  })

  test('has a bound to its iterations, its contents and its bags, and is DER', () => {
    const mac = (iterations: number) => withMac(vectors('openssl-3'), { iterations })
    expect(codeOf(() => readPkcs12(mac(1), password, undefined))).toBeUndefined()
    expect(codeOf(() => readPkcs12(mac(0), password, undefined))).toBe('invalid-field')
    expect(codeOf(() => readPkcs12(mac(limits.pkcs12IterationsMax + 1), password, undefined))).toBe('invalid-field')
    const many = (count: number) => withSafe(Array.from({ length: count }, () => plain([])))
    expect(codeOf(() => readPkcs12(many(limits.pkcs12ContentsMax + 1), password, undefined))).toBe('invalid-field')
    const bag = derSequence(oid('2a864886f70d010c0a0104'), context0(derSequence()))
    const bags = (count: number) => withSafe([plain(Array.from({ length: count }, () => bag))])
    expect(codeOf(() => readPkcs12(bags(limits.pkcs12BagsMax + 1), password, undefined))).toBe('invalid-field')
    const nested = derSequence(oid('2a864886f70d010c0a0106'), context0(derSequence()))
    const unsupported = 'unsupported-cryptographic-parameters'
    expect(codeOf(() => readPkcs12(withSafe([plain([nested])]), password, undefined))).toBe(unsupported)
    const enveloped = derSequence(oid('2a864886f70d010703'), context0(derSequence()))
    expect(codeOf(() => readPkcs12(withSafe([enveloped]), password, undefined))).toBe(unsupported)
    expect(codeOf(() => readPkcs12(Buffer.from('30800201030000', 'hex'), password, undefined))).toBe('invalid-field')
  })

  test('may have its MAC by PBMAC1 (RFC 9579)', () => {
    const by = (keyBytes: number) => withMac(vectors('openssl-3'), { iterations: 10, pbmac1: keyBytes })
    expect(readPkcs12(by(32), password, undefined).privateKey).toEqual(key)
    expect(codeOf(() => readPkcs12(by(32), another, undefined))).toBe('cryptographic-failure')
    expect(codeOf(() => readPkcs12(by(8), password, undefined))).toBe('unsupported-cryptographic-parameters')
  })

  test('that is damaged in any byte is refused in words, before anything of it is believed', () => {
    for (const name of ['openssl-3', 'not-encrypted', 'openssl-1']) {
      const whole = vectors(name)
      fc.assert(
        fc.property(fc.nat(whole.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const damaged = Buffer.from(whole)
          damaged[at]! ^= change
          expect(codeOf(() => readPkcs12(damaged, password, undefined))).toBeDefined()
        }),
        { numRuns: 60 },
      )
      for (let length = 0; length < whole.byteLength; length += 97) {
        expect(codeOf(() => readPkcs12(whole.subarray(0, length), password, undefined))).toBe('invalid-field')
      }
    }
  })

  test('whose MAC is right, and whose content is anything, is refused in words', () => {
    const bytes = fc.uint8Array({ maxLength: 60 })
    fc.assert(
      fc.property(bytes, (content) => {
        const safe = derSequence(context0({ tag: DerTag.octetString, content }))
        expect(
          codeOf(() => readPkcs12(signed(Buffer.from(content), { iterations: 1 }), password, undefined)),
        ).toBeDefined()
        expect(codeOf(() => readPkcs12(signed(encodeDer(safe), { iterations: 1 }), password, undefined))).toBeDefined()
      }),
      { numRuns: 200 },
    )
  })
})

test('RC2 decrypts what RFC 2268 section 5 has encrypted', () => {
  // The vectors whose effective bits are those of the key; each block as CBC of one block without padding would have it.
  const cases = [
    ['ffffffffffffffff', 'ffffffffffffffff', '278b27e42e2f0d49'],
    ['3000000000000000', '1000000000000001', '30649edf9be7d2c2'],
    ['88bca90e90875a7f0f79c384627bafb2', '0000000000000000', '2269552ab0f85ca6'],
  ] as const
  for (const [secret, plain, encrypted] of cases) {
    // CBC takes the IV off what ECB gives: an IV that makes the last byte a padding of one shows the other seven.
    const iv = Buffer.alloc(8)
    iv[7] = Number.parseInt(plain.slice(14), 16) ^ 1
    const opened = decryptRc2(Buffer.from(secret, 'hex'), iv, Buffer.from(encrypted, 'hex'))
    expect(opened.toString('hex')).toBe(plain.slice(0, 14))
  }
  const zero = Buffer.alloc(8)
  expect(() => decryptRc2(zero, zero, Buffer.alloc(7))).toThrow(/could not be decrypted/u)
  expect(() => decryptRc2(zero, zero.subarray(1), zero)).toThrow(/could not be decrypted/u)
})

const oid = (hex: string): DerItem => ({ tag: DerTag.objectIdentifier, content: Buffer.from(hex, 'hex') })
const context0 = (inner: DerItem): DerItem => ({ tag: DerTag.context0, items: [inner] })
const octets = (content: Uint8Array): DerItem => ({ tag: DerTag.octetString, content })
const number = (value: number): DerItem => ({
  unsigned: Buffer.from(value.toString(16).padStart(8, '0'), 'hex'),
})
const data = '2a864886f70d010701'
const plain = (bags: readonly DerItem[]): DerItem =>
  derSequence(oid(data), context0(octets(encodeDer(derSequence(...bags)))))
const withSafe = (contents: readonly DerItem[]) => signed(encodeDer(derSequence(...contents)), { iterations: 1 })

/** The file with another MAC of the same password. */
function withMac(whole: Buffer, mac: MacChoice): Buffer {
  const pfx = new DerReader(whole).within(DerTag.sequence)
  pfx.version()
  const info = pfx.within(DerTag.sequence)
  info.item(DerTag.objectIdentifier)
  return signed(Buffer.from(info.within(DerTag.context0).item(DerTag.octetString)), mac)
}

interface MacChoice {
  readonly iterations: number
  /** Bytes of its key. */
  readonly pbmac1?: number
}

/** A file around those contents. Its MAC has the salt `salt`, and is that of RFC 7292 for one iteration only: other counts are never reached. */
function signed(safe: Buffer, { iterations, pbmac1 }: MacChoice): Buffer {
  const salt = Buffer.from('salt')
  const sha256 = derSequence(oid('608648016503040201'), { tag: DerTag.null, content: Buffer.alloc(0) })
  const hmacSha256 = derSequence(oid('2a864886f70d0209'), { tag: DerTag.null, content: Buffer.alloc(0) })
  const kdf = derSequence(
    oid('2a864886f70d01050c'),
    derSequence(octets(salt), number(iterations), number(pbmac1 ?? 32), hmacSha256),
  )
  const algorithm = pbmac1 === undefined ? sha256 : derSequence(oid('2a864886f70d01050e'), derSequence(kdf, hmacSha256))
  const macKey =
    pbmac1 === undefined
      ? keyOfOneIteration(salt)
      : deriveByPassword(password, { hash: 'sha256', salt, iterations }, pbmac1)
  const secret = adoptSecret(macKey, 'object')
  const mac = hmac('sha256', secret, safe)
  secret.wipe()
  return encodeDer(
    derSequence(
      number(3),
      derSequence(oid(data), context0(octets(safe))),
      derSequence(derSequence(algorithm, octets(mac)), octets(salt), number(iterations)),
    ),
  )
}

/** RFC 7292 appendix B.2 for this password, written down once more. */
function keyOfOneIteration(salt: Buffer): Buffer {
  const text = Buffer.from('correct horse\0', 'utf16le').swap16()
  const filled = (source: Buffer) => Buffer.alloc(64, source)
  return Buffer.from(digest('sha256', Buffer.concat([Buffer.alloc(64, 3), filled(salt), filled(text)])))
}
