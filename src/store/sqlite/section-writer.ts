import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { keyValues, refusalOf, type RowsBefore } from '../preconditions.ts'
import type { Values } from '../row-key.ts'
import { type ChangeableTable, type Section, tableOf } from '../schema.ts'
import type { Change, Unit } from '../store.ts'
import { changeableTables, conditionSql, equalTo } from './schema-sql.ts'
import { isDiskFull, resultOf, SqliteResult } from './sqlite-error.ts'
import { auditRowColumns } from './unit-codec.ts'

/** What became of a unit: undefined when it is durable. */
export type Outcome = KryptonError | undefined

/** Thrown when nobody can say whether a transaction is durable: the process must stop and let recovery decide. */
export class OutcomeUnknown extends Error {}

/**
 * Writes units to one section, many in one transaction. Each unit's preconditions are checked before its first write, so that a refused
 * one leaves the others alone without a savepoint for each.
 */
export class SectionWriter {
  readonly #database: DatabaseSync
  readonly #tables = new Map<ChangeableTable, TableStatements>()
  readonly #insertAudit: Binding

  constructor(database: DatabaseSync, section: Section) {
    this.#database = database
    for (const table of changeableTables(section)) this.#tables.set(table, prepareTable(database, table))
    const columns = Object.keys(auditRowColumns)
    this.#insertAudit = { statement: database.prepare(insertInto('audit', columns)), columns }
  }

  /**
   * Writes `units` in one transaction and returns what became of each once that is durable. When the disk is full or a row violates a
   * constraint of its table, those that could not be written fail with 'store-failed' and nothing of them stays. Throws
   * OutcomeUnknown when the transaction cannot be ended.
   */
  commit(units: readonly Unit[]): Outcome[] {
    try {
      return this.#transaction(units)
    } catch (error) {
      if (!isHarmless(error)) throw new OutcomeUnknown('a transaction could not be ended', { cause: error })
      this.#rollBack()
      if (units.length === 1) return [couldNotBeWritten(error)]
      return units.map((unit) => this.commit([unit])[0])
    }
  }

  #transaction(units: readonly Unit[]): Outcome[] {
    this.#database.exec('BEGIN IMMEDIATE')
    const outcomes = units.map((unit) => {
      const refusal = refusalOf(unit, this.#before)
      if (refusal === undefined) this.#write(unit)
      return refusal
    })
    this.#database.exec('COMMIT')
    return outcomes
  }

  #write(unit: Unit): void {
    for (const change of unit.changes) if (change.kind === 'delete') this.#apply(change)
    for (const change of unit.changes) if (change.kind !== 'delete') this.#apply(change)
    for (const row of unit.audit) run(this.#insertAudit, row)
  }

  #apply(change: Change): void {
    run(this.#tables.get(change.table)![change.kind], keyValues(change))
  }

  /** SQLite ends some transactions itself when they fail. */
  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    } catch (error) {
      throw new OutcomeUnknown('a transaction could not be rolled back', { cause: error })
    }
  }

  readonly #before: RowsBefore = {
    versionOf: (table, row) => {
      const found = first(this.#tables.get(table)!.version, row)
      return found === undefined ? undefined : Number(found[0])
    },
    holderOf: (table, index, row) => {
      const found = first(this.#tables.get(table)!.holders.get(index)!, row)
      return found && Object.fromEntries(tableOf(table).key.map((column, at) => [column, found[at]]))
    },
  }
}

/** A statement and the columns whose values it takes, in the order of its parameters. */
interface Binding {
  readonly statement: StatementSync
  readonly columns: readonly string[]
}

interface TableStatements extends Readonly<Record<Change['kind'] | 'version', Binding>> {
  /** By unique index: the primary key of the row that has given values. */
  readonly holders: ReadonlyMap<string, Binding>
}

function prepareTable(database: DatabaseSync, name: ChangeableTable): TableStatements {
  const table = tableOf(name)
  const { key } = table
  const columns = Object.keys(table.columns)
  const others = columns.filter((column) => !key.includes(column))
  const bind = (sql: string, columns: readonly string[]): Binding => {
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    return { statement, columns }
  }
  const holders = Object.entries(table.indexes)
    .filter(([, { unique }]) => unique === true)
    .map(([index, { columns, where }]): [string, Binding] => {
      const condition = where === undefined ? '' : ` AND ${conditionSql(where)}`
      return [index, bind(`SELECT ${key.join(', ')} FROM ${name} WHERE ${equalTo(columns)}${condition}`, columns)]
    })
  const assignments = others.map((column) => `${column} = ?`).join(', ')
  return {
    insert: bind(insertInto(name, columns), columns),
    update:
      others.length === 0
        ? bind(`SELECT 1 WHERE 0`, [])
        : bind(`UPDATE ${name} SET ${assignments} WHERE ${equalTo(key)}`, [...others, ...key]),
    delete: bind(`DELETE FROM ${name} WHERE ${equalTo(key)}`, key),
    version: bind(`SELECT ${table.authenticated ? 'row_version' : '0'} FROM ${name} WHERE ${equalTo(key)}`, key),
    holders: new Map(holders),
  }
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
}

function run({ statement, columns }: Binding, values: object): void {
  statement.run(...parameters(columns, values))
}

function first({ statement, columns }: Binding, values: object): readonly unknown[] | undefined {
  const row: unknown = statement.get(...parameters(columns, values))
  return Array.isArray(row) ? row : undefined
}

function parameters(columns: readonly string[], values: object): SQLInputValue[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the codec has checked each value against its column
  const byName = values as Values as Readonly<Record<string, SQLInputValue | boolean>>
  return columns.map((column) => {
    const value = byName[column]!
    return typeof value === 'boolean' ? Number(value) : value
  })
}

function couldNotBeWritten(cause: unknown): KryptonError {
  const message = isDiskFull(cause)
    ? 'the disk is full: free space on the server, then repeat the request'
    : 'the store refused a row: see the log of the server'
  return new KryptonError('store-failed', message, { cause })
}

/** True if the failed transaction is known to have left nothing behind: the disk was full, or a constraint was violated. */
function isHarmless(error: unknown): boolean {
  const result = resultOf(error)
  return result === SqliteResult.full || result === SqliteResult.constraint
}
