import type { DigestAlgorithm } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { CryptographicAlgorithm } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import type { ManagedObject } from './managed-object.ts'

/**
 * The hash of the HMAC that a MAC or MAC Verify asks for (KMIP 1.4 sections 4.33 and 4.34): that of the request's Cryptographic Parameters, else of
 * the key's first, else the key's own algorithm. A key that is made for one HMAC makes no other; a key of another kind, as clients use AES
 * keys, makes the one that is asked for.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function macHash(object: ManagedObject, requested: CryptographicParameters | undefined): DigestAlgorithm {
  const asked = (requested ?? object.attributes.first('cryptographicParameters'))?.cryptographicAlgorithm
  const own = macAlgorithms.get(object.fields.algorithm)
  const hash = asked === undefined ? own : macAlgorithms.get(asked)
  if (hash === undefined) {
    throw unsupported('Send Cryptographic Parameters with a Cryptographic Algorithm of HMAC with SHA-1, SHA-2 or SHA-3')
  }
  if (own !== undefined && own !== hash) {
    throw unsupported('Ask for the HMAC that the key is for: its Cryptographic Algorithm names another one')
  }
  return hash
}

function unsupported(message: string): KryptonError {
  return new KryptonError('unsupported-cryptographic-parameters', message)
}

/** The algorithms of MAC and MAC Verify, each with the hash of its HMAC. */
export const macAlgorithms: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [CryptographicAlgorithm.HMACSHA1, 'sha1'],
  [CryptographicAlgorithm.HMACSHA224, 'sha224'],
  [CryptographicAlgorithm.HMACSHA256, 'sha256'],
  [CryptographicAlgorithm.HMACSHA384, 'sha384'],
  [CryptographicAlgorithm.HMACSHA512, 'sha512'],
  [CryptographicAlgorithm.HMACSHA3_224, 'sha3-224'],
  [CryptographicAlgorithm.HMACSHA3_256, 'sha3-256'],
  [CryptographicAlgorithm.HMACSHA3_384, 'sha3-384'],
  [CryptographicAlgorithm.HMACSHA3_512, 'sha3-512'],
])
