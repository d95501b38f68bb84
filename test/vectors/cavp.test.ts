import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EllipticCurve, ellipticCurves } from '../../src/crypto/elliptic-curve.ts'
import { writeEcPrivateKey, writeSubjectPublicKeyInfo } from '../../src/crypto/key-encoding.ts'
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
import { cavpFiles, cavpFolder, cavpVectors, type CavpVector } from './cavp.ts'
import { type CipherVector, hashingAlgorithmOf, sampled, VectorClient } from './vector-client.ts'

/*
 * What is not run of the files: CFB with segments of 1 and 8 bits and 3DES interleaved or in pipelines, which KMIP has no numbers for; key wrap by the
 * inverse cipher and of 3DES; the Monte Carlo chains of the hashes, which run the digest 100,000 times over its own output; data of XTS that are not
 * whole bytes; counters of other lengths or at other places than KMIP's derivation has; curves and modes that are not served.
 */

const root = cavpFolder()
const at = (...parts: string[]) => join(root ?? '', ...parts)
const { AES, TripleDES, ChaCha20, RSA, EC } = CryptographicAlgorithm

let client: VectorClient
beforeAll(async () => {
  client = await VectorClient.open()
})
afterAll(() => client.close())

/** Runs some or all vectors of the files that are served; each file, or where only some are served all of them together, has some. */
async function run(
  paths: readonly string[],
  result: string,
  one: (vector: CavpVector) => Promise<void>,
  isServed: (vector: CavpVector) => boolean = () => true,
): Promise<void> {
  const vectors = paths.flatMap((path) => {
    const inFile = cavpVectors(path, result).map((vector) => ({ path, vector }))
    expect(inFile.length, path).toBeGreaterThan(0)
    return inFile
  })
  const served = vectors.filter(({ vector }) => isServed(vector))
  expect(served.length).toBeGreaterThan(0)
  for (const { path, vector } of sampled(served)) {
    try {
      await one(vector)
    } catch (cause) {
      throw new Error(`${basename(path)}: ${vector.toString()}`, { cause })
    }
  }
}

/** Both ways. */
async function expectCipher(
  vector: CipherVector,
  algorithm: number,
  parameters: CryptographicParameters,
): Promise<void> {
  const id = await client.symmetric(vector.key, algorithm)
  const { encrypted, message, tag } = vector
  expect(await client.encrypt(id!, parameters, vector)).toEqual({ encrypted, tag })
  expect(await client.decrypt(id!, parameters, vector)).toEqual(message)
}

