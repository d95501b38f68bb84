import type { KryptonError } from '../errors.ts'
import type { Client, Scope } from '../tenants/records.ts'
import type { RoleRule } from '../tenants/role.ts'
import { rulesOfBuiltIn } from './roles.ts'

/** Who asks: a client of one service of one tenant, and what it may do. */
export interface Principal {
  readonly tenant: Buffer
  readonly system: Buffer
  readonly service: Buffer
  readonly client: Buffer
  readonly tenantName: string
  readonly serviceName: string
  readonly clientName: string
  /** One object for the principal's life, so that caches may hang on it. */
  readonly scope: Scope
  /** For audit records: `client:<name>`. */
  readonly actor: string
  /** What its role says of objects; undefined where it allows the same on all of them. */
  readonly objectRules: readonly RoleRule[] | undefined
  /** What is kept of the credential that it must send with each request (`credential-verifier.ts`); undefined: none. */
  readonly credential: Buffer | undefined
  /** What every request of it is refused with: rows that it hangs on were changed from outside. Undefined: it is served. */
  readonly refusal: KryptonError | undefined
  /** May it ask for this operation (KMIP number)? */
  allows(operation: number): boolean
}

/** The principal that a binding makes; `rules` are those of its role, where the tenant has made that. Of a role that is gone nothing is allowed. */
export function principalOf(
  client: Client,
  {
    rules = [],
    credential,
    refusal,
  }: { readonly rules?: readonly RoleRule[]; readonly credential?: Buffer; readonly refusal?: KryptonError },
): Principal {
  const { scope, role } = client
  const ofRole = role === undefined ? undefined : (rulesOfBuiltIn(role) ?? rules)
  const operations = ofRole === undefined ? client.operations : operationsOf(ofRole)
  return {
    ...scope,
    client: client.client,
    tenantName: client.tenantName,
    serviceName: client.serviceName,
    clientName: client.name,
    scope,
    actor: `client:${client.name}`,
    credential,
    refusal,
    objectRules: ofRole?.some(namesObjects) === true ? ofRole : undefined,
    allows: operations === undefined ? allowsAll : (operation) => operations.has(operation),
  }
}

function operationsOf(rules: readonly RoleRule[]): ReadonlySet<number> {
  return new Set(rules.flatMap(({ operations }) => [...operations]))
}

function namesObjects({ objectTypes, objectGroups }: RoleRule): boolean {
  return objectTypes !== undefined || objectGroups !== undefined
}

const allowsAll = (): boolean => true
