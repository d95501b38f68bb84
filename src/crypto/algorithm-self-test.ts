import { KryptonError } from '../errors.ts'
import { algorithmAnswers, algorithmKeys } from './algorithm-answers.ts'
import { asymmetricKey, type AsymmetricKey } from './asymmetric-key.ts'
import { decryptWithKey, encryptWithKey } from './cipher.ts'
import type { CipherParameters } from './cipher-form.ts'
import { equalBytes } from './compare.ts'
import { digest, type DigestAlgorithm } from './digest.ts'
import { type EllipticCurve, ellipticCurves } from './elliptic-curve.ts'
import { agreeOnSecret } from './key-agreement.ts'
import { deriveByKdf, deriveByPassword } from './key-derivation.ts'
import { readRsaPrivateKey } from './key-encoding.ts'
import { hmac } from './mac.ts'
import { macWithKey } from './message-mac.ts'
import { decryptRsa } from './rsa-cipher.ts'
import { type Secret, secretFromBytes } from './secret.ts'
import { sign, verifySignature } from './signature.ts'

type AlgorithmName = keyof typeof algorithmAnswers

/** The answers of a self-test: the known ones, or in tests wrong ones. */
export type AlgorithmAnswers = Readonly<Record<AlgorithmName, string>>

/**
 * Runs every algorithm that clients may ask for on fixed input, before the first of them may: those of the keys that keep keys have a test of their own
 * (`selfTest`). Throws 'cryptographic-failure' for the first wrong answer.
 */
export function algorithmSelfTest(answers: AlgorithmAnswers = algorithmAnswers): void {
  const check: Check = (name, isRight) => {
    let right: boolean
    try {
      right = isRight(Buffer.from(answers[name], 'hex'))
    } catch (cause) {
      throw wrongAnswer(name, cause)
    }
    if (!right) throw wrongAnswer(name)
  }
  for (const [name, cipher] of ciphers) check(name, (expected) => isCipherRight(cipher, expected))
  for (const name of ['aes-cmac', '3des-cmac'] as const) {
    const message = Buffer.concat([data, Buffer.from('!')])
    const keyBytes = name === 'aes-cmac' ? 32 : 24
    check(name, (expected) => withKey(keyBytes, (key) => equalBytes(macWithKey(name, key, message), expected)))
  }
  for (const hash of digests) {
    check(`digest ${hash}`, (expected) => equalBytes(digest(hash, data), expected))
    check(`hmac ${hash}`, (expected) => withKey(32, (key) => equalBytes(hmac(hash, key, data), expected)))
  }
  const password = { hash: 'sha256', salt: bytesFrom(0x10, 16), iterations: 10 } as const
  check('pbkdf2', (expected) => withKey(32, (key) => equalBytes(deriveByPassword(key, password, 32), expected)))
  const derivation = { prf: 'sha256', mode: 'counter' } as const
  check('kdf', (expected) => withKey(32, (key) => equalBytes(deriveByKdf(derivation, key, data, 64), expected)))
  checkRsa(check)
  for (const curve of ellipticCurves) checkCurve(curve, check)
}

type Check = (name: AlgorithmName, isRight: (expected: Buffer) => boolean) => void

/** A private operation costs a millisecond: one signature, and one decryption. */
function checkRsa(check: Check): void {
  const parts = readRsaPrivateKey(Buffer.from(algorithmKeys.rsa, 'hex'))
  const [privateKey, publicKey] = [asymmetricKey(parts), asymmetricKey({ ...parts, secret: undefined })]
  const signed = { bytes: data, isDigest: false }
  const pkcs1 = { scheme: 'pkcs1', hash: 'sha256' } as const
  const pss = { scheme: 'pss', hash: 'sha256', maskHashes: ['sha256'], saltLength: 32 } as const
  const oaep = { padding: 'oaep', hash: 'sha256', maskHashes: ['sha256'], label: new Uint8Array(0) } as const
  try {
    check('rsa-pkcs1', (expected) => equalBytes(sign(privateKey, pkcs1, signed), expected))
    check('rsa-pkcs1', (expected) => isVerified(publicKey, pkcs1, expected))
    check('rsa-pss', (expected) => isVerified(publicKey, pss, expected))
    check('rsa-oaep', (expected) => equalBytes(decryptRsa(privateKey, oaep, expected), data))
  } finally {
    privateKey.wipe()
    publicKey.wipe()
  }
}

