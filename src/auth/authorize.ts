import { KryptonError } from '../errors.ts'
import type { RoleRule } from '../tenants/role.ts'
import type { Principal } from './principal.ts'
import { isEveryones } from './roles.ts'

/**
 * What a principal may do is decided in this file: here for an operation, and below for each object that the operation is about.
 * @throws KryptonError permission-denied
 */
export function authorize(principal: Principal, operation: number): void {
  if (principal.allows(operation) || isEveryones(operation)) return
  throw new KryptonError(
    'permission-denied',
    'Ask an administrator for a role that allows this operation: krypton client role',
  )
}

/** Do the rules allow the operation on an object of this type, in these Object Groups? */
export function permitsObject(
  rules: readonly RoleRule[],
  operation: number,
  object: { readonly objectType: number; readonly objectGroups: () => readonly string[] },
): boolean {
  return rules.some(
    ({ operations, objectTypes, objectGroups }) =>
      operations.has(operation) &&
      (objectTypes === undefined || objectTypes.has(object.objectType)) &&
      (objectGroups === undefined || object.objectGroups().some((group) => objectGroups.has(group))),
  )
}

/** Do the rules let the operation put an object of this type into each of these Object Groups? */
export function permitsGroups(
  rules: readonly RoleRule[],
  operation: number,
  object: { readonly objectType: number; readonly objectGroups: readonly string[] },
): boolean {
  return object.objectGroups.every((group) =>
    permitsObject(rules, operation, { objectType: object.objectType, objectGroups: () => [group] }),
  )
}
