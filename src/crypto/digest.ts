import { createHash, hash } from 'node:crypto'

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

/** The hash of data that comes in parts: whoever begins one takes its end, or lets it go. There is nothing in it to wipe but the data. */
export function beginDigest(algorithm: DigestAlgorithm): { update(data: Uint8Array): void; final(): Buffer } {
  const state = createHash(algorithm)
  return {
    update: (data) => {
      state.update(data)
    },
    final: () => state.digest(),
  }
}

/** Bytes of a hash. */
export function digestLength(algorithm: DigestAlgorithm): number {
  return digests[algorithm].bytes
}

/** The addon's number of a hash (`native/hmac.h`). */
export function digestNumber(algorithm: DigestAlgorithm): number {
  return digests[algorithm].number
}

const digests: Readonly<Record<DigestAlgorithm, { readonly number: number; readonly bytes: number }>> = {
  sha1: { number: 0, bytes: 20 },
  sha224: { number: 1, bytes: 28 },
  sha256: { number: 2, bytes: 32 },
  sha384: { number: 3, bytes: 48 },
  sha512: { number: 4, bytes: 64 },
  'sha512-224': { number: 5, bytes: 28 },
  'sha512-256': { number: 6, bytes: 32 },
  'sha3-224': { number: 7, bytes: 28 },
  'sha3-256': { number: 8, bytes: 32 },
  'sha3-384': { number: 9, bytes: 48 },
  'sha3-512': { number: 10, bytes: 64 },
}
