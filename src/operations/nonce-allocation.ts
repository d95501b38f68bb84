import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { CipherUse } from '../objects/algorithms.ts'
import { checkClientNonce } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'

/**
 * Takes one of the random nonces that a key may have, where the mode needs a short one and the client brings none.
 * @throws KryptonError permission-denied: the key has none left, or clients may not bring theirs
 */
export function allocateNonce(
  object: ManagedObject,
  { ivCounterNonce }: { readonly ivCounterNonce?: Uint8Array },
  { mode }: CipherUse,
  { unit, policy }: OperationContext,
): MaybePromise<void> {
  if (ivCounterNonce !== undefined) return checkClientNonce(mode, policy)
  // The IVs of the others have 128 bits, which repeat after 2^64 of them.
  const isCounted = mode === 'gcm' || mode === 'ccm' || mode === 'aead' || mode === 'stream'
  return isCounted ? unit.takeNonce(object) : undefined
}
