import { Suite } from '../crypto/aead.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret, type Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import { KeyAlgorithm, keyBytes, keyContext, noTenant } from './key-record.ts'
import { KeyState } from './key-state.ts'
import { allowance } from './key-use.ts'
import type { RootKeys, WrappingKey } from './root-keys.ts'
import type { RowKeys, Unauthenticated } from './row-mac.ts'
import { openRecord, Purpose, sealRecord, wrappingVersionOf } from './wrapped-key.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/** The versions of the internal versioned key (IVK), which wraps Tenant Keys and tenants' integrity keys. */
export interface Ivks {
  readonly active: WrappingKey
  /** The versions that may open what they once wrapped, the active one among them. */
  readonly byVersion: ReadonlyMap<number, WrappingKey>
  /** Those that open for who moves what hangs on them, and for nobody else: their hard expiry has passed. */
  readonly expired: ReadonlyMap<number, WrappingKey>
}

/** Makes a version of the IVK, which wraps in `suite`. The first one of a root is active from the start; others are pending. */
export function newIvk(
  root: RootKeys,
  version: number,
  created: number,
  suite: Suite = Suite.Xaes256Gcm,
): Unauthenticated<'ivks'> {
  const state = version === 1 ? KeyState.Active : KeyState.Pending
  const secret = generateSecret(keyBytes, 'wrapping')
  try {
    const key_id = randomIdentifier()
    const context = ivkContext(root, { key_id, version, suite })
    const record = sealRecord(Purpose.Ivk, root.wrapIvk, context, secret)
    return { version, key_id, suite, state, created, record, row_version: 1 }
  } finally {
    secret.wipe()
  }
}

/** Verifies and opens the IVKs of the store's rows. Throws 'row-mac-mismatch', 'record-invalid', 'record-does-not-open'. */
export function openIvks(root: RootKeys, system: RowKeys, rows: readonly Row<'ivks'>[]): Ivks {
  const byVersion = new Map<number, WrappingKey>()
  const expired = new Map<number, WrappingKey>()
  let active: WrappingKey | undefined
  for (const row of rows) {
    system.verifyRow('ivks', row)
    // These are the states that are written here.
    const state = row.state as KeyState
    if (allowance('ivk', state, 'move') !== 'yes' && state !== KeyState.Pending) continue
    const secret = openIvk(root, row)
    if (row.state === KeyState.Pending) {
      // That it opens here is what its becoming active waits for; it neither wraps nor opens before that.
      secret.wipe()
      continue
    }
    const key = { secret, keyId: row.key_id, version: row.version, suite: row.suite }
    if (allowance('ivk', state, 'unwrap') === 'yes') byVersion.set(row.version, key)
    else expired.set(row.version, key)
    if (row.state === KeyState.Active) active = key
  }
  if (active === undefined) {
    throw new KryptonError('record-invalid', 'the store has no active IVK: restore the keys section from a backup')
  }
  return { active, byVersion, expired }
}

/** The record of a version under the MasterKey of the next epoch, read back. Throws as `openIvks`. */
export function rewrapIvk(root: RootKeys, next: WrappingKey, row: Row<'ivks'>): Buffer {
  const secret = openIvk(root, row)
  try {
    const record = sealRecord(Purpose.Ivk, next, ivkContext(root, row), secret)
    openRecord(Purpose.Ivk, next, ivkContext(root, row), record, 'wrapping').wipe()
    return record
  } finally {
    secret.wipe()
  }
}

function openIvk(root: RootKeys, row: Row<'ivks'>): Secret {
  const { wrapIvk, nextWrapIvk } = root
  const isOfNext = nextWrapIvk !== undefined && wrappingVersionOf(row.record) === nextWrapIvk.version
  return openRecord(Purpose.Ivk, isOfNext ? nextWrapIvk : wrapIvk, ivkContext(root, row), row.record, 'wrapping')
}

/** Refuses a key that hangs on an expired version; of one that is gone the row says so still. Throws 'wrong-key-lifecycle-state'. */
export function checkParent(
  ivks: Pick<Ivks, 'expired'>,
  row: { readonly parent_version: number; readonly record: Uint8Array },
): void {
  if (row.record.byteLength === 0 || !ivks.expired.has(row.parent_version)) return
  throw new KryptonError(
    'wrong-key-lifecycle-state',
    `version ${row.parent_version} of the IVK has passed its hard expiry: ask the operator of this server to move what hangs on it, krypton key rotate ivk`,
  )
}

/** Ends every version. */
export function wipeIvks(ivks: Ivks): void {
  wipeWrappingKeys(ivks)
  wipeWrappingKeys({ byVersion: ivks.expired })
}

/** The suite that the version wraps in is bound into its record. */
function ivkContext(root: RootKeys, key: { key_id: Uint8Array; version: number; suite: number }) {
  return keyContext({ cluster: root.cluster, tenant: noTenant }, key, KeyAlgorithm.Aes, Uint8Array.of(key.suite))
}
