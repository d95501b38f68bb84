import type { DigestAlgorithm } from '../crypto/digest.ts'
import { KryptonError } from '../errors.ts'
import { CryptographicUsageMask, DerivationMethod, ObjectType } from '../kmip/enums.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import { hashOf } from './hashing.ts'
import { macAlgorithms } from './mac-use.ts'
import type { ManagedObject } from './managed-object.ts'
import { checkProtects } from './usage.ts'

/** The Derivation Methods that are served. */
export const derivationMethods: ReadonlySet<number> = new Set([
  DerivationMethod.HASH,
  DerivationMethod.HMAC,
  DerivationMethod.NIST800_108C,
])

/**
 * May a key be derived from the object at `now` (KMIP 1.4 sections 4.6 and 11.7)?
 * @throws KryptonError invalid-field, wrong-key-lifecycle-state, permission-denied
 */
export function checkDerivesKeys(object: ManagedObject, now: number): void {
  const { objectType } = object.fields
  if (objectType !== ObjectType.SymmetricKey && objectType !== ObjectType.SecretData) {
    throw new KryptonError('invalid-field', 'Derive from a Symmetric Key or Secret Data')
  }
  checkProtects(object, now)
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
 * The hash of a derivation: for a key of an HMAC its own, else that of the request's Cryptographic Parameters or of the key's first.
 * @throws KryptonError invalid-field, unsupported-cryptographic-parameters
 */
export function derivationHash(
  method: number,
  key: ManagedObject,
  requested: CryptographicParameters | undefined,
): DigestAlgorithm {
  const own = method === DerivationMethod.HASH ? undefined : macAlgorithms.get(key.fields.algorithm)
  const hash = own ?? hashOf((requested ?? key.attributes.first('cryptographicParameters'))?.hashingAlgorithm)
  if (hash !== undefined) return hash
  throw new KryptonError('invalid-field', 'Send Cryptographic Parameters with the Hashing Algorithm to derive by')
}
