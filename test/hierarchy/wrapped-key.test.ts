import { describe, expect, test } from 'vitest'
import { Suite, suiteLengths } from '../../src/crypto/aead.ts'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { generateSecret, type Secret } from '../../src/crypto/secret.ts'
import { isKryptonError } from '../../src/errors.ts'
import type { WrappingKey } from '../../src/hierarchy/root-keys.ts'
import { openRecord, Purpose, type RecordContext, sealRecord } from '../../src/hierarchy/wrapped-key.ts'

const context: RecordContext = {
  cluster: randomIdentifier(),
  tenant: randomIdentifier(),
  system: randomIdentifier(),
  service: randomIdentifier(),
  object: randomIdentifier(),
  objectVersion: 3,
  objectType: 2,
  algorithm: 3,
  lengthBits: 256,
  blobVersion: 2 ** 40 + 7,
  extra: Buffer.from('extra'),
}
const material = randomBytes(32)
const keyOf = (suite: number): WrappingKey => ({
  secret: generateSecret(32, 'wrapping'),
  keyId: randomIdentifier(),
  version: 9,
  suite,
})
const purposeOf = (suite: Suite): Purpose => (suite === Suite.Xaes256GcmCommitted ? Purpose.Export : Purpose.Object)
const refused = expect.toSatisfy(
  (error) => isKryptonError(error, 'record-invalid') || isKryptonError(error, 'record-does-not-open'),
)
const invalid = expect.objectContaining({ code: 'record-invalid' })

function bytesOf(secret: Secret): Buffer {
  const bytes = Buffer.alloc(secret.byteLength)
  secret.copyInto(bytes, 0)
  return bytes
}

describe.each(Object.entries(Suite))('a record KRW1 in suite %s', (_name, suite) => {
  const key = keyOf(suite)
  const purpose = purposeOf(suite)
  const record = sealRecord(purpose, key, context, material)

  test('gives back the key material that it was made of, as bytes or as a secret', () => {
    expect(bytesOf(openRecord(purpose, key, context, record, 'object'))).toEqual(material)
    for (const secretClass of ['object', 'wrapping'] as const) {
      const sealed = sealRecord(purpose, key, context, generateSecret(32, secretClass))
      expect(openRecord(purpose, key, context, sealed, 'wrapping').byteLength).toBe(32)
    }
  })

  test('is exactly as long as its suite says and never the same twice', () => {
    const { nonce, commitment } = suiteLengths[suite]
    expect(record).toHaveLength(28 + nonce + commitment + 4 + 32 + 16)
    expect(sealRecord(purpose, key, context, material)).not.toEqual(record)
  })

  test('does not open when any bit of any byte of it is flipped', () => {
    for (let bit = 0; bit < record.byteLength * 8; bit++) {
      const changed = Buffer.from(record)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => openRecord(purpose, key, context, changed, 'object'), `bit ${bit}`).toThrow(refused)
    }
  })

  test('does not open cut at any length, nor with a byte after it', () => {
    for (let length = 0; length < record.byteLength; length++) {
      expect(() => openRecord(purpose, key, context, record.subarray(0, length), 'object')).toThrow(invalid)
    }
    expect(() => openRecord(purpose, key, context, Buffer.concat([record, Buffer.alloc(1)]), 'object')).toThrow(invalid)
  })

  test('does not open in any other place: every part of the context is bound', () => {
    const elsewhere: Record<keyof RecordContext, Partial<RecordContext>> = {
      cluster: { cluster: randomIdentifier() },
      tenant: { tenant: randomIdentifier() },
      system: { system: randomIdentifier() },
      service: { service: randomIdentifier() },
      object: { object: randomIdentifier() },
      objectVersion: { objectVersion: 4 },
      objectType: { objectType: 7 },
      algorithm: { algorithm: 0x10003 },
      lengthBits: { lengthBits: 128 },
      blobVersion: { blobVersion: 7 },
      extra: { extra: Buffer.from('extr') },
    }
    for (const [part, change] of Object.entries(elsewhere)) {
      expect(() => openRecord(purpose, key, { ...context, ...change }, record, 'object'), part).toThrow(
        expect.objectContaining({ code: 'record-does-not-open' }),
      )
    }
    const { extra: _extra, ...without } = context
    expect(() => openRecord(purpose, key, without, record, 'object')).toThrow(refused)
    const moved = { ...context, system: Buffer.concat([context.system!, context.service!]), service: Buffer.alloc(0) }
    expect(() => openRecord(purpose, key, moved, record, 'object')).toThrow(refused)
  })

  test('is refused before decryption when its place names another key, version or suite', () => {
    expect(() => openRecord(purpose, { ...key, keyId: randomIdentifier() }, context, record, 'object')).toThrow(invalid)
    expect(() => openRecord(purpose, { ...key, version: 8 }, context, record, 'object')).toThrow(invalid)
    for (const other of Object.values(Suite)) {
      if (other !== suite)
        expect(() => openRecord(purpose, { ...key, suite: other }, context, record, 'object')).toThrow(invalid)
    }
    // The right name on the wrong key: found by decryption, or by the commitment before it.
    const impostor = { ...key, secret: generateSecret(32, 'wrapping') }
    expect(() => openRecord(purpose, impostor, context, record, 'object')).toThrow(
      expect.objectContaining({ code: 'record-does-not-open' }),
    )
  })

  test('is refused in the place of another purpose', () => {
    for (const other of Object.values(Purpose)) {
      if (other !== purpose)
        expect(() => openRecord(other, key, context, record, 'object'), `purpose ${other}`).toThrow(invalid)
    }
  })
})

test('each purpose allows its suites only, when sealing and when opening', () => {
  const committedOnly: readonly Purpose[] = [Purpose.TenantKeyUnderLink, Purpose.Seal, Purpose.Shard, Purpose.Export]
  for (const purpose of Object.values(Purpose)) {
    for (const suite of [0, ...Object.values(Suite), 4]) {
      const allowed = committedOnly.includes(purpose) ? suite === 3 : suite === 1 || suite === 2
      const key = keyOf(suite)
      if (allowed) {
        const record = sealRecord(purpose, key, context, material)
        expect(bytesOf(openRecord(purpose, key, context, record, 'object'))).toEqual(material)
      } else {
        expect(() => sealRecord(purpose, key, context, material)).toThrow(invalid)
        expect(() => openRecord(purpose, key, context, Buffer.alloc(104), 'object')).toThrow(invalid)
      }
    }
  }
})

test('a context with a part of 65,536 bytes is our own mistake, not a record', () => {
  expect(() => sealRecord(Purpose.Object, keyOf(2), { ...context, extra: Buffer.alloc(65_536) }, material)).toThrow(
    TypeError,
  )
})
