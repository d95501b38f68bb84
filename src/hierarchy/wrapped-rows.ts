import type { Secret, SecretClass } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { KeyOf, Row } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { KeyAlgorithm, keyBytes, keyContext, type KeyOwner, noTenant } from './key-record.ts'
import { copyContext, credentialsContext, outerContext } from './link-key.ts'
import type { WrappingKey } from './root-keys.ts'
import type { Unauthenticated } from './row-mac.ts'
import { openRecord, plaintextBytes, Purpose, type RecordContext, sealRecord } from './wrapped-key.ts'

/** The tables whose rows hold a key that another key wraps. */
export type WrappedTable = KeyTable | 'objects'
type KeyTable = 'integrity_keys' | 'tenant_keys' | 'service_keys' | 'linked_keys' | 'l1_links'

/** How the rows of such a table are wrapped: the one place that rotations know of them. */
export interface WrappedRows<T extends WrappedTable> {
  readonly table: T
  /** Version of the key that the row's record is under. */
  parentVersion(row: Row<T>): number
  /** How often the row's record was written; 0 where that is not counted. */
  blobVersion(row: Row<T>): number
  /** The key in the row's record. Throws as `openRecord`, and 'record-invalid' when its parent is not among `parents`. */
  open(cluster: Uint8Array, row: Row<T>, parents: ReadonlyMap<number, WrappingKey>): Secret
  /** The row with its key under `parent`, one version later. Nothing else of it changes. */
  reseal(cluster: Uint8Array, row: Row<T>, parent: WrappingKey, secret: Secret): Unauthenticated<T>
  /** The row with the record that it had before, one version later. */
  putBack(row: Row<T>, previous: Row<'previous_key_records'>): Unauthenticated<T>
  keyOf(row: Row<T>): KeyOf<T>
  /** What identifies the row among those of all tables: the identifier of its key or object, and where it is. */
  placeOf(row: Row<T>): Place
  /** The row at a place. */
  at(store: Store, place: Place): Promise<Row<T> | undefined>
}

export interface Place {
  readonly owner: Buffer
  readonly system: Buffer
  readonly service: Buffer
  readonly holder: Buffer
  readonly version: number
}

interface OwnKey<T extends KeyTable> {
  readonly table: T
  readonly purpose: Purpose
  readonly secretClass: SecretClass
  /** Of a record that holds so many bytes. */
  context(owner: KeyOwner, row: Row<T>, bytes: number): RecordContext
  keyOf(row: Row<T>): KeyOf<T>
  at(place: Place): KeyOf<T>
  scope(row: Row<T>): { tenant: Buffer; system?: Buffer; service?: Buffer }
}

/** The rows of a table of our own keys. */
function ownKeys<T extends KeyTable>(own: OwnKey<T>): WrappedRows<T> {
  const context = (cluster: Uint8Array, row: Row<T>, bytes: number): RecordContext =>
    own.context({ cluster, ...own.scope(row) }, row, bytes)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row as it was, with columns of their own kinds
  const changed = (row: Row<T>, changes: object) => without(row, changes) as Unauthenticated<T>
  return {
    table: own.table,
    parentVersion: (row) => row.parent_version,
    blobVersion: () => 0,
    open: (cluster, row, parents) => {
      const parent = parentOf(parents, row.parent_version)
      const bytes = plaintextBytes(row.record, parent.suite)
      return openRecord(own.purpose, parent, context(cluster, row, bytes), row.record, own.secretClass)
    },
    reseal: (cluster, row, parent, secret) =>
      changed(row, {
        parent_version: parent.version,
        record: sealRecord(own.purpose, parent, context(cluster, row, secret.byteLength), secret),
        row_version: row.row_version + 1,
      }),
    putBack: (row, { parent_version, record }) =>
      changed(row, { parent_version, record, row_version: row.row_version + 1 }),
    keyOf: (row) => own.keyOf(row),
    placeOf: (row) => {
      const { tenant, system = noTenant, service = noTenant } = own.scope(row)
      return { owner: tenant, system, service, holder: row.key_id, version: row.version }
    },
    at: async (store, place) => {
      const row = await store.get(own.table, own.at(place))
      return row !== undefined && row.key_id.equals(place.holder) ? row : undefined
    },
  }
}

/** Tenants' integrity keys under the IVK. The system's own are under the MasterKey and are none of these. */
export const tenantIntegrityKeyRows = ownKeys({
  table: 'integrity_keys',
  purpose: Purpose.IntegrityKey,
  secretClass: 'system',
  context: (owner, row) => keyContext(owner, row, KeyAlgorithm.HmacSha256),
  keyOf: ({ tenant, version }) => ({ tenant, version }),
  at: ({ owner, version }) => ({ tenant: owner, version }),
  scope: ({ tenant }) => ({ tenant }),
})

