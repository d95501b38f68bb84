import { permitsObject } from '../auth/authorize.ts'
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
      objectGroups: () => object.attributes.all('objectGroup').map(({ value }) => value),
    })
  }

  /** The same for what the client is about to keep. @throws KryptonError permission-denied */
  check(object: ManagedObject): void {
    if (this.permits(object)) return
    throw new KryptonError(
      'permission-denied',
      'Send an Object Type and an Object Group that your role allows, or ask an administrator for another role',
    )
  }
}

type ObjectRules = NonNullable<Principal['objectRules']>
