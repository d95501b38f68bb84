import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import { keyValues, refusalOf, rowIsChanged, type RowsBefore } from '../preconditions.ts'
import type { Values } from '../row-key.ts'
import type { ChangedRows } from '../row-register.ts'
import {
  auditColumns,
  type ChangeableTable,
  type Section,
  type SetDigestRow,
  setDigestColumns,
  type StoredAuditRow,
  tableOf,
} from '../schema.ts'
import { changedDigest, SetDigest, type SetDifference, type SetDigestKey } from '../set-digest.ts'
import type { AcceptedSet, Change, Unit } from '../store.ts'
import { type Bound, boundBy } from './column-code.ts'
import type { SetPage } from './messages.ts'
import { changeableTables, conditionSql, equalTo } from './schema-sql.ts'
import { isLocked, resultOf, SqliteResult, type WriteObstacle, writeObstacleOf } from './sqlite-error.ts'
import { parameters } from './statements.ts'
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
  readonly #section: Section
  readonly #tables = new Map<ChangeableTable, TableStatements>()
  readonly #insertAudit: Binding
  readonly #readSets: StatementSync
  readonly #readNewestAudit: StatementSync
  readonly #writeSets: Binding
  #digest: SetDigest | undefined
  /** True if there is a digest, whose key nobody has brought yet. */
  #isClosed: boolean

  constructor(database: DatabaseSync, section: Section) {
    this.#database = database
    this.#section = section
    for (const table of changeableTables(section)) this.#tables.set(table, prepareTable(database, table))
    const columns = Object.keys(auditRowColumns)
    this.#insertAudit = bindingOf(database.prepare(insertInto('audit', columns)), columns)
    this.#readSets = database.prepare('SELECT * FROM set_digests WHERE section = ?')
    this.#readNewestAudit = database.prepare(
      `SELECT ${Object.keys(auditColumns).join(', ')} FROM audit ORDER BY sequence DESC LIMIT 1`,
    )
    // With a condition: without one SQLite notes the keys of all rows in a table that it makes for that, each time.
    const setColumns = Object.keys(setDigestColumns).filter((column) => column !== 'section')
    const sql = `UPDATE set_digests SET ${setColumns.map((column) => `${column} = ?`).join(', ')} WHERE section = ?`
    this.#writeSets = bindingOf(database.prepare(sql), [...setColumns, 'section'])
    this.#isClosed = this.#storedSets()?.key_version !== 0
  }

  /**
   * Takes the keys of the section's digest, and keeps it with every change from now on under the one that it is under; one that has not begun does under the first, where that is due. Says whether it has begun just now.
   * @throws KryptonError row-mac-mismatch: the digest is not there, or not as it was written; store-failed: another program holds the lock
   */
  keepSets(keys: readonly [SetDigestKey, ...SetDigestKey[]], mayBegin: boolean): boolean {
    const stored = this.#storedSets()
    if (stored === undefined || (stored.key_version === 0 && !mayBegin)) throw changedDigest(this.#section)
    if (stored.key_version !== 0) {
      this.#digest = SetDigest.open(this.#section, keys, stored, this.#newestAudit())
      this.#isClosed = false
      return false
    }
    const digest = new SetDigest(this.#section, keys[0])
    this.#begin()
    for (const [table, { all }] of this.#tables) {
      for (const row of all.statement.iterate()) digest.add(table, valuesOf(all.columns, row))
    }
    run(this.#writeSets, digest.encode(this.#newestAudit()))
    this.#database.exec('COMMIT')
    this.#digest = digest
    this.#isClosed = false
    return true
  }

  /** Takes the key that is to come; false where the digest is under it already. */
  prepareSets(key: SetDigestKey): boolean {
    return this.#kept().prepare(key)
  }

  /**
   * Puts the digest under the key that was prepared: durable when it returns.
   * @throws KryptonError store-failed: another program holds the lock, and nothing has changed
   */
  turnSets(): void {
    const digest = this.#kept()
    this.#begin()
    digest.turn(this.#tables.keys())
    run(this.#writeSets, digest.encode(this.#newestAudit()))
    this.#database.exec('COMMIT')
  }

  /** The version of the key that the digest is under. */
  get setsKeyVersion(): number {
    return this.#kept().keyVersion
  }

  #begin(): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
    } catch (error) {
      throw isLocked(error) ? couldNotBeWritten(error) : error
    }
  }

  #kept(): SetDigest {
    if (this.#digest === undefined) throw new Error('the digests are not kept yet')
    return this.#digest
  }

  /**
   * Counts the next `rows` rows of a table, from its first one on with `isFirst`. At its end says how the table differs from what the digest has of it, null where it does not, or where that was accepted; undefined while there are more rows.
   */
  passSets({ table, rows, isFirst, accepted }: Omit<SetPage, 'section'>): SetDifference | null | undefined {
    const digest = this.#kept()
    const { page, next } = this.#tables.get(table)!
    if (isFirst) digest.walk(table)
    const place = digest.placeOf(table)
    const found =
      place === undefined
        ? page.statement.all(rows)
        : next.statement.all(...parameters(tableOf(table).key, place), rows)
    digest.pass(
      table,
      found.map((row) => valuesOf(page.columns, row)),
    )
    if (found.length === rows) return undefined
    return (accepted === undefined ? digest.compare(table) : this.#accept(table, accepted)) ?? null
  }

  /** How the rows of one owner differ from those that were written: see `KeptSets`. */
  compareOwned(table: ChangeableTable, owner: Values): ChangedRows | undefined {
    const digest = this.#kept()
    const { owned } = this.#tables.get(table)!
    const rows = owned.statement.all(...parameters(owned.columns, owner))
    return digest.compareOwned(
      table,
      owner,
      rows.map((row) => valuesOf(owned.selected, row)),
    )
  }

  /** Which rows differ, where that was not known: see `KeptSets.learnSet`. */
  learnSets(table: ChangeableTable, corrected: readonly Values[]): boolean {
    return this.#kept().learn(table, corrected)
  }

  /** The digest and the audit row in one transaction, as with every change. */
  #accept(table: ChangeableTable, { code, audit }: AcceptedSet): SetDifference | undefined {
    const digest = this.#kept()
    const mark = digest.mark()
    const other = digest.accept(table, code)
    if (other !== undefined) return other
    try {
      this.#begin()
      run(this.#insertAudit, audit)
      run(this.#writeSets, digest.encode(this.#newestAudit()))
      this.#database.exec('COMMIT')
      return undefined
    } catch (error) {
      digest.back(mark)
      throw error
    }
  }

  /** True if the unit takes a record of a key out of a row: what the row holds now, which is something, is not in it afterwards. */
  takesRecords({ changes }: Unit): boolean {
    return this.#section === 'keys' && changes.some((change) => this.#takesRecord(change))
  }

  #takesRecord(change: Change): boolean {
    const { table, kind } = change
    const { record } = this.#tables.get(table)!
    if (record === undefined || kind === 'insert') return false
    const [stored] = first(record, keyValues(change)) ?? []
    if (!(stored instanceof Uint8Array) || stored.byteLength === 0) return false
    const values: Values = kind === 'update' ? change.row : {}
    const next = values[record.column]
    return !(next instanceof Uint8Array) || Buffer.compare(stored, next) !== 0
  }

  /** Ends the key of the digest. */
  wipe(): void {
    this.#digest?.wipe()
  }

  #newestAudit(): StoredAuditRow | undefined {
    const row = this.#readNewestAudit.get()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table is strict and has these columns
    return row as StoredAuditRow | undefined
  }

  #storedSets(): SetDigestRow | undefined {
    const row = this.#readSets.get(this.#section)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table is strict and has these columns
    return row as SetDigestRow | undefined
  }

  /**
   * Writes `units` in one transaction and returns what became of each once that is durable. When the disk is full, another program holds
   * the lock of the file or a row violates a constraint of its table, those that could not be written fail with 'store-failed' and nothing of
   * them stays. Throws OutcomeUnknown when the transaction cannot be ended.
   */
  commit(units: readonly Unit[]): Outcome[] {
    try {
      return this.#transaction(units, this.#beforeInserts)
    } catch (error) {
      this.#takeBack(error)
      return isLocked(error) ? allRefused(units, error) : this.#commitChecked(units)
    }
  }

  /** The same with a look for each row before it is inserted, where that has found one: it costs a Create a fifteenth of the writer's time, and identifiers of 16 random bytes are never there. */
  #commitChecked(units: readonly Unit[]): Outcome[] {
    try {
      return this.#transaction(units, this.#before)
    } catch (error) {
      this.#takeBack(error)
      if (units.length === 1 || isLocked(error)) return allRefused(units, error)
      return units.map((unit) => this.#commitChecked([unit])[0])
    }
  }

  /** Of a transaction that has failed. Throws OutcomeUnknown where nobody can say what is left of it. */
  #takeBack(error: unknown): void {
    if (!isHarmless(error)) throw new OutcomeUnknown('a transaction could not be ended', { cause: error })
    this.#rollBack()
  }

  #transaction(units: readonly Unit[], before: RowsBefore): Outcome[] {
    const mark = this.#digest?.mark()
    let isChanged = false
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      const outcomes = units.map((unit) => {
        const refusal =
          this.#isClosed && (unit.changes.length > 0 || unit.audit.length > 0)
            ? sealed()
            : (this.#refuseChangedRows(unit) ?? this.#refusalOf(unit, before))
        if (refusal !== undefined) return refusal
        this.#write(unit)
        isChanged ||= unit.changes.length > 0 || unit.audit.length > 0
        return undefined
      })
      if (this.#digest !== undefined && isChanged) run(this.#writeSets, this.#digest.encode(this.#newestAudit()))
      this.#database.exec('COMMIT')
      return outcomes
    } catch (error) {
      if (mark !== undefined) this.#digest?.back(mark)
      throw error
    }
  }

  /** What somebody has put in the place of a row is not computed with: what is written over it would be believed. */
  #refuseChangedRows(unit: Unit): KryptonError | undefined {
    for (const change of unit.changes) {
      const { table } = change
      if (this.#digest?.knowsRowsOf(table) !== true) continue
      const key = keyValues(change)
      const { before } = this.#tables.get(table)!
      const stored = first(before, key)
      if (this.#digest.isAsWritten(table, key, stored && valuesOf(before.selected, stored))) continue
      return rowIsChanged(table)
    }
    return undefined
  }

  /** The reason of a unit that is refused is the first that there is, whatever was not looked at before: as every store says it. */
  #refusalOf(unit: Unit, before: RowsBefore): KryptonError | undefined {
    return refusalOf(unit, before) && refusalOf(unit, this.#before)
  }

  #write(unit: Unit): void {
    for (const change of unit.changes) if (change.kind === 'delete') this.#apply(change)
    for (const change of unit.changes) if (change.kind !== 'delete') this.#apply(change)
    for (const row of unit.audit) run(this.#insertAudit, row)
  }

  #apply(change: Change): void {
    const { table, kind } = change
    const statements = this.#tables.get(table)!
    const values = keyValues(change)
    if (kind === 'insert' && !tableOf(table).authenticated && first(statements.version, values) !== undefined) return
    if (this.#digest !== undefined && kind !== 'insert') {
      const before = first(statements.before, values)
      if (before !== undefined) this.#digest.remove(table, valuesOf(statements.before.selected, before))
    }
    run(statements[kind], values)
    if (this.#digest !== undefined && kind !== 'delete') this.#digest.add(table, values)
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

  readonly #beforeInserts: RowsBefore = { ...this.#before, refusesInserts: true }
}

/** A statement and the columns whose values it takes, in the order of its parameters. */
interface Binding {
  readonly statement: StatementSync
  readonly columns: readonly string[]
  readonly bound: Bound
}

interface TableStatements extends Readonly<Record<Change['kind'] | 'version', Binding>> {
  /** What the digest must know of a row that is there; `selected` are the columns that it gives. */
  readonly before: Binding & { readonly selected: readonly string[] }
  /** The same of all rows in the order of their keys, of the first ones, and of those after a key: `columns` are those that it gives. */
  readonly all: Binding
  readonly page: Binding
  readonly next: Binding
  /** The same of the rows that have a value in the first column of their key. */
  readonly owned: Binding & { readonly selected: readonly string[] }
  /** What a row holds of a key, sealed: of tables that hold such. */
  readonly record: (Binding & { readonly column: string }) | undefined
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
    return bindingOf(statement, columns)
  }
  const holders = Object.entries(table.indexes)
    .filter(([, { unique }]) => unique === true)
    .map(([index, { columns, where }]): [string, Binding] => {
      const condition = where === undefined ? '' : ` AND ${conditionSql(where)}`
      return [index, bind(`SELECT ${key.join(', ')} FROM ${name} WHERE ${equalTo(columns)}${condition}`, columns)]
    })
  const selected = table.authenticated ? [...key, 'mac'] : columns
  const select = `SELECT ${selected.join(', ')} FROM ${name}`
  const order = `ORDER BY ${key.join(', ')}`
  const after = `(${key.join(', ')}) > (${key.map(() => '?').join(', ')})`
  const record = recordColumns.find((column) => columns.includes(column))
  const assignments = others.map((column) => `${column} = ?`).join(', ')
  return {
    insert: bind(insertInto(name, columns), columns),
    update:
      others.length === 0
        ? bind(`SELECT 1 WHERE 0`, [])
        : bind(`UPDATE ${name} SET ${assignments} WHERE ${equalTo(key)}`, [...others, ...key]),
    delete: bind(`DELETE FROM ${name} WHERE ${equalTo(key)}`, key),
    version: bind(`SELECT ${table.authenticated ? 'row_version' : '0'} FROM ${name} WHERE ${equalTo(key)}`, key),
    before: { ...bind(`${select} WHERE ${equalTo(key)}`, key), selected },
    all: bind(`${select} ${order}`, selected),
    page: bind(`${select} ${order} LIMIT ? + 0`, selected),
    next: bind(`${select} WHERE ${after} ${order} LIMIT ? + 0`, selected),
    owned: { ...bind(`${select} WHERE ${equalTo(key.slice(0, 1))}`, key.slice(0, 1)), selected },
    record:
      record === undefined
        ? undefined
        : { ...bind(`SELECT ${record} FROM ${name} WHERE ${equalTo(key)}`, key), column: record },
    holders: new Map(holders),
  }
}

/** Columns that hold a key, sealed: a record of the hierarchy, or a seal's blob. */
const recordColumns = ['record', 'blob'] as const

function bindingOf(statement: StatementSync, columns: readonly string[]): Binding {
  return { statement, columns, bound: boundBy(columns) }
}

function valuesOf(columns: readonly string[], row: unknown): Values {
  if (!Array.isArray(row)) throw new TypeError('a statement was prepared without setReturnArrays')
  return Object.fromEntries(columns.map((column, at): [string, unknown] => [column, row[at]]))
}

function sealed(): KryptonError {
  return new KryptonError('store-failed', 'the store is sealed: rows change when its root is open')
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
}

function run({ statement, bound }: Binding, values: object): void {
  bound.run(statement, values as Values)
}

function first({ statement, bound }: Binding, values: object): readonly unknown[] | undefined {
  const row = bound.get(statement, values as Values)
  return Array.isArray(row) ? row : undefined
}

/** None of them is tried alone: each would wait for a lock as long as all together. */
function allRefused(units: readonly Unit[], cause: unknown): Outcome[] {
  return units.map(() => couldNotBeWritten(cause))
}

/** What is said of a unit of which nothing is written, for this cause. */
export function couldNotBeWritten(cause: unknown): KryptonError {
  const obstacle = writeObstacleOf(cause)
  const message =
    obstacle === undefined
      ? 'the store refused a row: see the log of the server'
      : `${remedies[obstacle]}, then repeat the request`
  return new KryptonError('store-failed', message, { cause })
}

const remedies = {
  'disk-full': 'the disk is full: free space on the server',
  locked: 'another program holds the lock of a file of the store: end it on the server',
  'log-read': 'another program reads the file of the keys, whose log has to be emptied: end it on the server',
} as const satisfies Record<WriteObstacle, string>

/**
 * True if the failed transaction is known to have left nothing behind that a rollback does not end: the disk was full, a constraint was violated, or another connection held
 * the lock. A COMMIT that is refused for a lock leaves its transaction open (SQLite, "Transactions", 2.1).
 */
function isHarmless(error: unknown): boolean {
  const result = resultOf(error)
  return result === SqliteResult.full || result === SqliteResult.constraint || isLocked(error)
}
