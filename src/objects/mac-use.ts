import type { DigestAlgorithm } from '../crypto/digest.ts'
import type { MacAlgorithm } from '../crypto/message-mac.ts'
import { KryptonError } from '../errors.ts'
import { BlockCipherMode, CryptographicAlgorithm } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { checkCipherAllowed, checkMacKey, type CryptoPolicy } from './crypto-policy.ts'
import type { ManagedObject } from './managed-object.ts'

/**
 * The algorithm of the MAC that a MAC or MAC Verify asks for (KMIP 1.4 sections 4.33 and 4.34): that of the request's Cryptographic Parameters, else of
 * the key's first, else the key's own. A key that is made for one HMAC makes no other; a key of another kind, as clients use AES
 * keys, makes the one that is asked for. Block Cipher Mode CMAC asks for that of the key's own cipher.
 * @throws KryptonError unsupported-cryptographic-parameters
 */
export function macUse(
  object: ManagedObject,
  requested: CryptographicParameters | undefined,
  policy: CryptoPolicy,
): MacAlgorithm {
  const parameters = requested ?? object.attributes.first('cryptographicParameters')
  const asked = parameters?.cryptographicAlgorithm
  const { algorithm } = object.fields
  checkMacKey(object, policy)
  if (parameters?.blockCipherMode === BlockCipherMode.CMAC) {
    const cmac = cmacs.get(algorithm)
    if (cmac === undefined || (asked ?? algorithm) !== algorithm)
      throw unsupported('Use an AES key for CMAC, and its own algorithm')
    checkCipherAllowed(cmac === 'aes-cmac' ? 'aes' : '3des', policy)
    return cmac
  }
  const own = macAlgorithms.get(algorithm)
  const hash = asked === undefined ? own : macAlgorithms.get(asked)
  if (hash === undefined) {
    throw unsupported(
      'Send Cryptographic Parameters with a Cryptographic Algorithm of HMAC with SHA-1, SHA-2 or SHA-3, or Block Cipher Mode CMAC',
    )
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

const cmacs: ReadonlyMap<number, 'aes-cmac' | '3des-cmac'> = new Map<number, 'aes-cmac' | '3des-cmac'>([
  [CryptographicAlgorithm.AES, 'aes-cmac'],
  [CryptographicAlgorithm.TripleDES, '3des-cmac'],
])
