import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { describe, expect, test, vi } from 'vitest'
import type { KryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'
import { Reader } from '../../src/store/sqlite/reader.ts'
import { readRootBeforehand } from '../../src/store/sqlite/section-file.ts'
import { type Row, schemaVersion } from '../../src/store/schema.ts'
import { connectSqliteStore, openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Unit } from '../../src/store/store.ts'
import { temporaryDirectory } from './directories.ts'
import { auditOf, insertObject, keyOfObject, objectRow, scopeOf, unitOf } from './rows.ts'

const onFatal = (error: KryptonError) => {
  throw error
}

describe('the directory of a SQLite store', () => {
  test('and its files are for their owner only', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.commit(unitOf(insertObject(objectRow(1))))
    expect(statSync(data).mode & 0o777).toBe(0o700)
    for (const file of readdirSync(data)) expect(statSync(join(data, file)).mode & 0o777, file).toBe(0o600)
    await store.close()
  })

  test('keeps its rows from one opening to the next', async () => {
    const { data } = temporaryDirectory()
    const row = objectRow(1)
    const first = await openSqliteStore({ directory: data, onFatal })
    await first.commit(unitOf(insertObject(row)))
    await first.close()
    const second = await openSqliteStore({ directory: data, onFatal })
    expect(second.get('objects', keyOfObject(row))).toEqual(row)
    await second.close()
  })

  test('is refused to a second server, and free again when the first has closed', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({ code: 'store-locked' })
    await store.close()
    const again = await openSqliteStore({ directory: data, onFatal })
    await again.close()
  })

  test('is refused to another process, and free again when the first was killed', async () => {
    const { data } = temporaryDirectory()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'hold-store.ts'), data], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({ code: 'store-locked' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await openSqliteStore({ directory: data, onFatal })
    expect(store.get('objects', keyOfObject(objectRow(1)))).toEqual(objectRow(1))
    await store.close()
  })
})

