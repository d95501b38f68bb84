import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byteField, pairField } from '../../src/crypto/binary-field.ts'
import { isPrime, primeField } from '../../src/crypto/prime-field.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { joinShares, splitSecret } from '../../src/crypto/shamir.ts'
import type { Share, SharingField } from '../../src/crypto/shamir.ts'
import { joinByXor, splitByXor } from '../../src/crypto/xor-sharing.ts'

const refusal = expect.objectContaining({ code: 'cryptographic-failure' })
const p256 = 2n ** 256n + 297n
const byteFields = { 'GF(2^8) of 0x11D': byteField(0x11d), 'GF(2^8) of 0x11B': byteField(0x11b), 'GF(2^16)': pairField }
const sharesOf = (parts: readonly Buffer[]): Share[] => parts.map((bytes, i) => ({ identifier: i + 1, bytes }))

/** Any `threshold` of the shares, in any order, with some more of them. */
function joinsFromAnyParts<S>(field: SharingField<S>, secret: Uint8Array, parts: number, seed: number): void {
  const threshold = 1 + (seed % parts)
  const shares = sharesOf(splitSecret(field, secret, { parts, threshold, randomBytes }))
  const mixed = shares.map((share, i) => ({ share, order: (seed * (i + 7919) * 31) % 1_009 }))
  const chosen = mixed.toSorted((a, b) => a.order - b.order).map(({ share }) => share)
  for (const count of new Set([threshold, parts])) {
    const joined = joinShares(field, chosen.slice(0, count), { threshold, byteLength: secret.byteLength })
    expect(joined).toEqual(Buffer.from(secret))
  }
}

describe.each(Object.entries<SharingField<number>>(byteFields))('%s', (_, field) => {
  test('any parts that are enough give the secret', () => {
    const secrets = fc.uint8Array({ minLength: 1, maxLength: 40 }).filter(({ length }) => length % 2 === 0)
    fc.assert(
      fc.property(secrets, fc.integer({ min: 1, max: 40 }), fc.nat(1_000), (secret, parts, seed) =>
        joinsFromAnyParts(field, secret, parts, seed),
      ),
      { numRuns: 50 },
    )
  })

  test('multiplies as a field does, in which every element but 0 has an inverse', () => {
    const order = field === pairField ? 65_536 : 256
    for (let value = 1; value < order; value++) {
      if (field.multiply(value, field.inverse(value)) !== 1) throw new Error(`${value} has no inverse`)
    }
    const element = fc.integer({ min: 0, max: order - 1 })
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(field.multiply(a, field.multiply(b, c))).toBe(field.multiply(field.multiply(a, b), c))
        expect(field.multiply(a, b ^ c)).toBe(field.multiply(a, b) ^ field.multiply(a, c))
        expect(field.multiply(a, b)).toBe(field.multiply(b, a))
      }),
    )
  })
})

test('GF(2^8) of 0x11B is the field of AES', () => {
  // FIPS 197, sections 4.2 and 4.2.1
  expect(byteField(0x11b).multiply(0x57, 0x83)).toBe(0xc1)
  expect(byteField(0x11b).multiply(0x57, 0x13)).toBe(0xfe)
})

test('GF(2^8) of 0x11D joins the parts of the OASIS case TC-SJ-3-12', () => {
  const parts = [
    '66c46a7754f94de420c7b1a7fff5ec56',
    'cf93d1e2a7e593cd5b8d6247f4e5d49c',
    'a855b891f61ad9217240d8ec061e37da',
    '803dbad55cdd329fad19d99ae2c5a415',
  ].map((hex) => Buffer.from(hex, 'hex'))
  const secret = joinShares(byteField(0x11d), sharesOf(parts), { threshold: 2, byteLength: 16 })
  expect(secret.toString('hex')).toBe('0102030405060708090a0b0c0d0e0f10')
})

test('in GF(2^16) y times y is y + m, and 1 changes nothing', () => {
  expect(pairField.multiply(0x0100, 0x0100)).toBe(0x013a)
  expect(pairField.multiply(0x0001, 0xabcd)).toBe(0xabcd)
})

describe('a prime field', () => {
  test.each([257n, 65_537n, 2n ** 127n - 1n, p256, 2n ** 521n - 1n])(
    'of %i joins any parts that are enough',
    (prime) => {
      const field = primeField(prime)
      const bytes = Math.floor((prime.toString(2).length - 1) / 8)
      const secrets = fc.uint8Array({ minLength: bytes, maxLength: bytes })
      fc.assert(
        fc.property(secrets, fc.integer({ min: 1, max: 8 }), fc.nat(1_000), (secret, parts, seed) =>
          joinsFromAnyParts(field, secret, parts, seed),
        ),
        { numRuns: 20 },
      )
    },
  )

  test('adds and multiplies as whole numbers do', () => {
    const field = primeField(p256)
    const number = fc.bigInt({ min: 0n, max: p256 - 1n })
    const bytesOf = (value: bigint) => Buffer.from(value.toString(16).padStart(66, '0'), 'hex')
    fc.assert(
      fc.property(number, number, number, (a, b, c) => {
        const sum = field.pieces(bytesOf(a))
        field.addMultiple(sum, b, field.pieces(bytesOf(c)))
        expect(field.bytes(sum, 33)).toEqual(bytesOf((a + b * c) % p256))
      }),
    )
  })

  test('takes no number that is not less than the prime, and tells primes', async () => {
    const field = primeField(p256)
    const bytes = Buffer.from(p256.toString(16).padStart(66, '0'), 'hex')
    expect(() => field.pieces(bytes)).toThrow(refusal)
    expect(() => field.pieces(Buffer.alloc(34))).toThrow(refusal)
    expect(await Promise.all([isPrime(p256), isPrime(p256 + 2n)])).toEqual([true, false])
  })
})