/** Tenant Keys (L2) under the IVK. */
export const tenantKeyRows = ownKeys({
  table: 'tenant_keys',
  purpose: Purpose.TenantKey,
  secretClass: 'wrapping',
  // One that is under a link key is the record of a key: it is wrapped anew without the L1.
  context: (owner, row, bytes) =>
    bytes === keyBytes ? keyContext(owner, row, KeyAlgorithm.Aes) : outerContext(owner, row, bytes),
  keyOf: ({ tenant, system, version }) => ({ tenant, system, version }),
  at: ({ owner, system, version }) => ({ tenant: owner, system, version }),
  scope: ({ tenant, system }) => ({ tenant, system }),
})

/** The copies of linked Tenant Keys under the IVK. */
export const linkedKeyRows = ownKeys({
  table: 'linked_keys',
  purpose: Purpose.TenantKey,
  secretClass: 'wrapping',
  context: copyContext,
  keyOf: ({ tenant, system, version }) => ({ tenant, system, version }),
  at: ({ owner, system, version }) => ({ tenant: owner, system, version }),
  scope: ({ tenant, system }) => ({ tenant, system }),
})

/** The credentials of L1s under the IVK. */
export const linkRows = ownKeys({
  table: 'l1_links',
  purpose: Purpose.SystemSecret,
  secretClass: 'system',
  context: credentialsContext,
  keyOf: ({ tenant, system, version }) => ({ tenant, system, version }),
  at: ({ owner, system, version }) => ({ tenant: owner, system, version }),
  scope: ({ tenant, system }) => ({ tenant, system }),
})

/** Service Keys (L3) under the Tenant Key of their system. */
export const serviceKeyRows = ownKeys({
  table: 'service_keys',
  purpose: Purpose.ServiceKey,
  secretClass: 'wrapping',
  context: (owner, row) => keyContext(owner, row, KeyAlgorithm.Aes),
  keyOf: ({ tenant, system, service, version }) => ({ tenant, system, service, version }),
  at: ({ owner, system, service, version }) => ({ tenant: owner, system, service, version }),
  scope: ({ tenant, system, service }) => ({ tenant, system, service }),
})

/** Objects (L4) under the Service Key of their service. Attributes and dates stay as they are (KEYS.md 7). */
export const objectRows: WrappedRows<'objects'> = {
  table: 'objects',
  parentVersion: (row) => row.key_version,
  blobVersion: (row) => row.blob_version,
  open: (cluster, row, parents) =>
    openRecord(
      Purpose.Object,
      parentOf(parents, row.key_version),
      objectContext(cluster, row, row.blob_version),
      row.record,
      'object',
    ),
  reseal: (cluster, authenticated, parent, secret) => {
    const { mac: _, ...row } = authenticated
    const blob_version = row.blob_version + 1
    return {
      ...row,
      key_version: parent.version,
      blob_version,
      record: sealRecord(Purpose.Object, parent, objectContext(cluster, row, blob_version), secret),
      row_version: row.row_version + 1,
    }
  },
  putBack: (authenticated, { parent_version: key_version, blob_version, record }) => {
    const { mac: _, ...row } = authenticated
    return { ...row, key_version, blob_version, record, row_version: row.row_version + 1 }
  },
  keyOf: ({ tenant, system, service, object }) => ({ tenant, system, service, object }),
  placeOf: ({ tenant, system, service, object }) => ({ owner: tenant, system, service, holder: object, version: 1 }),
  at: async (store, { owner, system, service, holder }) =>
    store.get('objects', { tenant: owner, system, service, object: holder }),
}

/** A row with some columns changed and without its MAC. */
function without(row: object, changes: object): object {
  const changed: Record<string, unknown> = { ...row, ...changes }
  delete changed['mac']
  return changed
}

/** The context that `keystore/object-record.ts` makes of an object, made of its row. */
function objectContext(cluster: Uint8Array, row: Omit<Row<'objects'>, 'mac'>, blobVersion: number): RecordContext {
  const { tenant, system, service, object, object_type: objectType, algorithm, length_bits: lengthBits } = row
  return { cluster, tenant, system, service, object, objectVersion: 1, objectType, algorithm, lengthBits, blobVersion }
}

function parentOf(parents: ReadonlyMap<number, WrappingKey>, version: number): WrappingKey {
  const parent = parents.get(version)
  if (parent === undefined) {
    throw new KryptonError(
      'record-invalid',
      `a record names version ${version} of its wrapping key, which is not here: restore the keys section from a backup`,
    )
  }
  return parent
}
