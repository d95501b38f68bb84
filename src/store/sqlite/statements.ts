import { limits } from '../../limits.ts'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

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

/** The values of those columns as a statement takes them: SQLite has no flags but numbers. */
export function parameters(columns: readonly string[], values: object): SQLInputValue[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rows and keys have what SQLite takes, and flags; the codec has checked those that are written
  const byName = values as Readonly<Record<string, SQLInputValue | boolean>>
  return columns.map((column) => {
    const value = byName[column]!
    return typeof value === 'boolean' ? Number(value) : value
  })
}
