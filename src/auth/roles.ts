import { Operation } from '../kmip/enums.ts'
import type { ServedOperation } from '../kmip/payloads/index.ts'
import type { RoleRule } from '../tenants/role.ts'

/** The roles that every tenant has, each with all of the one before. */
export const builtInRoles = ['reader', 'user', 'creator', 'officer'] as const
export type BuiltInRole = (typeof builtInRoles)[number]

/**
 * The first role that has an operation; `everyone`: what a client needs to find out what it may ask. A reader finds objects and fetches them, a user
 * also uses keys, a creator makes and describes objects, an officer ends and replaces them.
 */
const firstRoles = {
  [Operation.DiscoverVersions]: 'everyone',
  [Operation.Query]: 'everyone',
  // A client asks after what it was allowed to ask for.
  [Operation.Poll]: 'everyone',
  [Operation.Cancel]: 'everyone',
  [Operation.Locate]: 'reader',
  [Operation.Get]: 'reader',
  [Operation.GetAttributes]: 'reader',
  [Operation.GetAttributeList]: 'reader',
  [Operation.Check]: 'reader',
  [Operation.ObtainLease]: 'reader',
  [Operation.Validate]: 'reader',
  [Operation.GetUsageAllocation]: 'user',
  [Operation.Encrypt]: 'user',
  [Operation.Decrypt]: 'user',
  [Operation.Sign]: 'user',
  [Operation.SignatureVerify]: 'user',
  [Operation.MAC]: 'user',
  [Operation.MACVerify]: 'user',
  [Operation.Hash]: 'user',
  [Operation.RNGRetrieve]: 'user',
  [Operation.RNGSeed]: 'user',
  [Operation.Create]: 'creator',
  [Operation.CreateKeyPair]: 'creator',
  [Operation.CreateSplitKey]: 'creator',
  [Operation.JoinSplitKey]: 'creator',
  [Operation.DeriveKey]: 'creator',
  [Operation.Register]: 'creator',
  [Operation.Certify]: 'creator',
  [Operation.Activate]: 'creator',
  [Operation.AddAttribute]: 'creator',
  [Operation.ModifyAttribute]: 'creator',
  [Operation.DeleteAttribute]: 'creator',
  [Operation.Archive]: 'officer',
  [Operation.Recover]: 'officer',
  [Operation.ReKey]: 'officer',
  [Operation.ReKeyKeyPair]: 'officer',
  [Operation.ReCertify]: 'officer',
  [Operation.Revoke]: 'officer',
  [Operation.Destroy]: 'officer',
  // Whoever exports takes keys away, whoever imports says what has happened to them (4.40, 4.41).
  [Operation.Export]: 'officer',
  [Operation.Import]: 'officer',
} as const satisfies { readonly [O in ServedOperation]: BuiltInRole | 'everyone' }

/** True for an operation that every known client may ask for, whatever its role. */
export function isEveryones(operation: number): boolean {
  return Object.hasOwn(firstRoles, operation) && firstRoles[operation as ServedOperation] === 'everyone' // hasOwn has just told
}

/** The rules of a role that every tenant has; undefined for another name. */
export function rulesOfBuiltIn(name: string): readonly RoleRule[] | undefined {
  return rules.get(name)
}

const rules: ReadonlyMap<string, readonly RoleRule[]> = new Map(
  builtInRoles.map((role, place) => {
    const upTo = new Set<string>(builtInRoles.slice(0, place + 1))
    const operations = Object.entries(firstRoles).filter(([, first]) => upTo.has(first))
    const rule = {
      operations: new Set(operations.map(([operation]) => Number(operation))),
      objectTypes: undefined,
      objectGroups: undefined,
    }
    return [role, [rule]]
  }),
)
