import { Suite } from '../crypto/aead.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import { KeyAlgorithm, keyContext, type KeyOwner } from './key-record.ts'
import { KeyState, opens } from './key-state.ts'
import type { WrappingKey } from './root-keys.ts'
import type { RowKeys } from './row-mac.ts'
import { openRecord, Purpose } from './wrapped-key.ts'

/** Opened versions of a key that wraps. */
export interface WrappingKeys {
  /** What new records are sealed under; absent where no version was made yet. */
  readonly active: WrappingKey | undefined
  /** The versions that may open what they once wrapped, the active one among them. */
  readonly byVersion: ReadonlyMap<number, WrappingKey>
  /** Versions that were destroyed: what they once wrapped opens no more. */
  readonly retired: ReadonlySet<number>
}

/**
 * Verifies and opens the versions of a Tenant Key or a Service Key from their rows, each with the parent that its row names. Throws
 * 'row-mac-mismatch', 'record-invalid', 'record-does-not-open'.
 */
export function openWrappingKeys<T extends 'tenant_keys' | 'service_keys'>(
  table: T,
  owner: KeyOwner,
  tenantKeys: RowKeys,
  parents: ReadonlyMap<number, WrappingKey>,
  rows: readonly Row<T>[],
): WrappingKeys {
  const purpose = table === 'tenant_keys' ? Purpose.TenantKey : Purpose.ServiceKey
  const byVersion = new Map<number, WrappingKey>()
  const retired = new Set<number>()
  let active: WrappingKey | undefined
  for (const row of rows) {
    tenantKeys.verifyRow(table, row)
    if (row.state === KeyState.Retired) retired.add(row.version)
    if (!opens(row.state) && row.state !== KeyState.Pending) continue
    const parent = parents.get(row.parent_version)
    if (parent === undefined) {
      throw new KryptonError(
        'record-invalid',
        `a row of ${table} names a wrapping key that is not here: restore the keys section from a backup`,
      )
    }
    const secret = openRecord(purpose, parent, keyContext(owner, row, KeyAlgorithm.Aes), row.record, 'wrapping')
    if (row.state === KeyState.Pending) {
      secret.wipe()
      continue
    }
    const key = { secret, keyId: row.key_id, version: row.version, suite: Suite.Xaes256Gcm }
    byVersion.set(row.version, key)
    if (row.state === KeyState.Active) active = key
  }
  return { active, byVersion, retired }
}

/** Ends every version. */
export function wipeWrappingKeys(keys: { readonly byVersion: ReadonlyMap<number, WrappingKey> }): void {
  for (const key of keys.byVersion.values()) key.secret.wipe()
}
