import type { Client, Scope } from '../tenants/records.ts'

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
  /** May it ask for this operation (KMIP number)? */
  allows(operation: number): boolean
}

/** The principal that a binding makes. */
export function principalOf(client: Client): Principal {
  const { scope, operations } = client
  return {
    ...scope,
    client: client.client,
    tenantName: client.tenantName,
    serviceName: client.serviceName,
    clientName: client.name,
    scope,
    actor: `client:${client.name}`,
    allows: operations === undefined ? allowsAll : (operation) => operations.has(operation),
  }
}

const allowsAll = (): boolean => true
