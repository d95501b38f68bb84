import { hmac, verifyHmac } from '../crypto/mac.ts'
import { randomBytes } from '../crypto/random.ts'
import type { Secret } from '../crypto/secret.ts'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { macInput, rowInput } from './mac-input.ts'
import { compareKeys } from './row-order.ts'
import { type ChangedRows, macText, RowRegister } from './row-register.ts'
import { rowKey, type Values } from './row-key.ts'
import {
  auditColumns,
  type ChangeableTable,
  type Section,
  type SetDigestRow,
  setDigestColumns,
  type StoredAuditRow,
  tableOf,
} from './schema.ts'

/** What rows are digested under: derived from a version of the system integrity key. It opens nothing. */
export interface SetDigestKey<S = Secret> {
  readonly version: number
  readonly secret: S
}

/** How a table differs from what was kept of it. */
export interface SetDifference extends ChangedRows {
  /** How many rows the last change has left. */
  readonly kept: number
  /** How many there are. */
  readonly found: number
  /** Stands for exactly this difference, whatever else changes meanwhile: it tells nothing of the rows. */
  readonly code: string
}

/** How many rows there are, and the exclusive or of their elements. */
interface RowSet {
  count: number
  readonly sum: Buffer
}

/** The sums of a section under another key that is to take the place of the first: of the tables that were counted under both. */
interface NextSets {
  readonly key: SetDigestKey
  readonly sets: Map<ChangeableTable, RowSet>
}

/** A place to which a digest can be taken back. */
export type SetMark = ReadonlyMap<RowSet, { readonly count: number; readonly sum: Buffer }>

/**
 * What the rows of a section are, all together (KEYS.md 3, 4): of each table the number of rows and the exclusive or of one keyed element for each, in one row that is written in the transaction of every change. So a
 * row that is removed whole, a removed one that is back, and an older one in the place of a newer one are told, whatever MACs they carry. What is stored is masked anew each time: sums of elements in the clear would
 * tell which rows can be put back together (MSet-XOR-Hash; `docs/decisions/0016`). Its MAC is also over the newest audit row, which the same transaction writes: rows of before together with the digest of before are told by the audit
 * records that came after, and those by whoever keeps the head of the audit.
 */
export class SetDigest {
  readonly #section: Section
  #key: SetDigestKey
  #sets = new Map<ChangeableTable, RowSet>()
  #next: NextSets | undefined
  readonly #walks = new Map<ChangeableTable, SetWalk>()
  /** The rows of tables of few, one by one, from the first walk on that has found them as they were written. */
  readonly #registers = new Map<ChangeableTable, RowRegister>()
  /** What the last walk has found of tables of which it is not known which rows differ. */
  readonly #unnamed = new Map<ChangeableTable, RowRegister>()
  /** What takes registers back to the last mark, the newest first. */
  #undo: (() => void)[] | undefined
  #rowVersion = 0

  constructor(section: Section, key: SetDigestKey) {
    this.#section = section
    this.#key = key
  }

