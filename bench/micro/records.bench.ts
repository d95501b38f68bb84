import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { Suite as Aead } from '../../src/crypto/aead.ts'
import { decryptWithKey, encryptWithKey } from '../../src/crypto/cipher.ts'
import type { CipherParameters } from '../../src/crypto/cipher-form.ts'
import { deriveSecret } from '../../src/crypto/kdf.ts'
import { wrapKey } from '../../src/crypto/key-wrap.ts'
import { labels } from '../../src/crypto/labels.ts'
import { hmac, verifyHmac } from '../../src/crypto/mac.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { generateSecret, type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import { openRecord, Purpose, sealRecord } from '../../src/hierarchy/wrapped-key.ts'
import { type Case, keep, type RatioGoal } from './suite.ts'

export const name = 'records'

const wrappingBytes = randomBytes(32)
const wrapping = secretFromBytes(wrappingBytes, 'wrapping')
const wrappingKeyObject = createSecretKey(wrappingBytes)
const material = randomBytes(96)
const nonce = randomBytes(24)
const gcmNonce = nonce.subarray(12)
const key = { secret: wrapping, keyId: randomBytes(16), version: 1, suite: Aead.Xaes256Gcm }
const context = {
  cluster: randomBytes(16),
  tenant: randomBytes(16),
  system: randomBytes(16),
  service: randomBytes(16),
  object: randomBytes(16),
  objectVersion: 1,
  objectType: 2,
  algorithm: 3,
  lengthBits: 768,
  blobVersion: 1,
}
const record96 = sealRecord(Purpose.Object, key, context, material)
const record32 = sealRecord(Purpose.Object, key, context, material.subarray(0, 32))
const committedKey = { ...key, suite: Aead.Xaes256GcmCommitted }
const committed = sealRecord(Purpose.Seal, committedKey, context, material.subarray(0, 32))
const associated = randomBytes(197)
const integrity = generateSecret(32, 'system')
const row = randomBytes(400)
const rowMac = hmac('sha256', integrity, row)
const objectKey = generateSecret(32, 'object')
const gcm: CipherParameters = { algorithm: 'aes', mode: 'gcm', padding: 'none', tagLength: 16 }
const cbc: CipherParameters = { ...gcm, mode: 'cbc', padding: 'pkcs5' }
const page = randomBytes(4096)
const encrypted = encryptWithKey(objectKey, gcm, material, gcmNonce)
const block16 = nonce.subarray(0, 16)
const gcmKey = { ...key, suite: Aead.Aes256Gcm }
const gcmRecord = sealRecord(Purpose.Object, gcmKey, context, material)

// What openAead does with the derived key, done in the ways that were not chosen.
const cipher = createCipheriv('aes-256-gcm', wrappingKeyObject, gcmNonce, { authTagLength: 16 })
cipher.setAAD(associated)
const sealed = cipher.update(material)
cipher.final()
const tag = cipher.getAuthTag()
const ecb = createCipheriv('aes-256-ecb', wrappingKeyObject, null)
ecb.setAutoPadding(false)
const block = randomBytes(32)
/** Stands for the derived key: the cases below differ in how a key of 32 bytes reaches AES-GCM. */
const derivedBytes = wrappingBytes

function gcmOpen(gcmKey: KeyObject | Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', gcmKey, gcmNonce, { authTagLength: 16 })
  decipher.setAuthTag(tag)
  decipher.setAAD(associated)
  const opened = decipher.update(sealed)
  decipher.final()
  return opened
}

/** A record's secret ends with its use: in a slot it would stay. */
function openedAndWiped(secret: Secret): void {
  secret.wipe()
  keep(secret)
}

export const cases: readonly Case[] = [
  {
    name: 'open a record of 32 bytes (XAES, held wrapping key)',
    fn: () => openedAndWiped(openRecord(Purpose.Object, key, context, record32, 'object')),
  },
  {
    name: 'open a record of 96 bytes (XAES, held wrapping key)',
    fn: () => openedAndWiped(openRecord(Purpose.Object, key, context, record96, 'object')),
  },
  {
    name: 'open a record of 96 bytes (AES-GCM, held wrapping key)',
    fn: () => openedAndWiped(openRecord(Purpose.Object, gcmKey, context, gcmRecord, 'object')),
  },
  {
    name: 'open a record of 32 bytes (XAES with commitment)',
    fn: () => openedAndWiped(openRecord(Purpose.Seal, committedKey, context, committed, 'wrapping')),
  },
  { name: 'seal a record of 96 bytes (XAES)', fn: () => keep(sealRecord(Purpose.Object, key, context, material)) },
  { name: 'MAC of a row of 400 bytes', fn: () => keep(hmac('sha256', integrity, row)) },
  { name: 'MAC of a row of 400 bytes, verified', fn: () => keep(verifyHmac('sha256', integrity, row, rowMac)) },
  {
    name: 'derive a key of 32 bytes',
    fn: () => openedAndWiped(deriveSecret(wrapping, labels.wrapIvk, rowMac, 'wrapping')),
  },
  { name: 'make a secret of 32 random bytes', fn: () => openedAndWiped(generateSecret(32, 'object')) },
  { name: 'Encrypt 96 bytes (AES-256-GCM)', fn: () => keep(encryptWithKey(objectKey, gcm, material, gcmNonce)) },
  {
    name: 'Decrypt 96 bytes (AES-256-GCM)',
    fn: () => keep(decryptWithKey(objectKey, gcm, encrypted.data, gcmNonce, encrypted.tag)),
  },
  { name: 'Encrypt 4 KiB (AES-256-GCM)', fn: () => keep(encryptWithKey(objectKey, gcm, page, gcmNonce)) },
  { name: 'Encrypt 96 bytes (AES-256-CBC)', fn: () => keep(encryptWithKey(objectKey, cbc, material, block16)) },
  { name: 'wrap a key of 32 bytes (AES key wrap)', fn: () => keep(wrapKey('kw', wrapping, objectKey)) },
  { name: 'part: two AES blocks, held cipher', fn: () => keep(ecb.update(block)) },
  {
    name: 'part: two AES blocks, a cipher made for each',
    fn: () => {
      const made = createCipheriv('aes-256-ecb', wrappingKeyObject, null)
      made.setAutoPadding(false)
      keep(made.update(block))
    },
  },
  { name: 'part: AES-GCM, derived key as a new KeyObject', fn: () => keep(gcmOpen(createSecretKey(derivedBytes))) },
  {
    name: 'part: AES-GCM, derived key as a raw buffer',
    fn: () => keep(gcmOpen(derivedBytes)),
  },
  { name: 'part: AES-GCM, held KeyObject', fn: () => keep(gcmOpen(wrappingKeyObject)) },
  { name: 'part: 24 random bytes from the kernel', fn: () => keep(randomBytes(24)) },
]

/** Why records are opened as they are: docs/decisions/0004. */
export const goals: readonly RatioGoal[] = [
  {
    name: 'the derived key as a KeyObject beats a raw buffer',
    slow: 'part: AES-GCM, derived key as a raw buffer',
    fast: 'part: AES-GCM, derived key as a new KeyObject',
    atLeast: 2,
  },
  {
    name: 'a held ECB cipher beats one made for each record',
    slow: 'part: two AES blocks, a cipher made for each',
    fast: 'part: two AES blocks, held cipher',
    atLeast: 2,
  },
]