describe.skipIf(root === undefined)('NIST CAVP through the operations of KMIP', () => {
  const { ECB, CBC, CFB, OFB, CTR, GCM, CCM, XTS, CMAC, NISTKeyWrap, AESKeyWrapPadding } = BlockCipherMode

  test.each([
    ['ECB', ECB, /\.rsp$/u],
    ['CBC', CBC, /\.rsp$/u],
    ['CFB', CFB, /^CFB128.*\.rsp$/u],
    ['OFB', OFB, /\.rsp$/u],
    ['CTR', CTR, /\.txt$/u],
  ])('AES-%s', async (name, blockCipherMode, files) => {
    await run(cavpFiles(at('ciphers/AES', name), files), 'CIPHERTEXT', async (vector) => {
      const iv = vector.has('IV') ? vector.bytes('IV') : undefined
      const texts = { message: vector.bytes('PLAINTEXT'), encrypted: vector.bytes('CIPHERTEXT') }
      await expectCipher({ key: vector.bytes('KEY'), iv, ...texts }, AES, { blockCipherMode })
    })
  })

  test.each([
    ['ECB', ECB, /^TECB.*\.rsp$/u],
    ['CBC', CBC, /^TCBC(?!I).*\.rsp$/u],
    ['CFB', CFB, /^TCFB64.*\.rsp$/u],
    ['OFB', OFB, /^TOFB(?!I).*\.rsp$/u],
  ])('3DES-%s', async (name, blockCipherMode, files) => {
    await run(cavpFiles(at('ciphers/3DES', name), files), 'CIPHERTEXT', async (vector) => {
      const iv = vector.has('IV') ? vector.bytes('IV') : undefined
      const texts = { message: vector.bytes('PLAINTEXT'), encrypted: vector.bytes('CIPHERTEXT') }
      await expectCipher({ key: tripleKey(vector), iv, ...texts }, TripleDES, { blockCipherMode })
    })
  })

  test('AES-GCM', async () => {
    await run(cavpFiles(at('ciphers/AES/GCM'), /\.rsp$/u), 'Tag', async (vector) => {
      const tag = vector.bytes('Tag')
      const parameters = { blockCipherMode: GCM, tagLength: tag.byteLength }
      const sent = { iv: vector.bytes('IV'), tag, associated: vector.bytes('AAD'), encrypted: vector.bytes('CT') }
      // A tag of less than 12 bytes is refused: it could be guessed.
      if (vector.has('FAIL') || tag.byteLength < 12) {
        const id = await client.symmetric(vector.bytes('Key'), AES)
        expect(await client.decrypt(id!, parameters, sent)).toBe(undefined)
      } else {
        await expectCipher({ ...sent, key: vector.bytes('Key'), message: vector.bytes('PT') }, AES, parameters)
      }
    })
  })

  test('AES-CCM', async () => {
    await run(cavpFiles(at('ciphers/AES/CCM'), /\.rsp$/u), 'CT', async (vector) => {
      const tagLength = vector.number('Tlen')
      const parameters = { blockCipherMode: CCM, tagLength }
      const ct = vector.bytes('CT')
      const encrypted = ct.subarray(0, ct.byteLength - tagLength)
      const associated = vector.bytes('Adata').subarray(0, vector.number('Alen'))
      const sent = { iv: vector.bytes('Nonce'), tag: ct.subarray(encrypted.byteLength), associated, encrypted }
      const isWrong = vector.has('Result') && vector.text('Result') === 'Fail'
      if (isWrong || tagLength < 8) {
        const id = await client.symmetric(vector.bytes('Key'), AES)
        expect(await client.decrypt(id!, parameters, sent)).toBe(undefined)
      } else {
        const message = vector.bytes('Payload').subarray(0, vector.number('Plen'))
        await expectCipher({ ...sent, key: vector.bytes('Key'), message }, AES, parameters)
      }
    })
  })

  test('AES-XTS', async () => {
    const files = ['tweak-128hexstr', 'tweak-dataunitseqno'].flatMap((kind) =>
      cavpFiles(at('ciphers/AES/XTS', kind), /\.rsp$/u),
    )
    const isWhole = (vector: CavpVector) => vector.number('DataUnitLen') % 8 === 0
    await run(
      files,
      'CT',
      async (vector) => {
        const texts = { message: vector.bytes('PT'), encrypted: vector.bytes('CT') }
        await expectCipher({ key: vector.bytes('Key'), iv: tweakOf(vector), ...texts }, AES, { blockCipherMode: XTS })
      },
      isWhole,
    )
  })

  test.each([
    ['KW', NISTKeyWrap],
    ['KWP', AESKeyWrapPadding],
  ])('%s', async (name, blockCipherMode) => {
    const files = cavpFiles(at('keywrap/kwtestvectors'), new RegExp(`^${name}_A[DE]_\\d+\\.txt$`, 'u'))
    await run(files, 'C', async (vector) => {
      const encrypted = vector.bytes('C')
      if (vector.has('FAIL')) {
        const id = await client.symmetric(vector.bytes('K'), AES)
        expect(await client.decrypt(id!, { blockCipherMode }, { encrypted })).toBe(undefined)
      } else {
        await expectCipher({ key: vector.bytes('K'), message: vector.bytes('P'), encrypted }, AES, { blockCipherMode })
      }
    })
  })

  test('ChaCha20 (RFC 7539)', async () => {
    await run([at('ciphers/ChaCha20/rfc7539.txt')], 'CIPHERTEXT', async (vector) => {
      const counter = Buffer.alloc(4)
      counter.writeUInt32LE(vector.number('INITIAL_BLOCK_COUNTER'))
      const iv = Buffer.concat([counter, vector.bytes('NONCE')])
      const texts = { message: vector.bytes('PLAINTEXT'), encrypted: vector.bytes('CIPHERTEXT') }
      await expectCipher({ key: vector.bytes('KEY'), iv, ...texts }, ChaCha20, {})
    })
  })

  test('CMAC', async () => {
    await run(cavpFiles(at('CMAC'), /\.txt$/u), 'OUTPUT', async (vector) => {
      const isAes = vector.has('KEY')
      const key = isAes ? vector.bytes('KEY') : tripleKey(vector)
      const id = await client.symmetric(key, isAes ? AES : TripleDES)
      await expectMac(id!, { blockCipherMode: CMAC }, vector.bytes('MESSAGE'), vector.bytes('OUTPUT'))
    })
  })

  test.each([
    ['rfc-2202-sha1', CryptographicAlgorithm.HMACSHA1],
    ['rfc-4231-sha224', CryptographicAlgorithm.HMACSHA224],
    ['rfc-4231-sha256', CryptographicAlgorithm.HMACSHA256],
    ['rfc-4231-sha384', CryptographicAlgorithm.HMACSHA384],
    ['rfc-4231-sha512', CryptographicAlgorithm.HMACSHA512],
  ])('HMAC: %s', async (name, algorithm) => {
    await run([at('HMAC', `${name}.txt`)], 'MD', async (vector) => {
      const id = await client.symmetric(vector.bytes('Key'), algorithm)
      await expectMac(id!, {}, vector.bytes('Msg'), vector.bytes('MD'))
    })
  })

  test.each(['SHA1', 'SHA2', 'SHA3'])('%s', async (family) => {
    await run(cavpFiles(at('hashes', family), /(?:Short|Long)Msg\.rsp$/u), 'MD', async (vector) => {
      const bytes = vector.number('Len') / 8
      const message = vector.bytes('Msg').subarray(0, bytes)
      const digest = vector.bytes('MD')
      const bits = digest.byteLength * 8
      const names = family === 'SHA1' ? ['SHA1'] : family === 'SHA3' ? [`SHA3_${bits}`] : sha2Names(bits)
      const made = await Promise.all(names.map((name) => client.hash(hashingAlgorithmOf(name)!, message)))
      expect(made).toContainEqual(digest)
    })
  })

  test('SP 800-108 in counter mode', async () => {
    const hashes = CryptographicAlgorithm as Readonly<Record<string, CryptographicAlgorithm>>
    const isServed = (vector: CavpVector) =>
      vector.text('RLEN') === '32_BITS' &&
      vector.text('CTRLOCATION') === 'BEFORE_FIXED' &&
      !vector.text('PRF').includes('TDES')
    const one = async (vector: CavpVector) => {
      const prf = vector.text('PRF')
      const isCmac = prf.startsWith('CMAC')
      const algorithm = isCmac ? AES : hashes[prf.replace('_', '')]!
      const id = await client.symmetric(vector.bytes('KI'), algorithm, isCmac ? CMAC : undefined)
      const parameters = {
        cryptographicParameters: isCmac ? { blockCipherMode: CMAC } : undefined,
        derivationData: vector.bytes('FixedInputData'),
      }
      const made = await client.derive([id!], DerivationMethod.NIST800_108C, parameters, vector.number('L') / 8)
      expect(made).toEqual(vector.bytes('KO'))
    }
    await run([at('KDF/nist-800-108-KBKDF-CTR.txt')], 'KO', one, isServed)
  })

  test('PBKDF2 (RFC 6070)', async () => {
    await run([at('KDF/rfc-6070-PBKDF2-SHA1.txt')], 'DERIVED_KEY', async (vector) => {
      const [password, salt] = [vector.text('PASSWORD'), vector.text('SALT')].map((text) =>
        Buffer.from(text.replaceAll(String.raw`\0`, '\0'), 'latin1'),
      )
      const iterationCount = vector.number('ITERATIONS')
      const id = await client.secret(password!)
      const made = await client.derive(
        [id!],
        DerivationMethod.PBKDF2,
        { salt, iterationCount },
        vector.number('LENGTH'),
      )
      // 2^24 iterations are more than `limits.passwordIterationsMax`.
      expect(made).toEqual(iterationCount > 10_000_000 ? undefined : vector.bytes('DERIVED_KEY'))
    })
  })

  test.each([
    ['SigVer15_186-3', PaddingMethod.PKCS1V1_5],
    ['SigVerPSS_186-3', PaddingMethod.PSS],
  ])('RSA: %s', async (name, paddingMethod) => {
    await run([at('asymmetric/RSA/FIPS_186-2', `${name}.rsp`)], 'S', async (vector) => {
      const modulus = vector.bytes('n')
      const key = writeSubjectPublicKeyInfo({ type: 'rsa', modulus, publicExponent: trimmed(vector.bytes('e')) })
      const hashingAlgorithm = hashingAlgorithmOf(vector.text('SHAAlg'))
      const pss = { maskGenerator: MaskGenerator.MGF1, maskGeneratorHashingAlgorithm: hashingAlgorithm }
      const parameters = { paddingMethod, hashingAlgorithm, ...(paddingMethod === PaddingMethod.PSS ? pss : {}) }
      await expectSignature(key, RSA, modulus.byteLength * 8, parameters, vector, vector.bytes('S'))
    })
  })

  test('ECDSA: SigVer', async () => {
    const isServed = (vector: CavpVector) => /^P-(?:256|384|521),/u.test(vector.text('section'))
    const one = async (vector: CavpVector) => {
      const [name, hash] = vector.text('section').split(',')
      const curve = curveOf(Number(name!.slice(2)))!
      const key = writeSubjectPublicKeyInfo({ type: 'ec', curve, point: pointOf(vector, 'Qx', 'Qy', curve) })
      const signature = sequenceOf(vector.bytes('R'), vector.bytes('S'))
      const parameters = { hashingAlgorithm: hashingAlgorithmOf(hash) }
      await expectSignature(key, EC, curve.bits, parameters, vector, signature)
    }
    await run([at('asymmetric/ECDSA/FIPS_186-3/SigVer.rsp')], 'R', one, isServed)
  })

  test('ECDH', async () => {
    const files = cavpFiles(at('asymmetric/ECDH'), /NOKC_ZZOnly_\w+\.fax$/u)
    const curveOfSet = (vector: CavpVector) =>
      curveOf({ EC: 256, ED: 384, EE: 521 }[vector.text('section').slice(0, 2)] ?? 0)
    const one = async (vector: CavpVector) => {
      const curve = curveOfSet(vector)!
      const half = { algorithm: EC, lengthBits: curve.bits }
      const secret = padded(vector.bytes('dsIUT'), curve.byteLength)
      const own = await client.key(writeEcPrivateKey({ type: 'ec', curve, secret }), {
        ...half,
        objectType: ObjectType.PrivateKey,
        keyFormatType: KeyFormatType.ECPrivateKey,
      })
      const point = pointOf(vector, 'QsCAVSx', 'QsCAVSy', curve)
      const theirs = await client.key(writeSubjectPublicKeyInfo({ type: 'ec', curve, point }), {
        ...half,
        objectType: ObjectType.PublicKey,
        keyFormatType: KeyFormatType.X509,
      })
      const { AsymmetricKey } = DerivationMethod
      const isKnown = own !== undefined && theirs !== undefined
      const agreed = isKnown ? await client.derive([own, theirs], AsymmetricKey, {}, curve.byteLength) : undefined
      const isRight = vector.text('Result').startsWith('P')
      // Where the vector is wrong, a key is none of the curve's, or the secret is not the one that is given.
      expect(agreed?.equals(padded(vector.bytes('Z'), curve.byteLength)) ?? false).toBe(isRight)
    }
    await run(files, 'Result', one, (vector) => curveOfSet(vector) !== undefined)
  })
})

