import { KryptonError } from '../errors.ts'
import { keyCommitment, openAead, sealAead, Suite } from './aead.ts'
import { equalBytes } from './compare.ts'
import { deriveWithHmac } from './kdf.ts'
import { hmac } from './mac.ts'
import { secretFromBytes } from './secret.ts'

/** Known answers, as hexadecimal text; fixed inputs of the tests below made them, and for 0x01, 0x02 and HMAC others publish them too. */
export const knownAnswers = {
  /** McGrew and Viega, The Galois/Counter Mode of Operation, test case 14: key and nonce of zeros, a block of zeros. */
  suite1: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  /** C2SP XAES-256-GCM, second vector. */
  suite2: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
  suite3: '31571e9d9dfe2e779ae762811354407cc1c3c43795d7690449e96ec3',
  commitment: '5fbb1331f42c6d81598b9892e3ab323b3b1c7339c8f22a6aed6527b1e5e22567',
  /** RFC 4231, test case 2. */
  hmac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  kdf: '335d7a7d0c7663192c3650484ebab486a7135325c23e47103395b340a9febc7da2960bba50a45db1e5eb4cad2a1da14a',
} as const

/**
 * Runs each algorithm that keeps keys on fixed input before the first real key is touched. Throws 'cryptographic-failure'
 * when an answer is wrong: this Node's OpenSSL, or the machine, must not be trusted with keys.
 */
export function selfTest(answers: Record<keyof typeof knownAnswers, string> = knownAnswers): void {
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
  check('kdf', deriveWithHmac(key, Buffer.from('label'), Buffer.from('context'), 48))
  for (const suite of [Suite.Xaes256Gcm, Suite.Xaes256GcmCommitted]) {
    const opened = openAead(suite, key, nonce, associated, sealAead(suite, key, nonce, associated, text), 'object')
    const plain = Buffer.alloc(text.byteLength)
    opened.copyInto(plain, 0)
    if (!equalBytes(plain, text)) throw wrongAnswer('open')
  }

  function check(name: keyof typeof knownAnswers, made: Buffer): void {
    if (!equalBytes(made, Buffer.from(answers[name], 'hex'))) throw wrongAnswer(name)
  }
}

function wrongAnswer(name: string): KryptonError {
  return new KryptonError(
    'cryptographic-failure',
    `the self-test of the cryptography gave a wrong answer (${name}): do not use this machine or this build of Node for keys`,
  )
}
