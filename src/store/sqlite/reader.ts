import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Columns } from '../column.ts'
import { findColumns } from '../find-columns.ts'
import { LocatePage } from '../locate-page.ts'
import type { Values } from '../row-key.ts'
import {
  auditColumns,
  type KeyOf,
  type Row,
  type Section,
  type StoredAuditRow,
  type TableName,
  tableOf,
} from '../schema.ts'
import type { IndexedQuery, LocateQuery, Page } from '../store.ts'
import { indexedStatement, locateStatement } from './locate-sql.ts'
import { equalTo, pageSql } from './schema-sql.ts'
import { openForReading } from './section-file.ts'
import { parameters, Statements } from './statements.ts'

/** Reads both sections, through connections of its own thread, as the last commit left them. */
export class Reader {
  readonly #databases: Readonly<Record<Section, DatabaseSync>>
  readonly #statements: Readonly<Record<Section, Statements>>
  readonly #getStatements = new Map<TableName, StatementSync>()

  constructor(directory: string) {
    const keys = openForReading(directory, 'keys')
    let data: DatabaseSync
    try {
      data = openForReading(directory, 'data')
    } catch (error) {
      keys.close()
      throw error
    }
    this.#databases = { keys, data }
    this.#statements = { keys: new Statements(keys), data: new Statements(data) }
  }

  get<T extends TableName>(table: T, key: KeyOf<T>): Row<T> | undefined {
    const { columns, key: keyColumns } = tableOf(table)
    let statement = this.#getStatements.get(table)
    if (statement === undefined) {
      // What the asker has given is not made again: each value of bytes is a buffer with its memory, which costs more than to find the row.
      const others = Object.keys(columns).map((column) => (keyColumns.includes(column) ? 'NULL' : column))
      statement = this.#of(table, `SELECT ${others.join(', ')} FROM ${table} WHERE ${equalTo(keyColumns)}`)
      this.#getStatements.set(table, statement)
    }
    const found: unknown = statement.get(...parameters(keyColumns, key))
    if (found === undefined) return undefined
    const row = rowOf<T>(columns, found)
    const asked: Values = key
    const given: Record<string, unknown> = row
    for (const column of keyColumns) given[column] = asked[column]
    return row
  }

  find<T extends TableName>(table: T, where: Partial<Row<T>>, page?: Page): Row<T>[] {
    const { columns, key } = tableOf(table)
    const asked = findColumns(table, where)
    const condition = asked.length === 0 ? '' : ` WHERE ${asked.map((column) => `${column} IS ?`).join(' AND ')}`
    const sql = `SELECT ${listOf(columns)} FROM ${table}${condition} ORDER BY ${key.join(', ')} ${pageSql}`
    const found: unknown[] = this.#of(table, sql).all(...parameters(asked, where), page?.limit ?? -1, page?.offset ?? 0)
    return found.map((row) => rowOf<T>(columns, row))
  }

  scan<T extends TableName>(table: T, after: KeyOf<T> | undefined, limit: number): Row<T>[] {
    const { columns, key } = tableOf(table)
    const names = key.join(', ')
    const condition = after === undefined ? '' : ` WHERE (${names}) > (${key.map(() => '?').join(', ')})`
    const sql = `SELECT ${listOf(columns)} FROM ${table}${condition} ORDER BY ${names} LIMIT ? + 0`
    const place = after === undefined ? [] : parameters(key, after)
    const found: unknown[] = this.#of(table, sql).all(...place, limit)
    return found.map((row) => rowOf<T>(columns, row))
  }

  locate(query: LocateQuery): Row<'objects'>[] {
    const { sql, parameters } = locateStatement(query, this.#statements.data)
    const { columns } = tableOf('objects')
    const page = new LocatePage(query.limit)
    const rows: Row<'objects'>[] = []
    for (const found of this.#statements.data.of(sql).iterate(...parameters)) {
      const row = rowOf<'objects'>(columns, found)
      rows.push(row)
      page.add(row)
      if (page.isFull) break
    }
    return rows
  }

  indexed(query: IndexedQuery): Uint8Array[] {
    const { sql, parameters } = indexedStatement(query, this.#statements.data)
    const found: unknown[] = this.#statements.data.of(sql).all(...parameters)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement lists that one column, which is strict
    return (found as [Uint8Array][]).map(([object]) => object)
  }

  audit(section: Section, after: number, limit: number): StoredAuditRow[] {
    const sql = `SELECT ${listOf(auditColumns)} FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ? + 0`
    const found: unknown[] = this.#statements[section].of(sql).all(after, limit)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement lists the columns of that row
    return found.map((row) => valuesOf(auditColumns, row) as StoredAuditRow)
  }

  auditHead(section: Section): StoredAuditRow | undefined {
    const sql = `SELECT ${listOf(auditColumns)} FROM audit ORDER BY sequence DESC LIMIT 1`
    const found: unknown = this.#statements[section].of(sql).get()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    return found === undefined ? undefined : (valuesOf(auditColumns, found) as StoredAuditRow)
  }

  close(): void {
    for (const database of Object.values(this.#databases)) if (database.isOpen) database.close()
  }

  #of(table: TableName, sql: string): StatementSync {
    return this.#statements[tableOf(table).section].of(sql)
  }
}

function listOf(columns: Columns): string {
  return Object.keys(columns).join(', ')
}

function rowOf<T extends TableName>(columns: Columns, found: unknown): Row<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement lists the columns of that row, the file's tables are strict
  return valuesOf(columns, found) as Row<T>
}

function valuesOf(columns: Columns, found: unknown): Values {
  if (!Array.isArray(found)) throw new TypeError('a statement was prepared without setReturnArrays')
  const row: Record<string, unknown> = {}
  let at = 0
  for (const name in columns) {
    const value: unknown = found[at++]
    if (value instanceof Uint8Array) row[name] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    else row[name] = columns[name]!.kind === 'flag' ? value === 1 : value
  }
  return row
}
