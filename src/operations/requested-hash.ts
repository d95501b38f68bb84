import type { DigestAlgorithm } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import type { HashRequest } from '../kmip/payloads/hash.ts'
import { hashOf } from '../objects/hashing.ts'

/** The hash that a Hash names. @throws KryptonError unsupported-cryptographic-parameters */
export function requestedHash({ cryptographicParameters }: HashRequest): DigestAlgorithm {
  const algorithm = hashOf(cryptographicParameters.hashingAlgorithm)
  if (algorithm !== undefined) return algorithm
  throw new KryptonError('unsupported-cryptographic-parameters', 'Send a Hashing Algorithm in Cryptographic Parameters')
}
