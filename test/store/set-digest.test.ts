import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { generateSecret } from '../../src/crypto/secret.ts'
import type { KryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { type Section, schemaVersion } from '../../src/store/schema.ts'
import type { SetDigestKey } from '../../src/store/set-digest.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Change, KeptSets, Store } from '../../src/store/store.ts'
import { setTables } from '../../src/hierarchy/sets.ts'
import { temporaryDirectory } from './directories.ts'
import { auditOf, clientRow, insertObject, keyOfObject, nameRow, objectRow, unitOf } from './rows.ts'

const key: SetDigestKey = { version: 1, secret: generateSecret(32, 'system') }
const onFatal = (error: KryptonError): void => {
  throw error
}
const noPause = async (): Promise<void> => undefined
afterAll(() => key.secret.wipe())

let directory: string
let store: SqliteStore

beforeEach(async () => {
  directory = temporaryDirectory().data
  store = await openSqliteStore({ directory, onFatal })
  expect(await store.keepSets([key], true)).toEqual(['keys', 'data'])
})

afterEach(() => store.close())

/** What differs, table by table. */
async function differences(sets: KeptSets) {
  const found = await Promise.all(setTables.map((table) => sets.compareSet(table, noPause)))
  return found.filter((difference) => difference !== undefined)
}

/** Closes the store, lets `edit` at a section's file, and opens it again. */
async function edited(edit: (database: DatabaseSync) => void, section: Section = 'data'): Promise<SqliteStore> {
  await store.close()
  const database = new DatabaseSync(join(directory, `${section}.db`))
  edit(database)
  database.close()
  return (store = await openSqliteStore({ directory, onFatal }))
}

const insertClient = (n: number): Change => ({ table: 'clients', kind: 'insert', row: clientRow(n) })

describe.each([
  ['memory', async () => new MemoryStore()],
  ['SQLite', async () => openSqliteStore({ directory: temporaryDirectory().data, onFatal })],
])('the digests of a store in %s', (_, open) => {
  test('fit after any changes, refused ones too, and while they are counted', async () => {
    const own: Store & KeptSets = await open()
    const changed = await beginChanges(own)
    for (let walk = 0; walk < 3; walk++) {
      expect(await own.compareSet('objects', noPause)).toBeUndefined()
      expect(await own.compareSet('object_index', noPause)).toBeUndefined()
    }
    await changed()
    expect(await differences(own)).toEqual([])
    await own.close()
  })

  test('go over to another key while rows change', async () => {
    const own: Store & KeptSets = await open()
    const changed = await beginChanges(own)
    const next = { version: 2, secret: generateSecret(32, 'system') }
    expect(await own.prepareSets(key)).toEqual([])
    // One that comes to nothing.
    expect(await own.prepareSets({ ...next, version: 3 })).toEqual(['keys', 'data'])
    expect(await own.compareSet('objects', noPause)).toBeUndefined()
    expect(await own.prepareSets(next)).toEqual(['keys', 'data'])
    const other = own.compareSet('objects', noPause)
    expect(await differences(own)).toEqual([])
    expect(await other).toBeUndefined()
    const walking = own.compareSet('objects', noPause)
    await own.turnSets(['keys', 'data'])
    expect(await walking).toBeUndefined()
    expect(await own.prepareSets(next)).toEqual([])
    await changed()
    expect(await differences(own)).toEqual([])
    next.secret.wipe()
    await own.close()
  })
})

/** Keeps digests, and begins with changes of all kinds, some of them refused: what is given back ends when they have. */
async function beginChanges(own: Store & KeptSets): Promise<() => Promise<void>> {
  await own.keepSets([key], true)
  const rows = Array.from({ length: 300 }, (_, n) => objectRow(n))
  await Promise.all(rows.map((row) => own.commit(unitOf(insertObject(row)))))
  const change = async (): Promise<void> => {
    for (let n = 0; n < 60; n++) {
      const row = rows[(n * 37) % rows.length]!
      const next = { ...row, row_version: row.row_version + 1, mac: Buffer.alloc(36, n) }
      await own.commit(unitOf([{ table: 'objects', kind: 'update', row: next, expectedVersion: row.row_version }]))
      rows[(n * 37) % rows.length] = next
      const gone = rows.pop()!
      const changes: Change[] = [
        { table: 'objects', kind: 'delete', key: keyOfObject(gone) },
        { table: 'object_index', kind: 'delete', key: nameRow(gone) },
        // Nobody has that one.
        { table: 'clients', kind: 'delete', key: { tenant: gone.tenant, client: gone.object } },
        ...insertObject(objectRow(1_000 + n)),
      ]
      await own.commit(unitOf(changes))
      const refused = unitOf([insertClient(2_000 + n), ...insertObject(objectRow(1_000 + n))])
      await expect(own.commit(refused)).rejects.toMatchObject({ code: 'store-conflict' })
    }
  }
  const changing = change()
  return () => changing
}

test('sections that a stop has left under two keys open with both, and go on from there', async () => {
  const next = { version: 2, secret: generateSecret(32, 'system') }
  await store.commit(unitOf([insertClient(1), ...insertObject(objectRow(1))]))
  expect(await store.prepareSets(next)).toEqual(['keys', 'data'])
  await edited((database) => database.exec('DELETE FROM clients'))
  await store.keepSets([key], false)
  expect(await store.prepareSets(next)).toEqual(['keys', 'data'])
  // What was removed meanwhile is told, and stays so.
  expect(await differences(store)).toMatchObject([{ table: 'clients', kept: 1, found: 0 }])
  await store.turnSets(['keys'])
  await edited(() => undefined)
  await expect(store.keepSets([key], false)).rejects.toThrow(/section keys/)
  await expect(store.keepSets([next], false)).rejects.toThrow(/section data/)
  await store.keepSets([next, key], false)
  expect(await store.prepareSets(next)).toEqual(['data'])
  expect(await differences(store)).toMatchObject([{ table: 'clients', kept: 1, found: 0 }])
  next.secret.wipe()
})

test('rows that are removed, added and put back in the file are told, over pages too', async () => {
  const rows = Array.from({ length: limits.setPageRows * 2 }, (_, n) => objectRow(n))
  await store.commit(unitOf(rows.flatMap((row) => insertObject(row))))
  await store.commit(unitOf([insertClient(1), insertClient(2)]))
  const old = clientRow(1)
  const changed = { ...old, state: 2, row_version: 2, mac: Buffer.alloc(36, 7) }
  await store.commit(unitOf([{ table: 'clients', kind: 'update', row: changed, expectedVersion: 1 }]))
  await edited((database) => {
    database.prepare('DELETE FROM objects WHERE object = ?').run(rows.at(-1)!.object)
    database.prepare('UPDATE object_index SET sequence = sequence + 1 WHERE object = ?').run(rows[3]!.object)
    database.prepare('UPDATE clients SET state = 1, row_version = 1, mac = ? WHERE client = ?').run(old.mac, old.client)
    database.exec("INSERT INTO roles VALUES (x'00112233445566778899aabbccddeeff', 'x', x'', 1, 1, x'')")
  })
  await store.keepSets([key], false)
  const unnamed = { rows: undefined, code: expect.stringMatching(/^[0-9a-f]{16}$/) }
  expect(await differences(store)).toEqual([
    { table: 'clients', kept: 2, found: 2, ...unnamed },
    { table: 'roles', kept: 0, found: 1, ...unnamed },
    { table: 'objects', kept: rows.length, found: rows.length - 1, ...unnamed },
    { table: 'object_index', kept: rows.length, found: rows.length, ...unnamed },
  ])
})

describe('rows that the writer knows one by one', () => {
  const [one, two] = [clientRow(1), clientRow(2)]
  const three = { ...clientRow(3), tenant: Buffer.alloc(16, 3) }
  const keyOfClient = ({ tenant, client }: typeof one) => ({ tenant, client })
  const update = (row: typeof one, version: number): Change => ({
    table: 'clients',
    kind: 'update',
    row: { ...row, row_version: version, mac: Buffer.alloc(36, version) },
    expectedVersion: version - 1,
  })
  const outside = (use: (database: DatabaseSync) => void): void => {
    const database = new DatabaseSync(join(directory, 'data.db'))
    use(database)
    database.close()
  }
  const setMac = (row: typeof one, version: number, mac: Uint8Array): void =>
    outside((database) =>
      database.prepare('UPDATE clients SET row_version = ?, mac = ? WHERE client = ?').run(version, mac, row.client),
    )
  const compared = () => store.compareSet('clients', noPause)

  beforeEach(async () => {
    await store.commit(unitOf([one, two].map((row) => ({ table: 'clients', kind: 'insert', row }))))
    expect(await compared()).toBeUndefined()
    await store.commit(unitOf([update(one, 2)]))
    await store.commit(unitOf([{ table: 'clients', kind: 'insert', row: three }]))
  })

  test('are named when they differ: an older one, one that is gone, one that was added', async () => {
    setMac(one, 1, one.mac)
    outside((database) => database.prepare('DELETE FROM clients WHERE client = ?').run(two.client))
    const found = (await compared())!
    expect(found).toMatchObject({ table: 'clients', kept: 3, found: 2 })
    const name = (key: Readonly<Record<string, unknown>>): string =>
      ['tenant', 'client'].map((column) => Buffer.from(key[column] as Uint8Array).toString('hex')).join()
    expect(found.rows!.map(name).toSorted()).toEqual([one, two].map((row) => name({ ...row })).toSorted())
    outside((database) => {
      const columns = Object.keys(two)
      const sql = `INSERT INTO clients (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
      database.prepare(sql).run(...(Object.values(two) as SQLInputValue[]))
    })
    setMac(one, 2, Buffer.alloc(36, 2))
    expect(await compared()).toBeUndefined()
  })

  test('are not written over, removed or made anew when they differ; others change, and a refused transaction leaves nothing', async () => {
    setMac(one, 2, one.mac)
    outside((database) => database.prepare('DELETE FROM clients WHERE client = ?').run(two.client))
    for (const change of [
      update(one, 3),
      { table: 'clients', kind: 'delete', key: keyOfClient(one) },
      { table: 'clients', kind: 'insert', row: two },
    ] satisfies Change[]) {
      await expect(store.commit(unitOf([change]))).rejects.toMatchObject({ code: 'rows-changed' })
    }
    await store.commit(unitOf([update(three, 2)]))
    expect((await compared())!.rows).toHaveLength(2)
  })

  test('are found out by MACs that they should have, when these are what was kept, and by no others', async () => {
    await edited((database) =>
      database.prepare('UPDATE clients SET mac = ? WHERE client = ?').run(Buffer.alloc(36, 9), two.client),
    )
    await store.keepSets([key], false)
    const learn = (mac: Uint8Array) => store.learnSet('clients', [{ ...keyOfClient(two), mac }])
    expect(await learn(two.mac)).toBe(false)
    expect(await compared()).toMatchObject({ rows: undefined })
    expect(await learn(Buffer.alloc(36, 8))).toBe(false)
    expect((await compared())!.rows).toBeUndefined()
    expect(await learn(two.mac)).toBe(true)
    expect((await compared())!.rows).toHaveLength(1)
  })

  test('of one owner are compared without those of others', async () => {
    expect(await store.compareOwned(['clients'], { tenant: one.tenant })).toEqual([])
    expect(await store.compareOwned(['roles'], { tenant: one.tenant })).toEqual([{ table: 'roles', rows: undefined }])
    setMac(one, 1, one.mac)
    const [changed] = await store.compareOwned(['clients'], { tenant: one.tenant })
    expect(changed!.rows).toHaveLength(1)
    expect(await store.compareOwned(['clients'], { tenant: three.tenant })).toEqual([])
  })

  test('are accepted as they are by the code of their difference alone, with the audit row of that', async () => {
    setMac(one, 1, one.mac)
    const { code } = (await compared())!
    await store.commit(unitOf([update(three, 2)]))
    expect((await compared())!.code).toBe(code)
    const accept = (asked: string) => store.acceptSet('clients', { code: asked, audit: auditOf('Accept') }, noPause)
    // The same MAC in a row that it does not belong to is another difference.
    const moveTo = (client: Buffer): void =>
      outside((database) => database.prepare('UPDATE clients SET client = ? WHERE mac = ?').run(client, one.mac))
    moveTo(Buffer.alloc(16, 7))
    expect(await accept(code)).toMatchObject({ table: 'clients' })
    moveTo(one.client)
    expect(await accept('0'.repeat(16))).toMatchObject({ table: 'clients', code })
    expect(await accept(code)).toBeUndefined()
    expect(await compared()).toBeUndefined()
    expect(store.auditHead('data')!.operation).toBe('Accept')
    await store.commit(unitOf([{ table: 'clients', kind: 'delete', key: keyOfClient(one) }]))
    expect(await compared()).toBeUndefined()
    // The digest that is stored is that of the rows as they are.
    await edited(() => undefined)
    await store.keepSets([key], false)
    expect(await compared()).toBeUndefined()
  })
})

test('a disk that is full takes nothing from a digest', async () => {
  const full = temporaryDirectory().data
  await store.close()
  store = await openSqliteStore({ directory: full, onFatal }, { pagesMax: 60 })
  await store.keepSets([key], true)
  expect(await store.compareSet('clients', noPause)).toBeUndefined()
  const units = Array.from({ length: 400 }, (_, n) =>
    store.commit(unitOf([...insertObject(objectRow(n)), insertClient(1_000 + n)])),
  )
  const outcomes = await Promise.allSettled(units)
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true)
  expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true)
  expect(await differences(store)).toEqual([])
  expect(await store.compareOwned(['clients'], { tenant: clientRow(1).tenant })).toEqual([])
})

test('rows change only when the key of the digest is there, and only under the right one', async () => {
  await edited(() => undefined)
  await expect(store.commit(unitOf([insertClient(1)]))).rejects.toThrow(/sealed/)
  const other = { version: 1, secret: generateSecret(32, 'system') }
  await expect(store.keepSets([other], true)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  await expect(store.keepSets([{ ...key, version: 2 }], true)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  await store.keepSets([key], false)
  await store.commit(unitOf([insertClient(1)]))
  expect(await differences(store)).toEqual([])
  other.secret.wipe()
})

test('rows of before with the digest of before are told by the audit that came after', async () => {
  const old = clientRow(1)
  await store.commit({ ...unitOf([insertClient(1)]), audit: [auditOf('ClientRevoke')] })
  let past: Record<string, SQLInputValue> = {}
  await edited((database) => (past = database.prepare('SELECT * FROM set_digests').get() as typeof past))
  await store.keepSets([key], false)
  const revoked = { ...old, state: 2, row_version: 2, mac: Buffer.alloc(36, 7) }
  const change = { table: 'clients', kind: 'update', row: revoked, expectedVersion: 1 } as const
  await store.commit({ ...unitOf([change]), audit: [auditOf('ClientRevoke')] })
  await edited((database) => {
    database.prepare('UPDATE clients SET state = 1, row_version = 1, mac = ? WHERE client = ?').run(old.mac, old.client)
    const assignments = Object.keys(past).map((column) => `${column} = ?`)
    database.prepare(`UPDATE set_digests SET ${assignments.join(', ')}`).run(...Object.values(past))
  })
  await expect(store.keepSets([key], false)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  // With the record of the change gone too, it is the store of before: whoever keeps the head of the audit tells.
  await edited((database) => database.exec('DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)'))
  await store.keepSets([key], false)
})

test('a digest that is gone is not begun anew, unless that is due', async () => {
  await edited((database) => database.exec('DELETE FROM set_digests'))
  await expect(store.keepSets([key], true)).rejects.toThrow(/section data is missing/)
  await edited((database) => database.exec("INSERT INTO set_digests VALUES ('data', 0, x'', x'', 0, x'')"))
  await expect(store.keepSets([key], false)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  await store.keepSets([key], true)
  expect(await differences(store)).toEqual([])
})

test('a store that was written before there were digests gets them, with the rows that it has', async () => {
  await store.commit(unitOf([insertClient(1), ...insertObject(objectRow(1))]))
  for (const section of ['keys', 'data'] as const) {
    await edited(
      (database) => database.exec(`DROP TABLE set_digests; PRAGMA user_version = ${schemaVersion - 1}`),
      section,
    )
    if (section === 'keys')
      await expect(store.keepSets([key], false)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  }
  expect(await store.keepSets([key], true)).toEqual(['keys', 'data'])
  expect(await differences(store)).toEqual([])
  await store.commit(unitOf([insertClient(2)]))
  expect(await differences(store)).toEqual([])
})