/**
 * Of a secret of one element and every polynomial that there is, `threshold` - 1 shares take each value equally often, whatever the secret is: so
 * they say nothing of it. `coefficients` are all that there are.
 */
function tellsNothing<S>(field: SharingField<S>, secret: Uint8Array, coefficients: readonly Uint8Array[]): string {
  const seen = new Map<string, number>()
  for (const coefficient of coefficients) {
    let at = 0
    const chosen = (count: number) => Buffer.from(coefficient.subarray(at, (at += count)))
    const threshold = 1 + coefficient.byteLength / secret.byteLength
    const parts = splitSecret(field, secret, { parts: threshold, threshold, randomBytes: chosen })
    const told = Buffer.concat(parts.slice(1)).toString('hex')
    seen.set(told, (seen.get(told) ?? 0) + 1)
  }
  return [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)).join()
}

test('fewer parts than the threshold tell nothing of the secret', () => {
  const every = (bytes: number) =>
    Array.from({ length: 256 ** bytes }, (_, i) => Buffer.from(i.toString(16).padStart(2 * bytes, '0'), 'hex'))
  // 2 of 2 of each field, and 3 of 3
  for (const [polynomial, coefficients] of [[0x11d, 1] as const, [0x11b, 1] as const, [0x11d, 2] as const]) {
    const field = byteField(polynomial)
    const [one, other] = [0x00, 0xa7].map((secret) => tellsNothing(field, Buffer.of(secret), every(coefficients)))
    expect(other === one).toBe(true)
  }
  const [one, other] = [
    [0, 0],
    [0x12, 0xef],
  ].map((secret) => tellsNothing(pairField, Buffer.from(secret), every(2)))
  expect(other === one).toBe(true)
  const elements = Array.from({ length: 251 }, (_, i) => Buffer.of(i))
  const [first, second] = [3, 250].map((secret) => tellsNothing(primeField(251n), Buffer.of(secret), elements))
  expect(second === first).toBe(true)
  // The same question to something that does tell: a share at 0.
  const telling: SharingField<number> = { ...byteField(0x11d), scalar: (identifier) => identifier - 2 }
  const [told, toldToo] = [0, 1].map((secret) => tellsNothing(telling, Buffer.of(secret), every(1)))
  expect(told === toldToo).toBe(false)
})

test('coefficients of a prime field are as likely as each other: those that are too large are drawn again', () => {
  // 131 of 256 bytes are less than 131
  let drawn = 0
  const counting = (count: number) => Buffer.alloc(count, drawn++ % 256)
  const field = primeField(131n)
  const seen = Array.from({ length: 262 }, () => field.bytes(field.randomPieces(1, counting), 1)[0])
  expect(seen.slice(0, 131)).toEqual(Array.from({ length: 131 }, (_, i) => i))
  expect(seen.slice(131)).toEqual(seen.slice(0, 131))
})

test('what is not enough, or not of one split, is refused', () => {
  const field = byteField(0x11d)
  const secret = randomBytes(16)
  const shares = sharesOf(splitSecret(field, secret, { parts: 5, threshold: 3, randomBytes }))
  const asked = { threshold: 3, byteLength: 16 }
  expect(() => joinShares(field, shares.slice(0, 2), asked)).toThrow(refusal)
  const other = { identifier: 4, bytes: randomBytes(16) }
  expect(() => joinShares(field, [...shares.slice(0, 3), other], asked)).toThrow(refusal)
  const short = { identifier: 3, bytes: randomBytes(15) }
  expect(() => joinShares(field, [...shares.slice(0, 2), short], asked)).toThrow(refusal)
  expect(() => pairField.pieces(randomBytes(15))).toThrow(refusal)
})

test('by exclusive or all parts give the secret, and all but one are random', () => {
  const secret = randomBytes(32)
  const parts = splitByXor(secret, 4, randomBytes)
  expect(joinByXor(parts)).toEqual(secret)
  expect(splitByXor(secret, 1, randomBytes)).toEqual([secret])
  const fixed = splitByXor(secret, 3, (count) => Buffer.alloc(count, 0x55))
  expect(fixed.slice(0, 2)).toEqual([Buffer.alloc(32, 0x55), Buffer.alloc(32, 0x55)])
  expect(() => joinByXor([parts[0]!, parts[1]!.subarray(1)])).toThrow(refusal)
})
