import type { ColumnKind } from './column.ts'
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

/** The primary key that `rowKey` has made that string of. */
export function keyOfText(table: ChangeableTable, text: string): Values {
  const { columns, key } = tableOf(table)
  const values: Record<string, unknown> = {}
  let at = table.length
  for (const name of key) {
    const colon = text.indexOf(':', at)
    const end = colon + 1 + Number(text.slice(at + 1, colon))
    values[name] = valueOfText(columns[name]!.kind, text.slice(colon + 1, end))
    at = end
  }
  return values
}

function valueOfText(kind: ColumnKind, part: string): unknown {
  if (kind === 'id' || kind === 'bytes') return Buffer.from(part, 'latin1')
  return kind === 'text' ? part : Number(part)
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}
