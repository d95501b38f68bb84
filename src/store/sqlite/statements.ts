import { limits } from '../../limits.ts'
import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** The statements of one connection, each prepared once while it is among the last that were made. */
export class Statements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** The prepared statement of `sql`; rows come as arrays, in the order of its columns. */
  of(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReturnArrays(true)
      this.#prepared.set(sql, statement)
      if (this.#prepared.size > limits.storeStatementsMax) this.#prepared.delete(this.#prepared.keys().next().value!)
    }
    return statement
  }
}