describe('a file', () => {
  test('of a newer format is refused, with both formats named', async () => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    const database = new DatabaseSync(join(data, 'data.db'))
    database.exec(`PRAGMA user_version = ${schemaVersion + 2}`)
    database.close()
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({
      code: 'store-format',
      message: expect.stringMatching(new RegExp(`format ${schemaVersion + 2}.*format ${schemaVersion}:`, 'u')),
    })
  })

  test('of a newer format in one file has nothing written in the other', async () => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    for (const [section, format] of [
      ['keys', 1],
      ['data', schemaVersion + 1],
    ] as const) {
      const database = new DatabaseSync(join(data, `${section}.db`))
      database.exec(`PRAGMA journal_mode = DELETE; PRAGMA user_version = ${format}`)
      database.close()
    }
    const before = ['keys.db', 'data.db'].map((name) => readFileSync(join(data, name)))
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({ code: 'store-format' })
    expect(['keys.db', 'data.db'].map((name) => readFileSync(join(data, name)))).toEqual(before)
  })

  test('of an older format gets the tables that it does not have, and keeps objects in the tree of their key', async () => {
    const { data } = temporaryDirectory()
    const made = await openSqliteStore({ directory: data, onFatal })
    await made.commit(unitOf(insertObject(objectRow(1))))
    await made.close()
    const database = new DatabaseSync(join(data, 'data.db'))
    database.exec('DROP TABLE nonce_counts; PRAGMA user_version = 1')
    const objects = database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'objects'").get()
    database.exec(`ALTER TABLE objects RENAME TO numbered; ${String(objects?.['sql'])}, WITHOUT ROWID;
      INSERT INTO objects SELECT * FROM numbered; DROP TABLE numbered`)
    database.close()
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.commit(unitOf(insertObject(objectRow(2))))
    await expect(store.commit(unitOf(insertObject(objectRow(2))))).rejects.toMatchObject({ code: 'store-conflict' })
    for (const n of [1, 2]) expect(store.get('objects', keyOfObject(objectRow(n)))).toEqual(objectRow(n))
    expect(store.get('nonce_counts', keyOfObject(objectRow(1)))).toBe(undefined)
    await store.close()
  })

  test('that is no database is refused', async () => {
    const { data } = temporaryDirectory()
    mkdirSync(data)
    writeFileSync(join(data, 'data.db'), 'x'.repeat(10_000))
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({ code: 'store-format' })
  })

  test('whose manifest is a view says nothing of its root before it is refused: the view is not run', async () => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    const database = new DatabaseSync(join(data, 'keys.db'))
    database.exec(
      "DROP TABLE manifest; CREATE VIEW manifest AS SELECT x'00' cluster, 1 epoch, x'00' master_key_verifier",
    )
    database.close()
    expect(readRootBeforehand(data)).toBeUndefined()
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({
      code: 'store-format',
      message: expect.stringMatching(/keys\.db has the view manifest\b/u),
    })
  })

  test('whose first bytes are garbage is told to be damaged, not of another format', async () => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    const file = openSync(join(data, 'data.db'), 'r+')
    writeSync(file, randomBytes(16_384), 0, 16_384, 0)
    closeSync(file)
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({
      code: 'store-format',
      message: expect.stringMatching(/data\.db is damaged.*restore it from a backup/u),
    })
  })

  test.each([
    ['a trigger', 'CREATE TRIGGER t AFTER UPDATE ON objects BEGIN DELETE FROM audit; END', /trigger t\b.*remove it/u],
    ['a view', 'CREATE VIEW v AS SELECT * FROM objects', /view v\b.*remove it/u],
    ['a table', 'CREATE TABLE notes (a)', /table notes\b.*remove it/u],
    ['an index', 'CREATE INDEX i ON objects (state)', /index i\b.*remove it/u],
    ['a column', 'ALTER TABLE objects ADD COLUMN note TEXT', /table objects\b.*restore/u],
    ['a table that is gone', 'DROP TABLE object_index', /table object_index\b.*restore/u],
    ['an index that is gone', 'DROP INDEX object_state', /index object_state\b.*restore/u],
    [
      'a unique index that is none any more',
      'DROP INDEX client_identity; CREATE INDEX client_identity ON clients (issuer_key_hash, leaf_key_hash)',
      /index client_identity\b.*restore/u,
    ],
    [
      'a trigger that has a name of SQLite',
      `CREATE TRIGGER t AFTER UPDATE ON objects BEGIN DELETE FROM audit; END; PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET name = 'sqlite_stat1' WHERE name = 't'; PRAGMA writable_schema = OFF`,
      /restore it from a backup/u,
    ],
  ])('with %s is refused, by its name and that of what was changed', async (_, sql, message) => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    edit(data, sql)
    const refusal = openSqliteStore({ directory: data, onFatal })
    await expect(refusal).rejects.toMatchObject({ code: 'store-format', message: expect.stringMatching(message) })
    await expect(refusal).rejects.toThrow(join(data, 'data.db'))
  })

  test('of an older format runs nothing that somebody has put into it', async () => {
    const { data } = temporaryDirectory()
    await (await openSqliteStore({ directory: data, onFatal })).close()
    edit(
      data,
      `DELETE FROM set_digests; CREATE TRIGGER t AFTER INSERT ON set_digests BEGIN DELETE FROM set_digests; END;
        PRAGMA user_version = ${schemaVersion - 1}`,
    )
    const before = readFileSync(join(data, 'data.db'))
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toThrow(/trigger t\b/u)
    expect(readFileSync(join(data, 'data.db'))).toEqual(before)
  })

  test('that somebody has had SQLite analyze is opened: its statistics say nothing of what rows are', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.commit(unitOf(insertObject(objectRow(1))))
    await store.close()
    edit(data, 'ANALYZE')
    await (await openSqliteStore({ directory: data, onFatal })).close()
  })

  test('keeps no file open when another one of the store cannot be', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.close()
    writeFileSync(join(data, 'data.db'), 'x'.repeat(10_000))
    const files = (): number => readdirSync('/proc/self/fd').length
    const before = files()
    for (let n = 0; n < 10; n++) expect(() => new Reader(data)).toThrow(/data\.db/)
    expect(files()).toBe(before)
  })

  test('that was damaged while a server died is refused', async () => {
    const { path, data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    for (let n = 0; n < 200; n++) await store.commit(unitOf(insertObject(objectRow(n))))
    // what a kill leaves: the write-ahead log is there. Then a row is put where its tree does not expect it.
    const left = join(path, 'left')
    mkdirSync(left)
    for (const file of readdirSync(data)) copyFileSync(join(data, file), join(left, file))
    await store.close()
    const checkpoint = new DatabaseSync(join(left, 'data.db'))
    checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    checkpoint.close()
    spoilLeaf(join(left, 'data.db'))
    writeFileSync(join(left, 'data.db-wal'), Buffer.alloc(32))
    await expect(openSqliteStore({ directory: left, onFatal })).rejects.toMatchObject({
      code: 'store-format',
      message: expect.stringContaining('damaged'),
    })
  })
})

