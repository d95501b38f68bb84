import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { wireAttribute } from '../kmip/attributes-1x.ts'
import type { AddAttributeResponse } from '../kmip/payloads/add-attribute.ts'
import { checkAttributesSize } from '../objects/attributes.ts'
import type { AttributeChange } from '../objects/attributes.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import type { OperationContext } from './handler.ts'
import { checkNames } from './names.ts'
import { changedObject } from './object-change.ts'

/** Puts a change of one attribute into the unit; the answer shows the attribute as Add, Modify and Delete Attribute all do. */
export function changeAttribute(
  object: ManagedObject,
  { attributes, name, index, value }: AttributeChange,
  { unit, now }: OperationContext,
): MaybePromise<AddAttributeResponse> {
  const after = changedObject(object, now, attributes)
  checkAttributesSize(after, object)
  return next(name === 'name' ? checkNames(unit, after, 'illegal-operation') : undefined, () => {
    const { uniqueIdentifier } = unit.update(object, after)
    return { uniqueIdentifier, attribute: wireAttribute(name, index === 0 ? undefined : index, value) }
  })
}
