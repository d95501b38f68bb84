/** What a column holds, and what that is in a row. */
interface ValueOfKind {
  /** 16 bytes. */
  id: Buffer
  bytes: Uint8Array
  text: string
  /** A safe integer; time is in seconds since 1970 where nothing else is said. */
  integer: number
  flag: boolean
}

export type ColumnKind = keyof ValueOfKind

/** A column of a table. */
export interface Column<K extends ColumnKind = ColumnKind, N extends boolean = boolean> {
  readonly kind: K
  readonly nullable: N
}

/** The value of a column in a row. */
export type ColumnValue<C> =
  C extends Column<infer K, infer N> ? ValueOfKind[K] | (N extends true ? null : never) : never

/** Columns by name, in the order that they stand in tables, statements and MACs. */
export type Columns = Readonly<Record<string, Column>>

/** A row with those columns. */
export type RowOf<C extends Columns> = { -readonly [N in keyof C]: ColumnValue<C[N]> }

export const id: Column<'id', false> = { kind: 'id', nullable: false }
export const bytes: Column<'bytes', false> = { kind: 'bytes', nullable: false }
export const text: Column<'text', false> = { kind: 'text', nullable: false }
export const integer: Column<'integer', false> = { kind: 'integer', nullable: false }
export const flag: Column<'flag', false> = { kind: 'flag', nullable: false }

/** The same column, with null for what is not known (yet). */
export function nullable<K extends ColumnKind>(column: Column<K>): Column<K, true> {
  return { kind: column.kind, nullable: true }
}

/** Length of an identifier. */
export const idBytes = 16

/** Throws a TypeError when `value` is not one of the column: a mistake of the caller, found before anything is written. */
export function checkValue(name: string, { kind, nullable }: Column, value: unknown): void {
  if (value === null ? !nullable : !isOfKind[kind](value)) {
    throw new TypeError(`column ${name} takes ${nullable ? 'null or ' : ''}a value of kind ${kind}`)
  }
}

const isOfKind: Readonly<Record<ColumnKind, (value: unknown) => boolean>> = {
  id: (value) => value instanceof Uint8Array && value.byteLength === idBytes,
  bytes: (value) => value instanceof Uint8Array,
  text: (value) => typeof value === 'string',
  integer: (value) => Number.isSafeInteger(value),
  flag: (value) => typeof value === 'boolean',
}
