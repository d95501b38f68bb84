import { type KeyOf, type Row, type TableName, tableOf } from '../store/schema.ts'
import { hex } from '../hex.ts'

/** The primary key of a row. */
export function keyOfRow<T extends TableName>(table: T, row: Row<T>): KeyOf<T> {
  const { key } = tableOf(table)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the columns of the table's primary key
  return Object.fromEntries(key.map((column) => [column, row[column as keyof Row<T>]])) as unknown as KeyOf<T>
}

/** A primary key as a job keeps it: values of JSON, bytes in hex. */
export function encodeKey(key: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(key).map(([column, value]: [string, unknown]) => [
      column,
      value instanceof Uint8Array ? hex(value) : value,
    ]),
  )
}

/** The inverse of `encodeKey`, for a position whose row's MAC was verified. */
export function decodeKey<T extends TableName>(table: T, encoded: Readonly<Record<string, unknown>>): KeyOf<T> {
  const { columns } = tableOf(table)
  const values = Object.entries(encoded).map(([column, value]) => {
    const { kind } = columns[column]!
    return [column, kind === 'id' || kind === 'bytes' ? Buffer.from(String(value), 'hex') : value]
  })
  return Object.fromEntries(values) as KeyOf<T> // what `encodeKey` has made of one
}

/** Comes before every row of an owner in a table whose key begins with the owner; undefined for other tables, and where nothing comes before. */
export function firstKeyOf<T extends TableName>(table: T, owner: Buffer): KeyOf<T> | undefined {
  const { columns, key } = tableOf(table)
  const [first, ...others] = key
  if (first !== 'tenant' && first !== 'owner') return undefined
  if (others.length === 0) return keyBefore(first, owner)
  const lowest = { id: Buffer.alloc(16), bytes: Buffer.alloc(0), text: '', integer: -1, flag: false }
  const rest = others.map((column) => [column, lowest[columns[column]!.kind]])
  return { [first]: owner, ...Object.fromEntries(rest) }
}

/** Where the owner is the whole key, what comes before its only row is another owner: the number below it. */
function keyBefore<T extends TableName>(column: string, owner: Buffer): KeyOf<T> | undefined {
  const number = BigInt(`0x${owner.toString('hex')}`)
  if (number === 0n) return undefined
  const before = Buffer.from((number - 1n).toString(16).padStart(owner.byteLength * 2, '0'), 'hex')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one column of the table's primary key
  return { [column]: before } as unknown as KeyOf<T>
}
