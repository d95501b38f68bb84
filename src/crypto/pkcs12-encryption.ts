import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { hex } from '../hex.ts'
import { decryptWithKey } from './cipher.ts'
import { equalBytes } from './compare.ts'
import { DerReader, DerTag } from './der.ts'
import type { DigestAlgorithm } from './digest.ts'
import { deriveByPassword, passwordCost } from './key-derivation.ts'
import { deriveByPkcs12, pkcs12Cost, Pkcs12Purpose } from './pkcs12-derivation.ts'
import { pkcs12Identifiers as identifiers } from './pkcs12-identifiers.ts'
import { decryptRc2 } from './rc2.ts'
import { adoptSecret } from './secret.ts'
import type { Secret } from './secret.ts'

/** The encryptions of PKCS #12 files that are read: PBES2 (RFC 8018) as today's programs write it, and those of RFC 7292 appendix C that older ones do. */

/** An AlgorithmIdentifier, its parameters unread. */
export interface AlgorithmIdentifier {
  readonly identifier: Uint8Array
  readonly parameters: DerReader
}

export function algorithmIn(reader: DerReader): AlgorithmIdentifier {
  const parameters = reader.within(DerTag.sequence)
  return { identifier: parameters.item(DerTag.objectIdentifier), parameters }
}

/** The algorithm of that table, whose parameters are NULL or left out; undefined for another. */
export function plainAlgorithmIn<T>(reader: DerReader, table: ReadonlyMap<string, T>): T | undefined {
  const { identifier, parameters } = algorithmIn(reader)
  if (!parameters.isAtEnd) new DerReader(parameters.item(DerTag.null)).end()
  parameters.end()
  return table.get(hex(identifier))
}

/** What all derivations of a file may cost together: whoever made it has chosen their iterations. */
export class IterationBudget {
  #left: number = limits.pkcs12IterationsMax

  /** @throws KryptonError invalid-field */
  take(
    { hash, iterations }: { readonly hash: DigestAlgorithm; readonly iterations: number },
    byteLength: number,
  ): void {
    this.#takeCost(iterations, pkcs12Cost(hash, iterations, byteLength))
  }

  /** The same for PBKDF2. */
  takePassword(
    { hash, iterations }: { readonly hash: DigestAlgorithm; readonly iterations: number },
    byteLength: number,
  ): void {
    this.#takeCost(iterations, passwordCost(hash, iterations, byteLength))
  }

  #takeCost(iterations: number, cost: number): void {
    this.#left -= cost
    if (iterations >= 1 && this.#left >= 0) return
    throw new KryptonError(
      'invalid-field',
      `Send a PKCS#12 file of at most ${limits.pkcs12IterationsMax} iterations in all its derivations, each of one or more`,
    )
  }
}

/**
 * Decrypts with a password; the caller wipes what it gives. A key of 40 bits can be guessed: certificates under it are read, private keys are not.
 * @throws KryptonError invalid-field, cryptographic-failure, unsupported-cryptographic-parameters
 */
export function decryptPkcs12(
  { identifier, parameters }: AlgorithmIdentifier,
  data: Uint8Array,
  password: Secret,
  budget: IterationBudget,
  content: 'key' | 'certificates',
): Buffer {
  if (equalBytes(identifier, identifiers.pbes2)) return decryptPbes2(parameters, data, password, budget)
  const older = olderEncryptions.get(hex(identifier))
  if (older === undefined) throw unsupportedEncryption()
  const { cipher, keyBytes } = older
  if (cipher === 'rc2' && content === 'key') {
    throw new KryptonError(
      'unsupported-cryptographic-parameters',
      'Write the PKCS#12 file anew with AES: its private key is under 40 bits of RC2, which anybody guesses',
    )
  }
  const both = parameters.within(DerTag.sequence)
  const derivation = { hash: 'sha1', salt: both.item(DerTag.octetString), iterations: smallNumber(both) } as const
  both.end()
  budget.take(derivation, keyBytes)
  budget.take(derivation, olderIvBytes)
  const iv = deriveByPkcs12(password, { ...derivation, purpose: Pkcs12Purpose.iv }, olderIvBytes)
  const key = deriveByPkcs12(password, { ...derivation, purpose: Pkcs12Purpose.key }, keyBytes)
  if (cipher === '3des') return decryptCbc(key, cipher, data, iv)
  try {
    return decryptRc2(key, iv, data)
  } finally {
    key.fill(0)
  }
}

