import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openAead, sealAead, Suite } from '../../src/crypto/aead.ts'
import { BytesSecret } from '../../src/crypto/key-material.ts'
import { secretFromBytes } from '../../src/crypto/secret.ts'
import { deriveXaesKey } from '../../src/crypto/xaes.ts'
import { vectorsFolder } from './vectors.ts'

interface XaesVectors {
  vectors: { key: string; nonceText: string; kx: string; plaintextText: string; aadText: string; ciphertext: string }[]
  accumulated: Record<string, string>
}

const folder = vectorsFolder()

describe.skipIf(folder === undefined)('XAES-256-GCM of C2SP', () => {
  const published = (): XaesVectors => JSON.parse(readFileSync(join(folder!, 'xaes-256-gcm.json'), 'utf8'))

  test('derives the key and makes the ciphertext of both vectors, under either form of a secret', () => {
    for (const vector of published().vectors) {
      for (const secretClass of ['wrapping', 'object'] as const) {
        const key = secretFromBytes(Buffer.from(vector.key, 'hex'), secretClass)
        const nonce = Buffer.from(vector.nonceText)
        const associated = Buffer.from(vector.aadText)
        expect(deriveXaesKey(new BytesSecret(Buffer.from(vector.key, 'hex')), nonce).toString('hex')).toBe(vector.kx)
        const sealed = sealAead(Suite.Xaes256Gcm, key, nonce, associated, Buffer.from(vector.plaintextText))
        expect(sealed.toString('hex')).toBe(vector.ciphertext)
        const opened = openAead(Suite.Xaes256Gcm, key, nonce, associated, sealed, 'object')
        const plaintext = Buffer.alloc(opened.byteLength)
        opened.copyInto(plaintext, 0)
        expect(plaintext.toString()).toBe(vector.plaintextText)
      }
    }
  })

  test('reaches the accumulated hash of 10,000 random messages', () => {
    expect(accumulate(10_000)).toBe(published().accumulated['10000'])
  })

  test.skipIf(process.env['KRYPTON_LONG_VECTORS'] === undefined)(
    'reaches the accumulated hash of 1,000,000 random messages (set KRYPTON_LONG_VECTORS to run it)',
    () => {
      expect(accumulate(1_000_000)).toBe(published().accumulated['1000000'])
    },
    600_000,
  )
})

function accumulate(rounds: number): string {
  const random = new ShakeStream(rounds * 320 + 4096)
  const accumulator = createHash('shake128', { outputLength: 32 })
  for (let round = 0; round < rounds; round++) {
    const key = secretFromBytes(random.take(32), 'wrapping')
    const nonce = random.take(24)
    const plaintext = random.take(random.take(1)[0]!)
    const associated = random.take(random.take(1)[0]!)
    accumulator.update(sealAead(Suite.Xaes256Gcm, key, nonce, associated, plaintext))
  }
  return accumulator.digest('hex')
}

/** The output of SHAKE-128 over nothing, as a stream; a message takes 313 bytes of it in the mean. */
class ShakeStream {
  readonly #bytes: Buffer
  #at = 0
  constructor(length: number) {
    this.#bytes = createHash('shake128', { outputLength: length }).digest()
  }
  take(count: number): Buffer {
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }
}
