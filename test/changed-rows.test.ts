import { afterAll, beforeEach, expect, test } from 'vitest'
import { ChangedRowsWatch, type ChangedRowsWatchParts } from '../src/changed-rows.ts'
import { Distrust } from '../src/hierarchy/distrust.ts'
import { setDigestKeys } from '../src/hierarchy/integrity-key.ts'
import type { SystemOfKeys } from '../src/hierarchy/key-versions.ts'
import { checkLinkRows } from '../src/hierarchy/sets.ts'
import type { Values } from '../src/store/row-key.ts'
import type { ChangeableTable } from '../src/store/schema.ts'
import { openLog } from '../src/telemetry/log.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './hierarchy/fixture.ts'
import { asked, LinkBench } from './hierarchy/link-fixture.ts'
import { openStored, RotationBench, storeObjects, type StoredObject } from './hierarchy/rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let links: LinkBench
let watch: ChangedRowsWatch
let system: SystemOfKeys
let own: StoredObject
let other: StoredObject

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  links = new LinkBench(bench)
  const { own: scope, otherTenant } = made.scopes
  system = { tenant: scope.tenant, system: scope.system }
  ;[own] = (await storeObjects(made, scope, 1)) as [StoredObject]
  ;[other] = (await storeObjects(made, otherTenant, 1)) as [StoredObject]
  watch = new ChangedRowsWatch(parts())
})

function parts(): ChangedRowsWatchParts {
  return {
    store: made.memory,
    chain: made.chain,
    clock: bench.clock,
    log: openLog('fatal', () => undefined),
    refuse: async (changed) => {
      for (const thread of bench.threads) thread.refuse(new Distrust(changed))
    },
    onReleased: () => undefined,
  }
}

/** The rows of a table that the system has now. */
function rowsOf(table: ChangeableTable): (readonly [string, Values])[] {
  let found: (readonly [string, Values])[] = []
  made.memory.changeFromOutside((tables) => {
    found = [...tables.get(table)!].filter(
      ([, row]) => Buffer.compare(row['tenant'] as Buffer, system.tenant) === 0 && 'system' in row,
    )
  })
  return found
}

/** Puts the rows of tables back as they were, and takes away those that were not there. */
function putBack(past: ReadonlyMap<ChangeableTable, readonly (readonly [string, Values])[]>): void {
  for (const [table, rows] of past) {
    const now = rowsOf(table)
    made.memory.changeFromOutside((tables) => {
      for (const [key] of now) tables.get(table)!.delete(key)
      for (const [key, row] of rows) tables.get(table)!.set(key, row)
    })
  }
}

const keyTables = ['tenant_keys', 'service_keys', 'l1_links', 'linked_keys'] as const
const remembered = (tables: readonly ChangeableTable[]) => new Map(tables.map((table) => [table, rowsOf(table)]))

test('a locked system whose link is taken away, with older keys put back, opens nothing and takes nothing new, and no job makes it keys; other tenants are served', async () => {
  const before = remembered(keyTables)
  await links.link(system)
  await links.acts.lock(system, asked)
  await watch.look()
  expect(watch.changed).toEqual([])
  putBack(before)
  await watch.look()
  expect(watch.changed.map(({ table, rows }) => [table, rows?.length])).toEqual([
    ['tenant_keys', 2],
    ['service_keys', 4],
    ['l1_links', 1],
    ['linked_keys', 1],
  ])
  for (const thread of [...bench.threads, made.chain]) {
    await expect(async () => thread.service(made.scopes.own)).rejects.toMatchObject({ code: 'rows-changed' })
    await expect(async () => thread.tenantKeys(system.tenant, system.system)).rejects.toMatchObject({
      code: 'rows-changed',
    })
    expect(await openStored(thread, made.store, other)).toEqual(other.material)
  }
  await expect(checkLinkRows(made.memory, system.tenant)).rejects.toMatchObject({ code: 'rows-changed' })
  await checkLinkRows(made.memory, made.scopes.otherTenant.tenant)
})

