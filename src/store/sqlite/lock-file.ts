import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { makeFile } from './files.ts'

/**
 * The right to be the server of a directory: an exclusive transaction on `lock.db` that lasts until `release` or the end of the
 * process, however it ends. (`locking_mode = EXCLUSIVE` on the data itself would shut out our own readers.)
 */
export class LockFile {
  readonly #database: DatabaseSync

  /** Throws 'store-locked' when another server has the directory. */
  constructor(directory: string) {
    const path = join(directory, 'lock.db')
    makeFile(path)
    this.#database = new DatabaseSync(path, { timeout: 0 })
    try {
      this.#database.exec('BEGIN EXCLUSIVE')
    } catch (cause) {
      this.#database.close()
      throw new KryptonError(
        'store-locked',
        `${directory} is in use by another server: stop it, or choose another directory`,
        { cause },
      )
    }
  }

  release(): void {
    this.#database.close()
  }
}
