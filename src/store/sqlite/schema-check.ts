import type { DatabaseSync } from 'node:sqlite'
import { KryptonError } from '../../errors.ts'
import type { Section } from '../schema.ts'
import { schemaParts, type SchemaPart } from './schema-sql.ts'

/**
 * Refuses a section that has anything in its schema that this server does not make, before it is written: a trigger changes rows in the writer's own transactions, so that neither
 * their MACs nor the digest of all rows tell. Parts may be missing, as in a section that is new or of an older format.
 * @throws KryptonError store-format
 */
export function refuseForeignSchema(database: DatabaseSync, section: Section, path: string): void {
  const parts = partsByName(section)
  for (const { type, name, sql } of schemaOf(database)) {
    const part = parts.get(name)
    if (part === undefined || part.type !== type) {
      throw new KryptonError(
        'store-format',
        `${path} has the ${type} ${shown(name)}, which no server makes: somebody has changed the file; restore it from a backup, or remove it by SQLite (DROP ${type.toUpperCase()}) while no server runs, what it has done stays`,
      )
    }
    if (sql !== part.sql && sql !== part.olderSql)
      throw damaged(path, `the ${type} ${name} is not as this server makes it`)
  }
}

/**
 * Refuses a section of this server's format that lacks a table or an index.
 * @throws KryptonError store-format
 */
export function refusePartialSchema(database: DatabaseSync, section: Section, path: string): void {
  const found = new Set(schemaOf(database).map(({ name }) => name))
  for (const { type, name } of partsByName(section).values())
    if (!found.has(name)) throw damaged(path, `the ${type} ${name} is missing`)
}

/** What stands in the schema besides what SQLite has put there by itself. */
function schemaOf(database: DatabaseSync): { type: string; name: string; sql: string | null }[] {
  return database
    .prepare('SELECT type, name, sql FROM sqlite_schema')
    .all()
    .map(({ type, name, sql }) => ({ type: String(type), name: String(name), sql: sql === null ? null : String(sql) }))
    .filter(({ type, name, sql }) => !isOfSqlite(type, name, sql))
}

/** The trees of keys, which have no statement, and the statistics that `ANALYZE` makes: they change how rows are looked for, and nothing else. */
function isOfSqlite(type: string, name: string, sql: string | null): boolean {
  if (type === 'index') return sql === null && name.startsWith('sqlite_autoindex_')
  return type === 'table' && (name === 'sqlite_stat1' || name === 'sqlite_stat4')
}

function partsByName(section: Section): Map<string, SchemaPart> {
  return new Map(schemaParts(section).map((part) => [part.name, part]))
}

function damaged(path: string, what: string): KryptonError {
  return new KryptonError(
    'store-format',
    `${path} is damaged, or somebody has changed it: ${what}; restore it from a backup`,
  )
}

/** A name that somebody else has given: it may be anything. */
function shown(name: string): string {
  return /^\w{1,64}$/u.test(name) ? name : JSON.stringify(name.slice(0, 64))
}
