import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { limits } from '../../src/limits.ts'

/** Rows of one table that one Create writes, in the order in which the server wrote them. */
interface CopiedTable {
  readonly name: string
  readonly perCreate: number
  readonly rows: readonly (readonly SQLInputValue[])[]
}

/** How fast it was, and what a Create is made of. */
export interface BareWriter {
  readonly createsPerSecond: number
  readonly rows: string
}

/**
 * The writer with nothing around it: the rows that the server wrote for its Creates, taken out of a copy of its database and
 * written again in the same order, `group` Creates a transaction, with the same schema, indexes, cache, journal and durability; and the row of the digest, which
 * every transaction changes. No protocol, no keys, no other thread: the log is copied back by the writer itself when it has as many pages as the server's thread waits for. `rowsBefore` is what the tables held before those Creates; the database at `path` is changed.
 */
export function measureBareWriter(
  path: string,
  rowsBefore: ReadonlyMap<string, number>,
  creates: number,
  group: number,
): BareWriter {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF')
    database.exec(
      `PRAGMA cache_size = -${limits.storeWriterCacheKib}; PRAGMA wal_autocheckpoint = ${limits.storeCheckpointPages}`,
    )
    const tables = takeOut(database, rowsBefore, creates)
    database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    const inserts = tables.map((table) => insertOf(database, table))
    const changeDigest = digestChange(database)
    const begin = database.prepare('BEGIN IMMEDIATE')
    const commit = database.prepare('COMMIT')
    const whole = Math.min(...tables.map(({ rows, perCreate }) => Math.floor(rows.length / perCreate)))
    const start = performance.now()
    for (let create = 0; create < whole; create += group) {
      begin.run()
      for (const [index, table] of tables.entries()) {
        const end = Math.min(create + group, whole) * table.perCreate
        for (let row = create * table.perCreate; row < end; row++) inserts[index]!.run(...table.rows[row]!)
      }
      changeDigest()
      commit.run()
    }
    const seconds = (performance.now() - start) / 1000
    return {
      createsPerSecond: whole / seconds,
      rows: tables.map(({ name, perCreate }) => `${perCreate} ${name}`).join(', '),
    }
  } finally {
    database.close()
  }
}

/** Rows in each table: before and after a run, the difference is what the run wrote. */
export function countRows(path: string): Map<string, number> {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return new Map(tableNames(database).map((name) => [name, count(database, name)]))
  } finally {
    database.close()
  }
}

function takeOut(database: DatabaseSync, rowsBefore: ReadonlyMap<string, number>, creates: number): CopiedTable[] {
  const tables: CopiedTable[] = []
  for (const name of tableNames(database)) {
    const before = rowsBefore.get(name) ?? 0
    const perCreate = Math.round((count(database, name) - before) / creates)
    if (perCreate === 0) continue
    // What a Create writes is numbered. By their key, which is random, rows would be written sorted, which no server can do: a tree takes those for less.
    const rows = database
      .prepare(`SELECT * FROM "${name}" ORDER BY sequence`)
      .all()
      .map((row) => Object.values(row))
    database.exec(`DELETE FROM "${name}"`)
    tables.push({ name, perCreate, rows })
  }
  if (tables.length === 0)
    throw new Error('the Creates left no rows: is this the database of the server that was measured?')
  return tables
}

/** Writes the digest's row anew: as long as it is, and of other bytes each time. */
function digestChange(database: DatabaseSync): () => void {
  const { sets, mac, row_version } = database.prepare('SELECT sets, mac, row_version FROM set_digests').get()!
  if (!(sets instanceof Uint8Array) || !(mac instanceof Uint8Array))
    throw new Error('the digest of a section has no bytes')
  const update = database.prepare('UPDATE set_digests SET nonce = ?, sets = ?, row_version = ?, mac = ?')
  const bytes = randomBytes(16 + sets.byteLength + mac.byteLength)
  let version = Number(row_version)
  return () => {
    bytes.writeUInt32LE(++version)
    bytes.copy(bytes, 16, 0, 16)
    const macAt = 16 + sets.byteLength
    update.run(bytes.subarray(0, 16), bytes.subarray(16, macAt), version, bytes.subarray(macAt))
  }
}
function insertOf(database: DatabaseSync, table: CopiedTable): StatementSync {
  return database.prepare(`INSERT INTO "${table.name}" VALUES (${table.rows[0]!.map(() => '?').join(', ')})`)
}

function tableNames(database: DatabaseSync): string[] {
  return database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    .all()
    .map((row) => String(row['name']))
}

function count(database: DatabaseSync, table: string): number {
  return Number(database.prepare(`SELECT count(*) AS rows FROM "${table}"`).get()?.['rows'] ?? 0)
}