function checkCurve(curve: EllipticCurve, check: Check): void {
  const point = Buffer.from(algorithmKeys[curve.name], 'hex')
  const other = Buffer.from(algorithmKeys[`${curve.name} other`], 'hex')
  const publicKey = asymmetricKey({ type: 'ec', curve, point })
  try {
    check(`ecdsa ${curve.name}`, (expected) => isVerified(publicKey, { scheme: 'ecdsa', hash: 'sha256' }, expected))
  } finally {
    publicKey.wipe()
  }
  const secret = Buffer.concat([Buffer.alloc(curve.byteLength - 32), bytesFrom(0, 32)])
  check(`ecdh ${curve.name}`, (expected) => {
    return equalBytes(agreeOnSecret({ type: 'ec', curve, secret }, { type: 'ec', curve, point: other }), expected)
  })
}

/** A right signature is right, and of other data it is not. */
function isVerified(key: AsymmetricKey, scheme: Parameters<typeof verifySignature>[1], signature: Buffer): boolean {
  const isRight = verifySignature(key, scheme, { bytes: data, isDigest: false }, signature)
  return isRight && !verifySignature(key, scheme, { bytes: data.subarray(1), isDigest: false }, signature)
}

interface CipherAnswer extends CipherParameters {
  readonly keyBytes: number
  readonly ivBytes: number
  readonly dataBytes: number
}

/** Both ways; a tag stands after what was encrypted. */
function isCipherRight({ keyBytes, ivBytes, dataBytes, ...parameters }: CipherAnswer, expected: Buffer): boolean {
  const iv = ivBytes === 0 ? undefined : bytesFrom(0x10, ivBytes)
  const { mode } = parameters
  const associated = mode === 'gcm' || mode === 'ccm' || mode === 'aead' ? Buffer.from('krypton') : undefined
  const plain = data.subarray(0, dataBytes)
  return withKey(keyBytes, (key) => {
    const { data: encrypted, tag = none } = encryptWithKey(key, parameters, plain, iv, associated)
    if (!equalBytes(Buffer.concat([encrypted, tag]), expected)) return false
    return equalBytes(decryptWithKey(key, parameters, expected, iv, undefined, associated), plain)
  })
}

function withKey<T>(byteLength: number, use: (key: Secret) => T): T {
  const key = secretFromBytes(bytesFrom(0, byteLength), 'object')
  try {
    return use(key)
  } finally {
    key.wipe()
  }
}

function bytesFrom(first: number, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => first + i))
}

function wrongAnswer(name: string, cause?: unknown): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    `the self-test of the cryptography gave a wrong answer (${name}): do not use this machine or this build of Node for keys`,
    { cause },
  )
}

const data = bytesFrom(0x20, 32)
const none = Buffer.alloc(0)

const aes = { algorithm: 'aes', padding: 'none', tagLength: 16, keyBytes: 32, ivBytes: 16, dataBytes: 32 } as const

const ciphers: readonly (readonly [AlgorithmName, CipherAnswer])[] = [
  ['aes-ecb', { ...aes, mode: 'ecb', ivBytes: 0 }],
  ['aes-cbc', { ...aes, mode: 'cbc', padding: 'pkcs5' }],
  ['aes-ctr', { ...aes, mode: 'ctr' }],
  ['aes-cfb', { ...aes, mode: 'cfb' }],
  ['aes-ofb', { ...aes, mode: 'ofb' }],
  ['aes-gcm', { ...aes, mode: 'gcm', ivBytes: 12 }],
  ['aes-ccm', { ...aes, mode: 'ccm', ivBytes: 12 }],
  ['aes-xts', { ...aes, mode: 'xts', keyBytes: 64 }],
  ['aes-kw', { ...aes, mode: 'kw', ivBytes: 0 }],
  ['aes-kwp', { ...aes, mode: 'kwp', ivBytes: 0, dataBytes: 31 }],
  ['3des-cbc', { ...aes, algorithm: '3des', mode: 'cbc', padding: 'pkcs5', keyBytes: 24, ivBytes: 8 }],
  ['chacha20', { ...aes, algorithm: 'chacha20', mode: 'stream' }],
  ['chacha20-poly1305', { ...aes, algorithm: 'chacha20-poly1305', mode: 'aead', ivBytes: 12 }],
]

const digests: readonly DigestAlgorithm[] = [
  'sha1',
  'sha224',
  'sha256',
  'sha384',
  'sha512',
  'sha512-224',
  'sha512-256',
  'sha3-224',
  'sha3-256',
  'sha3-384',
  'sha3-512',
]
