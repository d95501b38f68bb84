import type { Suite } from '../crypto/aead.ts'
import { dateTime } from '../clock.ts'
import type { Scope } from './data-key.ts'
import { KryptonError } from '../errors.ts'
import { noTenant } from './key-record.ts'
import type { KeyWork, SystemOfKeys, VersionedKey, VersionedTable } from './key-versions.ts'
import type { KeyAddress } from './rotation-jobs.ts'
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
    make: async (version) => chain.newIvk(version, dateTime(clock), suite),
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
      const { active } = await chain.ivksToWrap(1)
      const { key, row } = newTenantKey(
        { cluster: chain.cluster, tenant: system.tenant, system: system.system },
        active,
        version,
        dateTime(clock),
      )
      key.secret.wipe()
      return row
    },
  }
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
        if (parents.active === undefined)
          throw new KryptonError(
            'wrong-key-lifecycle-state',
            'the system of this service has no active Tenant Key: there is nothing to wrap it with',
          )
        return newServiceKey({ cluster: chain.cluster, ...scope }, parents.active, version, dateTime(clock))
      } finally {
        wipeWrappingKeys(parents)
      }
    },
  }
}
