import { permitsGroups, permitsObject } from '../auth/authorize.ts'
import type { Principal } from '../auth/principal.ts'
import { KryptonError } from '../errors.ts'
import type { ManagedObject } from '../objects/managed-object.ts'

/** What a client's role says of each object that a request is about. Clients whose role names no objects have none. */
export class ObjectGuard {
  readonly #rules: ObjectRules
  /** The KMIP number of the operation that runs. */
  operation = 0

  constructor(rules: ObjectRules) {
    this.#rules = rules
  }

  /** True for an object that the client may be told of by this operation: any other does not exist for it. */
  permits(object: ManagedObject): boolean {
    return permitsObject(this.#rules, this.operation, {
      objectType: object.fields.objectType,
      objectGroups: () => groupsOf(object),
    })
  }

  /**
   * The same for what the client is about to keep, in place of `before`: the groups that it comes into are all its own.
   * @throws KryptonError permission-denied
   */
  check(object: ManagedObject, before?: ManagedObject): void {
    const { objectType } = object.fields
    const kept = new Set(before === undefined ? [] : groupsOf(before))
    const objectGroups = groupsOf(object).filter((group) => !kept.has(group))
    if (this.permits(object) && permitsGroups(this.#rules, this.operation, { objectType, objectGroups })) return
    throw new KryptonError(
      'permission-denied',
      'Send an Object Type and an Object Group that your role allows, or ask an administrator for another role',
    )
  }
}

const groupsOf = ({ attributes }: ManagedObject): string[] => attributes.all('objectGroup').map(({ value }) => value)

type ObjectRules = NonNullable<Principal['objectRules']>
