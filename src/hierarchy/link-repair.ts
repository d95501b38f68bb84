import { auditEvent } from '../audit/audit-event.ts'
import { dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import { KeyState } from './key-state.ts'
import type { KeyWork, SystemOfKeys } from './key-versions.ts'
import type { Lease } from './lease.ts'
import { openLinked, openLinkedCopy, sealLinked } from './link-key.ts'
import type { WrappingKey } from './root-keys.ts'
import type { TenantKeys } from './tenant-key.ts'

/**
 * Makes the rows of a linked system's Tenant Keys anew that are gone, are not as they were written or do not open: from their copies, by one call of the L1. What the copy opens to must have the check value that
 * was written with it. What state a version had cannot be told: it is suspended, so that it opens what it holds, until an operator resumes it. Resolves to the versions.
 * @throws KryptonError as `Leases.of`; record-does-not-open, row-mac-mismatch: the copy is damaged too; store-conflict: a row has changed meanwhile
 */
export async function rebuildTenantKeys(
  { chain, store, clock }: KeyWork,
  system: SystemOfKeys,
  asked: { readonly actor: string; readonly subject: string },
): Promise<number[]> {
  const tenantKeys = await chain.tenant(system.tenant)
  const lease = await chain.lease(system.tenant, system.system)
  const ivks = await chain.ivksToWrap(2)
  const rebuilt: number[] = []
  for (const linked of await store.find('linked_keys', { ...system })) {
    tenantKeys.verifyRow('linked_keys', linked)
    if (linked.record.byteLength === 0) continue
    const under = underOf(linked, lease, { byVersion: ivks.byVersion, tenantKeys })
    const owner = { cluster: chain.cluster, ...system }
    const found = await store.get('tenant_keys', { ...system, version: linked.version })
    if (found !== undefined && isWhole(found, tenantKeys, () => openLinked(owner, found, under).wipe())) continue
    const secret = openLinkedCopy(owner, under)
    const key = { key_id: linked.key_id, version: linked.version }
    const { record } = sealLinked(owner, key, { link: under.link, ivk: ivks.active }, secret)
    secret.wipe()
    const row = {
      ...system,
      version: linked.version,
      key_id: linked.key_id,
      state: KeyState.Suspended,
      parent_version: ivks.active.version,
      created: dateTime(clock),
      record,
      row_version: (found?.row_version ?? 0) + 1,
    }
    const signed = { ...row, mac: tenantKeys.macRow('tenant_keys', row) }
    const change =
      found === undefined
        ? ({ table: 'tenant_keys', kind: 'insert', row: signed } as const)
        : ({ table: 'tenant_keys', kind: 'update', row: signed, expectedVersion: found.row_version } as const)
    const { tenant } = system
    const detail = `version ${linked.version} of ${asked.subject}`
    const event = { clock, tenant, actor: asked.actor, operation: 'TenantKeyRebuild', object: linked.key_id, detail }
    await store.commit({ section: 'keys', changes: [change], audit: [auditEvent({ ...event, result: 'success' })] })
    rebuilt.push(linked.version)
  }
  return rebuilt
}

function isWhole(row: Row<'tenant_keys'>, tenantKeys: TenantKeys, open: () => void): boolean {
  try {
    tenantKeys.verifyRow('tenant_keys', row)
    if (row.state !== KeyState.Retired) open()
    return true
  } catch (error) {
    const isDamage = ['row-mac-mismatch', 'record-invalid', 'record-does-not-open'] as const
    if (isDamage.some((code) => isKryptonError(error, code))) return false
    throw error
  }
}

function underOf(
  linked: Row<'linked_keys'>,
  { linkKeys }: Lease,
  { byVersion, tenantKeys }: { readonly byVersion: ReadonlyMap<number, WrappingKey>; readonly tenantKeys: TenantKeys },
): Parameters<typeof openLinked>[2] {
  const link = linkKeys.get(linked.link_version)
  const ivk = byVersion.get(linked.parent_version)
  if (link !== undefined && ivk !== undefined) return { link, ivk, tenantKeys, linked }
  throw new KryptonError(
    'record-invalid',
    'the copy of a Tenant Key names a wrapping key that is not here: restore the keys section from a backup',
  )
}
