import { hash } from 'node:crypto'

/** Hash functions that KMIP 1.4 §9.1.3.2.16 names and Node has. */
export type DigestAlgorithm =
  | 'sha1'
  | 'sha224'
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'sha512-224'
  | 'sha512-256'
  | 'sha3-224'
  | 'sha3-256'
  | 'sha3-384'
  | 'sha3-512'

/** The hash of `data`. */
export function digest(algorithm: DigestAlgorithm, data: Uint8Array): Buffer {
  return hash(algorithm, data, 'buffer')
}

/** Bytes of a hash. */
export function digestLength(algorithm: DigestAlgorithm): number {
  return lengths[algorithm]
}

const lengths: Readonly<Record<DigestAlgorithm, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  'sha512-224': 28,
  'sha512-256': 32,
  'sha3-224': 28,
  'sha3-256': 32,
  'sha3-384': 48,
  'sha3-512': 64,
}