  /**
   * The digest that `row` holds, under the one of `keys` that it names: a rotation that was cut short leaves sections under two versions. The caller wipes the others. Throws 'row-mac-mismatch' when it was not written here,
   * under another version, or before `newest`, the newest audit row of the section.
   */
  static open(
    section: Section,
    keys: readonly SetDigestKey[],
    row: SetDigestRow,
    newest: StoredAuditRow | undefined,
  ): SetDigest {
    const key = keys.find(({ version }) => version === row.key_version)
    const isOurs =
      row.section === section &&
      row.mac.byteLength === elementBytes &&
      key !== undefined &&
      verifyHmac('sha256', key.secret, macInputOf(row, newest), row.mac)
    if (!isOurs) throw changedDigest(section)
    const digest = new SetDigest(section, key)
    digest.#rowVersion = row.row_version
    const sets = Buffer.from(row.sets)
    for (let at = 0; at < sets.byteLength; at += 8 + elementBytes) {
      const nameEnd = at + 2 + sets.readUInt16BE(at)
      // Only names of tables were written.
      const table = sets.toString('utf8', at + 2, nameEnd) as ChangeableTable
      at = nameEnd
      const sum = Buffer.from(sets.subarray(at + 8, at + 8 + elementBytes))
      exclusiveOr(sum, digest.#maskOf(table, row.nonce))
      digest.#sets.set(table, { count: Number(sets.readBigUInt64BE(at)), sum })
    }
    return digest
  }

  /** The row of the digest as it is now, one version later than the last, beside the newest audit row of its section. */
  encode(newest: StoredAuditRow | undefined): SetDigestRow {
    this.#rowVersion++
    const nonce = randomBytes(nonceBytes)
    const parts: Uint8Array[] = []
    for (const [table, { count, sum }] of this.#sets) {
      const masked = Buffer.from(sum)
      exclusiveOr(masked, this.#maskOf(table, nonce))
      const number = Buffer.alloc(8)
      number.writeBigUInt64BE(BigInt(count))
      parts.push(lengthAndName(table), number, masked)
    }
    const row = {
      section: this.#section,
      key_version: this.#key.version,
      nonce,
      sets: Buffer.concat(parts),
      row_version: this.#rowVersion,
    }
    return { ...row, mac: hmac('sha256', this.#key.secret, macInputOf(row, newest)) }
  }

  /** The version of the key that it is under. */
  get keyVersion(): number {
    return this.#key.version
  }

  /** Takes the key that is to come: walks that begin from now on count under both. Of no use under the version that it is under already: says so by false, and the caller wipes it. */
  prepare(key: SetDigestKey): boolean {
    if (key.version === this.#key.version) return false
    this.#next?.key.secret.wipe()
    this.#next = { key, sets: new Map() }
    // What has begun to be counted for a key that came to nothing counts for none.
    for (const walk of this.#walks.values()) walk.next = undefined
    return true
  }

  /** Goes over to the key that was prepared, once each of `tables` was found as it was kept and counted under both. Throws when one was not. */
  turn(tables: Iterable<ChangeableTable>): void {
    const next = this.#next
    if (next === undefined) throw new Error('a digest goes over to a key that was not prepared')
    for (const table of tables)
      if (!next.sets.has(table)) throw new Error(`table ${table} was not counted under the key that is to come`)
    this.#key.secret.wipe()
    this.#key = next.key
    this.#sets = next.sets
    this.#next = undefined
    // A walk that is on its way has begun after the one that counted its table, so under both keys.
    for (const [table, walk] of this.#walks) {
      if (walk.next === undefined) throw new Error(`a walk through table ${table} began before the key was prepared`)
      walk.set = walk.next
      walk.next = undefined
    }
  }

  /** A row that is there from now on. */
  add(table: ChangeableTable, row: Values): void {
    this.#change(table, row, 1)
  }

  /** A row that is not there any more: as it was, or as it was before it was changed. */
  remove(table: ChangeableTable, row: Values): void {
    this.#change(table, row, -1)
  }

  /** Begins to count a table anew, from its first row on; an earlier walk through it ends. */
  walk(table: ChangeableTable): void {
    const walk = new SetWalk(tablesOfMany.has(table) ? undefined : new RowRegister(table))
    if (this.#next !== undefined) walk.next = emptySet()
    this.#walks.set(table, walk)
  }

  /** Where the walk through a table is: the last row that it has counted. */
  placeOf(table: ChangeableTable): Values | undefined {
    return this.#walks.get(table)?.after
  }

  /** Counts the rows that come next in a walk. Rows that change meanwhile are counted as they are at its end. */
  pass(table: ChangeableTable, rows: readonly Values[]): void {
    const walk = this.#walks.get(table)
    if (walk === undefined) throw new Error('a walk goes on that was not begun')
    for (const row of rows) {
      this.#countInWalk(walk, table, row, 1)
      walk.register?.set(row, macText(row))
      if ((walk.register?.size ?? 0) > limits.registeredRowsMax) walk.register = undefined
      walk.after = row
    }
  }

  /**
   * Ends a walk that has come to the last row. What it has counted under a key that is to come is believed where it has found what was kept under this one: the very same rows. Rows of which nothing more was known are known one by one from now on, where they are those that were written.
   */
  compare(table: ChangeableTable): SetDifference | undefined {
    const walk = this.#endWalk(table)
    const { set, next, register } = walk
    const kept = this.#setOf(table)
    const known = this.#registers.get(table)
    if (kept.count === set.count && kept.sum.equals(set.sum)) {
      if (next !== undefined) this.#next?.sets.set(table, next)
      if (known === undefined && register !== undefined) this.#registers.set(table, register)
      this.#unnamed.delete(table)
      return undefined
    }
    if (known === undefined && register !== undefined) this.#unnamed.set(table, register)
    return this.#differenceOf(table, walk)
  }

  /** Ends a walk, and takes the rows as it has found them for those that were written: if they differ from these by what `code` stands for. Returns the difference that there is when it is another one. */
  accept(table: ChangeableTable, code: string): SetDifference | undefined {
    const walk = this.#endWalk(table)
    const { set, next, register } = walk
    const kept = this.#setOf(table)
    const difference = this.#differenceOf(table, walk)
    if (difference.code !== code) return difference
    kept.count = set.count
    set.sum.copy(kept.sum)
    this.#acceptUnderNext(table, next)
    const known = this.#registers.get(table)
    this.#undo?.push(() => this.#register(table, known))
    this.#register(table, register)
    return undefined
  }

  /**
   * Takes the rows that the last walk has found, with the MACs of `corrected` in the place of those that stand there, for those that were written: if they are, all together, what was kept. From then on it is known which rows differ. False where they are not.
   */
  learn(table: ChangeableTable, corrected: readonly Values[]): boolean {
    const register = this.#unnamed.get(table)
    if (register === undefined) return false
    this.#unnamed.delete(table)
    for (const row of corrected) register.set(row, macText(row))
    const set = emptySet()
    for (const mac of register.macs()) count(set, this.#key, table, { mac }, 1)
    const kept = this.#setOf(table)
    if (kept.count !== set.count || !kept.sum.equals(set.sum)) return false
    this.#registers.set(table, register)
    return true
  }

  /** True if the rows of a table are known one by one. */
  knowsRowsOf(table: ChangeableTable): boolean {
    return this.#registers.has(table)
  }

  /** False if what stands there is not what was written: of a table whose rows are known one by one. `stored` is undefined where there is no row with that key. */
  isAsWritten(table: ChangeableTable, key: Values, stored: Values | undefined): boolean {
    const register = this.#registers.get(table)
    return register === undefined || register.macOf(key) === macText(stored)
  }

  /** Compares all the rows that an owner has with those that were written, without looking at others: undefined where they fit. `owner` has the first column of the primary key. */
  compareOwned(table: ChangeableTable, owner: Values, rows: readonly Values[]): ChangedRows | undefined {
    const known = this.#registers.get(table)
    if (known === undefined) return { table, rows: undefined }
    const found = new RowRegister(table)
    for (const row of rows) found.set(row, macText(row))
    const different = known.differences(found, owner)
    return different?.length === 0 ? undefined : { table, rows: different }
  }

  mark(): SetMark {
    this.#undo = []
    const walks = [...this.#walks.values()].flatMap(({ set, next }) => (next === undefined ? [set] : [set, next]))
    const all = [...this.#sets.values(), ...(this.#next?.sets.values() ?? []), ...walks]
    return new Map(all.map((set) => [set, { count: set.count, sum: Buffer.from(set.sum) }]))
  }

  /** Takes everything back that was added and removed since. */
  back(mark: SetMark): void {
    for (const [table, set] of this.#sets) if (!mark.has(set)) this.#sets.delete(table)
    for (const [set, { count, sum }] of mark) {
      set.count = count
      sum.copy(set.sum)
    }
    for (const undo of this.#undo?.toReversed() ?? []) undo()
    this.#undo = []
  }

  /** Ends the keys. */
  wipe(): void {
    this.#key.secret.wipe()
    this.#next?.key.secret.wipe()
  }

  #endWalk(table: ChangeableTable): SetWalk {
    const walk = this.#walks.get(table)
    if (walk === undefined) throw new Error('a walk ends that was not begun')
    this.#walks.delete(table)
    return walk
  }

  #change(table: ChangeableTable, row: Values, by: 1 | -1): void {
    count(this.#setOf(table), this.#key, table, row, by)
    this.#note(this.#registers.get(table), row, by)
    const next = this.#next?.sets.get(table)
    if (next !== undefined) count(next, this.#next!.key, table, row, by)
    const walk = this.#walks.get(table)
    if (walk?.after === undefined || compareKeys(tableOf(table).key, row, walk.after) > 0) return
    this.#countInWalk(walk, table, row, by)
    this.#note(walk.register, row, by)
  }

  /** What was accepted is what is to be counted under the key that is to come, too. */
  #acceptUnderNext(table: ChangeableTable, found: RowSet | undefined): void {
    const next = this.#next?.sets
    const before = next?.get(table)
    if (next === undefined || found === undefined) return
    next.set(table, found)
    this.#undo?.push(() => (before === undefined ? next.delete(table) : next.set(table, before)))
  }

  #note(register: RowRegister | undefined, row: Values, by: 1 | -1): void {
    if (register === undefined) return
    const before = register.set(row, by === 1 ? macText(row) : undefined)
    this.#undo?.push(() => void register.set(row, before))
  }

  #register(table: ChangeableTable, register: RowRegister | undefined): void {
    if (register === undefined) this.#registers.delete(table)
    else this.#registers.set(table, register)
  }

  /**
   * How the rows that a walk has found differ from those that were written. The code stands for what the MACs of the rows that differ come to, and, so far as
   * it is known, which rows these are, since a MAC may stand in a row that it does not belong to. What is changed by the server meanwhile is not in it.
   */
  #differenceOf(table: ChangeableTable, { set, register }: SetWalk): SetDifference {
    const kept = this.#setOf(table)
    const rows = register && this.#registers.get(table)?.differences(register)
    const number = Buffer.alloc(8)
    number.writeBigInt64BE(BigInt(set.count - kept.count))
    const sum = Buffer.from(set.sum)
    exclusiveOr(sum, kept.sum)
    const named = (rows ?? []).map((row) => `${rowKey(table, row)}=${register?.macOf(row) ?? ''}`).toSorted()
    const rowsText = Buffer.from(JSON.stringify(named))
    const code = hmac('sha256', this.#key.secret, Use.difference, lengthAndName(table), number, sum, rowsText)
    return { table, kept: kept.count, found: set.count, rows, code: code.toString('hex', 0, differenceCodeBytes) }
  }

  #countInWalk(walk: SetWalk, table: ChangeableTable, row: Values, by: 1 | -1): void {
    count(walk.set, this.#key, table, row, by)
    if (walk.next !== undefined && this.#next !== undefined) count(walk.next, this.#next.key, table, row, by)
  }

  #setOf(table: ChangeableTable): RowSet {
    let set = this.#sets.get(table)
    if (set === undefined) this.#sets.set(table, (set = emptySet()))
    return set
  }

  #maskOf(table: ChangeableTable, nonce: Uint8Array): Buffer {
    return hmac('sha256', this.#key.secret, Use.mask, nonce, lengthAndName(table))
  }
}

/** A walk through the rows of a table, in the order of their keys. */
class SetWalk {
  set: RowSet = emptySet()
  /** The same under the key that is to come, where one was prepared before the walk began. */
  next: RowSet | undefined
  /** The rows that it has passed, one by one, where they are few. */
  register: RowRegister | undefined
  after: Values | undefined

  constructor(register: RowRegister | undefined) {
    this.register = register
  }
}

function emptySet(): RowSet {
  return { count: 0, sum: Buffer.alloc(elementBytes) }
}

function count(set: RowSet, key: SetDigestKey, table: ChangeableTable, row: Values, by: 1 | -1): void {
  set.count += by
  exclusiveOr(set.sum, elementOf(key, table, row))
}

/** A row's MAC stands for the row; one without a MAC stands for itself. */
function elementOf({ secret }: SetDigestKey, table: ChangeableTable, row: Values): Buffer {
  const mac = row['mac']
  if (!(mac instanceof Uint8Array)) return hmac('sha256', secret, Use.element, macInput(table, row as never))
  return hmac('sha256', secret, Use.element, lengthAndName(table), mac)
}

/** Tables of as many rows as there are objects: they are not known one by one, and are compared by rounds of the scrubber. */
export const tablesOfMany: ReadonlySet<ChangeableTable> = new Set<ChangeableTable>([
  'objects',
  'object_index',
  'nonce_counts',
])

/** The row in the place of a digest that has not begun yet: a new file has it, and one that was written before there were digests. */
export function unbegunSetDigest(section: Section): SetDigestRow {
  const nothing = Buffer.alloc(0)
  return { section, key_version: 0, nonce: nothing, sets: nothing, row_version: 0, mac: nothing }
}

/** A section whose digest cannot be gone on with. */
export function changedDigest(section: Section): KryptonError {
  return new KryptonError(
    'row-mac-mismatch',
    `the digest of all rows in section ${section} is missing or not as it was written: the store was changed from outside, restore it from a backup`,
  )
}

function macInputOf(row: Omit<SetDigestRow, 'mac'>, newest: StoredAuditRow | undefined): Buffer {
  const audit = newest === undefined ? [] : [rowInput('audit', auditColumns, newest)]
  return Buffer.concat([Use.mac, rowInput('set_digests', setDigestColumns, row), ...audit])
}

function lengthAndName(table: ChangeableTable): Buffer {
  let name = names.get(table)
  if (name === undefined) {
    name = Buffer.alloc(2 + Buffer.byteLength(table))
    name.writeUInt16BE(name.write(table, 2))
    names.set(table, name)
  }
  return name
}

function exclusiveOr(target: Buffer, other: Buffer): void {
  for (let at = 0; at < elementBytes; at++) target[at]! ^= other[at]!
}

/** What an HMAC under the one key is for: its first byte. */
const Use = { element: Buffer.of(1), mask: Buffer.of(2), mac: Buffer.of(3), difference: Buffer.of(4) } as const

const names = new Map<ChangeableTable, Buffer>()
const elementBytes = 32
const nonceBytes = 16
/** Enough that no two differences that anybody makes have one code. */
const differenceCodeBytes = 8