test('what is restored is served again, and stays as it was', async () => {
  // Before it is known which rows there are, all of a table tell together.
  await checkLinkRows(made.memory, system.tenant)
  await watch.look()
  const now = remembered(keyTables)
  const [[key, row]] = rowsOf('service_keys') as [readonly [string, Values]]
  made.memory.changeFromOutside((tables) => tables.get('service_keys')!.set(key, { ...row, mac: Buffer.alloc(36) }))
  await watch.look()
  expect(watch.refusals()).toEqual([
    expect.stringMatching(/table service_keys .*; what hangs on these rows is refused$/),
  ])
  putBack(now)
  await watch.look()
  expect(watch.refusals()).toEqual([])
  for (const thread of bench.threads) expect(await openStored(thread, made.store, own)).toEqual(own.material)
})

test('rows that were changed before the server knew them are refused with everything of their table, until they are accepted by their code', async () => {
  const [[key]] = rowsOf('tenant_keys') as [readonly [string, Values]]
  made.memory.changeFromOutside((tables) => tables.get('tenant_keys')!.delete(key))
  const [changed] = await watch.list()
  expect(changed).toMatchObject({ table: 'tenant_keys', refused: expect.stringMatching(/^every request is refused/) })
  expect(changed!.rows).toBeUndefined()
  await expect(async () => bench.threads[0]!.service(made.scopes.otherTenant)).rejects.toMatchObject({
    code: 'rows-changed',
  })
  await expect(made.chain.ivksToWrap(1)).rejects.toMatchObject({ code: 'rows-changed' })
  const accept = (table: string, code: string) => watch.accept(table, { code, reason: 'a test', actor: 'operator:ada' })
  await expect(accept('clients', changed!.code)).rejects.toMatchObject({ code: 'not-found' })
  await expect(accept('tenant_keys', '0'.repeat(16))).rejects.toMatchObject({ code: 'store-conflict' })
  expect(watch.changed).toHaveLength(1)
  await accept('tenant_keys', changed!.code)
  expect(watch.changed).toEqual([])
  expect(await openStored(bench.threads[0]!, made.store, other)).toEqual(other.material)
  const audit = await made.store.audit('keys', 0, 1_000)
  expect(audit.at(-1)).toMatchObject({
    operation: 'ChangedRowsAccept',
    actor: 'operator:ada',
    detail: expect.stringMatching(/1 rows of table tenant_keys were removed.*accepted as they are: a test/),
  })
})

test('a row whose MAC alone is damaged is told from the others also where it is not known what was written, and nobody else is refused', async () => {
  const [[key, row]] = rowsOf('service_keys') as [readonly [string, Values]]
  const mac = Buffer.from(row['mac'] as Buffer)
  mac[20]! ^= 4
  made.memory.changeFromOutside((tables) => tables.get('service_keys')!.set(key, { ...row, mac }))
  await watch.look()
  expect(watch.refusals()).toEqual([expect.stringMatching(/table service_keys.*what hangs on these rows is refused$/)])
  expect(watch.changed[0]!.rows).toHaveLength(1)
  expect(await openStored(bench.threads[0]!, made.store, other)).toEqual(other.material)
  // One that is an older one besides is not explained so: nobody knows which it is.
  const [[second, another]] = rowsOf('tenant_keys') as [readonly [string, Values]]
  const changed = { ...another, state: 9, mac: Buffer.from(another['mac'] as Buffer).fill(7, 10) }
  made.memory.changeFromOutside((tables) => tables.get('tenant_keys')!.set(second, changed))
  const fresh = made.memory.changedFromOutside(() => undefined)
  const keys = setDigestKeys(made.root)
  await fresh.keepSets(keys, false)
  const later = new ChangedRowsWatch({ ...parts(), store: fresh })
  await later.look()
  expect(later.changed.map(({ table, rows }) => [table, rows?.length])).toEqual([
    ['tenant_keys', undefined],
    ['service_keys', 1],
  ])
  for (const { secret } of keys) secret.wipe()
})

test('what not every thread has confirmed is asked again', async () => {
  await watch.look()
  let answers = 0
  const failing = new ChangedRowsWatch({
    ...parts(),
    refuse: async () => {
      answers++
      if (answers === 1) throw new Error('a thread does not answer')
    },
  })
  const [[key]] = rowsOf('tenant_keys') as [readonly [string, Values]]
  made.memory.changeFromOutside((tables) => tables.get('tenant_keys')!.delete(key))
  for (let look = 0; look < 3; look++) await failing.look()
  expect(answers).toBe(2)
})
