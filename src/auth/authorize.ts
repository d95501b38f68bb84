import { KryptonError } from '../errors.ts'
import { Operation } from '../kmip/enums.ts'
import type { Principal } from './principal.ts'

/**
 * May the principal ask for this operation? What a client needs to find out what it may ask is free to all that are known.
 * @throws KryptonError permission-denied
 */
export function authorize(principal: Principal, operation: number): void {
  if (principal.allows(operation) || free.has(operation)) return
  throw new KryptonError(
    'permission-denied',
    'Ask an administrator to allow this operation: krypton client add --allow',
  )
}

const free: ReadonlySet<number> = new Set([Operation.DiscoverVersions, Operation.Query])
