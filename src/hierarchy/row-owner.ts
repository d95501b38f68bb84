import type { Row, TableName } from '../store/schema.ts'
import { noTenant } from './key-record.ts'

/** Whose MAC a row carries: a tenant's; undefined where it is the system's. */
export function rowOwner<T extends TableName>(table: T, row: Row<T>): Buffer | undefined {
  const owner = ownerOf[table](row)
  return owner?.equals(noTenant) === true ? undefined : owner
}

/** A new table does not compile without its line. */
const ownerOf: { readonly [T in TableName]: (row: Row<T>) => Buffer | undefined } = {
  manifest: () => undefined,
  seals: () => undefined,
  // A tenant's integrity key cannot vouch for itself.
  integrity_keys: () => undefined,
  integrity_key_times: () => undefined,
  ivks: () => undefined,
  wrap_budgets: () => undefined,
  kept_backups: () => undefined,
  jobs: () => undefined,
  tenant_keys: ({ tenant }) => tenant,
  service_keys: ({ tenant }) => tenant,
  break_glass: ({ tenant }) => tenant,
  l1_links: ({ tenant }) => tenant,
  linked_keys: ({ tenant }) => tenant,
  tenants: ({ tenant }) => tenant,
  systems: ({ tenant }) => tenant,
  services: ({ tenant }) => tenant,
  authorities: ({ tenant }) => tenant,
  clients: ({ tenant }) => tenant,
  credentials: ({ tenant }) => tenant,
  roles: ({ tenant }) => tenant,
  objects: ({ tenant }) => tenant,
  nonce_counts: ({ tenant }) => tenant,
  rotation_periods: ({ tenant }) => tenant,
  previous_key_records: ({ owner, of_table }) => (of_table === 'integrity_keys' ? undefined : owner),
  previous_object_records: ({ owner }) => owner,
}
