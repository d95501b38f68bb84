import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ellipticCurves } from '../../src/crypto/elliptic-curve.ts'
import { writeEcPrivateKey } from '../../src/crypto/key-encoding.ts'
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DerivationMethod,
  KeyFormatType,
  MaskGenerator,
  ObjectType,
  PaddingMethod,
} from '../../src/kmip/enums.ts'
import type { CryptographicParameters } from '../../src/kmip/structures.ts'
import { bytesOf, vectorsFolder, wycheproof, type WycheproofGroup, type WycheproofTest } from '../crypto/vectors.ts'
import { hashingAlgorithmOf, sampled, VectorClient } from './vector-client.ts'

/** Files that are not run, by how their names begin, each with its reason. */
const left: Readonly<Record<string, string>> = {
  ed25519: 'KMIP has no number for it before 2.0',
  ed448: 'the same',
  x25519: 'the same',
  hkdf: 'no Derivation Method of KMIP 1.4 is HKDF',
  hmac_sha512_224: 'no Cryptographic Algorithm of KMIP 1.4 is HMAC with it',
  hmac_sha512_256: 'the same',
  rsa_pss_2048_shake: 'SHAKE is no Hashing Algorithm of KMIP 1.4',
  rsa_pss_3072_shake: 'the same',
  rsa_pss_4096_shake: 'the same',
}
const isLeft = (name: string) => name.endsWith('_p1363') || Object.keys(left).some((start) => name.startsWith(start))

/** Valid tests that are refused, each with its reason. */
const refused: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  aes_gcm: {
    268: 'an IV of 257 bytes: OpenSSL takes 128 at most',
    272: 'the same for AES-192',
    276: 'the same for AES-256',
  },
  // IEEE 1619 has XTS with AES-128 and AES-256 alone.
  aes_xts: { ...each(27, 52, 1, 'AES-192'), ...each(80, 98, 3, 'AES-192'), ...each(101, 122, 3, 'AES-192') },
  pbkdf2_hmacsha1: {
    4: '2^24 iterations: more than `limits.passwordIterationsMax`',
    55: 'an empty password: no Secret Data of no bytes is registered',
  },
  pbkdf2_hmacsha224: { 49: 'the same' },
  pbkdf2_hmacsha256: { 51: 'the same' },
  pbkdf2_hmacsha384: { 49: 'the same' },
  pbkdf2_hmacsha512: { 49: 'the same' },
  rsa_oaep_misc: each(331, 375, 1, 'a key of 8,192 bits: `limits.rsaKeyBitsMax` is 4,096'),
}

function each(first: number, last: number, step: number, reason: string): Record<number, string> {
  const ids = Array.from({ length: (last - first) / step + 1 }, (_, i) => first + i * step)
  return Object.fromEntries(ids.map((id) => [id, reason]))
}

const folder = vectorsFolder()
const files =
  folder === undefined
    ? []
    : readdirSync(join(folder, 'wycheproof'))
        .filter((name) => name.endsWith('_test.json'))
        .map((name) => name.slice(0, -'_test.json'.length))
const named = (start: RegExp) => files.filter((name) => start.test(name) && !isLeft(name))

let client: VectorClient
beforeAll(async () => {
  client = await VectorClient.open()
})
afterAll(() => client.close())

/** Runs some or all tests of a file; each says what it is about when it fails. */
async function run(
  name: string,
  one: (vector: WycheproofTest, group: WycheproofGroup) => Promise<void>,
): Promise<void> {
  const vectors = wycheproof(folder!, name).flatMap((group) => group.tests.map((vector) => ({ vector, group })))
  expect(vectors.length).toBeGreaterThan(0)
  const wrong: string[] = []
  for (const { vector, group } of sampled(vectors)) {
    try {
      await one(vector, group)
    } catch (error) {
      wrong.push(`tcId ${vector.tcId} (${vector.result}): ${vector.comment}: ${String(error)}`)
    }
  }
  expect(wrong).toEqual([])
}

/** What must not be taken is refused; what is neither right nor wrong may be. */
function expectOpened(name: string, vector: WycheproofTest, opened: Buffer | undefined, message: Buffer): void {
  const isRefused = refused[name]?.[vector.tcId] !== undefined
  if (vector.result === 'invalid' || isRefused) expect(opened).toBe(undefined)
  else if (vector.result === 'valid' || opened !== undefined) expect(opened).toEqual(message)
}

