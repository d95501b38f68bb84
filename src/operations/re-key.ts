import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import { LinkType, ObjectType } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { isGenerated } from '../objects/algorithms.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkReplaceable, replacedAttributes, replacementAttributes } from '../objects/replacement.ts'
import { uniqueIdentifierOf } from '../objects/unique-identifier.ts'
import type { Handler } from './handler.ts'
import { link } from './key-pair-halves.ts'
import { createSymmetricKey } from './new-symmetric-key.ts'
import { changedObject } from './object-change.ts'
import { requestedAttributes } from './requested-attributes.ts'

/**
 * KMIP 1.4 sections 4.4 and 11.5. The new key takes over Names and attributes of the old one, of which nothing else changes: it stays in its state, and
 * opens what it has protected. Both are written at once.
 */
export const reKey: Handler<typeof Operation.ReKey> = ({ uniqueIdentifier, offset, templateAttribute }, context) => {
  const { unit, now } = context
  const requested = templateAttribute === undefined ? [] : requestedAttributes(templateAttribute)
  return next(unit.get(context.identifier(uniqueIdentifier)), (object) => {
    checkSymmetric(object)
    checkReplaceable(object, now)
    checkLike(object, requested)
    const { algorithm, lengthBits } = object.fields
    const id = context.randomBytes(16)
    const attributes = [
      link(LinkType.ReplacedObjectLink, object.fields.id),
      ...replacementAttributes(object, requested, { offset, now }),
    ]
    // First the old key lets its Names go.
    unit.update(object, changedObject(object, now, replacedAttributes(object, uniqueIdentifierOf(id))))
    return next(createSymmetricKey(context, { algorithm, lengthBits, requested: attributes, id }), (made) => ({
      uniqueIdentifier: made.uniqueIdentifier,
    }))
  })
}

function checkSymmetric({ fields }: ManagedObject): void {
  if (fields.objectType === ObjectType.SymmetricKey && isGenerated(fields.algorithm, fields.lengthBits)) return
  throw new KryptonError('permission-denied', 'Re-key a Symmetric Key of a kind that Create makes')
}

/** @throws KryptonError invalid-field: the request asks for a key of another kind */
function checkLike({ fields }: ManagedObject, requested: readonly WireAttribute[]): void {
  for (const { name, attributeName, value } of requested) {
    const own =
      name === 'cryptographicAlgorithm' ? fields.algorithm : name === 'cryptographicLength' ? fields.lengthBits : value
    if (own !== value)
      throw new KryptonError('invalid-field', `Leave out ${attributeName}: the new key is like the old one`)
  }
}