async function expectMac(id: string, parameters: CryptographicParameters, data: Buffer, mac: Buffer): Promise<void> {
  const made = await client.mac(id, parameters, data)
  expect(made?.subarray(0, mac.byteLength)).toEqual(mac)
  expect(await client.isMac(id, parameters, data, made!)).toBe(true)
}

async function expectSignature(
  key: Buffer,
  algorithm: number,
  lengthBits: number,
  parameters: CryptographicParameters,
  vector: CavpVector,
  signature: Buffer,
): Promise<void> {
  const form = { objectType: ObjectType.PublicKey, keyFormatType: KeyFormatType.X509, algorithm, lengthBits }
  const id = await client.key(key, form)
  const isValid = id !== undefined && (await client.isSignature(id, parameters, vector.bytes('Msg'), signature))
  expect(isValid).toBe(vector.text('Result').startsWith('P'))
}

function tripleKey(vector: CavpVector): Buffer {
  if (vector.has('KEYs')) return Buffer.concat([vector.bytes('KEYs'), vector.bytes('KEYs'), vector.bytes('KEYs')])
  return Buffer.concat(['KEY1', 'KEY2', 'KEY3'].map((name) => vector.bytes(name)))
}

/** The number of a data unit is written lowest byte first (IEEE 1619). */
function tweakOf(vector: CavpVector): Buffer {
  if (vector.has('i')) return vector.bytes('i')
  const tweak = Buffer.alloc(16)
  tweak.writeUInt32LE(vector.number('DataUnitSeqNumber'))
  return tweak
}

