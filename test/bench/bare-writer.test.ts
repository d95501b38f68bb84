import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { countRows, measureBareWriter } from '../../bench/durable/bare-writer.ts'
import { isInMemory, measureFdatasync } from '../../bench/durable/fdatasync.ts'

let directory: string
let path: string
const creates = 300

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bench-writer-'))
  path = join(directory, 'data.db')
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE tenants (tenant BLOB PRIMARY KEY, name TEXT) WITHOUT ROWID;
    CREATE TABLE objects (tenant BLOB REFERENCES tenants, object BLOB, sequence INTEGER, record BLOB, PRIMARY KEY (tenant, object));
    CREATE TABLE object_index (object BLOB, token BLOB, sequence INTEGER);
    CREATE TABLE audit (sequence INTEGER PRIMARY KEY AUTOINCREMENT, detail TEXT);
    CREATE TABLE set_digests (section TEXT PRIMARY KEY, nonce BLOB, sets BLOB, row_version INTEGER, mac BLOB) WITHOUT ROWID;
    INSERT INTO tenants VALUES (x'01', 'demo');
    INSERT INTO set_digests VALUES ('data', zeroblob(16), zeroblob(200), 7, zeroblob(32));
    INSERT INTO audit (detail) VALUES ('tenant made')`)
  database.close()
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function writeCreates(): void {
  const database = new DatabaseSync(path)
  database.exec('BEGIN')
  for (let create = 0; create < creates; create++) {
    const object = Buffer.alloc(16)
    object.writeUInt32BE((create * 7) % creates)
    database.prepare("INSERT INTO objects VALUES (x'01', ?, ?, ?)").run(object, create, Buffer.alloc(200))
    for (const token of ['a', 'b'])
      database.prepare('INSERT INTO object_index VALUES (?, ?, ?)').run(object, Buffer.from(token), create)
    database.prepare('INSERT INTO audit (detail) VALUES (?)').run(`create ${create}`)
  }
  database.exec('COMMIT')
  database.close()
}

function objectsAsWritten(): string[] {
  const database = new DatabaseSync(path, { readOnly: true })
  const rows = database.prepare('SELECT hex(object) AS object FROM objects ORDER BY rowid').all()
  database.close()
  return rows.map(({ object }) => String(object))
}

test('the bare writer writes the rows of the Creates again, all of them in their order, and the digest with each transaction', () => {
  const before = countRows(path)
  writeCreates()
  const after = countRows(path)
  const order = objectsAsWritten()
  const { createsPerSecond, rows } = measureBareWriter(path, before, creates, 64)
  expect(createsPerSecond).toBeGreaterThan(100)
  expect(rows).toBe('1 objects, 2 object_index, 1 audit')
  const again = countRows(path)
  expect(again.get('objects')).toBe(after.get('objects'))
  expect(again.get('object_index')).toBe(after.get('object_index'))
  expect(again.get('tenants')).toBe(1)
  expect(objectsAsWritten()).toEqual(order)
  const database = new DatabaseSync(path, { readOnly: true })
  const { row_version, bytes } = database.prepare('SELECT row_version, length(sets) AS bytes FROM set_digests').get()!
  database.close()
  expect({ row_version, bytes }).toEqual({ row_version: 7 + Math.ceil(creates / 64), bytes: 200 })
})

test('a database in which the Creates left no rows is refused', () => {
  expect(() => measureBareWriter(path, countRows(path), creates, 64)).toThrow('is this the database of the server')
})

test('F is measured where the folder is, and memory is told from a disk', () => {
  const histogram = measureFdatasync(directory, 0.05)
  expect(histogram.total).toBeGreaterThan(0)
  expect(isInMemory('/dev/shm')).toBe(true)
})
