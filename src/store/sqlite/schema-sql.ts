import type { Column, ColumnKind, Columns } from '../column.ts'
import {
  auditColumns,
  type ChangeableTable,
  type Condition,
  type Index,
  type Section,
  setDigestColumns,
  type Table,
  tableNames,
  tableOf,
} from '../schema.ts'

/** A table or an index of a section. `sql` is the statement that makes it, to the letter as SQLite keeps it in `sqlite_schema`. */
export interface SchemaPart {
  readonly type: 'table' | 'index'
  readonly name: string
  readonly sql: string
  /** The statement of stores that were made earlier, where it differs: such a table stays as it is. */
  readonly olderSql?: string
}

/** All that a section is made of. */
export function schemaParts(section: Section): SchemaPart[] {
  return [
    tablePart('audit', auditColumns, ['sequence'], { rowid: true }),
    tablePart('set_digests', setDigestColumns, ['section'], { rowid: false }),
    ...changeableTables(section).flatMap((name) => {
      const table = tableOf(name)
      return [tablePart(name, table.columns, table.key, { rowid: numbered.has(name) }), ...indexParts(name, table)]
    }),
  ]
}

/** The statements that make a section's tables and indexes, those that are not there yet: a new version of the schema adds tables. */
export function createSection(section: Section): string {
  return [
    ...schemaParts(section).map(({ sql }) => sql.replace(/ (?:TABLE|INDEX) /u, '$&IF NOT EXISTS ')),
    `INSERT OR IGNORE INTO set_digests VALUES ('${section}', 0, x'', x'', 0, x'')`,
  ].join(';\n')
}

/** The tables of a section that units change. */
export function changeableTables(section: Section): ChangeableTable[] {
  return ([...tableNames, 'object_index'] as const).filter((name) => tableOf(name).section === section)
}

/** `a = ? AND b = ?` */
export function equalTo(columns: readonly string[]): string {
  return columns.map((column) => `${column} = ?`).join(' AND ')
}

/** The condition of a partial index as SQL; a query that is to use the index states it in the same words. */
export function conditionSql(conditions: readonly Condition[]): string {
  return conditions
    .map((condition) => {
      if ('present' in condition) return `${condition.column} IS NOT NULL`
      if ('atMost' in condition) return `${condition.column} <= ${condition.atMost}`
      const { column, equals } = condition
      return `${column} = ${typeof equals === 'string' ? `'${equals}'` : equals}`
    })
    .join(' AND ')
}

/**
 * Rows are kept in the tree of their primary key, short as they are. Audit rows have a counter as their key. Those of `numbered` are kept in the order in which they came,
 * and the tree of their key says where.
 */
function tablePart(name: string, columns: Columns, key: readonly string[], options: { rowid: boolean }): SchemaPart {
  const lines = Object.entries(columns).map(([column, description]) => {
    const primary = options.rowid && key.length === 1 && column === key[0] ? ' PRIMARY KEY' : ''
    return `  ${column} ${columnSql(column, description)}${primary}`
  })
  if (!options.rowid || key.length > 1) lines.push(`  PRIMARY KEY (${key.join(', ')})`)
  const sql = `CREATE TABLE ${name} (\n${lines.join(',\n')}\n) STRICT`
  const inKey = `${sql}, WITHOUT ROWID`
  if (!options.rowid) return { type: 'table', name, sql: inKey }
  return { type: 'table', name, sql, ...(key.length > 1 && { olderSql: inKey }) }
}

function indexParts(table: string, description: Table): SchemaPart[] {
  return Object.entries(description.indexes)
    .filter(([, index]) => !beginsKey(description, index))
    .map(([name, { columns, unique, where }]) => {
      const condition = where === undefined ? '' : ` WHERE ${conditionSql(where)}`
      const kind = unique === true ? 'UNIQUE INDEX' : 'INDEX'
      return { type: 'index', name, sql: `CREATE ${kind} ${name} ON ${table} (${columns.join(', ')})${condition}` }
    })
}

/**
 * True if the primary key begins with the columns of the index and those that its condition fixes: then its tree answers what the index would.
 * A unique one is kept by the preconditions, since there is one writer; a second tree costs a page more at every Create.
 */
function beginsKey({ key }: Table, { columns, where = [] }: Index): boolean {
  const fixed = where.filter((condition) => 'equals' in condition).map(({ column }) => column)
  const covered = [...columns, ...fixed]
  const first = key.slice(0, covered.length)
  return (
    fixed.length === where.length &&
    first.length === covered.length &&
    first.every((column) => covered.includes(column))
  )
}

function columnSql(name: string, { kind, nullable }: Column): string {
  const check = kind === 'id' ? ` CHECK (length(${name}) = 16)` : kind === 'flag' ? ` CHECK (${name} IN (0, 1))` : ''
  return `${sqlTypes[kind]}${nullable ? '' : ' NOT NULL'}${check}`
}

/**
 * Tables of long rows. In the tree of a key SQLite puts whole rows into the inner nodes too, so that few fit on a page and the tree is deep; and a Create, whose identifier is
 * random, changes a page of it that nobody has in memory. 37,500 Creates, 32 a transaction, made 4.3 writes and 0.8 reads each like this, 8.6 and 2.5 before (strace). The statements are the same
 * for a store that was made when objects were kept like that: it stays as it is.
 */
const numbered: ReadonlySet<ChangeableTable> = new Set(['objects'])

const sqlTypes: Readonly<Record<ColumnKind, string>> = {
  id: 'BLOB',
  bytes: 'BLOB',
  text: 'TEXT',
  integer: 'INTEGER',
  flag: 'INTEGER',
}

/**
 * A page of a statement. With a bare `?` SQLite plans the whole statement anew whenever a value is bound to it, since it may look at the
 * number while it plans: 5 µs for a look-up that takes 3, 30 for a Locate.
 */
export const pageSql = 'LIMIT ? + 0 OFFSET ? + 0'
