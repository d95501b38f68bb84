import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import { limits } from '../../src/limits.ts'
import { Checkpointer } from '../../src/store/sqlite/checkpointer.ts'
import { openForWriting, sectionPath } from '../../src/store/sqlite/section-file.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { temporaryDirectory } from './directories.ts'
import { insertObject, objectRow, scopeOf, unitOf } from './rows.ts'

/** More than a page of the log for each. */
const bytes = 20_000
const pagesOf = (inserts: number): number => inserts * Math.ceil(bytes / limits.storePageBytes)

test('the log is copied back by another thread while the writer goes on, who is told of no stranger, and is gone at the end', async () => {
  const { data } = temporaryDirectory()
  const onFatal = vi.fn<(error: unknown) => void>()
  const store = await openSqliteStore({ directory: data, onFatal })
  const changedOutside = vi.fn<() => void>()
  store.whenChangedOutside(changedOutside)
  const path = join(data, 'data.db')
  let written = 0
  const insert = async (): Promise<void> => {
    await store.commit(unitOf(insertObject({ ...objectRow(written++), attributes: Buffer.alloc(bytes, written) })))
  }
  const before = statSync(path).size
  // Of itself the writer would copy nothing before limits.storeLogPages.
  while (pagesOf(written) < limits.storeCheckpointPages + 500) await insert()
  await vi.waitFor(async () => {
    await insert()
    expect(statSync(path).size).toBeGreaterThan(before + (limits.storeCheckpointPages * limits.storePageBytes) / 2)
  })
  expect(pagesOf(written)).toBeLessThan(limits.storeLogPages)
  await new Promise((resolve) => setTimeout(resolve, limits.outsideLookMs + 200))
  expect(changedOutside).not.toHaveBeenCalled()
  expect(onFatal).not.toHaveBeenCalled()
  await store.close()
  expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  const again = await openSqliteStore({ directory: data, onFatal })
  const found = again.find('objects', scopeOf(), { offset: 0, limit: written + 1 })
  expect(found.length).toBe(written)
  await again.close()
})

test('a copy that cannot be made durable is told, and no other is begun after the end', async () => {
  const { data } = temporaryDirectory()
  mkdirSync(data, { recursive: true })
  const database = openForWriting(data, 'data')
  database.exec('CREATE TABLE filler (page BLOB)')
  const fill = database.prepare('INSERT INTO filler VALUES (zeroblob(?))')
  fill.run(limits.storePageBytes * (limits.storeCheckpointPages + 1))
  const failed: string[] = []
  // The thread is shown a file that is no database: SQLite refuses it as it refuses a disk that fails.
  const checkpointer = new Checkpointer(database, join(import.meta.dirname, 'checkpointer.test.ts'), (message) =>
    failed.push(message),
  )
  checkpointer.look()
  await vi.waitFor(() => expect(failed).toEqual([expect.stringMatching(/not a database/)]), { timeout: 10_000 })
  await checkpointer.close()

  const other = new Checkpointer(database, sectionPath(data, 'data'), (message) => failed.push(message))
  await other.close()
  other.look()
  const { checkpointed } = database.prepare('PRAGMA wal_checkpoint(NOOP)').get()!
  expect(checkpointed).toBe(0)
  database.close()
  expect(failed.length).toBe(1)
  expect(new DatabaseSync(sectionPath(data, 'data')).prepare('SELECT count(*) AS n FROM filler').get()).toEqual({
    n: 1,
  })
})