/** SHA-512/224 and SHA-224 have digests of one length: one of them is meant. */
function sha2Names(bits: number): string[] {
  return bits === 224 || bits === 256 ? [`SHA${bits}`, `SHA512_${bits}`] : [`SHA${bits}`]
}

function curveOf(bits: number): EllipticCurve | undefined {
  return ellipticCurves.find((curve) => curve.bits === bits && curve.name !== 'secp256k1')
}

function pointOf(vector: CavpVector, x: string, y: string, { byteLength }: EllipticCurve): Buffer {
  return Buffer.concat([Buffer.from([4]), padded(vector.bytes(x), byteLength), padded(vector.bytes(y), byteLength)])
}

function padded(bytes: Buffer, byteLength: number): Buffer {
  const magnitude = trimmed(bytes)
  return Buffer.concat([Buffer.alloc(Math.max(0, byteLength - magnitude.byteLength)), magnitude])
}

function trimmed(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first === -1 ? Buffer.alloc(1) : bytes.subarray(first)
}

/** The SEQUENCE of two INTEGERs of X9.62. */
function sequenceOf(...numbers: readonly Buffer[]): Buffer {
  const content = Buffer.concat(
    numbers.map((number) => {
      const magnitude = trimmed(number)
      const signed = magnitude[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude
      return Buffer.concat([Buffer.from([0x02, signed.byteLength]), signed])
    }),
  )
  const length = content.byteLength < 0x80 ? [content.byteLength] : [0x81, content.byteLength]
  return Buffer.concat([Buffer.from([0x30, ...length]), content])
}
