import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkPublicKey } from '../../src/certificates/public-key.ts'

test('an RSA key whose exponent is long is refused: it only costs whoever verifies by it', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const withExponent = (bytes: Buffer) =>
    createPublicKey({ key: { ...jwk, e: bytes.toString('base64url') }, format: 'jwk' })
  checkPublicKey(publicKey)
  checkPublicKey(withExponent(Buffer.alloc(8, 0xff)))
  expect(() => checkPublicKey(withExponent(Buffer.alloc(9, 0xff)))).toThrow('at most 64 bits')
})