test('another thread reads and writes through a connection of its own, and its close leaves the store open', async () => {
  const { data } = temporaryDirectory()
  const store = await openSqliteStore({ directory: data, onFatal })
  const connection = store.connect()
  const worker = new Worker(join(import.meta.dirname, 'connected-thread.ts'), {
    workerData: connection,
    transferList: [connection.port],
  })
  const exited = once(worker, 'exit')
  const [seen] = await once(worker, 'message')
  await exited
  expect(seen).toEqual({ found: 1, moved: true })
  expect(store.get('objects', keyOfObject(objectRow(5)))).toEqual(objectRow(5))
  await store.commit(unitOf(insertObject(objectRow(6))))
  await store.close()
})

describe('a key whose record is overwritten', () => {
  const keyRow = (n: number) => ({
    ...scopeOf(),
    version: n,
    key_id: randomBytes(16),
    state: 2,
    parent_version: 1,
    created: 1,
    record: randomBytes(104),
    row_version: 1,
    mac: randomBytes(36),
  })
  const insertOf = (row: Row<'service_keys'>): Unit => ({
    section: 'keys',
    changes: [{ table: 'service_keys', kind: 'insert', row }],
    audit: [],
  })
  const destructionOf = (before: Row<'service_keys'>): Unit => {
    const row = { ...before, state: 5, record: Buffer.alloc(0), row_version: 2 }
    return { section: 'keys', changes: [{ table: 'service_keys', kind: 'update', row, expectedVersion: 1 }], audit: [] }
  }
  const isAnywhere = (data: string, bytes: Buffer): boolean =>
    readdirSync(data).some((file) => readFileSync(join(data, file)).includes(bytes))

  test('is in none of the files any more when that is told, though others read meanwhile', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    const reader = connectSqliteStore(store.connect())
    const rows = Array.from({ length: 50 }, (_, n) => keyRow(n + 1))
    for (const row of rows) await store.commit(insertOf(row))
    expect(reader.find('service_keys', scopeOf())).toHaveLength(50)
    for (const row of rows.slice(10, 20)) {
      expect(isAnywhere(data, row.record)).toBe(true)
      await store.commit(destructionOf(row))
      expect(isAnywhere(data, row.record)).toBe(false)
      expect(reader.find('service_keys', scopeOf())).toHaveLength(50)
    }
    // Under another key it is another record: the old one opens under the old key for as long as it is anywhere.
    const moved = { ...rows[30]!, parent_version: 2, record: randomBytes(104), row_version: 2 }
    const move = { table: 'service_keys', kind: 'update', row: moved, expectedVersion: 1 } as const
    await store.commit({ section: 'keys', changes: [move], audit: [] })
    expect([isAnywhere(data, rows[30]!.record), isAnywhere(data, moved.record)]).toEqual([false, true])
    expect(isAnywhere(data, rows[5]!.record)).toBe(true)
    await reader.close()
    await store.close()
  })

  test.each(['with something in it', 'empty'])(
    'stays as it is while another program reads a log that was %s, which the operator is told, and all else goes on',
    async (log) => {
      const { data } = temporaryDirectory()
      const store = await openSqliteStore({ directory: data, onFatal })
      const [first, second] = [keyRow(1), keyRow(2)]
      await store.commit(insertOf(first))
      await store.commit(insertOf(second))
      if (log === 'empty') await store.commit(destructionOf(first))
      expect(statSync(join(data, 'keys.db-wal')).size > 0).toBe(log !== 'empty')
      const other = new DatabaseSync(join(data, 'keys.db'), { readOnly: true })
      other.exec('BEGIN; SELECT * FROM service_keys')
      await expect(store.commit(destructionOf(second))).rejects.toMatchObject({
        code: 'store-failed',
        message: expect.stringMatching(
          /another program reads the file of the keys.*end it on the server, then repeat/u,
        ),
      })
      await store.commit(unitOf(insertObject(objectRow(1))))
      await store.commit(insertOf(keyRow(3)))
      await vi.waitFor(() =>
        expect(store.trouble()).toMatch(
          /no key could be erased since 20\d\d-.*another program reads the file of the keys/u,
        ),
      )
      expect(store.get('service_keys', { ...scopeOf(), version: 2 })).toEqual(second)
      other.close()
      await store.commit(destructionOf(second))
      expect(isAnywhere(data, second.record)).toBe(false)
      await vi.waitFor(() => expect(store.trouble()).toBeUndefined(), { timeout: 10_000 })
      await store.close()
    },
  )

  test('is in none of the files either when the row that kept it is deleted', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    const { tenant: owner, system, service } = scopeOf()
    const kept = {
      owner,
      holder: randomBytes(16),
      of_table: 'service_keys',
      system,
      service,
      version: 1,
      parent_version: 1,
      blob_version: 1,
      record: randomBytes(104),
      row_version: 1,
      mac: randomBytes(36),
    }
    const table = 'previous_key_records'
    await store.commit({ section: 'keys', changes: [{ table, kind: 'insert', row: kept }], audit: [] })
    // It stands in the file, not only in the log.
    await store.commit(insertOf(keyRow(1)))
    await store.commit(destructionOf(keyRow(1)))
    expect(readFileSync(join(data, 'keys.db')).includes(kept.record)).toBe(true)
    const key = { owner, holder: kept.holder }
    await store.commit({ section: 'keys', changes: [{ table, kind: 'delete', key }], audit: [] })
    expect(isAnywhere(data, kept.record)).toBe(false)
    await store.close()
  })

  test('and its state alone is changed though another program reads, as is one of which nobody says that it is gone', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    const [first, second] = [keyRow(1), keyRow(2)]
    await store.commit(insertOf(first))
    await store.commit(insertOf(second))
    const other = new DatabaseSync(join(data, 'keys.db'), { readOnly: true })
    other.exec('BEGIN; SELECT * FROM service_keys')
    const row = { ...first, state: 3, row_version: 2 }
    await store.commit({
      section: 'keys',
      changes: [{ table: 'service_keys', kind: 'update', row, expectedVersion: 1 }],
      audit: [],
    })
    await store.commit({ ...destructionOf(second), erasure: 'later' })
    expect([isAnywhere(data, first.record), isAnywhere(data, second.record)]).toEqual([true, true])
    other.close()
    await vi.waitFor(() => expect(isAnywhere(data, second.record)).toBe(false), { timeout: 10_000 })
    await store.close()
  })

  /** Another program that begins to read when it was seen that nobody does, and before the record is overwritten. */
  const readInBetween = async (data: string): Promise<DatabaseSync> => {
    const log = join(data, 'keys.db-wal')
    await vi.waitUntil(() => statSync(log).size === 0, { interval: 1, timeout: 10_000 })
    const other = new DatabaseSync(join(data, 'keys.db'), { readOnly: true })
    other.exec('BEGIN; SELECT * FROM service_keys')
    return other
  }

  test('is told gone only when whoever began to read at that moment has ended', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal }, { overwriteAfterMs: 1_000 })
    const [first, second] = [keyRow(1), keyRow(2)]
    await store.commit(insertOf(first))
    await store.commit(insertOf(second))
    let isTold = false
    const told = store.commit(destructionOf(first)).then(() => (isTold = true))
    const other = await readInBetween(data)
    await store.commit(unitOf(insertObject(objectRow(1))))
    await expect(store.commit(destructionOf(second))).rejects.toMatchObject({ code: 'store-failed' })
    expect([isTold, isAnywhere(data, first.record)]).toEqual([false, true])
    expect(store.trouble()).toMatch(/no key could be erased/u)
    other.close()
    await told
    expect(isAnywhere(data, first.record)).toBe(false)
    await vi.waitFor(() => expect(store.trouble()).toBeUndefined(), { timeout: 10_000 })
    await store.commit(destructionOf(second))
    await store.close()
  })

  test('is not told gone by a server that stops meanwhile, and the next one does not serve before it is', async () => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal }, { overwriteAfterMs: 1_000 })
    const row = keyRow(1)
    await store.commit(insertOf(row))
    const told = expect(store.commit(destructionOf(row))).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/it is done.*end that program, the next start of the server empties the log/u),
    })
    const other = await readInBetween(data)
    await store.close()
    await told
    expect(isAnywhere(data, row.record)).toBe(true)
    await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/keys\.db has a log that cannot be emptied.*end that program.*then start again/u),
    })
    other.close()
    const again = await openSqliteStore({ directory: data, onFatal })
    expect(isAnywhere(data, row.record)).toBe(false)
    await again.close()
  }, 20_000)
})

