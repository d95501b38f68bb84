import { hmac, verifyHmac } from '../crypto/mac.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { idBytes } from '../store/column.ts'
import type { Values } from '../store/row-key.ts'
import { type ChangeableTable, macInput, type Row, type TableName, tableOf } from '../store/schema.ts'
import type { Change } from '../store/store.ts'

/** A row without its MAC. */
export type Unauthenticated<T extends TableName> = Omit<Row<T>, 'mac'>

/** MACs of rows under one integrity key. */
export interface RowKeys {
  /** The `mac` column of a row: u32 key version ‖ HMAC-SHA-256 over all other columns. */
  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer
  /** Throws 'row-mac-mismatch', which names the row by its identifiers, when it is not as it was written here. */
  verifyRow<T extends TableName>(table: T, row: Row<T>): void
}

/** The change that puts a new row, given without its version and MAC, into a table. */
export function insertOf<T extends TableName>(
  table: T,
  row: Omit<Row<T>, 'row_version' | 'mac'>,
  keys: Pick<RowKeys, 'macRow'>,
): Change {
  const versioned = { ...row, row_version: 1 }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of T without its last two columns, and those two
  return {
    table,
    kind: 'insert',
    row: { ...versioned, mac: keys.macRow(table, versioned as never) },
  } as unknown as Change
}

/** The change of a row to one with some columns changed, one version later. */
export function updateOf<T extends TableName>(
  table: T,
  old: Row<T>,
  changes: object,
  keys: Pick<RowKeys, 'macRow'>,
): Change {
  const { mac: _, ...rest } = { ...old, ...changes }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row as it was, with columns of their own kinds
  const next = { ...rest, row_version: old.row_version + 1 } as unknown as Unauthenticated<T>
  const row = { ...next, mac: keys.macRow(table, next) }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of T, for the table T
  return { table, kind: 'update', row, expectedVersion: old.row_version } as unknown as Change
}

/** Row MACs under the versions of one integrity key: new rows under the active one, old rows under the one they name. */
export class RowMacs implements RowKeys {
  #keys: ReadonlyMap<number, Secret>
  #activeVersion: number

  /** `keys` are the derived keys by version of the integrity key, the active one among them. */
  constructor(keys: ReadonlyMap<number, Secret>, activeVersion: number) {
    this.#keys = keys
    this.#activeVersion = activeVersion
  }

  macRow<T extends TableName>(table: T, row: Unauthenticated<T>): Buffer {
    const key = this.#keys.get(this.#activeVersion)
    if (key === undefined) throw new Error('the active integrity key is not among the keys')
    const mac = Buffer.alloc(rowMacBytes)
    mac.writeUInt32BE(this.#activeVersion, 0)
    mac.set(hmac('sha256', key, macInput(table, row)), 4)
    return mac
  }

  verifyRow<T extends TableName>(table: T, row: Row<T>): void {
    // A damaged file may have nothing there.
    const mac: Uint8Array | null = row.mac
    const key = mac?.byteLength === rowMacBytes ? this.#keys.get(macVersionOf(mac)) : undefined
    if (key === undefined || mac === null || !verifyHmac('sha256', key, macInput(table, row), mac, 4)) {
      throw rowMismatch(table, row, 'is not as it was written')
    }
  }

  /** Takes other keys in the place of those it had, which end: whoever holds it goes on with them. */
  become(keys: ReadonlyMap<number, Secret>, activeVersion: number): void {
    this.wipe()
    this.#keys = keys
    this.#activeVersion = activeVersion
  }

  /** Ends the keys. */
  wipe(): void {
    for (const key of this.#keys.values()) key.wipe()
  }
}

/** What is said of a row that nobody here has written as it stands: `what` says what is wrong with it. */
export function rowMismatch(table: ChangeableTable, row: Values, what: string, cause?: unknown): KryptonError {
  const message = `a row of table ${table} (${identify(table, row)}) ${what}: the store was changed from outside, restore it from a backup`
  return new KryptonError('row-mac-mismatch', message, cause === undefined ? {} : { cause })
}

/** The identifiers and versions in a row's primary key: for the operator, who looks for the row. */
export function identify(table: ChangeableTable, row: Values): string {
  return tableOf(table)
    .key.map((column) => `${column} ${shown(row[column])}`)
    .join(', ')
}

/** An identifier as clients and logs have it elsewhere. The row is not to be trusted: it may hold anything there. */
function shown(value: unknown): string {
  if (!(value instanceof Uint8Array)) return typeof value === 'number' ? String(value) : '?'
  const hex = Buffer.from(value).toString('hex', 0, idBytes)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The version of the integrity key under which a MAC was made. */
export function macVersionOf(mac: Uint8Array): number {
  return ((mac[0]! << 24) | (mac[1]! << 16) | (mac[2]! << 8) | mac[3]!) >>> 0
}

const rowMacBytes = 4 + 32
