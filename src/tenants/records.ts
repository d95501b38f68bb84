import type { Scope } from '../hierarchy/key-chain.ts'
import type { AllowedOperations } from './allowed-operations.ts'

export type { Scope }

/** `state` of rows of tenants, systems, services, authorities and clients. */
export const RecordState = { active: 1, revoked: 2 } as const
export type RecordState = (typeof RecordState)[keyof typeof RecordState]

/** The tenant of what belongs to the server itself. */
export const systemTenant: Buffer = Buffer.alloc(16)

export interface Tenant {
  readonly tenant: Buffer
  readonly name: string
  readonly state: RecordState
  /** Seconds since 1970. */
  readonly created: number
}

/** Who vouches for a client, and the client: SHA-256 of both public keys. A renewed certificate of the same key has the same. */
export interface KeyIdentity {
  readonly issuerKeyHash: Buffer
  readonly leafKeyHash: Buffer
}

/** The binding of a pair of public keys to a service of a tenant. */
export interface Client extends KeyIdentity {
  readonly scope: Scope
  readonly client: Buffer
  readonly tenantName: string
  readonly systemName: string
  readonly serviceName: string
  readonly name: string
  /** Of a client without a role. */
  readonly operations: AllowedOperations
  /** Name of its role; undefined: it has none. */
  readonly role: string | undefined
  readonly state: RecordState
  /** Seconds since 1970. */
  readonly created: number
  readonly revoked: number | undefined
}

/** The bytes of a column as a Buffer over the same memory. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
