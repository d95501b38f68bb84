import type { ErrorCode } from '../errors.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { UnitOfWork } from '../keystore/unit-of-work.ts'
import type { ManagedObject } from '../objects/managed-object.ts'

/**
 * Names are unique among the live objects of a service (KMIP 1.4 section 3.2). Returns once none of the object's is taken.
 * @throws KryptonError `code`: the specification has one reason for new objects and another for attributes
 */
export function checkNames(unit: UnitOfWork, object: ManagedObject, code: ErrorCode, from = 0): MaybePromise<void> {
  const name = object.attributes.all('name')[from]
  if (name === undefined) return undefined
  return next(unit.isNameTaken(name.value.nameValue, object.uniqueIdentifier), (isTaken) => {
    if (isTaken) throw new KryptonError(code, 'Choose another Name: another object of this service has it')
    return checkNames(unit, object, code, from + 1)
  })
}
