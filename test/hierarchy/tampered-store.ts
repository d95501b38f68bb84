import type { KeyOf, Row, TableName } from '../../src/store/schema.ts'
import type { Page, Store } from '../../src/store/store.ts'

/** A row of any table. */
export type AnyRow = Record<string, unknown>

/** What a reader of the store finds in place of a table's rows. */
export type Tampering = (table: TableName, rows: readonly AnyRow[]) => readonly AnyRow[]

/** The rows of `store` as somebody left them who can write to its files: every read goes through `tampering`. */
export function tampered(store: Store, tampering: Tampering): Store {
  // The fields that a test puts in have the column's kind, or are meant not to fit: rows come from outside here.
  const changed = <T extends TableName>(table: T, rows: readonly Row<T>[]) => tampering(table, rows) as Row<T>[]
  return {
    versions: store.versions,
    get: async <T extends TableName>(table: T, key: KeyOf<T>) => {
      const row = await store.get(table, key)
      return changed(table, row === undefined ? [] : [row])[0]
    },
    find: async <T extends TableName>(table: T, where: Partial<Row<T>>, page?: Page) =>
      changed(table, await store.find(table, where, page)),
    scan: async <T extends TableName>(table: T, after: KeyOf<T> | undefined, limit: number) =>
      changed(table, await store.scan(table, after, limit)),
    locate: (query) => store.locate(query),
    indexed: (query) => store.indexed(query),
    audit: (section, after, limit) => store.audit(section, after, limit),
    auditHead: (section) => store.auditHead(section),
    commit: (unit) => store.commit(unit),
    close: () => store.close(),
  }
}

/** The value of a column changed a little: one bit of bytes, one letter, one more, the other flag. */
export function nudged(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const changed = Buffer.from(value)
    if (changed.byteLength === 0) return Buffer.alloc(1)
    changed[changed.byteLength - 1]! ^= 1
    return changed
  }
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return `${value}x`
  return 1
}
