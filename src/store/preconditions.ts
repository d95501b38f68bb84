import { KryptonError } from '../errors.ts'
import { rowKey, type Values, valuesKey } from './row-key.ts'
import { type ChangeableTable, type Condition, type Index, tableOf } from './schema.ts'
import type { Change, Unit } from './store.ts'

/** The rows that a unit's preconditions are checked against: those before it. */
export interface RowsBefore {
  /** The `row_version` of a row, 0 for one of a table without versions, undefined when there is none. `row` has at least the key. */
  versionOf(table: ChangeableTable, row: Values): number | undefined
  /** True where the table itself refuses the insert of a row that is there already: nobody looks for one before. */
  readonly refusesInserts?: boolean
  /** The primary key of the row that has the values of `row` in a unique index. */
  holderOf(table: ChangeableTable, index: string, row: Values): Values | undefined
}

/**
 * Why the unit may not be written, or undefined when it may: then writing its deletes first and the rest after them violates no
 * constraint. Nothing is written before every precondition holds, so that a refused unit needs no savepoint.
 */
export function refusalOf(unit: Unit, before: RowsBefore): KryptonError | undefined {
  const [only] = unit.changes
  // A single one meets no other.
  if (only === undefined || unit.changes.length === 1) {
    return only && (rowRefusal(only, before) ?? uniqueRefusal(only, before, noOthers))
  }
  const changed = new Set<string>()
  const deleted = new Set<string>()
  for (const change of unit.changes) {
    const key = rowKey(change.table, keyValues(change))
    if (changed.has(key)) return conflict(change.table, 'is changed twice by one request')
    changed.add(key)
    if (change.kind === 'delete') deleted.add(key)
  }
  const claimed = new Set<string>()
  for (const change of unit.changes) {
    const refusal = rowRefusal(change, before) ?? uniqueRefusal(change, before, { deleted, claimed })
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** What a unit's other changes delete and claim. */
interface Others {
  readonly deleted: ReadonlySet<string>
  /** Undefined where there are none. */
  readonly claimed: Set<string> | undefined
}

const noOthers: Others = { deleted: new Set(), claimed: undefined }

function rowRefusal(change: Change, before: RowsBefore): KryptonError | undefined {
  if (change.kind === 'insert' && before.refusesInserts === true) return undefined
  const version = before.versionOf(change.table, keyValues(change))
  if (change.kind === 'insert') {
    // A row without a version is nothing but its key: one that is there already is the very same.
    const isSame = !tableOf(change.table).authenticated
    return version === undefined || isSame ? undefined : conflict(change.table, 'is there already')
  }
  if (change.expectedVersion === undefined) return undefined
  if (version === undefined) return conflict(change.table, 'is gone')
  return version === change.expectedVersion ? undefined : conflict(change.table, 'was changed by another request')
}

function uniqueRefusal(change: Change, before: RowsBefore, others: Others): KryptonError | undefined {
  if (change.kind === 'delete') return undefined
  const { table, row } = change
  for (const [name, index] of uniqueIndexes(table)) {
    if (!holds(index, row)) continue
    const claim = valuesKey(name, index.columns, row)
    if (others.claimed?.has(claim) === true) return taken(name)
    others.claimed?.add(claim)
    const holder = before.holderOf(table, name, row)
    if (holder === undefined) continue
    const holderKey = rowKey(table, holder)
    if (holderKey !== rowKey(table, row) && !others.deleted.has(holderKey)) return taken(name)
  }
  return undefined
}

function uniqueIndexes(table: ChangeableTable): readonly (readonly [string, Index])[] {
  let indexes = uniqueIndexesOf.get(table)
  if (indexes === undefined) {
    indexes = Object.entries(tableOf(table).indexes).filter(([, { unique }]) => unique === true)
    uniqueIndexesOf.set(table, indexes)
  }
  return indexes
}

const uniqueIndexesOf = new Map<ChangeableTable, readonly (readonly [string, Index])[]>()

/** True if `row` stands in `index`. */
export function holds(index: Index, row: Values): boolean {
  return index.where === undefined || index.where.every((condition) => isMet(condition, row[condition.column]))
}

function isMet(condition: Condition, value: unknown): boolean {
  if ('equals' in condition) return value === condition.equals
  if ('atMost' in condition) return typeof value === 'number' && value <= condition.atMost
  return value !== null
}

/** The row of a change, or its key when that is all there is. */
export function keyValues(change: Change): Values {
  return change.kind === 'delete' ? change.key : change.row
}

/** Of a change that was computed from a row that somebody has put there, or that goes where one was taken away. */
export function rowIsChanged(table: ChangeableTable): KryptonError {
  return new KryptonError(
    'rows-changed',
    `a row of table ${table} is not the one that was written, and nothing is written over it: krypton changed-rows list says more`,
  )
}

function conflict(table: ChangeableTable, why: string): KryptonError {
  return new KryptonError('store-conflict', `a row of table ${table} ${why}: read it again and repeat the request`)
}

function taken(index: string): KryptonError {
  return new KryptonError('store-unique', `${index} is taken: choose another value, or free it first`)
}
