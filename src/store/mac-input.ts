import type { ColumnKind, Columns } from './column.ts'
import { type ChangeableTable, type Row, tableOf } from './schema.ts'

/**
 * The bytes that a row's MAC is over: u16 length ‖ the table's name, then every column but `mac`, in the schema's order. Each is
 * u8 kind ‖ u32 length ‖ value; null is kind 0 of length 0. Integers are 8 bytes, two's complement, flags one byte, text UTF-8; all
 * numbers big-endian. No column can be left out: the columns are the table's.
 */
export function macInput<T extends ChangeableTable>(table: T, row: Omit<Row<T>, 'mac'>): Uint8Array {
  return rowInput(table, tableOf(table).columns, row)
}

/** The same of a row of any table, by its name and columns. */
export function rowInput(table: string, columns: Columns, row: object): Uint8Array {
  const layout = layouts.get(table) ?? makeLayout(table, columns)
  const values = row as Readonly<Record<string, unknown>> // every one of these columns
  let size = layout.head.byteLength
  for (const { name } of layout.columns) size += partHeadBytes + valueBytes(values[name])
  const input = Buffer.allocUnsafe(size)
  let offset = layout.head.copy(input)
  for (const { name, kind } of layout.columns) offset = writePart(input, offset, kind, values[name])
  return input
}

interface Layout {
  readonly head: Buffer
  readonly columns: readonly { readonly name: string; readonly kind: ColumnKind }[]
}

function makeLayout(table: string, all: Columns): Layout {
  const head = Buffer.alloc(2 + Buffer.byteLength(table))
  head.writeUInt16BE(head.write(table, 2))
  const columns = Object.entries(all)
    .filter(([name]) => name !== 'mac')
    .map(([name, { kind }]) => ({ name, kind }))
  const layout = { head, columns }
  layouts.set(table, layout)
  return layout
}

function valueBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength
  if (typeof value === 'number') return 8
  if (typeof value === 'boolean') return 1
  if (typeof value === 'string') return Buffer.byteLength(value)
  return 0
}

function writePart(input: Buffer, offset: number, kind: ColumnKind, value: unknown): number {
  const at = offset + partHeadBytes
  let size = 0
  if (value instanceof Uint8Array) {
    input.set(value, at)
    size = value.byteLength
  } else if (typeof value === 'number') {
    const high = Math.floor(value / 2 ** 32)
    input.writeInt32BE(high, at)
    input.writeUInt32BE(value - high * 2 ** 32, at + 4)
    size = 8
  } else if (typeof value === 'boolean') {
    input[at] = value ? 1 : 0
    size = 1
  } else if (typeof value === 'string') {
    size = input.write(value, at)
  } else if (value !== null) {
    throw new TypeError('a row lacks a column of its table')
  }
  input[offset] = value === null ? 0 : kindNumbers[kind]
  input.writeUInt32BE(size, offset + 1)
  return at + size
}

/** u8 kind ‖ u32 length. */
const partHeadBytes = 5

/** These numbers stand in MACs: they never change their meaning. */
const kindNumbers: Readonly<Record<ColumnKind, number>> = { id: 1, bytes: 2, text: 3, integer: 4, flag: 5 }

const layouts = new Map<string, Layout>()
