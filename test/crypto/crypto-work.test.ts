import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { asymmetricKey } from '../../src/crypto/asymmetric-key.ts'
import { encryptWithKey } from '../../src/crypto/cipher.ts'
import { CryptoWork, type CryptoWorkOptions } from '../../src/crypto/crypto-work.ts'
import { ellipticCurves } from '../../src/crypto/elliptic-curve.ts'
import { readEcPrivateKey, readPkcs8, readRsaPrivateKey } from '../../src/crypto/key-encoding.ts'
import type { KeyParts } from '../../src/crypto/key-parts.ts'
import { LoopBudget } from '../../src/crypto/loop-budget.ts'
import { secretFromBytes } from '../../src/crypto/secret.ts'
import { placement } from '../../src/limits.ts'

const parts = {
  rsa: partsOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  p256: partsOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  p384: partsOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
}
const own = { rsa: asymmetricKey(parts.rsa), p256: asymmetricKey(parts.p256), p384: asymmetricKey(parts.p384) }
const publicOf = (key: KeyParts) => asymmetricKey({ ...key, secret: undefined })
const ecdsa = { scheme: 'ecdsa', hash: 'sha256' } as const
const pkcs1 = { scheme: 'pkcs1', hash: 'sha256' } as const
const data = { bytes: Buffer.from('data'), isDigest: false }
const oaep = { padding: 'oaep', hash: 'sha256', maskHashes: ['sha256'], label: new Uint8Array(0) } as const

const works: CryptoWork[] = []
afterEach(async () => {
  await Promise.all(works.splice(0).map((work) => work.close(0)))
})
function newWork(offload: CryptoWorkOptions['offload'] = 'table'): CryptoWork {
  const work = new CryptoWork({ offload, loops: 1 })
  works.push(work)
  return work
}

function partsOf(key: ReturnType<typeof generateKeyPairSync>['privateKey']): KeyParts {
  return readPkcs8(key.export({ format: 'der', type: 'pkcs8' }))
}

