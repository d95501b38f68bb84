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
    return this.#waiting(() => this.#truncate.get()?.['busy'] === 0, 0)
  }

  /** Tries for that long; this thread does nothing else meanwhile. */
  eraseWithin(ms: number): boolean {
    const end = performance.now() + ms
    // One try at least.
    while (!this.erase()) {
      if (performance.now() >= end) return false
      block(limits.storeEraseLookMs)
    }
    return true
  }

  /**
   * True if the log can be emptied of what is written next: it is emptied of a page that is written for that, within that time. Who reads in a transaction that began while
   * the log was empty does not keep an empty log from being emptied, only one that has something in it again. Throws what SQLite does, also when another program holds the lock.
   */
  canEraseWithin(ms: number): boolean {
    this.#waiting(() => this.#database.exec(`PRAGMA user_version = ${schemaVersion}`), ms)
    return this.eraseWithin(ms)
  }

  #waiting<T>(act: () => T, ms: number): T {
    this.#database.exec(`PRAGMA busy_timeout = ${ms}`)
    try {
      return act()
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${limits.storeBusyMs}`)
    }
  }
}

/** This thread does nothing for that long. */
export function block(ms: number): void {
  Atomics.wait(nobody, 0, 0, ms)
}

/** Nobody wakes who waits here. */
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
