import { limits } from '../limits.ts'
import { keyOfText, rowKey, type Values } from './row-key.ts'
import { type ChangeableTable, tableOf } from './schema.ts'

/** Rows that are not those that were written. */
export interface ChangedRows {
  readonly table: ChangeableTable
  /** Their primary keys; undefined where it is not known which rows they are. */
  readonly rows: readonly Values[] | undefined
}

/** What the rows of a table are, one by one: the MAC of each by its primary key, in the order of owners, so that the rows of one are found without those of others. It holds nothing secret. */
export class RowRegister {
  readonly #table: ChangeableTable
  readonly #byOwner = new Map<string, Map<string, string>>()
  #size = 0

  constructor(table: ChangeableTable) {
    this.#table = table
  }

  /** Rows that it has. */
  get size(): number {
    return this.#size
  }

  /** The MAC of each row. */
  *macs(): Generator<Buffer> {
    for (const rows of this.#byOwner.values()) for (const mac of rows.values()) yield Buffer.from(mac, 'latin1')
  }

  /** The MAC that the row with that primary key has, undefined for none; in a form that is compared with others of here alone. */
  macOf(key: Values): string | undefined {
    return this.#byOwner.get(this.#ownerOf(key))?.get(rowKey(this.#table, key))
  }

  /** Sets what the row with that key has, or with undefined that there is none. Returns what was known of it before. */
  set(key: Values, mac: string | undefined): string | undefined {
    const owner = this.#ownerOf(key)
    const text = rowKey(this.#table, key)
    const rows = this.#byOwner.get(owner) ?? new Map<string, string>()
    const before = rows.get(text)
    if (mac === undefined) rows.delete(text)
    else rows.set(text, mac)
    this.#size += Number(mac !== undefined) - Number(before !== undefined)
    if (rows.size === 0) this.#byOwner.delete(owner)
    else this.#byOwner.set(owner, rows)
    return before
  }

  /** The primary keys of the rows in which it differs from another of the same table; of one owner's alone where `ofOwner` has its columns. Undefined when there are too many to name. */
  differences(other: RowRegister, ofOwner?: Values): readonly Values[] | undefined {
    const owners =
      ofOwner === undefined ? new Set([...this.#byOwner.keys(), ...other.#byOwner.keys()]) : [this.#ownerOf(ofOwner)]
    const found: Values[] = []
    for (const owner of owners) {
      const own = this.#byOwner.get(owner) ?? none
      const others = other.#byOwner.get(owner) ?? none
      for (const text of new Set([...own.keys(), ...others.keys()])) {
        if (own.get(text) === others.get(text)) continue
        if (found.length === limits.changedRowsNamedMax) return undefined
        found.push(keyOfText(this.#table, text))
      }
    }
    return found
  }

  /** The first part of the primary key: a tenant, where rows have one. */
  #ownerOf(key: Values): string {
    const value = key[tableOf(this.#table).key[0]!]
    return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
  }
}

/** The form in which a register has the MAC of a row. */
export function macText(row: Values | undefined): string | undefined {
  const mac = row?.['mac']
  return mac instanceof Uint8Array ? Buffer.from(mac).toString('latin1') : row && 'none'
}

const none: ReadonlyMap<string, string> = new Map()
