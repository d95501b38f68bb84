import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AsymmetricKey, asymmetricKey } from '../../src/crypto/asymmetric-key.ts'
import type { DigestAlgorithm } from '../../src/crypto/digest.ts'
import { digest, digestLength } from '../../src/crypto/digest.ts'
import { readPkcs8, readRsaPublicKey, readSubjectPublicKeyInfo } from '../../src/crypto/key-encoding.ts'
import { decryptRsa, encryptRsa, type RsaPadding } from '../../src/crypto/rsa-cipher.ts'
import { type SignatureScheme, verifySignature } from '../../src/crypto/signature.ts'
import { isKryptonError } from '../../src/errors.ts'
import { bytesOf, vectorsFolder, wycheproof, type WycheproofGroup } from './vectors.ts'

/** Files that are not run, each with its reason. */
const left: Readonly<Record<string, string>> = {
  rsa_pss_2048_shake128: 'SHAKE is no Hashing Algorithm of KMIP 1.4',
  rsa_pss_2048_shake256: 'the same',
  rsa_pss_3072_shake128: 'the same',
  rsa_pss_3072_shake256: 'the same',
  rsa_pss_4096_shake256: 'the same',
}

const folder = vectorsFolder()
const files = folder === undefined ? [] : namesIn(join(folder, 'wycheproof'))

describe.skipIf(folder === undefined)('Wycheproof', () => {
  test.each(files.filter((name) => /^ecdsa_.*(?<!p1363)$/.test(name)))('%s through verifySignature', (name) => {
    runVerify(name, (group) => ({ scheme: 'ecdsa', hash: hashOf(group['sha']) }))
  })

  test.each(files.filter((name) => name.startsWith('rsa_signature_')))('%s through verifySignature', (name) => {
    runVerify(name, (group) => ({ scheme: 'pkcs1', hash: hashOf(group['sha']) }))
  })

  test.each(files.filter((name) => name.startsWith('rsa_pss_') && left[name] === undefined))(
    '%s through verifySignature',
    (name) => {
      runVerify(name, (group) => ({
        scheme: 'pss',
        hash: hashOf(group['sha']),
        maskHashes: [hashOf(group['mgfSha'])],
        saltLength: Number(group['sLen']),
      }))
    },
  )

  test.each(files.filter((name) => name.startsWith('rsa_oaep_')))('%s through decryptRsa', (name) => {
    let run = 0
    for (const group of wycheproof(folder!, name)) {
      const hash = hashOf(group['sha'])
      const parts = readPkcs8(Buffer.from(String(group['privateKeyPkcs8']), 'hex'))
      const key = asymmetricKey(parts)
      const publicKey = asymmetricKey({ ...parts, secret: undefined })
      for (const vector of group.tests) {
        const padding: RsaPadding = {
          padding: 'oaep',
          hash,
          maskHashes: [hashOf(group['mgfSha'])],
          label: bytesOf(vector, 'label'),
        }
        const message = bytesOf(vector, 'msg')
        run++
        // The same by our own decoding, which a second mask makes it take.
        for (const maskHashes of [padding.maskHashes, [...padding.maskHashes, 'sha3-512' as const]]) {
          const opened = attempt(() => decryptRsa(key, { ...padding, maskHashes }, bytesOf(vector, 'ct')))
          const wanted = vector.result === 'invalid' ? undefined : message.toString('hex')
          expect(opened?.toString('hex'), `tcId ${vector.tcId} ${vector.comment}`).toBe(wanted)
        }
        if (vector.result !== 'invalid') {
          expect(decryptRsa(key, padding, encryptRsa(publicKey, padding, message))).toEqual(message)
        }
      }
    }
    expect(run).toBeGreaterThan(5)
  })
})

function runVerify(name: string, schemeOf: (group: WycheproofGroup) => SignatureScheme): void {
  let run = 0
  for (const group of wycheproof(folder!, name)) {
    const key = publicKeyOf(group)
    const scheme = schemeOf(group)
    for (const vector of group.tests) {
      const bytes = bytesOf(vector, 'msg')
      const signature = bytesOf(vector, 'sig')
      const verified = verifySignature(key, scheme, { bytes, isDigest: false }, signature)
      run++
      // What is acceptable may be either.
      if (vector.result !== 'acceptable') {
        expect(verified, `tcId ${vector.tcId} ${vector.comment}`).toBe(vector.result === 'valid')
      }
      if (scheme.scheme === 'ecdsa') continue
      const overDigest = { bytes: digest(scheme.hash, bytes), isDigest: true }
      expect(verifySignature(key, scheme, overDigest, signature), `tcId ${vector.tcId} by its digest`).toBe(verified)
    }
  }
  expect(run).toBeGreaterThan(5)
}

function publicKeyOf(group: WycheproofGroup): AsymmetricKey {
  const asn = group['publicKeyAsn']
  if (typeof asn === 'string') return asymmetricKey(readRsaPublicKey(Buffer.from(asn, 'hex')))
  return asymmetricKey(readSubjectPublicKeyInfo(Buffer.from(String(group['publicKeyDer']), 'hex')))
}

function hashOf(sha: unknown): DigestAlgorithm {
  const name = String(sha).toLowerCase().replace('/', '-')
  const hash = (name.startsWith('sha3') ? name : name.replace('sha-', 'sha')) as DigestAlgorithm // checked below
  expect(digestLength(hash), String(sha)).toBeDefined()
  return hash
}

function namesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('_test.json'))
    .map((file) => file.slice(0, -'_test.json'.length))
}

/** What `run` returns, or undefined when it refuses as it should: with an error of ours. */
function attempt(run: () => Buffer): Buffer | undefined {
  try {
    return run()
  } catch (error) {
    if (!isKryptonError(error, 'cryptographic-failure')) throw error
    return undefined
  }
}
