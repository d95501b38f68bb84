import { digest } from '../crypto/digest.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { Attributes } from '../kmip/attribute.ts'
import { KeyForm, type ManagedObject } from '../objects/managed-object.ts'
import { digestAttribute, keepsDigest } from '../objects/new-object.ts'
import type { OperationContext } from './handler.ts'

/** Every attribute that a client may see, as of now, the digest that is not kept included (`keepsDigest`). */
export function attributesOf(object: ManagedObject, { unit, now }: OperationContext): MaybePromise<Attributes> {
  const attributes = object.attributesAt(now)
  if (!hasUnkeptDigest(object)) return attributes
  const { keyFormatType } = object.fields
  return next(unit.objects.open(object), (secret) => {
    // Of these objects none is in a transparent format: what is digested are the bytes.
    const material = Buffer.allocUnsafeSlow(secret.byteLength)
    try {
      secret.copyInto(material, 0)
      const withDigest = attributes.clone()
      withDigest.set('digest', digestAttribute(keyFormatType, digest('sha256', material)))
      return withDigest
    } finally {
      material.fill(0)
      secret.wipe()
    }
  })
}

/** True for an object whose digest is made when it is asked for: of what is kept wrapped there is none. */
export function hasUnkeptDigest({ fields }: ManagedObject): boolean {
  return !keepsDigest(fields.objectType) && fields.record.byteLength > 0 && fields.keyForm !== KeyForm.Wrapped
}
