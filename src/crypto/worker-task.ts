import { type ErrorCode, isKryptonError, KryptonError } from '../errors.ts'
import { importKey, type TransferableKey } from './asymmetric-key.ts'
import { decryptWithKey, encryptWithKey } from './cipher.ts'
import type { CipherParameters } from './cipher-form.ts'
import { ellipticCurves, type EllipticCurve } from './elliptic-curve.ts'
import { digest, type DigestAlgorithm } from './digest.ts'
import { checkKey } from './key-check.ts'
import { deriveByPassword } from './key-derivation.ts'
import { readPkcs8, readSubjectPublicKeyInfo } from './key-encoding.ts'
import { generateKeyPair } from './key-pair.ts'
import { joinKey, type KeyJoining, type KeySharing, splitKey } from './key-sharing.ts'
import { type MacAlgorithm, macWithKey } from './message-mac.ts'
import { randomBytes } from './random.ts'
import { decryptRsa, encryptRsa, type RsaPadding } from './rsa-cipher.ts'
import { deriveByPkcs12, Pkcs12Purpose } from './pkcs12-derivation.ts'
import { readPkcs12 } from './pkcs12-reading.ts'
import { borrowSecret, type LentSecret } from './secret.ts'
import type { Share } from './shamir.ts'
import { sign, type SignatureScheme, verifySignature } from './signature.ts'

/**
 * What worker threads can do. Key material and plaintexts go there and back in shared memory, which both sides see and the asker wipes: a
 * message that carried them would leave a copy on each side that nobody can reach. `SharedBytes` are of such memory.
 */
export type SharedBytes = Uint8Array<SharedArrayBuffer>

export interface SignInput {
  readonly key: TransferableKey
  readonly scheme: SignatureScheme
  readonly bytes: SharedBytes
  readonly isDigest: boolean
}

export interface RsaInput {
  readonly key: TransferableKey
  readonly padding: RsaPadding
  readonly data: SharedBytes
}

export interface PasswordInput {
  readonly key: LentSecret
  readonly hash: DigestAlgorithm
  readonly salt: Uint8Array
  readonly iterations: number
  readonly output: SharedBytes
}

export interface Pkcs12Input {
  readonly key: LentSecret
  readonly file: SharedBytes
  readonly friendlyName: string | undefined
  readonly output: SharedBytes
}

export interface JoinInput {
  readonly shares: readonly Share[]
  readonly joining: KeyJoining
  readonly output: SharedBytes
}

export interface CipherInput {
  readonly key: LentSecret
  readonly parameters: CipherParameters
  readonly data: SharedBytes
  readonly iv: Uint8Array | undefined
  readonly associatedData: Uint8Array | undefined
}

export const workerFunctions = {
  sign: ({ key, scheme, bytes, isDigest }: SignInput): Uint8Array => sign(importKey(key), scheme, { bytes, isDigest }),

  verifySignature: ({ key, scheme, bytes, isDigest, signature }: SignInput & { signature: Uint8Array }): boolean =>
    verifySignature(importKey(key), scheme, { bytes, isDigest }, signature),

  encryptRsa: ({ key, padding, data }: RsaInput): Uint8Array => encryptRsa(importKey(key), padding, data),

  /** Puts the plaintext into `output` and returns its length. */
  decryptRsa: ({ key, padding, data, output }: RsaInput & { output: SharedBytes }): number =>
    handOver(decryptRsa(importKey(key), padding, data), output),

  encrypt: ({ key, parameters, data, iv, associatedData }: CipherInput) => {
    const secret = borrowSecret(key)
    try {
      const made = encryptWithKey(secret, parameters, data, iv, associatedData)
      // What is a part of a larger buffer would take all of it along.
      return { data: alone(made.data), iv: ownBytes(made.iv), tag: ownBytes(made.tag) }
    } finally {
      secret.wipe()
    }
  },

  decrypt: ({ key, parameters, data, iv, tag, associatedData }: CipherInput & { tag?: Uint8Array }) => {
    const secret = borrowSecret(key)
    try {
      return { data: decryptWithKey(secret, parameters, data, iv, tag, associatedData) as Uint8Array }
    } finally {
      secret.wipe()
    }
  },

  mac: ({ key, algorithm, data }: { key: LentSecret; algorithm: MacAlgorithm; data: SharedBytes }): Uint8Array => {
    const secret = borrowSecret(key)
    try {
      return alone(macWithKey(algorithm, secret, data))
    } finally {
      secret.wipe()
    }
  },

  hash: ({ algorithm, data }: { algorithm: DigestAlgorithm; data: SharedBytes }): Uint8Array =>
    alone(digest(algorithm, data)),

  /** Puts what a password gives by PBKDF2 into `output`. */
  deriveByPassword: ({ key, salt, output, ...parameters }: PasswordInput): void => {
    const secret = borrowSecret(key)
    try {
      handOver(deriveByPassword(secret, { ...parameters, salt }, output.byteLength), output)
    } finally {
      secret.wipe()
    }
  },

  /** Puts the key of a PKCS #12 file's MAC into `output`. */
  deriveForPkcs12Mac: ({ key, salt, iterations, output }: Omit<PasswordInput, 'hash'>): void => {
    const secret = borrowSecret(key)
    try {
      handOver(
        deriveByPkcs12(secret, { hash: 'sha256', purpose: Pkcs12Purpose.mac, salt, iterations }, output.byteLength),
        output,
      )
    } finally {
      secret.wipe()
    }
  },

  /** Opens a PKCS #12 file under the password `key`; puts its private key into `output`. */
  readPkcs12: ({ key, file, friendlyName, output }: Pkcs12Input) => {
    const secret = borrowSecret(key)
    try {
      const { privateKey, certificates, friendlyName: own } = readPkcs12(file, secret, friendlyName)
      return { privateKeyLength: handOver(privateKey, output), certificates, friendlyName: own }
    } finally {
      secret.wipe()
    }
  },

  /** Checks a private key in PKCS #8, or a public one as SubjectPublicKeyInfo. Nobody changes the memory meanwhile. */
  checkKey: ({ der, isPrivate }: { der: SharedBytes; isPrivate: boolean }): void =>
    checkKey(isPrivate ? readPkcs8(der) : readSubjectPublicKeyInfo(der)),

  /** Puts the parts into `output`, one after the other. */
  splitKey: ({ secret, sharing, output }: { secret: SharedBytes; sharing: KeySharing; output: SharedBytes }): void => {
    let offset = 0
    for (const part of splitKey(secret, sharing, randomBytes)) offset += handOver(part, output.subarray(offset))
  },

  /** Puts the secret into `output`. */
  joinKey: ({ shares, joining, output }: JoinInput): void => {
    handOver(joinKey(shares, joining), output)
  },

  /** Puts the private key into `output`. */
  generateKeyPair: ({ pair, output }: { pair: TransferableKeyPairKind; output: SharedBytes }) => {
    const kind = pair.type === 'rsa' ? pair : { type: pair.type, curve: curveNamed(pair.curve) }
    const { privateKey, publicKey } = generateKeyPair(kind)
    return { privateKeyLength: handOver(privateKey, output), publicKey: publicKey as Uint8Array }
  },
}

