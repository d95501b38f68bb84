import { adoptSecret } from '../crypto/secret.ts'
import type { Secret } from '../crypto/secret.ts'
import { ownCopy } from '../crypto/own-buffer.ts'
import { secretCopiedOnce } from '../keystore/copied-once.ts'
import type { AnswerBytes } from '../keystore/copied-once.ts'
import { andFinally, next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { isBytes } from '../kmip/key-block.ts'
import type { KeyBlock } from '../kmip/key-block.ts'
import { isAsymmetric } from '../objects/asymmetric-format.ts'
import { keyBlockIn } from '../objects/kept-key-block.ts'
import { KeyForm } from '../objects/managed-object.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { ObjectType } from '../kmip/enums.ts'
import { encodeTransparentKey } from '../kmip/kept-structures.ts'
import type { OperationContext } from './handler.ts'
import { prepareUnwrapping, unwrapKeyBlock } from './unwrap-key-block.ts'

/**
 * The key material of an object for one answer, in the clear: one that is kept wrapped is unwrapped, if its key has come since. Whoever asks
 * wipes it.
 * @throws KryptonError: it cannot be unwrapped
 */
export function openMaterial(object: ManagedObject, context: OperationContext): MaybePromise<Secret> {
  return object.fields.keyForm === KeyForm.Wrapped ? unwrapped(object, context) : context.unit.objects.open(object)
}

/** The same in the care of the unit of work, which wipes it. */
export function openMaterialForAnswer(object: ManagedObject, context: OperationContext): MaybePromise<AnswerBytes> {
  if (object.fields.keyForm !== KeyForm.Wrapped) return context.unit.openForAnswer(object)
  return next(unwrapped(object, context), (secret) => context.unit.answerWith(secretCopiedOnce(secret)))
}

/** The material of a Key Block in the clear, in the form in which it is kept: a copy. */
export function keptMaterial(objectType: ObjectType, { keyValue }: KeyBlock): Buffer {
  const { keyMaterial } = keyValue! // it was in the clear
  // What was read is a view, bytes or numbers.
  if (isBytes(keyMaterial)) return ownCopy(keyMaterial as Uint8Array)
  return isAsymmetric(objectType) ? encodeTransparentKey(keyMaterial) : ownCopy(keyMaterial.key as Uint8Array)
}

function unwrapped(object: ManagedObject, context: OperationContext): MaybePromise<Secret> {
  return next(context.unit.objects.openKeptKeyBlock(object), (kept) =>
    andFinally(
      () =>
        next(prepareUnwrapping(keyBlockIn(kept), context), (prepared) =>
          next(unwrapKeyBlock(prepared, context), ({ keyBlock, bytes }) => {
            try {
              return adoptSecret(keptMaterial(object.fields.objectType, keyBlock), 'object')
            } finally {
              bytes.fill(0)
            }
          }),
        ),
      () => {
        kept.fill(0)
      },
    ),
  )
}
