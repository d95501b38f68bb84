import { type ChangeableTable, tableOf } from './schema.ts'

/** A row or a key, seen as values by column name. */
export type Values = Readonly<Record<string, unknown>>

/** A string that two rows of one table share exactly when they have the same primary key. */
export function rowKey(table: ChangeableTable, row: Values): string {
  return valuesKey(table, tableOf(table).key, row)
}

/** A string that two rows share exactly when they have the same values in `columns`; `scope` sets its uses apart. */
export function valuesKey(scope: string, columns: readonly string[], row: Values): string {
  let key = scope
  for (const column of columns) {
    const value = row[column]
    const part = value instanceof Uint8Array ? latin1(value) : String(value)
    key += `|${part.length}:${part}`
  }
  return key
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}
