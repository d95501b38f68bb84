import type { DigestAlgorithm } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { HashingAlgorithm } from '../kmip/enums.ts'

/**
 * The hash that a Hashing Algorithm (KMIP 1.4 section 9.1.3.2.16) names; undefined for none.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function hashOf(hashingAlgorithm: number | undefined): DigestAlgorithm | undefined {
  if (hashingAlgorithm === undefined) return undefined
  const hash = hashes.get(hashingAlgorithm)
  if (hash !== undefined) return hash
  throw new KryptonError(
    'unsupported-cryptographic-parameters',
    'Use Hashing Algorithm SHA-1, or one of SHA-2 or SHA-3',
  )
}

const hashes: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [HashingAlgorithm.SHA1, 'sha1'],
  [HashingAlgorithm.SHA224, 'sha224'],
  [HashingAlgorithm.SHA256, 'sha256'],
  [HashingAlgorithm.SHA384, 'sha384'],
  [HashingAlgorithm.SHA512, 'sha512'],
  [HashingAlgorithm.SHA512_224, 'sha512-224'],
  [HashingAlgorithm.SHA512_256, 'sha512-256'],
  [HashingAlgorithm.SHA3_224, 'sha3-224'],
  [HashingAlgorithm.SHA3_256, 'sha3-256'],
  [HashingAlgorithm.SHA3_384, 'sha3-384'],
  [HashingAlgorithm.SHA3_512, 'sha3-512'],
])