describe('a start', () => {
  test('on a full disk says so, and asks nobody to restore a backup', async () => {
    const { data } = temporaryDirectory()
    await expect(openSqliteStore({ directory: data, onFatal }, { pagesMax: 3 })).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(/disk is full: free space, then start again; the data is intact/u),
    })
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.close()
  })

  test.each([
    ['the lock', 0],
    ['the log of a section', 16],
  ])('whose write of %s fails leaves the store as it was, and says what to do', async (_, blocks) => {
    const { data } = temporaryDirectory()
    const store = await openSqliteStore({ directory: data, onFatal })
    await store.commit(unitOf(insertObject(objectRow(1))))
    await store.close()
    const { code, message } = await startUnderLimit(data, blocks)
    expect(code).toBe('store-failed')
    expect(message).toMatch(/then start again/u)
    expect(message).not.toMatch(/from a backup/u)
    const again = await openSqliteStore({ directory: data, onFatal })
    expect(again.get('objects', keyOfObject(objectRow(1)))).toBeDefined()
    await again.close()
  })

  test('where a directory stands in the place of a file says what cannot be opened', async () => {
    for (const file of ['lock.db', 'keys.db']) {
      const { data } = temporaryDirectory()
      mkdirSync(join(data, file), { recursive: true })
      await expect(openSqliteStore({ directory: data, onFatal })).rejects.toMatchObject({
        code: 'store-failed',
        message: expect.stringContaining(join(data, file)),
      })
    }
  })

  test('in a place that is no directory says so', async () => {
    const { path } = temporaryDirectory()
    writeFileSync(join(path, 'file'), '')
    await expect(openSqliteStore({ directory: join(path, 'file', 'data'), onFatal })).rejects.toMatchObject({
      code: 'store-failed',
    })
  })
})

