import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TenantRegistry } from '../../src/tenants/tenant-registry.ts'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { destructionJob } from '../../src/hierarchy/key-destruction.ts'
import { BreakGlass } from '../../src/hierarchy/break-glass.ts'
import { noteBackup } from '../../src/hierarchy/kept-backups.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { scrub, scrubJob } from '../../src/hierarchy/scrub.ts'
import { JobQueue } from '../../src/jobs/job-queue.ts'
import { JobRun, JobStopped, type Progress } from '../../src/jobs/job-run.ts'
import { type Row, schema, type TableName, tableNames } from '../../src/store/schema.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import type { Change, Store } from '../../src/store/store.ts'
import { newAuthority } from '../support/certificates.ts'
import { clock, type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { RotationBench, storeObjects } from './rotation-fixture.ts'
import { type AnyRow, nudged, tampered } from './tampered-store.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let rows: number

/** A store with something in every table: rotated keys, a destroyed service, clients, jobs, periods, roles, credentials, old records. */
beforeAll(async () => {
  made = await newHierarchy(externalKey)
  const { store, chain } = made
  const bench = new RotationBench(made)
  const registry = new TenantRegistry(store, chain, clock, randomIdentifier)
  const authority = await newAuthority('an authority', new Date(clock.now()))
  await registry.registerAuthority({ certificate: authority.certificate }, 'system')
  for (const tenant of ['acme', 'other']) {
    await registry.createTenant(tenant, 'system')
    const keys = () => ({ issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) })
    await registry.createClient({ tenant, name: 'one', ...keys() }, 'system')
    await registry.createClient({ tenant, system: 'second', service: 'orders', name: 'two', ...keys() }, 'system')
    await registry.setRotationPeriods(tenant, { tenantKeyDays: 9, serviceKeyDays: 3 }, 'system')
  }
  const objects = []
  for (const scope of Object.values(made.scopes)) objects.push(...(await storeObjects(made, scope, 4)))
  const { own, sibling } = made.scopes
  for (const address of [
    { table: 'ivks' },
    { table: 'tenant_keys', ...own },
    { table: 'service_keys', ...own },
  ] as const)
    await bench.run(rotationJob(address, { from: 1, reason: 'command', actor: 'system', subject: 'x' }))
  await bench.run(destructionJob(sibling, { actor: 'system', subject: 'x' }))
  const queue = new JobQueue({
    store,
    keys: () => chain.system(),
    clock,
    newIdentifier: randomIdentifier,
    kinds: new Map(),
    pace: { itemsPerSecond: 1_000_000 },
    report: () => undefined,
  })
  await queue.add(scrubJob('operator:ada'))
  const tenantKeys = await chain.tenant(own.tenant)
  const previous = {
    owner: own.tenant,
    holder: randomIdentifier(),
    of_table: 'service_keys',
    system: own.system,
    service: own.service,
    version: 1,
    parent_version: 1,
    blob_version: 0,
    record: randomBytes(104),
    row_version: 1,
  }
  await noteBackup(bench.work, { name: 'nightly', until: 2_000_000_000, actor: 'system' })
  await new BreakGlass(bench.work).grant(own, { minutes: 5, reason: 'test', actor: 'system' })
  const role = { tenant: own.tenant, name: 'a role', rules: Buffer.from('[]'), created: 1, row_version: 1 }
  const credential = {
    tenant: own.tenant,
    client: randomIdentifier(),
    type: 1,
    verifier: randomBytes(52),
    created: 1,
    row_version: 1,
  }
  const nonces = { ...own, object: objects[0]!.id, leased: 5, row_version: 1 }
  const insert = <T extends TableName>(table: T, row: Omit<Row<T>, 'mac'>) =>
    ({ table, kind: 'insert', row: { ...row, mac: tenantKeys.macRow(table, row) } }) as unknown as Change
  await store.commit({ section: 'keys', changes: [insert('previous_key_records', previous)], audit: [] })
  const inData = [
    insert('previous_object_records', previous),
    insert('roles', role),
    insert('credentials', credential),
    insert('nonce_counts', nonces),
  ]
  await store.commit({ section: 'data', changes: inData, audit: [] })
  rows = 0
  for (const table of tableNames) {
    const found = await store.find(table, {})
    expect(found.length, table).toBeGreaterThan(0)
    rows += found.length
  }
})

/** The store as somebody left it who has put these rows in the place of a table's. */
async function copyWith(changed: TableName, changedRows: readonly AnyRow[]): Promise<Store> {
  const store = new MemoryStore()
  for (const table of tableNames) {
    const copied: AnyRow[] = table === changed ? [...changedRows] : await made.store.find(table, {})
    const changes = copied.map((row) => ({ table, kind: 'insert', row }) as unknown as Change)
    await store.commit({ section: schema[table].section, changes, audit: [] })
  }
  return store
}

