import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { type Row, type Section, schemaVersion } from '../schema.ts'
import { makeFile, syncDirectory } from './files.ts'
import { LogEraser } from './log-eraser.ts'
import { refuseForeignSchema, refusePartialSchema } from './schema-check.ts'
import { createSection } from './schema-sql.ts'
import { opening } from './sqlite-error.ts'

/** What only tests ask for: a store that loses what it promised, or that is soon full. Configuration cannot reach these. */
export interface Faults {
  /** Commits are acknowledged before they are durable: the control that the harness of power loss must catch. */
  readonly synchronousOff?: boolean
  /** The disk is full when a section has so many pages. */
  readonly pagesMax?: number
  /** So long after it was seen that the log can be emptied a key's record is overwritten: time for others to begin to read. */
  readonly overwriteAfterMs?: number
}

/** Where a section's rows are. */
export function sectionPath(directory: string, section: Section): string {
  return join(directory, `${section}.db`)
}

/**
 * Opens a section for its one writer and makes its tables when it is new. Throws 'store-format' when the file was written by a newer
 * server, is not a store, has more or less in its schema than this server makes, or is damaged; 'store-failed' when the disk is full or fails.
 */
export function openForWriting(directory: string, section: Section, faults: Faults = {}): DatabaseSync {
  const path = sectionPath(directory, section)
  return opening(path, () => prepare(path, section, faults))
}

function prepare(path: string, section: Section, faults: Faults): DatabaseSync {
  const unclean = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0
  makeFile(path)
  const database = new DatabaseSync(path, { timeout: limits.storeBusyMs, enableForeignKeyConstraints: true })
  try {
    database.exec(`PRAGMA page_size = ${limits.storePageBytes}; PRAGMA journal_mode = WAL; PRAGMA trusted_schema = OFF`)
    database.exec(`PRAGMA synchronous = ${faults.synchronousOff === true ? 'OFF' : 'FULL'}`)
    database.exec(
      `PRAGMA cache_size = -${limits.storeWriterCacheKib}; PRAGMA wal_autocheckpoint = ${limits.storeLogPages}`,
    )
    // What a record was goes from its page when it is overwritten: few rows are in this section, and they are what all others hang on.
    if (section === 'keys') database.exec('PRAGMA secure_delete = ON')
    if (faults.pagesMax !== undefined) database.exec(`PRAGMA max_page_count = ${faults.pagesMax}`)
    if (unclean) checkPages(database, path)
    prepareSchema(database, section, path)
    if (unclean && section === 'keys') eraseLog(database, path)
    syncDirectory(dirname(path))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Refuses a store that a newer server wrote, before any of its files is written. What a killed server has left in a write-ahead log is not looked at here: `openForWriting` does.
 * @throws KryptonError store-format
 */
export function refuseNewerFormat(directory: string): void {
  for (const section of ['keys', 'data'] as const) {
    const path = sectionPath(directory, section)
    if (!existsSync(path)) continue
    const head = opening(path, () => headOf(path))
    if (head === undefined) continue
    if (!head.subarray(0, sqliteMagic.length).equals(sqliteMagic)) {
      throw new KryptonError(
        'store-format',
        `${path} is damaged, it does not begin as a SQLite file: restore it from a backup`,
      )
    }
    checkFormat(head.readInt32BE(userVersionOffset), path)
  }
}

/** SQLite's header of a database file; undefined where there is none yet. */
function headOf(path: string): Buffer | undefined {
  const head = Buffer.alloc(headerBytes)
  const descriptor = openSync(path, 'r')
  try {
    return readSync(descriptor, head, 0, headerBytes, 0) === headerBytes ? head : undefined
  } finally {
    closeSync(descriptor)
  }
}

/** What a store says of its root, before it is opened for writing: nothing of it is proven. Undefined where there is none. Throws 'store-format' for what is no store. */
export function readRootBeforehand(
  directory: string,
): Pick<Row<'manifest'>, 'cluster' | 'epoch' | 'master_key_verifier'> | undefined {
  if (!existsSync(sectionPath(directory, 'keys'))) return undefined
  const database = openForReading(directory, 'keys')
  try {
    return opening(sectionPath(directory, 'keys'), () => {
      // A view of that name would be run: whoever opens the file for writing refuses it.
      const made = database.prepare("SELECT type FROM sqlite_schema WHERE name = 'manifest'").get()
      const isMade = made?.['type'] === 'table'
      const row = isMade
        ? database.prepare('SELECT cluster, epoch, master_key_verifier FROM manifest').get()
        : undefined
      if (row === undefined) return undefined
      // Columns of these kinds, or what somebody has put there: it fits no pin then.
      const bytes = (value: unknown): Buffer => (value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0))
      const { cluster, epoch, master_key_verifier: verifier } = row
      return { cluster: bytes(cluster), epoch: Number(epoch), master_key_verifier: bytes(verifier) }
    })
  } finally {
    database.close()
  }
}

/** Opens a section that `openForWriting` has prepared, to read the rows that are committed. */
export function openForReading(directory: string, section: Section): DatabaseSync {
  const path = sectionPath(directory, section)
  return opening(path, () => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: limits.storeBusyMs })
    try {
      database.exec(`PRAGMA trusted_schema = OFF; PRAGMA cache_size = -${limits.storeCacheKib}`)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** After a stop that was none of ours the write-ahead log has just been replayed: the pages are looked at before anybody trusts them. */
function checkPages(database: DatabaseSync, path: string): void {
  const outcome = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (outcome !== 'ok')
    throw new KryptonError('store-format', `${path} is damaged (${String(outcome)}): restore it from a backup`)
}

/** A server that died, or that stopped while another program read, may have overwritten a key whose record the log still has: whoever takes up its work takes it for gone. */
function eraseLog(database: DatabaseSync, path: string): void {
  if (new LogEraser(database).eraseWithin(limits.storeBusyMs)) return
  throw new KryptonError(
    'store-failed',
    `${path} has a log that cannot be emptied, another program reads it or the disk is full: end that program (fuser names it) or free space, then start again; the data shows no damage, restore nothing`,
  )
}

function prepareSchema(database: DatabaseSync, section: Section, path: string): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  checkFormat(found, path)
  refuseForeignSchema(database, section, path)
  if (found === schemaVersion) refusePartialSchema(database, section, path)
  else database.exec(`BEGIN;\n${createSection(section)};\nPRAGMA user_version = ${schemaVersion};\nCOMMIT`)
}

function checkFormat(found: number, path: string): void {
  if (found >= 0 && found <= schemaVersion) return
  throw new KryptonError(
    'store-format',
    `${path} has format ${found}, this server knows format ${schemaVersion}: use the server that wrote it, or a newer one`,
  )
}

/** With this SQLite's header of a database file begins. */
const sqliteMagic = Buffer.from('SQLite format 3\0')

/** SQLite's header of a database file has its `user_version` here, 4 bytes. */
const userVersionOffset = 60
const headerBytes = 100