describe.skipIf(folder === undefined)('Wycheproof through the operations of KMIP', () => {
  const { AES, ChaCha20Poly1305, RSA, EC } = CryptographicAlgorithm

  test.each([
    ['aes_gcm', AES, BlockCipherMode.GCM, undefined],
    ['aes_ccm', AES, BlockCipherMode.CCM, undefined],
    ['aes_cbc_pkcs5', AES, BlockCipherMode.CBC, PaddingMethod.PKCS5],
    ['aes_xts', AES, BlockCipherMode.XTS, undefined],
    ['aes_wrap', AES, BlockCipherMode.NISTKeyWrap, undefined],
    ['aes_kwp', AES, BlockCipherMode.AESKeyWrapPadding, undefined],
    ['chacha20_poly1305', ChaCha20Poly1305, BlockCipherMode.AEAD, undefined],
  ])('%s: Decrypt and Encrypt', async (name, algorithm, blockCipherMode, paddingMethod) => {
    await run(name, async (vector, group) => {
      const isAuthenticated = group['tagSize'] !== undefined
      const tagLength = isAuthenticated ? Number(group['tagSize']) / 8 : undefined
      const cryptographicParameters = { blockCipherMode, paddingMethod, tagLength }
      const id = await client.symmetric(bytesOf(vector, 'key'), algorithm)
      const message = bytesOf(vector, 'msg')
      const encrypted = bytesOf(vector, 'ct')
      const tag = isAuthenticated ? bytesOf(vector, 'tag') : undefined
      const associated = isAuthenticated ? bytesOf(vector, 'aad') : undefined
      const iv = vector['iv'] === undefined ? undefined : ivOf(name, bytesOf(vector, 'iv'))
      const sent = { iv, tag, associated }
      const opened = id && (await client.decrypt(id, cryptographicParameters, { ...sent, encrypted }))
      if (isAuthenticated && tagLength! < 8) {
        // A tag of 4 or 6 bytes, which CCM may have, could be guessed: it is refused.
        expect(opened).toBe(undefined)
        return
      }
      expectOpened(name, vector, opened || undefined, message)
      if (opened === undefined || vector.result !== 'valid') return
      expect(await client.encrypt(id!, cryptographicParameters, { ...sent, message })).toEqual({ encrypted, tag })
    })
  })

  test.each(named(/^hmac_|^aes_cmac/))('%s: MAC and MAC Verify', async (name) => {
    const isCmac = name === 'aes_cmac'
    const hmacs = CryptographicAlgorithm as Readonly<Record<string, CryptographicAlgorithm>>
    const algorithm = isCmac ? AES : hmacs[name.replace('hmac_sha', 'HMACSHA')]!
    const parameters = isCmac ? { blockCipherMode: BlockCipherMode.CMAC } : { cryptographicAlgorithm: algorithm }
    await run(name, async (vector, group) => {
      const id = await client.symmetric(bytesOf(vector, 'key'), algorithm)
      const message = bytesOf(vector, 'msg')
      const tag = bytesOf(vector, 'tag')
      const made = id === undefined ? undefined : await client.mac(id, parameters, message)
      if (id === undefined || made === undefined) {
        expect(vector.result).toBe('invalid')
        return
      }
      const bytes = Number(group['tagSize']) / 8
      expect(made.subarray(0, bytes).equals(tag)).toBe(vector.result === 'valid')
      // MAC Verify takes no MAC that was shortened: nothing in its request says how long it may be.
      const isValid = vector.result === 'valid' && bytes === made.byteLength
      expect(await client.isMac(id, parameters, message, tag)).toBe(isValid)
    })
  })

  test.each(named(/^pbkdf2_/))('%s: Derive Key', async (name) => {
    const hashingAlgorithm = hashingAlgorithmOf(name.replace('pbkdf2_hmac', ''))
    await run(name, async (vector) => {
      const id = await client.secret(bytesOf(vector, 'password'))
      const cryptographicParameters = { hashingAlgorithm }
      const iterationCount = Number(vector['iterationCount'])
      const parameters = { cryptographicParameters, salt: bytesOf(vector, 'salt'), iterationCount }
      const byteLength = Number(vector['dkLen'])
      const derived = id && (await client.derive([id], DerivationMethod.PBKDF2, parameters, byteLength))
      expectOpened(name, vector, derived || undefined, bytesOf(vector, 'dk'))
    })
  })

  test.each(named(/^rsa_oaep_/))('%s: Decrypt', async (name) => {
    await run(name, async (vector, group) => {
      const lengthBits = Number(group['keySize'])
      const form = { objectType: ObjectType.PrivateKey, keyFormatType: KeyFormatType.PKCS8, algorithm: RSA, lengthBits }
      const id = await client.key(Buffer.from(String(group['privateKeyPkcs8']), 'hex'), form)
      const parameters: CryptographicParameters = {
        paddingMethod: PaddingMethod.OAEP,
        hashingAlgorithm: hashingAlgorithmOf(group['sha']),
        maskGenerator: MaskGenerator.MGF1,
        maskGeneratorHashingAlgorithm: hashingAlgorithmOf(group['mgfSha']),
        pSource: bytesOf(vector, 'label'),
      }
      const opened = id && (await client.decrypt(id, parameters, { encrypted: bytesOf(vector, 'ct') }))
      expectOpened(name, vector, opened || undefined, bytesOf(vector, 'msg'))
    })
  })

  test.each(named(/^rsa_signature_|^rsa_pss_/))('%s: Signature Verify', async (name) => {
    const isPss = name.startsWith('rsa_pss_')
    await run(name, async (vector, group) => {
      const lengthBits = Number(group['keySize'])
      const form = { objectType: ObjectType.PublicKey, keyFormatType: KeyFormatType.PKCS1, algorithm: RSA, lengthBits }
      const id = await client.key(Buffer.from(String(group['publicKeyAsn']), 'hex'), form)
      const hashingAlgorithm = hashingAlgorithmOf(group['sha'])
      const parameters = isPss
        ? {
            paddingMethod: PaddingMethod.PSS,
            hashingAlgorithm,
            maskGenerator: MaskGenerator.MGF1,
            maskGeneratorHashingAlgorithm: hashingAlgorithmOf(group['mgfSha']),
            saltLength: Number(group['sLen']),
          }
        : { paddingMethod: PaddingMethod.PKCS1V1_5, hashingAlgorithm }
      await expectSignature(name, vector, id, parameters)
    })
  })

  test.each(named(/^ecdsa_/))('%s: Signature Verify', async (name) => {
    await run(name, async (vector, group) => {
      const bits = Number(/secp(\d+)r1/.exec(name)![1])
      const form = { objectType: ObjectType.PublicKey, keyFormatType: KeyFormatType.X509, algorithm: EC }
      const id = await client.key(Buffer.from(String(group['publicKeyDer']), 'hex'), { ...form, lengthBits: bits })
      await expectSignature(name, vector, id, { hashingAlgorithm: hashingAlgorithmOf(group['sha']) })
    })
  })

  test.each(named(/^ecdh_/))('%s: Derive Key', async (name) => {
    const curve = ellipticCurves.find(({ bits, name: own }) => bits === bitsOf(name) && own !== 'secp256k1')!
    const half = { algorithm: EC, lengthBits: curve.bits }
    await run(name, async (vector) => {
      const secret = unsigned(bytesOf(vector, 'private'), curve.byteLength)
      const { PrivateKey, PublicKey } = ObjectType
      const own = await client.key(writeEcPrivateKey({ type: 'ec', curve, secret }), {
        ...half,
        objectType: PrivateKey,
        keyFormatType: KeyFormatType.ECPrivateKey,
      })
      const theirs = await client.key(bytesOf(vector, 'public'), {
        ...half,
        objectType: PublicKey,
        keyFormatType: KeyFormatType.X509,
      })
      const agreed =
        own && theirs && (await client.derive([own, theirs], DerivationMethod.AsymmetricKey, {}, curve.byteLength))
      expectOpened(name, vector, agreed || undefined, bytesOf(vector, 'shared'))
    })
  })

  test('every file is run, or left for a reason', () => {
    const run = /^(?:aes_(?:gcm|ccm|cbc_pkcs5|xts|wrap|kwp|cmac)$|chacha20_poly1305|hmac_|pbkdf2_|rsa_|ecdsa_|ecdh_)/
    expect(files.filter((name) => !run.test(name) && !isLeft(name))).toEqual([])
    for (const start of Object.keys(left)) expect(files.some((name) => name.startsWith(start))).toBe(true)
  })
})

async function expectSignature(
  name: string,
  vector: WycheproofTest,
  id: string | undefined,
  parameters: CryptographicParameters,
): Promise<void> {
  const isRefused = refused[name]?.[vector.tcId] !== undefined
  const isValid =
    id !== undefined && (await client.isSignature(id, parameters, bytesOf(vector, 'msg'), bytesOf(vector, 'sig')))
  if (vector.result !== 'acceptable') expect(isValid).toBe(vector.result === 'valid' && !isRefused)
}

/** XTS's number of a data unit is written lowest byte first (IEEE 1619), here in as many bytes as it needs. */
function ivOf(name: string, iv: Buffer): Buffer {
  return name === 'aes_xts' ? Buffer.concat([iv, Buffer.alloc(16 - iv.byteLength)]) : iv
}

function bitsOf(name: string): number {
  return Number(/secp(\d+)/.exec(name)![1])
}

function unsigned(bytes: Buffer, byteLength: number): Buffer {
  const magnitude = bytes.subarray(Math.max(0, bytes.byteLength - byteLength))
  return Buffer.concat([Buffer.alloc(byteLength - magnitude.byteLength), magnitude])
}