/** What a new key pair shall be, in words that go to another thread. */
export type TransferableKeyPairKind =
  | { readonly type: 'rsa'; readonly bits: number }
  | { readonly type: 'ec'; readonly curve: EllipticCurve['name'] }

export type WorkerFunctionName = keyof typeof workerFunctions
export type WorkerInput<N extends WorkerFunctionName> = Parameters<(typeof workerFunctions)[N]>[0]
export type WorkerOutput<N extends WorkerFunctionName> = ReturnType<(typeof workerFunctions)[N]>

export interface WorkerTask<N extends WorkerFunctionName = WorkerFunctionName> {
  readonly name: N
  readonly input: WorkerInput<N>
}

/** A refusal of ours keeps its code on the way back; any other error is a fault and is thrown. */
export type WorkerAnswer<T> =
  | { readonly value: T }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string } }

/** Does a task, in whatever thread. */
export function runTask<N extends WorkerFunctionName>({ name, input }: WorkerTask<N>): WorkerAnswer<WorkerOutput<N>> {
  try {
    const run = workerFunctions[name] as (input: WorkerInput<N>) => WorkerOutput<N> // the task's own input
    return { value: run(input) }
  } catch (error) {
    if (!isKryptonError(error)) throw error
    return { refused: { code: error.code, message: error.message } }
  }
}

/**
 * The buffer that an answer hands over instead of copying it: ciphertexts and plaintexts, which are long. Of a plaintext no copy stays where it
 * was made.
 */
export function handedOver(answer: WorkerAnswer<unknown>): ArrayBuffer | undefined {
  if (!('value' in answer) || typeof answer.value !== 'object' || answer.value === null) return undefined
  const { data } = answer.value as { readonly data?: unknown }
  return data instanceof Uint8Array && data.buffer instanceof ArrayBuffer ? data.buffer : undefined
}

/** The other end of `runTask`. */
export function valueOf<T>(answer: WorkerAnswer<T>): T {
  if ('value' in answer) return answer.value
  throw new KryptonError(answer.refused.code, answer.refused.message)
}

/** A copy in shared memory, which whoever asked for it wipes. */
export function sharedCopy(bytes: Uint8Array): SharedBytes {
  const shared = sharedBytes(bytes.byteLength)
  shared.set(bytes)
  return shared
}

/** The bytes themselves where they lie in shared memory already, as those of long requests do; else a copy. */
export function shared(bytes: Uint8Array): SharedBytes {
  const { buffer, byteOffset, byteLength } = bytes
  return buffer instanceof SharedArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : sharedCopy(bytes)
}

/** A copy that takes nothing along when it goes to another thread. */
export function ownBytes(bytes: Uint8Array): Uint8Array
export function ownBytes(bytes: Uint8Array | undefined): Uint8Array | undefined
export function ownBytes(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && new Uint8Array(bytes)
}

/** The bytes themselves when their buffer holds little else, so that it can be handed over; else a copy. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength - bytes.byteLength <= 16 ? bytes : new Uint8Array(bytes)
}

/** Zeros in shared memory. */
export function sharedBytes(length: number): SharedBytes {
  return new Uint8Array(new SharedArrayBuffer(length))
}

function handOver(secret: Buffer, output: SharedBytes): number {
  try {
    output.set(secret)
    return secret.byteLength
  } finally {
    secret.fill(0)
  }
}

function curveNamed(name: EllipticCurve['name']): EllipticCurve {
  return ellipticCurves.find((curve) => curve.name === name)! // a name of the table: the type says so
}
