import type { Clock } from '../clock.ts'
import type { Secret } from '../crypto/secret.ts'
import type { Row, TableName } from '../store/schema.ts'
import type { Store, Unit } from '../store/store.ts'
import type { RootKeys } from './root-keys.ts'

export type { RootKeys, TransferableRootKeys } from './root-keys.ts'
export { exportRootKeys, importRootKeys } from './root-keys.ts'

type MaybePromise<T> = T | Promise<T>

/** Whose keys: 16 bytes each. */
export interface Scope {
  readonly tenant: Buffer
  readonly system: Buffer
  readonly service: Buffer
}

/** What the associated data of an object's record says of the object, besides where it lives. */
export interface ObjectContext {
  /** Unique Identifier, 16 bytes. */
  readonly object: Uint8Array
  readonly objectVersion: number
  readonly objectType: number
  readonly algorithm: number
  readonly lengthBits: number
  /** Counts the rewrites of this record. */
  readonly blobVersion: number
}

/** A row without its MAC. */
export type Unauthenticated<T extends TableName> = Omit<Row<T>, 'mac'>

/** MACs of rows under one integrity key. */
export interface RowKeys {
  /** The `mac` column of a row: u32 key version ‖ HMAC-SHA-256 over all other columns. */
  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer
  /** Throws 'row-mac-mismatch' when the row is not as it was written here. */
  verifyRow<T extends TableName>(table: T, row: Row<T>): void
}

export type SystemKeys = RowKeys

export interface TenantKeys extends RowKeys {
  readonly tenant: Buffer
  /** What an index stores in place of a value: u32 key version ‖ 16 bytes. */
  indexToken(attribute: string, value: Uint8Array): Buffer
}

export interface ServiceKeys extends TenantKeys {
  readonly scope: Scope
  /** The version of the Service Key that new records are sealed under: the object's `key_version`. */
  readonly activeVersion: number
  sealObject(context: ObjectContext, material: Uint8Array | Secret): Buffer
  /** Throws 'record-invalid' or 'record-does-not-open'. */
  openObject(context: ObjectContext, keyVersion: number, record: Uint8Array): Secret
}

/** The keys of one thread. */
export declare class KeyChain {
  constructor(store: Store, root: RootKeys, clock: Clock)
  system(): SystemKeys
  tenant(tenant: Uint8Array): MaybePromise<TenantKeys>
  service(scope: Scope): MaybePromise<ServiceKeys>
  forget(): void
}

/** The rows of a new tenant's keys (integrity key, Tenant Key of a system, Service Key of a service). Commit them before anything refers to them. */
export declare function createTenantKeys(chain: KeyChain, scope: Scope, actor: string): MaybePromise<Unit>
/** The rows of a new service's key, and of its system's Tenant Key when the system is new too. */
export declare function createServiceKeys(chain: KeyChain, scope: Scope, actor: string): MaybePromise<Unit>
