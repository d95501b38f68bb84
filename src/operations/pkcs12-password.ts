import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { LinkType, ObjectType, SecretDataType } from '../kmip/enums.ts'
import type { Link } from '../kmip/structures.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { isDestroyed } from '../objects/state.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'

/**
 * The Secret Data that a PKCS#12 file is under: the one PKCS#12 Password Link among the Links of its Private Key leads there (KMIP 1.4 sections 4.11
 * and 11.4).
 * @throws KryptonError invalid-field: not one password; item-not-found: the Link leads to nothing; key-value-not-present
 */
export function pkcs12Password(links: readonly Link[], { unit, now }: OperationContext): MaybePromise<ManagedObject> {
  const [linked, ...more] = links.filter(({ linkType }) => linkType === LinkType.PKCS12PasswordLink)
  if (linked === undefined || more.length > 0) {
    throw new KryptonError(
      'invalid-field',
      'Give the Private Key one PKCS#12 Password Link: the file is under that password',
    )
  }
  return next(unit.get(linked.linkedObjectIdentifier), (password) => {
    const { objectType, dataType } = password.fields
    if (objectType !== ObjectType.SecretData || dataType !== SecretDataType.Password) {
      throw new KryptonError('invalid-field', 'Link a Secret Data object of type Password by PKCS#12 Password Link')
    }
    if (isDestroyed(password.stateAt(now))) {
      throw new KryptonError('invalid-field', 'Link another password by PKCS#12 Password Link: this one is destroyed')
    }
    checkKeyValuePresent(password)
    return password
  })
}
