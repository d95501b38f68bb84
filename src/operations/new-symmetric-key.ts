import { digest } from '../crypto/digest.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { KeyFormatType, ObjectType } from '../kmip/enums.ts'
import { materialBytes, setParity } from '../objects/algorithms.ts'
import { checkNewKey } from '../objects/crypto-policy.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { newObject } from '../objects/new-object.ts'
import type { OperationContext } from './handler.ts'
import { checkNames } from './names.ts'

/** What kind of key is made, and what it is asked to have. `id` is its own when somebody has to know it before. */
export interface NewSymmetricKey {
  readonly algorithm: number
  readonly lengthBits: number
  readonly requested: readonly WireAttribute[]
  readonly id?: Buffer
}

/** Makes a Symmetric Key of random bytes; the ID Placeholder is its own. */
export function createSymmetricKey(
  context: OperationContext,
  { algorithm, lengthBits, requested, id }: NewSymmetricKey,
): MaybePromise<ManagedObject> {
  const { unit, version, now, policy } = context
  checkNewKey({ algorithm, lengthBits }, policy)
  const material = context.randomBytes(materialBytes(algorithm, lengthBits))
  setParity(algorithm, material)
  const make = () => {
    const draft = newObject({
      id: id ?? context.randomBytes(16),
      sequence: unit.objects.nextSequence(),
      objectType: ObjectType.SymmetricKey,
      requested,
      algorithm,
      lengthBits,
      keyFormatType: KeyFormatType.Raw,
      dataType: 0,
      digest: digest('sha256', material),
      keyValuePresent: true,
      generated: true,
      version,
      now,
    })
    return next(checkNames(unit, draft, 'invalid-field'), () =>
      next(unit.create(draft, material), (object) => {
        context.idPlaceholder = object.uniqueIdentifier
        return object
      }),
    )
  }
  return andFinally(make, () => {
    material.fill(0)
  })
}