test('a full disk fails the unit, leaves nothing of it, keeps the reads going, and writes go on when there is space', async () => {
  const { data } = temporaryDirectory()
  const store = await openSqliteStore({ directory: data, onFatal }, { pagesMax: 60 })
  const full = async () => {
    for (let n = 0; n < 1_000; n++)
      await store.commit({ ...unitOf(insertObject(objectRow(n))), audit: [auditOf('Create')] })
  }
  expect(store.trouble()).toBeUndefined()
  await expect(full()).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('free space') })
  await vi.waitFor(() => expect(store.trouble()).toMatch(/since 20\d\d-.*disk is full: free space/u))
  await store.commit(unitOf([])) // which writes nothing
  await expect(store.commit(unitOf(insertObject(objectRow(1))))).rejects.toMatchObject({ code: 'store-conflict' })
  expect(store.trouble()).toBeDefined()
  const kept = store.locate({ ...scopeOf(), now: 0, limit: 1_000 })
  expect(store.audit('data', 0, 1_000)).toHaveLength(kept.length)
  const freed = kept
    .slice(0, 50)
    .map((row) => ({ table: 'objects', kind: 'delete', key: keyOfObject(row), expectedVersion: 1 }) as const)
  await store.commit(unitOf(freed))
  await vi.waitFor(() => expect(store.trouble()).toBeUndefined())
  await store.commit(unitOf(insertObject(objectRow(2_000))))
  expect(store.get('objects', keyOfObject(objectRow(2_000)))).toBeDefined()
  await store.close()
})

