import { expect, test } from 'vitest'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { type Dependent, Distrust } from '../../src/hierarchy/distrust.ts'
import { setTables } from '../../src/hierarchy/sets.ts'
import type { ChangeableTable } from '../../src/store/schema.ts'

const [tenant, system, service, client, authority] = Array.from({ length: 5 }, randomIdentifier)
const own = { tenant: tenant!, system: system!, service: service!, client: client!, authority: authority!, role: 'ops' }
const row = { ...own, name: 'ops', version: 1, grant: randomIdentifier(), key_id: randomIdentifier() }

/** One in everything the same, but for the first part that the row names. */
const others: Readonly<Record<string, Dependent>> = {
  tenant: { ...own, tenant: randomIdentifier() },
  system: { ...own, system: randomIdentifier() },
  service: { ...own, service: randomIdentifier() },
  client: { ...own, client: randomIdentifier() },
  authority: { ...own, authority: randomIdentifier() },
  role: { ...own, role: 'reader' },
}

/** For each table, who is served although a row of it was changed that concerns `own`; `all`: nobody is; `work`: no job runs; `told`: everybody is. */
const served: Readonly<Record<ChangeableTable, readonly string[] | 'all' | 'work' | 'told'>> = {
  manifest: 'all',
  seals: 'all',
  ivks: 'all',
  integrity_keys: ['tenant'],
  integrity_key_times: 'work',
  tenant_keys: ['tenant', 'system'],
  service_keys: ['tenant', 'system', 'service'],
  break_glass: ['tenant'],
  l1_links: ['tenant', 'system'],
  linked_keys: ['tenant', 'system'],
  tenants: ['tenant'],
  systems: ['tenant', 'system'],
  services: ['tenant', 'system', 'service'],
  authorities: ['authority'],
  clients: ['tenant', 'client'],
  credentials: ['tenant', 'client'],
  roles: ['tenant', 'role'],
  objects: 'told',
  nonce_counts: 'told',
  object_index: 'told',
  wrap_budgets: 'work',
  kept_backups: 'work',
  rotation_periods: 'work',
  previous_key_records: 'work',
  previous_object_records: 'work',
  jobs: 'work',
}

const isServed = (distrust: Distrust, dependent: Dependent): boolean => distrust.refusalOf(dependent) === undefined

test.each(setTables)(
  'a changed row of %s: what hangs on it is refused, and nothing else where the row is known',
  (table) => {
    const expected = served[table]
    const named = new Distrust([{ table, rows: [row] }])
    if (typeof expected === 'string') {
      expect([named.ofAll, named.ofWork, isServed(named, own)]).toEqual([
        expected === 'all',
        expected === 'work',
        expected !== 'all',
      ])
    } else {
      expect([named.ofAll, named.ofWork, isServed(named, own)]).toEqual([false, false, false])
      const who = Object.keys(others).filter((name) => isServed(named, others[name]!))
      expect(who).toEqual(expected)
    }
    const unnamed = new Distrust([{ table, rows: undefined }])
    const isOfAll = expected === 'all' || typeof expected !== 'string'
    expect([unnamed.ofAll, unnamed.ofWork]).toEqual([isOfAll, expected === 'work'])
    for (const distrust of [named, unnamed]) {
      const holds = distrust.ofAll || distrust.ofWork
      expect(() => distrust.assertWork()).toSatisfy((act: () => void) => {
        try {
          act()
          return !holds
        } catch (error) {
          expect(error).toMatchObject({ code: 'rows-changed' })
          return holds
        }
      })
    }
  },
)

test("the system's own integrity key is everybody's", () => {
  const changed = [{ table: 'integrity_keys', rows: [{ tenant: Buffer.alloc(16), version: 1 }] }] as const
  expect(new Distrust(changed).ofAll).toBe(true)
})
