import { deriveSecret } from '../crypto/kdf.ts'
import { type Label, labels } from '../crypto/labels.ts'
import { randomIdentifier } from '../crypto/random.ts'
import { generateSecret, type Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import type { SetDigestKey } from '../store/set-digest.ts'
import { KeyAlgorithm, keyBytes, keyContext, noTenant } from './key-record.ts'
import { KeyState, opens } from './key-state.ts'
import { derivationContext } from './master-key.ts'
import type { IntegrityKeyVersion, RootKeys, WrappingKey } from './root-keys.ts'
import { RowMacs, type Unauthenticated } from './row-mac.ts'
import { openRecord, Purpose, sealRecord } from './wrapped-key.ts'

/** A new version of an integrity key: its row, and the key, which the caller wipes. */
export interface NewIntegrityKey {
  readonly secret: Secret
  readonly row: Unauthenticated<'integrity_keys'>
}

/**
 * Makes version `version` of the integrity key of `tenant`: the first is active from the start, others are pending. `parent` is the IVK, or for the system's
 * own key (tenant of zeros) the MasterKey's wrap-system.
 */
export function newIntegrityKey(
  cluster: Uint8Array,
  tenant: Buffer,
  parent: WrappingKey,
  version: number,
): NewIntegrityKey {
  const secret = generateSecret(keyBytes, 'system')
  const key_id = randomIdentifier()
  const context = keyContext({ cluster, tenant }, { key_id, version }, KeyAlgorithm.HmacSha256)
  const record = sealRecord(Purpose.IntegrityKey, parent, context, secret)
  const row = {
    tenant,
    version,
    key_id,
    state: version === 1 ? KeyState.Active : KeyState.Pending,
    parent_version: parent.version,
    record,
    row_version: 1,
  }
  return { secret, row }
}

/** Opens the versions in `rows`, which must all be of `tenant`. The rows' MACs are the caller's to verify. */
export function openIntegrityKeys(
  cluster: Uint8Array,
  tenant: Uint8Array,
  parents: ReadonlyMap<number, WrappingKey>,
  rows: readonly Row<'integrity_keys'>[],
): IntegrityKeyVersion[] {
  return rows
    .filter(({ state }) => opens(state) || state === KeyState.Pending)
    .map((row) => {
      const parent = parents.get(row.parent_version)
      if (parent === undefined) {
        throw new KryptonError(
          'record-invalid',
          'an integrity key names a wrapping key that is not here: restore the keys section from a backup',
        )
      }
      const context = keyContext({ cluster, tenant }, row, KeyAlgorithm.HmacSha256)
      const secret = openRecord(Purpose.IntegrityKey, parent, context, row.record, 'system')
      const { version, state } = row
      return {
        version,
        active: state === KeyState.Active,
        searched: state === KeyState.Grace,
        compromised: state === KeyState.Compromised,
        secret,
      }
    })
}

/**
 * Opens the versions of the system integrity key from their rows, under which these rows are proven themselves.
 * @throws KryptonError row-mac-mismatch, record-invalid, record-does-not-open
 */
export function openSystemIntegrityKeys(
  { cluster, wrapSystem }: Pick<RootKeys, 'cluster' | 'wrapSystem'>,
  rows: readonly Row<'integrity_keys'>[],
): IntegrityKeyVersion[] {
  const keys = openIntegrityKeys(cluster, noTenant, new Map([[wrapSystem.version, wrapSystem]]), rows)
  let isProven = false
  try {
    const macs = systemRowMacs(cluster, keys)
    try {
      for (const row of rows) macs.verifyRow('integrity_keys', row)
    } finally {
      macs.wipe()
    }
    isProven = true
    return keys
  } finally {
    if (!isProven) for (const { secret } of keys) secret.wipe()
  }
}

/** The record of a version of the system integrity key under the MasterKey of the next epoch, read back. Throws as `openSystemIntegrityKeys`. */
export function rewrapSystemIntegrityKey(
  { cluster, wrapSystem }: Pick<RootKeys, 'cluster' | 'wrapSystem'>,
  next: WrappingKey,
  row: Row<'integrity_keys'>,
): Buffer {
  const context = keyContext({ cluster, tenant: noTenant }, row, KeyAlgorithm.HmacSha256)
  const secret = openRecord(Purpose.IntegrityKey, wrapSystem, context, row.record, 'system')
  try {
    const record = sealRecord(Purpose.IntegrityKey, next, context, secret)
    openRecord(Purpose.IntegrityKey, next, context, record, 'system').wipe()
    return record
  } finally {
    secret.wipe()
  }
}

/** The MACs of system rows under the root's system integrity keys. */
export function systemRowMacs(cluster: Uint8Array, keys: readonly IntegrityKeyVersion[]): RowMacs {
  return new RowMacs(systemRowMacKeys(cluster, keys), activeIntegrityVersion(keys))
}

/** What `systemRowMacs` is made of, by version. */
export function systemRowMacKeys(cluster: Uint8Array, keys: readonly IntegrityKeyVersion[]): Map<number, Secret> {
  return deriveByVersion(cluster, noTenant, proving(keys), labels.systemRowMac)
}

/**
 * The keys of the store's digests: under the active version of the system integrity key first, then under the others, which a rotation that was cut short may have left a digest under. The caller wipes them.
 */
export function setDigestKeys({
  cluster,
  systemIntegrityKeys,
}: Pick<RootKeys, 'cluster' | 'systemIntegrityKeys'>): readonly [SetDigestKey, ...SetDigestKey[]] {
  const active = activeIntegrityVersion(systemIntegrityKeys)
  const keys = deriveByVersion(cluster, noTenant, proving(systemIntegrityKeys), labels.setDigest)
  const others = [...keys].filter(([version]) => version !== active)
  return [{ version: active, secret: keys.get(active)! }, ...others.map(([version, secret]) => ({ version, secret }))]
}

/** The versions under which rows are proven. One that is yet to become active is among them: it is known before it is used. */
export function proving(keys: readonly IntegrityKeyVersion[]): IntegrityKeyVersion[] {
  return keys.filter(({ compromised }) => compromised !== true)
}

/** One derived key for each version of an integrity key. */
export function deriveByVersion(
  cluster: Uint8Array,
  tenant: Uint8Array,
  keys: readonly IntegrityKeyVersion[],
  label: Label,
): Map<number, Secret> {
  return new Map(
    keys.map((key) => [
      key.version,
      deriveSecret(key.secret, label, derivationContext(key.version, cluster, tenant), 'system'),
    ]),
  )
}

/** The version that new MACs and tokens are made under. Throws 'record-invalid' when there is none. */
export function activeIntegrityVersion(keys: readonly IntegrityKeyVersion[]): number {
  const active = keys.find((key) => key.active)
  if (active === undefined) {
    throw new KryptonError('record-invalid', 'there is no active integrity key: restore the keys section from a backup')
  }
  return active.version
}
