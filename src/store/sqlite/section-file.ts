import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { type Section, schemaVersion } from '../schema.ts'
import { makeFile, syncDirectory } from './files.ts'
import { createSection } from './schema-sql.ts'
import { opening } from './sqlite-error.ts'

/** What only tests ask for: a store that loses what it promised, or that is soon full. Configuration cannot reach these. */
export interface Faults {
  /** Commits are acknowledged before they are durable: the control that the harness of power loss must catch. */
  readonly synchronousOff?: boolean
  /** The disk is full when a section has so many pages. */
  readonly pagesMax?: number
}

/** Where a section's rows are. */
export function sectionPath(directory: string, section: Section): string {
  return join(directory, `${section}.db`)
}

/**
 * Opens a section for its one writer and makes its tables when it is new. Throws 'store-format' when the file was written by a newer
 * server, is not a store, or is damaged; 'store-failed' when the disk is full or fails.
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
      `PRAGMA cache_size = -${limits.storeCacheKib}; PRAGMA wal_autocheckpoint = ${limits.storeCheckpointPages}`,
    )
    // What a record was goes from its page when it is overwritten: few rows are in this section, and they are what all others hang on.
    if (section === 'keys') database.exec('PRAGMA secure_delete = ON')
    if (faults.pagesMax !== undefined) database.exec(`PRAGMA max_page_count = ${faults.pagesMax}`)
    if (unclean) checkPages(database, path)
    prepareSchema(database, section, path)
    syncDirectory(dirname(path))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a section that `openForWriting` has prepared, to read the rows that are committed. */
export function openForReading(directory: string, section: Section): DatabaseSync {
  const path = sectionPath(directory, section)
  return opening(path, () => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: limits.storeBusyMs })
    database.exec(`PRAGMA trusted_schema = OFF; PRAGMA cache_size = -${limits.storeCacheKib}`)
    return database
  })
}

/** After a stop that was none of ours the write-ahead log has just been replayed: the pages are looked at before anybody trusts them. */
function checkPages(database: DatabaseSync, path: string): void {
  const outcome = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (outcome !== 'ok')
    throw new KryptonError('store-format', `${path} is damaged (${String(outcome)}): restore it from a backup`)
}

function prepareSchema(database: DatabaseSync, section: Section, path: string): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (found === schemaVersion) return
  if (found > schemaVersion || found < 0) {
    throw new KryptonError(
      'store-format',
      `${path} has format ${found}, this server knows format ${schemaVersion}: use the server that wrote it, or a newer one`,
    )
  }
  database.exec(`BEGIN;\n${createSection(section)};\nPRAGMA user_version = ${schemaVersion};\nCOMMIT`)
}