/** One round by a thread that has opened nothing yet. */
async function round(
  store: Store,
  progress: Progress = { done: 0, total: 0, position: Buffer.alloc(0) },
  signal = new AbortController().signal,
) {
  const chain = new KeyChain(store, made.root, clock)
  const told: string[] = []
  const work = {
    store,
    chain,
    clock,
    users: { refresh: async () => undefined },
    schedule: async () => undefined,
    at: () => undefined,
  }
  const parts = {
    signal,
    save: async (saved: Progress) => void Object.assign(progress, saved),
    clock: { now: () => clock.now(), monotonic: () => performance.now() },
    pace: { itemsPerSecond: 1_000_000 },
  }
  const run = new JobRun({ owner: Buffer.alloc(16), subject: '', parameters: {}, progress }, parts)
  return { told, result: scrub(work, (message) => told.push(message), run), run }
}

describe('a look at every row', () => {
  test('finds nothing where nothing was changed, and has seen every row', async () => {
    const { told, result } = await round(made.store)
    expect(await result).toBe(`${rows} rows are as they were written`)
    expect(told).toEqual([])
  })

  test.each(tableNames)('finds any column of %s changed in one row', async (table) => {
    const all: AnyRow[] = await made.store.find(table, {})
    for (const column of Object.keys(schema[table].columns)) {
      const at = Math.floor(Math.random() * all.length)
      const store = await copyWith(
        table,
        all.map((row, place) => (place === at ? { ...row, [column]: moved(row[column]) } : row)),
      )
      const { result } = await round(store)
      await expect(result, column).rejects.toMatchObject({ code: 'row-mac-mismatch' })
    }
  })

  test('finds a row that was copied over another one, into another tenant, system, service or version', async () => {
    for (const table of ['tenant_keys', 'service_keys', 'objects', 'clients', 'integrity_keys', 'ivks'] as const) {
      const all: AnyRow[] = await made.store.find(table, {})
      const key: readonly string[] = schema[table].key
      const target = all.at(-1)!
      const source = all.find((row) => row !== target && !same(row['mac'], target['mac']))!
      const place = Object.fromEntries(key.map((name) => [name, target[name]]))
      const store = tampered(made.store, (name, found) =>
        name === table ? found.map((row) => (same(row['mac'], target['mac']) ? { ...source, ...place } : row)) : found,
      )
      const { told, result } = await round(store)
      await expect(result, table).rejects.toMatchObject({ code: 'row-mac-mismatch' })
      expect(told.length).toBeGreaterThan(0)
    }
  })

  test('finds a record that was put into a row by somebody who has its integrity key, but not its wrapping key', async () => {
    const { own } = made.scopes
    const keys = await made.chain.tenant(own.tenant)
    const store = tampered(made.store, (table, found) =>
      table === 'objects'
        ? found.map((row) => {
            if (!same(row['service'], own.service)) return row
            const changed = { ...row, record: Buffer.concat([(row['record'] as Buffer).subarray(0, -1), Buffer.of(1)]) }
            return { ...changed, mac: keys.macRow('objects', changed as never) }
          })
        : found,
    )
    await expect((await round(store)).result).rejects.toThrow(/^4 of \d+ rows .* the first: a sealed record/)
  })

  test('finds a version of a key that was removed, and a system or tenant without its keys', async () => {
    const removals: [TableName, (row: AnyRow) => boolean][] = [
      ['ivks', (row) => row['version'] === 1],
      ['tenant_keys', (row) => row['version'] === 1 && same(row['system'], made.scopes.own.system)],
      ['service_keys', (row) => row['version'] === 1 && same(row['service'], made.scopes.own.service)],
      ['integrity_keys', (row) => same(row['tenant'], made.scopes.otherTenant.tenant)],
      ['tenant_keys', (row) => !same(row['system'], made.scopes.own.system)],
      ['service_keys', (row) => !same(row['service'], made.scopes.own.service)],
    ]
    for (const [table, isRemoved] of removals) {
      const store = tampered(made.store, (name, found) =>
        name === table ? found.filter((row) => !isRemoved(row)) : found,
      )
      await expect((await round(store)).result, table).rejects.toMatchObject({ code: 'row-mac-mismatch' })
    }
  })

  test('goes on where it was stopped, and forgets no fault that it has found', async () => {
    const store = tampered(made.store, (table, found) =>
      table === 'manifest' ? found.map((row) => ({ ...row, created: 1 })) : found,
    )
    const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
    let attempts = 0
    for (; ; attempts++) {
      const controller = new AbortController()
      const { result, run } = await round(store, progress, controller.signal)
      // Ends at its first step from here on; the step's progress is kept, as the queue keeps it.
      controller.abort()
      try {
        await result
      } catch (error) {
        if (!(error instanceof JobStopped)) {
          expect((error as Error).message).toMatch(new RegExp(`^1 of ${rows} rows`))
          break
        }
        Object.assign(progress, run.progress)
      }
    }
    expect(attempts).toBeGreaterThan(5)
  })

  test('leaves out a row that was changed by a request meanwhile', async () => {
    let isOld = true
    const store = tampered(made.store, (table, found) =>
      table === 'clients' && isOld ? found.map((row) => ({ ...row, row_version: 0 })) : found,
    )
    const get = store.get.bind(store)
    store.get = async (table, key) => {
      isOld = false
      const row = await get(table, key)
      isOld = true
      return row
    }
    expect(await (await round(store)).result).toContain('as they were written')
  })
})

/** Another value, which no other row has in that column. */
function moved(value: unknown): unknown {
  return typeof value === 'number' ? value + 1_000 : nudged(value)
}

function same(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
}