function decryptPbes2(parameters: DerReader, data: Uint8Array, password: Secret, budget: IterationBudget): Buffer {
  const both = parameters.within(DerTag.sequence)
  const derivation = pbkdf2In(algorithmIn(both))
  const scheme = algorithmIn(both)
  both.end()
  const cipher = ciphers.get(hex(scheme.identifier))
  if (cipher === undefined) throw unsupportedEncryption()
  const { algorithm, keyBytes } = cipher
  const iv = scheme.parameters.item(DerTag.octetString)
  scheme.parameters.end()
  if (derivation.keyBytes !== undefined && derivation.keyBytes !== keyBytes) {
    throw new KryptonError('invalid-field', 'Send a PKCS#12 file that derives keys of the length of its cipher')
  }
  budget.takePassword(derivation, keyBytes)
  return decryptCbc(deriveByPassword(password, derivation, keyBytes), algorithm, data, iv)
}

/** The parameters of PBKDF2; those that a DEFAULT leaves out are filled in. */
export function pbkdf2In({ identifier, parameters }: AlgorithmIdentifier): {
  hash: DigestAlgorithm
  salt: Uint8Array
  iterations: number
  keyBytes: number | undefined
} {
  if (!equalBytes(identifier, identifiers.pbkdf2)) throw unsupportedEncryption()
  const own = parameters.within(DerTag.sequence)
  const salt = own.item(DerTag.octetString)
  const iterations = smallNumber(own)
  const keyBytes = own.has(DerTag.integer) ? smallNumber(own) : undefined
  const prf = own.isAtEnd ? 'sha1' : plainAlgorithmIn(own, hmacs)
  own.end()
  parameters.end()
  if (prf === undefined) throw unsupportedEncryption()
  return { hash: prf, salt, iterations, keyBytes }
}

/** An INTEGER of at most 31 bits. */
export function smallNumber(reader: DerReader): number {
  const bytes = reader.unsigned()
  const number = bytes.byteLength > 4 ? Infinity : bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  if (number <= 0x7fff_ffff) return number
  throw new KryptonError(
    'invalid-field',
    'Send a PKCS#12 file whose version, iterations and lengths have 31 bits at most',
  )
}

/** Takes `key` over. */
function decryptCbc(key: Buffer, algorithm: 'aes' | '3des', data: Uint8Array, iv: Uint8Array): Buffer {
  const secret = adoptSecret(key, 'object')
  try {
    return decryptWithKey(secret, { algorithm, mode: 'cbc', padding: 'pkcs5', tagLength: 16 }, data, iv)
  } finally {
    secret.wipe()
  }
}

function unsupportedEncryption(): KryptonError {
  return new KryptonError(
    'unsupported-cryptographic-parameters',
    'Write the PKCS#12 file anew with PBES2, PBKDF2 and AES-256-CBC: its encryption is none that is read here',
  )
}

/** HMACs as pseudorandom functions of PBKDF2, and of PBMAC1. */
export const hmacs: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['2a864886f70d0207', 'sha1'],
  ['2a864886f70d0208', 'sha224'],
  ['2a864886f70d0209', 'sha256'],
  ['2a864886f70d020a', 'sha384'],
  ['2a864886f70d020b', 'sha512'],
])

const ciphers: ReadonlyMap<string, { readonly algorithm: 'aes' | '3des'; readonly keyBytes: number }> = new Map([
  ['608648016503040102', { algorithm: 'aes', keyBytes: 16 }],
  ['608648016503040116', { algorithm: 'aes', keyBytes: 24 }],
  ['60864801650304012a', { algorithm: 'aes', keyBytes: 32 }],
  ['2a864886f70d0307', { algorithm: '3des', keyBytes: 24 }],
])

const olderIvBytes = 8
const olderEncryptions: ReadonlyMap<string, { readonly cipher: '3des' | 'rc2'; readonly keyBytes: number }> = new Map([
  ['2a864886f70d010c0103', { cipher: '3des', keyBytes: 24 }],
  ['2a864886f70d010c0104', { cipher: '3des', keyBytes: 16 }],
  ['2a864886f70d010c0106', { cipher: 'rc2', keyBytes: 5 }],
])