describe('where work runs', () => {
  test('signatures do not wait for passwords with many iterations', async () => {
    const work = newWork()
    const password = secretFromBytes(Buffer.from('password'), 'object')
    const iterations = (4 * placement.longUs) / placement.iterationUs
    // Its thread takes as long to start.
    await work.sign('own', own.rsa, pkcs1, data)
    let derived = 0
    const derivations = Array.from({ length: 4 }, async () => {
      await work.deriveByPassword('other', password, { hash: 'sha256', salt: Buffer.alloc(16), iterations }, 32)
      derived += 1
    })
    await work.sign('own', own.rsa, pkcs1, data)
    expect(derived).toBeLessThan(4)
    await Promise.all(derivations)
    password.wipe()
  })

  test('a turn spends its budget once, and the next one has it again', async () => {
    const budget = new LoopBudget(100)
    expect([budget.take(60), budget.take(60), budget.take(40), budget.take(101)]).toEqual([true, false, true, false])
    await new Promise(setImmediate)
    expect(budget.take(100)).toBe(true)
  })

  test('cheap signatures are made here until the turn is spent, RSA’s and long ones elsewhere', async () => {
    const work = newWork()
    const inTurn = Math.floor(placement.turnBudgetUs / placement.privateUs.prime256v1)
    const made = Array.from({ length: inTurn + 1 }, () => work.sign('a', own.p256, ecdsa, data))
    expect(made.map((signature) => signature instanceof Promise)).toEqual([...Array<boolean>(inTurn).fill(false), true])
    const elsewhere = [
      work.sign('a', own.rsa, pkcs1, data),
      work.sign('a', own.p384, ecdsa, data),
      work.decryptRsa('a', own.rsa, oaep, Buffer.alloc(256)).catch(() => Buffer.alloc(0)),
    ]
    expect(elsewhere.every((signature) => signature instanceof Promise)).toBe(true)
    for (const [key, scheme, signature] of [
      ['p256', ecdsa, await made.at(-1)!],
      ['rsa', pkcs1, await elsewhere[0]!],
      ['p384', ecdsa, await elsewhere[1]!],
    ] as const) {
      expect(await work.verifySignature('a', publicOf(parts[key]), scheme, data, signature)).toBe(true)
    }
    await elsewhere[2]
  })

  test('data that takes long to hash goes elsewhere with whatever is done to it', async () => {
    const work = newWork()
    const long = { bytes: Buffer.alloc(placement.inlineBytesMax + 1), isDigest: false }
    const signature = work.sign('a', own.p256, ecdsa, long)
    expect(signature).toBeInstanceOf(Promise)
    const verified = work.verifySignature('a', publicOf(parts.p256), ecdsa, long, await signature)
    expect(verified).toBeInstanceOf(Promise)
    expect(await verified).toBe(true)
  })

  test('everything goes elsewhere when that is asked for, and gives the same', async () => {
    const work = newWork('always')
    const signature = work.sign('a', own.p256, ecdsa, data)
    const encrypted = work.encryptRsa('a', publicOf(parts.rsa), oaep, data.bytes)
    const checked = work.checkKey('a', { ...parts.rsa, secret: undefined })
    expect([signature, encrypted, checked].every((promise) => promise instanceof Promise)).toBe(true)
    expect(await work.verifySignature('a', publicOf(parts.p256), ecdsa, data, await signature)).toBe(true)
    expect(await work.decryptRsa('a', own.rsa, oaep, await encrypted)).toEqual(data.bytes)
    await checked
  })

  test.each([
    ['gcm', 'none'],
    ['cbc', 'pkcs5'],
    ['ctr', 'none'],
  ] as const)(
    'ciphers run here over short data, elsewhere over long data, and make the same: %s',
    async (mode, padding) => {
      const work = newWork()
      const parameters = { algorithm: 'aes', mode, padding, tagLength: 16 } as const
      const key = secretFromBytes(Buffer.alloc(32, 7), 'object')
      const iv = Buffer.alloc(mode === 'gcm' ? 12 : 16, 3)
      const associated = mode === 'gcm' ? Buffer.from('associated') : undefined
      const inShared = Buffer.from(new SharedArrayBuffer(placement.offLoopBytesMin + 5)).fill(9)
      for (const [plaintext, isHere] of [
        [Buffer.alloc(placement.inlineBytesMax, 1), true],
        [Buffer.alloc(placement.offLoopBytesMin, 1), false],
        [inShared.subarray(5), false],
      ] as const) {
        const encrypted = work.encrypt('a', key, parameters, plaintext, iv, associated)
        expect(encrypted instanceof Promise).toBe(!isHere)
        const { data: ciphertext, tag } = await encrypted
        expect(ciphertext.equals(encryptWithKey(key, parameters, plaintext, iv, associated).data)).toBe(true)
        const decrypted = work.decrypt('a', key, parameters, ciphertext, iv, tag, associated)
        expect(decrypted instanceof Promise).toBe(!isHere)
        expect((await decrypted).equals(plaintext)).toBe(true)
        const spoilt = Buffer.from(ciphertext)
        spoilt[spoilt.length - 1]! ^= 0xff
        if (mode === 'gcm') {
          const refused = async () => work.decrypt('a', key, parameters, spoilt, iv, tag, associated)
          await expect(refused()).rejects.toMatchObject({ code: 'cryptographic-failure' })
        }
      }
      expect(inShared.every((byte) => byte === 9)).toBe(true)
      key.wipe()
    },
  )

  test('data of a middling length takes its share of the turn', async () => {
    const work = newWork()
    const parameters = { algorithm: 'aes', mode: 'ctr', padding: 'none', tagLength: 16 } as const
    const key = secretFromBytes(Buffer.alloc(32, 7), 'object')
    const plaintext = Buffer.alloc(2 * placement.inlineBytesMax)
    const made = Array.from({ length: 3 }, () =>
      work.encrypt('a', key, parameters, plaintext, Buffer.alloc(16), undefined),
    )
    expect([made[0] instanceof Promise, made.at(-1) instanceof Promise]).toEqual([false, true])
    for (const encrypted of made) await encrypted
  })

  test('private keys are checked elsewhere: a wrong one is refused', async () => {
    const work = newWork()
    for (const good of Object.values(parts)) await work.checkKey('a', good)
    const { rsa } = parts
    if (rsa.type !== 'rsa') throw new Error('it is RSA')
    const bad = {
      ...rsa,
      secret: { ...rsa.secret!, privateExponent: Buffer.from(rsa.secret!.privateExponent).fill(3, 9) },
    }
    await expect(work.checkKey('a', bad)).rejects.toMatchObject({ code: 'invalid-field' })
  })

  test('key pairs of every kind are made elsewhere, and are what was asked for', async () => {
    const work = newWork()
    const rsa = await work.generateKeyPair('a', { type: 'rsa', bits: 2048 })
    await work.checkKey('a', readRsaPrivateKey(rsa.privateKey))
    for (const curve of ellipticCurves) {
      const { privateKey } = await work.generateKeyPair('a', { type: 'ec', curve })
      const made = readEcPrivateKey(privateKey)
      expect(made.curve).toBe(curve)
      await work.checkKey('a', made)
    }
  })
})