test('a lock that another program holds too long fails the units, leaves nothing of them, keeps the reads going, and writes go on when it is gone', async () => {
  const { data } = temporaryDirectory()
  const store = await openSqliteStore({ directory: data, onFatal })
  await store.commit(unitOf(insertObject(objectRow(1))))
  const other = new DatabaseSync(join(data, 'data.db'))
  other.exec('BEGIN IMMEDIATE')
  const began = performance.now()
  const units = [2, 3].map((n) => store.commit({ ...unitOf(insertObject(objectRow(n))), audit: [auditOf('Create')] }))
  for (const outcome of await Promise.allSettled(units))
    expect(outcome).toMatchObject({
      reason: { code: 'store-failed', message: expect.stringMatching(/another program holds the lock.*repeat/u) },
    })
  // One wait for both.
  expect(performance.now() - began).toBeLessThan(2 * limits.storeBusyMs)
  expect(store.get('objects', keyOfObject(objectRow(1)))).toEqual(objectRow(1))
  await vi.waitFor(() => expect(store.trouble()).toMatch(/since 20\d\d-.*another program holds the lock/u))
  other.exec('ROLLBACK')
  other.close()
  await store.commit({ ...unitOf(insertObject(objectRow(2))), audit: [auditOf('Create')] })
  await vi.waitFor(() => expect(store.trouble()).toBeUndefined())
  expect(store.locate({ ...scopeOf(), now: 0, limit: 10 }).length).toBe(2)
  expect(store.audit('data', 0, 10)).toHaveLength(1)
  await store.close()
}, 20_000)

test('a write that fails on the way to the disk is fatal: what waits is refused, and whatever comes after', async () => {
  const { data } = temporaryDirectory()
  const seen = await startUnderLimit(data, 1024)
  expect(seen).toMatchObject({ fatal: 1, waiting: ['store-failed'], after: 'store-failed' })
  expect(seen).toMatchObject({ trouble: expect.stringContaining('start the server again') })
})

/**
 * What `write-past-limit.ts` prints where files may not grow past so many blocks of 512 bytes: the kernel refuses the write with an
 * error that is not "disk full".
 */
async function startUnderLimit(data: string, blocks: number): Promise<Record<string, unknown>> {
  const script = join(import.meta.dirname, 'write-past-limit.ts')
  const child = spawn('sh', ['-c', `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, script, data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(child, 'close')
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** Overwrites the cells of a leaf page of a table's tree. */
function spoilLeaf(path: string): void {
  const database = new DatabaseSync(path)
  const page = Number(database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'objects'").get()?.['rootpage'])
  database.close()
  const bytes = Buffer.alloc(200, 0x5a)
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, (page - 1) * 4096 + 8)
  closeSync(file)
}

/** Changes a closed section as somebody would who has its file. */
function edit(data: string, sql: string): void {
  const database = new DatabaseSync(join(data, 'data.db'), { defensive: false })
  database.exec(sql)
  database.close()
}
