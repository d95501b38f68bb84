import type { KeyOf, Row } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { limits } from '../limits.ts'
import { noTenant } from './key-record.ts'
import type { KeyAddress } from './rotation-jobs.ts'

/** What is under versions of a key. */
export interface References {
  readonly count: number
  /** In words, for who asks what holds a version. */
  readonly held: string
}

/**
 * Counts what is under the versions of a key that `isMeant` tells: under the IVK, tenants' integrity keys and Tenant Keys; under a Tenant Key, its Service Keys; under a Service Key,
 * its objects; under each of them, old records that are yet to be let go. What rows say is not proven here: who can change them can as well delete what they hold. `pause` is called
 * after each page, so that requests are let on.
 */
export async function referencesOf(
  store: Store,
  address: KeyAddress,
  isMeant: (version: number) => boolean,
  pause: () => Promise<void>,
): Promise<References> {
  const counts = await new Counting(store, isMeant, pause).under(address)
  const found = Object.entries(counts).filter(([, count]) => count > 0)
  const count = found.reduce((sum, [, part]) => sum + part, 0)
  return { count, held: found.map(([name, part]) => `${part} ${name}`).join(', ') || 'nothing' }
}

class Counting {
  readonly #store: Store
  readonly #isMeant: (version: number) => boolean
  readonly #pause: () => Promise<void>

  constructor(store: Store, isMeant: (version: number) => boolean, pause: () => Promise<void>) {
    this.#store = store
    this.#isMeant = isMeant
    this.#pause = pause
  }

  async under(address: KeyAddress): Promise<Record<string, number>> {
    if (address.table === 'ivks') {
      const isBelow = ({ of_table: table }: PreviousRow) => table !== 'service_keys'
      return {
        "tenants' integrity keys": await this.#rows('integrity_keys', ({ tenant }) => !tenant.equals(noTenant)),
        'Tenant Keys': await this.#rows('tenant_keys', () => true),
        'copies of linked Tenant Keys': await this.#rows('linked_keys', () => true),
        'credentials of L1s': await this.#rows('l1_links', () => true),
        [previousName]: await this.#previous('previous_key_records', isBelow),
      }
    }
    const { tenant, system } = address
    const isInSystem = (row: PreviousRow): boolean => row.owner.equals(tenant) && row.system.equals(system)
    if (address.table === 'tenant_keys') {
      const rows = await this.#store.find('service_keys', { tenant, system })
      const isBelow = (row: PreviousRow): boolean => row.of_table === 'service_keys' && isInSystem(row)
      return {
        'Service Keys': rows.filter((row) => row.record.byteLength > 0 && this.#isMeant(row.parent_version)).length,
        [previousName]: await this.#previous('previous_key_records', isBelow),
      }
    }
    const { service } = address
    const isBelow = (row: PreviousRow): boolean => isInSystem(row) && row.service.equals(service)
    return {
      objects: await this.#objects({ tenant, system, service }),
      [previousName]: await this.#previous('previous_object_records', isBelow),
    }
  }

  async #rows<T extends 'integrity_keys' | 'tenant_keys' | 'linked_keys' | 'l1_links'>(
    table: T,
    isBelow: (row: Row<T>) => boolean,
  ): Promise<number> {
    let count = 0
    let last: Row<T> | undefined
    for (;;) {
      const rows: Row<T>[] = await this.#store.scan(table, last, limits.locatePageRows)
      if (rows.length === 0) return count
      count += rows.filter(
        (row) => row.record.byteLength > 0 && isBelow(row) && this.#isMeant(row.parent_version),
      ).length
      last = rows.at(-1)
      await this.#pause()
    }
  }

  async #objects(scope: Omit<KeyOf<'objects'>, 'object'>): Promise<number> {
    let count = 0
    for (let after: KeyOf<'objects'> = { ...scope, object: noTenant }; ; await this.#pause()) {
      const rows = await this.#store.scan('objects', after, limits.locatePageRows)
      const own = rows.filter(
        (row) =>
          row.service.equals(scope.service) && row.system.equals(scope.system) && row.tenant.equals(scope.tenant),
      )
      count += own.filter((row) => row.record.byteLength > 0 && this.#isMeant(row.key_version)).length
      const last = own.at(-1)
      if (last === undefined || own.length < rows.length) return count
      after = { ...scope, object: last.object }
    }
  }

  async #previous(
    table: 'previous_key_records' | 'previous_object_records',
    isBelow: (row: PreviousRow) => boolean,
  ): Promise<number> {
    const rows = await this.#store.find(table, {})
    return rows.filter((row) => isBelow(row) && this.#isMeant(row.parent_version)).length
  }
}

type PreviousRow = Row<'previous_key_records'>

const previousName = 'records that are being wrapped anew'
