import type { DigestAlgorithm } from '../crypto/digest.ts'
import type { KeyDerivation } from '../crypto/key-derivation.ts'
import type { MacAlgorithm } from '../crypto/message-mac.ts'
import { KryptonError } from '../errors.ts'
import { BlockCipherMode, CryptographicUsageMask, DerivationMethod, ObjectType } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { hashOf } from './hashing.ts'
import type { CryptoPolicy } from './crypto-policy.ts'
import { macAlgorithms, macUse } from './mac-use.ts'
import type { ManagedObject } from './managed-object.ts'
import { checkProtects } from './usage.ts'

/** The Derivation Methods that are served, each with the objects that it derives from. */
export const derivationMethods: ReadonlyMap<number, readonly ObjectType[]> = new Map<number, readonly ObjectType[]>([
  [DerivationMethod.PBKDF2, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.HASH, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.HMAC, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.ENCRYPT, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.NIST800_108C, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.NIST800_108F, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.NIST800_108DPI, [ObjectType.SymmetricKey, ObjectType.SecretData]],
  [DerivationMethod.AsymmetricKey, [ObjectType.PrivateKey, ObjectType.PublicKey]],
])

/** The functions of SP 800-108 among them. */
export const derivationModes: ReadonlyMap<number, KeyDerivation['mode']> = new Map<number, KeyDerivation['mode']>([
  [DerivationMethod.NIST800_108C, 'counter'],
  [DerivationMethod.NIST800_108F, 'feedback'],
  [DerivationMethod.NIST800_108DPI, 'double-pipeline'],
])

/**
 * May a key be derived from the object by that method at `now` (KMIP 1.4 sections 4.6 and 11.7)?
 * @throws KryptonError invalid-field, wrong-key-lifecycle-state, permission-denied
 */
export function checkDerivesKeys(object: ManagedObject, method: number, now: number): void {
  const { objectType } = object.fields
  if (derivationMethods.get(method)?.includes(objectType) !== true) {
    throw new KryptonError(
      'invalid-field',
      'Derive from a Symmetric Key or Secret Data; by Asymmetric Key from a Private and a Public Key',
    )
  }
  checkProtects(object, now, 'invalid-field')
  if (((object.attributes.first('cryptographicUsageMask') ?? 0) & CryptographicUsageMask.DeriveKey) !== 0) return
  throw new KryptonError('invalid-field', "The key's Cryptographic Usage Mask does not allow to derive from it")
}

/**
 * The key and the data among the objects of a request: with two of them, one is Secret Data, over which is derived.
 * @throws KryptonError invalid-field
 */
export function derivationRoles(
  first: ManagedObject,
  second: ManagedObject | undefined,
): { readonly key: ManagedObject; readonly data: ManagedObject | undefined } {
  if (second === undefined || second.fields.objectType === ObjectType.SecretData) return { key: first, data: second }
  if (first.fields.objectType === ObjectType.SecretData) return { key: second, data: first }
  throw new KryptonError('invalid-field', 'Name one key, and at most one Secret Data object to derive over')
}

/**
 * The hash of a derivation: for a key of an HMAC its own, else that of the request's Cryptographic Parameters or of the key's first. PBKDF2 has SHA-1 where
 * nobody says (RFC 8018 appendix B.1).
 * @throws KryptonError invalid-field, unsupported-cryptographic-parameters
 */
export function derivationHash(
  method: number,
  key: ManagedObject,
  requested: CryptographicParameters | undefined,
): DigestAlgorithm {
  const isKeyed = method !== DerivationMethod.HASH && method !== DerivationMethod.PBKDF2
  const own = isKeyed ? macAlgorithms.get(key.fields.algorithm) : undefined
  if (own === undefined) checkHashOfKey(key, requested?.hashingAlgorithm)
  const hash = own ?? hashOf((requested ?? key.attributes.first('cryptographicParameters'))?.hashingAlgorithm)
  if (hash !== undefined) return hash
  if (method === DerivationMethod.PBKDF2) return 'sha1'
  throw new KryptonError('invalid-field', 'Send Cryptographic Parameters with the Hashing Algorithm to derive by')
}

/**
 * A key whose Cryptographic Parameters name hashes is derived from by those alone (4.6). One that names none has its hash from the request, as the OASIS
 * case TC-DERIVEKEY-1-10 has it.
 */
function checkHashOfKey({ attributes }: ManagedObject, hashingAlgorithm: number | undefined): void {
  if (hashingAlgorithm === undefined) return
  const own = attributes.all('cryptographicParameters').flatMap(({ value }) => value.hashingAlgorithm ?? [])
  if (own.length === 0 || own.includes(hashingAlgorithm)) return
  throw new KryptonError(
    'invalid-field',
    "Send a Hashing Algorithm that the key's Cryptographic Parameters have, or none",
  )
}

/**
 * The Cryptographic Parameters of a derivation by a cipher: those of the request, or the key's first. "The server SHALL verify that the specified mode matches
 * one of the instances of Cryptographic Parameters set for the corresponding key"; a key without any is an error too (4.6).
 * @throws KryptonError invalid-field
 */
export function derivationMode(
  { attributes }: ManagedObject,
  requested: CryptographicParameters | undefined,
): CryptographicParameters {
  const instances = attributes.all('cryptographicParameters').map(({ value }) => value)
  const parameters = requested ?? instances[0]
  if (parameters?.blockCipherMode === undefined) {
    throw new KryptonError('invalid-field', 'Send Cryptographic Parameters with the Block Cipher Mode to derive by')
  }
  if (instances.some(({ blockCipherMode }) => blockCipherMode === parameters.blockCipherMode)) return parameters
  throw new KryptonError(
    'invalid-field',
    'Add Cryptographic Parameters with this Block Cipher Mode to the key first: by others than its own nothing is derived',
  )
}

/**
 * The pseudorandom function of SP 800-108: HMAC with the derivation's hash, or CMAC where the Cryptographic Parameters name it.
 * @throws KryptonError invalid-field, unsupported-cryptographic-parameters
 */
export function derivationPrf(
  method: number,
  key: ManagedObject,
  requested: CryptographicParameters | undefined,
  policy: CryptoPolicy,
): MacAlgorithm {
  const { blockCipherMode } = requested ?? key.attributes.first('cryptographicParameters') ?? {}
  if (blockCipherMode === BlockCipherMode.CMAC) return macUse(key, derivationMode(key, requested), policy)
  return derivationHash(method, key, requested)
}
