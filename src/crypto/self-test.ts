import { KryptonError } from '../errors.ts'
import { keyCommitment, openAead, sealAead, Suite } from './aead.ts'
import { equalBytes } from './compare.ts'
import { deriveWithHmac } from './kdf.ts'
import { type KnownAnswers, knownAnswers } from './known-answers.ts'
import { unwrapKey, wrapKey } from './key-wrap.ts'
import { hmac } from './mac.ts'
import { type Secret, secretFromBytes } from './secret.ts'

/**
 * Runs each algorithm that keeps keys on fixed input before the first real key is touched. Throws 'cryptographic-failure'
 * when an answer is wrong: this Node's OpenSSL, or the machine, must not be trusted with keys.
 */
export function selfTest(answers: KnownAnswers = knownAnswers): void {
  const key = secretFromBytes(Buffer.alloc(32, 3), 'wrapping')
  const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX')
  const text = Buffer.from('XAES-256-GCM')
  const associated = Buffer.from('c2sp.org/XAES-256-GCM')
  const zeroKey = secretFromBytes(Buffer.alloc(32), 'wrapping')
  check('suite1', sealAead(Suite.Aes256Gcm, zeroKey, Buffer.alloc(12), new Uint8Array(0), Buffer.alloc(16)))
  check('suite2', sealAead(Suite.Xaes256Gcm, key, nonce, associated, text))
  check('suite3', sealAead(Suite.Xaes256GcmCommitted, key, nonce, associated, text))
  check('commitment', keyCommitment(key, associated))
  check(
    'hmac',
    hmac('sha256', secretFromBytes(Buffer.from('Jefe'), 'system'), Buffer.from('what do ya want for nothing?')),
  )
  check(
    'kdf',
    deriveWithHmac(secretFromBytes(Buffer.alloc(32, 3), 'object'), Buffer.from('label'), Buffer.from('context'), 48),
  )
  const kek = secretFromBytes(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 'wrapping')
  const wrapped = wrapKey('kw', kek, secretFromBytes(Buffer.from(rfc3394Key, 'hex'), 'wrapping'))
  check('keyWrap', wrapped)
  checkOpened(unwrapKey('kw', kek, wrapped, 'object'), Buffer.from(rfc3394Key, 'hex'))
  for (const suite of [Suite.Xaes256Gcm, Suite.Xaes256GcmCommitted]) {
    const opened = openAead(suite, key, nonce, associated, sealAead(suite, key, nonce, associated, text), 'object')
    checkOpened(opened, text)
  }

  function check(name: keyof KnownAnswers, made: Buffer): void {
    if (!equalBytes(made, Buffer.from(answers[name], 'hex'))) throw wrongAnswer(name)
  }
}

function checkOpened(opened: Secret, expected: Uint8Array): void {
  const plain = Buffer.alloc(opened.byteLength)
  opened.copyInto(plain, 0)
  if (!equalBytes(plain, expected)) throw wrongAnswer('open')
}

const rfc3394Key = '00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f'

function wrongAnswer(name: string): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    `the self-test of the cryptography gave a wrong answer (${name}): do not use this machine or this build of Node for keys`,
  )
}
