import { Suite } from '../crypto/aead.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import { KeyAlgorithm, keyContext, type KeyOwner } from './key-record.ts'
import { KeyState } from './key-state.ts'
import { allowance } from './key-use.ts'
import type { Lease } from './lease.ts'
import { openLinked } from './link-key.ts'
import type { WrappingKey } from './root-keys.ts'
import type { RowKeys } from './row-mac.ts'
import type { TenantKeys } from './tenant-key.ts'
import { openRecord, Purpose } from './wrapped-key.ts'

/** Opened versions of a key that wraps. */
export interface WrappingKeys {
  /** What new records are sealed under; absent where no version was made yet. */
  readonly active: WrappingKey | undefined
  /** The versions that may open what they once wrapped, the active one among them, so that it is wrapped anew. */
  readonly byVersion: ReadonlyMap<number, WrappingKey>
  /** Those of them that somebody else may know, or that hang on such a one: they open for no request without a grant. */
  readonly compromised: ReadonlySet<number>
  /** Versions that were destroyed: what they once wrapped opens no more. */
  readonly retired: ReadonlySet<number>
  /** There is a version that was made and is yet to become active. */
  readonly isAnnounced: boolean
  /** Until when they may be used; absent where the system is not linked. */
  readonly lease?: Lease | undefined
}

/** What opens Tenant Keys that are under a link key. */
export interface LinkedOpening {
  /** Absent when every version of S is retired: the system has left its L1. */
  readonly lease: Lease | undefined
  readonly tenantKeys: TenantKeys
  /** The rows of `linked_keys`, their MACs verified, by version of the Tenant Key. */
  readonly rows: ReadonlyMap<number, Row<'linked_keys'>>
  /** Versions of S whose L1 is not asked any more. */
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
  parents: Pick<WrappingKeys, 'byVersion'> & Partial<WrappingKeys>,
  rows: readonly Row<T>[],
  linking?: LinkedOpening,
): WrappingKeys {
  const [purpose, role] =
    table === 'tenant_keys'
      ? ([Purpose.TenantKey, 'tenant key'] as const)
      : ([Purpose.ServiceKey, 'service key'] as const)
  const byVersion = new Map<number, WrappingKey>()
  const compromised = new Set<number>()
  const retired = new Set<number>()
  let isAnnounced = false
  let active: WrappingKey | undefined
  for (const row of rows) {
    tenantKeys.verifyRow(table, row)
    if (row.state === KeyState.Retired) retired.add(row.version)
    // These are the states that are written here.
    const state = row.state as KeyState
    if (allowance(role, state, 'move') === 'no' && state !== KeyState.Pending) continue
    const parent = parents.byVersion.get(row.parent_version)
    if (parent === undefined) {
      throw new KryptonError(
        'record-invalid',
        `a row of ${table} names a wrapping key that is not here: restore the keys section from a backup`,
      )
    }
    const linked = linking?.rows.get(row.version)
    let secret
    if (linking === undefined || linked === undefined) {
      secret = openRecord(purpose, parent, keyContext(owner, row, KeyAlgorithm.Aes), row.record, 'wrapping')
    } else {
      const link = linking.lease?.linkKeys.get(linked.link_version)
      if (link === undefined && linking.retired.has(linked.link_version)) {
        retired.add(row.version)
        continue
      }
      if (link === undefined) throw leaseIsOlder()
      secret = openLinked(owner, row, { link, ivk: parent, tenantKeys: linking.tenantKeys, linked })
    }
    if (state === KeyState.Pending) {
      isAnnounced = true
      secret.wipe()
      continue
    }
    const key = { secret, keyId: row.key_id, version: row.version, suite: Suite.Xaes256Gcm }
    byVersion.set(row.version, key)
    if (state === KeyState.Active) active = key
    if (allowance(role, state, 'unwrap') !== 'yes' || parents.compromised?.has(parent.version) === true)
      compromised.add(row.version)
  }
  return { active, byVersion, compromised, retired, isAnnounced, lease: linking?.lease }
}

/** The next lease has it. */
function leaseIsOlder(): KryptonError {
  return new KryptonError(
    'external-key-unreachable',
    "Repeat the request: the tenant's own key (L1) was linked anew meanwhile",
  )
}

/** Ends every version. */
export function wipeWrappingKeys(keys: { readonly byVersion: ReadonlyMap<number, WrappingKey> }): void {
  for (const key of keys.byVersion.values()) key.secret.wipe()
}
