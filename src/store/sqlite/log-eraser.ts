import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { limits } from '../../limits.ts'
import { schemaVersion } from '../schema.ts'

/**
 * Empties the write-ahead log of a section: it holds pages as they were before a key's record was overwritten. SQLite does that while nobody reads from the
 * log, nor from the file in a transaction that began before; who does is another program, or for milliseconds a thread of ours.
 */
export class LogEraser {
  readonly #database: DatabaseSync
  readonly #truncate: StatementSync

  /** `database` is the writer's connection. */
  constructor(database: DatabaseSync) {
    this.#database = database
    this.#truncate = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Tries once, and waits for nobody: true if the log is empty now. Throws what SQLite does when the disk is full or fails. */
  erase(): boolean {
    this.#database.exec('PRAGMA busy_timeout = 0')
    try {
      return this.#truncate.get()?.['busy'] === 0
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${limits.storeBusyMs}`)
    }
  }

  /** Tries for that long; this thread does nothing else meanwhile. */
  eraseWithin(ms: number): boolean {
    const end = performance.now() + ms
    while (!this.erase()) {
      if (performance.now() >= end) return false
      Atomics.wait(clock, 0, 0, limits.storeEraseLookMs)
    }
    return true
  }

  /**
   * True if the log can be emptied of what is written next: it is emptied of a page that is written for that. Who reads in a transaction that began while
   * the log was empty does not keep an empty log from being emptied, only one that has something in it again.
   */
  canErase(): boolean {
    this.#database.exec(`PRAGMA user_version = ${schemaVersion}`)
    return this.eraseWithin(limits.storeEraseMs)
  }
}

/** Nobody wakes who waits here. */
const clock = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
