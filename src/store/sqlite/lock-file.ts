import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { makeFile } from './files.ts'
import { opening, resultOf, SqliteResult } from './sqlite-error.ts'

/**
 * The right to be the server of a directory: an exclusive transaction on `lock.db` that lasts until `release` or the end of the
 * process, however it ends. (`locking_mode = EXCLUSIVE` on the data itself would shut out our own readers.)
 */
export class LockFile {
  readonly #database: DatabaseSync

  /** Throws 'store-locked' when another server has the directory, 'store-failed' when the file cannot be locked at all. */
  constructor(directory: string) {
    const path = join(directory, 'lock.db')
    this.#database = opening(path, () => lock(path, directory))
  }

  release(): void {
    this.#database.close()
  }
}

function lock(path: string, directory: string): DatabaseSync {
  makeFile(path)
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    database.close()
    if (resultOf(cause) !== SqliteResult.busy) throw cause
    throw new KryptonError(
      'store-locked',
      `${directory} is in use by another server: stop it, or choose another directory`,
      { cause },
    )
  }
}
