import type { Suite } from '../crypto/aead.ts'
import { dateTime } from '../clock.ts'
import type { Scope } from './data-key.ts'
import { KryptonError } from '../errors.ts'
import type { Row } from '../store/schema.ts'
import type { Change } from '../store/store.ts'
import { noTenant } from './key-record.ts'
import type { Lease } from './lease.ts'
import { activeLink } from './link-key.ts'
import type { KeyWork, SystemOfKeys, VersionedKey, VersionedTable } from './key-versions.ts'
import type { KeyAddress } from './rotation-jobs.ts'
import type { WrappingKey } from './root-keys.ts'
import { type RowKeys, updateOf } from './row-mac.ts'
import { newServiceKey } from './service-key.ts'
import { newTenantKey } from './tenant-key.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

/** The key at an address. */
export function keyAt(work: KeyWork, address: KeyAddress, suite: Suite): VersionedKey<VersionedTable> {
  const key = (): unknown => {
    if (address.table === 'ivks') return ivkOf(work, suite)
    return address.table === 'tenant_keys' ? tenantKeyOf(work, address) : serviceKeyOf(work, address)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each of the three is a key of its own table
  return key() as VersionedKey<VersionedTable>
}

/** The IVK of this cluster; its next version wraps in `suite`. */
export function ivkOf({ store, chain, clock }: KeyWork, suite: Suite): VersionedKey<'ivks'> {
  return {
    table: 'ivks',
    owner: noTenant,
    rows: async () => store.find('ivks', {}),
    keys: async () => chain.system(),
    make: async (version) => {
      const besides = [await chain.epochHeld()]
      return { row: chain.newIvk(version, dateTime(clock), suite), besides }
    },
  }
}

/** The Tenant Key (L2) of a system. */
export function tenantKeyOf({ store, chain, clock }: KeyWork, system: SystemOfKeys): VersionedKey<'tenant_keys'> {
  return {
    table: 'tenant_keys',
    owner: system.tenant,
    system,
    rows: async () => store.find('tenant_keys', { tenant: system.tenant, system: system.system }),
    keys: async () => chain.tenant(system.tenant),
    make: async (version) => {
      const { cluster } = chain
      const { tenant, system: ofSystem } = system
      const tenantKeys = await chain.tenant(tenant)
      const { active: ivk } = await chain.ivksToWrap(2)
      const link = activeLink(await chain.links(tenant, ofSystem))
      const under =
        link === undefined
          ? { ivk }
          : { ivk, link: { key: linkKeyOf(await chain.lease(tenant, ofSystem), link), tenantKeys } }
      const { key, row, linked } = newTenantKey({ cluster, tenant, system: ofSystem }, under, version, dateTime(clock))
      key.secret.wipe()
      if (linked === undefined) return { row, besides: [] }
      const authenticated = { ...linked, mac: tenantKeys.macRow('linked_keys', linked) }
      return { row, besides: [{ table: 'linked_keys', kind: 'insert', row: authenticated }] }
    },
    alsoGone: async (version) => {
      const row = await store.get('linked_keys', { tenant: system.tenant, system: system.system, version })
      return row === undefined ? [] : [withoutRecord(row, await chain.tenant(system.tenant))]
    },
  }
}

/** The S that new Tenant Keys are made under. */
function linkKeyOf(lease: Lease, { version }: Row<'l1_links'>): WrappingKey {
  const key = lease.linkKeys.get(version)
  if (key !== undefined) return key
  throw new KryptonError('external-key-unreachable', 'try again: the L1 was linked anew meanwhile')
}

/** The row of a linked Tenant Key that goes, its copy overwritten. */
export function withoutRecord(row: Row<'linked_keys'>, keys: RowKeys): Change {
  keys.verifyRow('linked_keys', row)
  return updateOf('linked_keys', row, { record: Buffer.alloc(0) }, keys)
}

/** The Service Key (L3) of a service. */
export function serviceKeyOf({ store, chain, clock }: KeyWork, scope: Scope): VersionedKey<'service_keys'> {
  const { tenant, system } = scope
  return {
    table: 'service_keys',
    owner: tenant,
    system: { tenant, system },
    rows: async () => store.find('service_keys', { tenant, system, service: scope.service }),
    keys: async () => chain.tenant(tenant),
    make: async (version) => {
      const parents = await chain.tenantKeys(tenant, system)
      try {
        if (parents.active === undefined) throw await chain.haltOf(tenant, system)
        const row = newServiceKey({ cluster: chain.cluster, ...scope }, parents.active, version, dateTime(clock))
        return { row, besides: [] }
      } finally {
        wipeWrappingKeys(parents)
      }
    },
  }
}
