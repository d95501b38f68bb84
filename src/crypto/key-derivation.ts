import { pbkdf2Sync } from 'node:crypto'
import { type DigestAlgorithm, digest, digestLength } from './digest.ts'
import { revealTo } from './key-material.ts'
import { hmac } from './mac.ts'
import { type MacAlgorithm, macWithKey } from './message-mac.ts'
import { ownBuffer, ownCopy } from './own-buffer.ts'
import type { Secret } from './secret.ts'

/** What a client's key gives by the methods of KMIP 1.4 section 4.6. Every result is the caller's, who wipes it. */

/** Data to derive over: a client's, or another of its secrets. */
export type DerivationInput = Uint8Array | Secret

/** HASH: the digest of the key. */
export function deriveByHash(algorithm: DigestAlgorithm, key: Secret): Buffer {
  return revealTo(key).withBytes((bytes) => digest(algorithm, bytes))
}

/** HMAC: the MAC of the data under the key. */
export function deriveByHmac(algorithm: DigestAlgorithm, key: Secret, data: DerivationInput): Buffer {
  return withInput(data, (bytes) => hmac(algorithm, key, bytes))
}

/** A key derivation function of SP 800-108r1. */
export interface KeyDerivation {
  /** Its pseudorandom function. */
  readonly prf: MacAlgorithm
  /**
   * `counter` is section 4.1. `feedback` is 4.2 and `double-pipeline` 4.3, both with the counter, which the standard leaves open, after what is fed
   * back.
   */
  readonly mode: 'counter' | 'feedback' | 'double-pipeline'
  /** Fed back first in feedback mode; empty where there is none. */
  readonly initializationVector?: Uint8Array
}

/**
 * The methods NIST800-108-C, -F and -DPI, with a counter of 32 bits. `data` is all that follows it, which KMIP leaves to the client: no length
 * is put after it.
 */
export function deriveByKdf(
  { prf, mode, initializationVector = nothing }: KeyDerivation,
  key: Secret,
  data: DerivationInput,
  byteLength: number,
): Buffer {
  return withInput(data, (bytes) => {
    const derived = ownBuffer(byteLength)
    const counter = Buffer.alloc(4)
    // What is fed back: the block before, or the pipeline's own value.
    let fed: Buffer = ownCopy(mode === 'double-pipeline' ? bytes : initializationVector)
    for (let offset = 0, i = 1; offset < byteLength; i++) {
      counter.writeUInt32BE(i, 0)
      if (mode === 'double-pipeline') fed = exchanged(fed, mac(prf, key, fed))
      const block = mode === 'counter' ? mac(prf, key, counter, bytes) : mac(prf, key, fed, counter, bytes)
      block.copy(derived, offset)
      offset += block.byteLength
      if (mode === 'feedback') fed = exchanged(fed, block)
      else block.fill(0)
    }
    fed.fill(0)
    return derived
  })
}

/** PBKDF2 with HMAC (RFC 8018 section 5.2): the secret is the password. Takes as long as `iterations` says, for each block of the hash's length. */
export function deriveByPassword(
  password: Secret,
  {
    hash,
    salt,
    iterations,
  }: { readonly hash: DigestAlgorithm; readonly salt: Uint8Array; readonly iterations: number },
  byteLength: number,
): Buffer {
  return revealTo(password).withBytes((bytes) => pbkdf2Sync(bytes, salt, iterations, byteLength, hash))
}

/** How many HMACs of a PBKDF2 depend on each other, for all of its blocks. */
export function passwordCost(hash: DigestAlgorithm, iterations: number, byteLength: number): number {
  return iterations * Math.ceil(byteLength / digestLength(hash))
}

function mac(prf: MacAlgorithm, key: Secret, ...parts: readonly Uint8Array[]): Buffer {
  const input = ownBuffer(parts.reduce((bytes, { byteLength }) => bytes + byteLength, 0))
  let offset = 0
  for (const part of parts) {
    input.set(part, offset)
    offset += part.byteLength
  }
  try {
    return macWithKey(prf, key, input)
  } finally {
    input.fill(0)
  }
}

/** `next` in place of `before`, which is wiped. */
function exchanged(before: Buffer, next: Buffer): Buffer {
  before.fill(0)
  return next
}

function withInput<T>(data: DerivationInput, use: (bytes: Uint8Array) => T): T {
  return data instanceof Uint8Array ? use(data) : revealTo(data).withBytes(use)
}

const nothing = new Uint8Array(0)
