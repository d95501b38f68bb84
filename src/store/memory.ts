import { checkValue } from './column.ts'
import { KryptonError } from '../errors.ts'
import { findColumns } from './find-columns.ts'
import { compareInOrder, matchesTypeAndState } from './locate-match.ts'
import { LocatePage } from './locate-page.ts'
import { compareKeys } from './row-order.ts'
import { changedDigest, SetDigest, type SetDifference, type SetDigestKey, unbegunSetDigest } from './set-digest.ts'
import { holds, keyValues, refusalOf, rowIsChanged, type RowsBefore } from './preconditions.ts'
import { rowKey, type Values, valuesKey } from './row-key.ts'
import type { ChangedRows } from './row-register.ts'
import {
  type ChangeableTable,
  type KeyOf,
  type Row,
  type Section,
  type SetDigestRow,
  type StoredAuditRow,
  type TableName,
  tableNames,
  tableOf,
} from './schema.ts'
import type { AcceptedSet, Change, IndexedQuery, KeptSets, LocateQuery, Page, Store, Unit } from './store.ts'
import { bumpTouched } from './touched-slots.ts'
import { VersionTable } from './version-table.ts'

/**
 * A store that forgets: for tests, and the reference that the others are compared with. It looks at every row for every question, so
 * that there is nothing in it to get wrong.
 */
export class MemoryStore implements Store, KeptSets {
  readonly versions = new VersionTable()
  readonly #tables = new Map<ChangeableTable, Map<string, Values>>()
  readonly #audit: Record<Section, StoredAuditRow[]> = { keys: [], data: [] }
  readonly #stored: Record<Section, SetDigestRow | undefined> = {
    keys: unbegunSetDigest('keys'),
    data: unbegunSetDigest('data'),
  }
  readonly #digests: Partial<Record<Section, SetDigest>> = {}
  #closed = false

  constructor() {
    for (const table of [...tableNames, 'object_index'] as const) this.#tables.set(table, new Map())
  }

  get<T extends TableName>(table: T, key: KeyOf<T>): Row<T> | undefined {
    return this.#row(table, key)
  }

  find<T extends TableName>(table: T, where: Partial<Row<T>>, page?: Page): Row<T>[] {
    const columns = findColumns(table, where)
    const asked = valuesKey('', columns, where)
    const rows = [...this.#rows(table).values()].filter((row) => valuesKey('', columns, row) === asked)
    rows.sort((a, b) => compareKeys(tableOf(table).key, a, b))
    const offset = page?.offset ?? 0
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is in a table's map was inserted as its row
    return rows.slice(offset, offset + (page?.limit ?? rows.length)).map(copyOf) as Row<T>[]
  }

  scan<T extends TableName>(table: T, after: KeyOf<T> | undefined, limit: number): Row<T>[] {
    const { key } = tableOf(table)
    const rows = [...this.#rows(table).values()].filter(
      (row) => after === undefined || compareKeys(key, row, after) > 0,
    )
    rows.sort((a, b) => compareKeys(key, a, b))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as in find
    return rows.slice(0, limit).map(copyOf) as Row<T>[]
  }

  locate(query: LocateQuery): Row<'objects'>[] {
    const scope = ['tenant', 'system', 'service']
    const asked = valuesKey('', scope, { ...query })
    const { after, offset = 0, limit, tokens = [] } = query
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as in find
    const rows = [...this.#rows('objects').values()] as Row<'objects'>[]
    const found = rows.filter(
      (row) =>
        valuesKey('', scope, row) === asked &&
        matchesTypeAndState(row, query) &&
        (after === undefined || compareInOrder(row, after) > 0) &&
        tokens.every(({ attribute, token }) =>
          this.#rows('object_index').has(rowKey('object_index', { ...row, attribute, token })),
        ),
    )
    const page = new LocatePage(limit)
    const rest = found.sort(compareInOrder).slice(offset, offset + limit)
    const last = rest.findIndex((row) => {
      page.add(row)
      return page.isFull
    })
    return rest.slice(0, last === -1 ? undefined : last + 1).map(copyOf)
  }

  indexed({ tokens, limit, ...scope }: IndexedQuery): Uint8Array[] {
    const asked = valuesKey('', ['tenant', 'system', 'service'], { ...scope })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as in find
    const rows = [...this.#rows('object_index').values()] as Row<'object_index'>[]
    const [first, ...others] = tokens
    return rows
      .filter(
        (row) =>
          valuesKey('', ['tenant', 'system', 'service'], row) === asked &&
          row.attribute === first!.attribute &&
          Buffer.compare(row.token, first!.token) === 0 &&
          others.every((other) => this.#rows('object_index').has(rowKey('object_index', { ...row, ...other }))),
      )
      .sort(compareInOrder)
      .slice(0, limit)
      .map(({ object }) => Buffer.from(object))
  }

  audit(section: Section, after: number, limit: number): StoredAuditRow[] {
    return this.#audit[section].slice(after, after + limit).map(copyOf)
  }

  auditHead(section: Section): StoredAuditRow | undefined {
    const newest = this.#audit[section].at(-1)
    return newest === undefined ? undefined : copyOf(newest)
  }

  async commit(unit: Unit): Promise<void> {
    if (this.#closed) throw new KryptonError('store-failed', 'the store is closed: start the server again')
    for (const change of unit.changes) if (change.kind !== 'delete') checkRow(change.table, change.row)
    const digest = this.#digests[unit.section]
    for (const change of unit.changes) {
      const stored = this.#rows(change.table).get(rowKey(change.table, keyValues(change)))
      if (digest?.isAsWritten(change.table, keyValues(change), stored) === false) throw rowIsChanged(change.table)
    }
    const refusal = refusalOf(unit, this.#before)
    if (refusal !== undefined) throw refusal
    const writes = unit.changes.length > 0 || unit.audit.length > 0
    if (writes && digest === undefined && this.#stored[unit.section]?.key_version !== 0) {
      throw new KryptonError('store-failed', 'the store is sealed: rows change when its root is open')
    }
    for (const change of unit.changes) if (change.kind === 'delete') this.#apply(change)
    for (const change of unit.changes) if (change.kind !== 'delete') this.#apply(change)
    const audit = this.#audit[unit.section]
    for (const row of unit.audit) audit.push({ sequence: audit.length + 1, ...copyOf(row) })
    if (digest !== undefined) this.#stored[unit.section] = digest.encode(audit.at(-1))
    bumpTouched(this.versions, unit)
  }

  async keepSets(keys: readonly SetDigestKey[], mayBegin: boolean): Promise<readonly Section[]> {
    const begun: Section[] = []
    for (const section of sections) {
      const stored = this.#stored[section]
      if (stored === undefined || (stored.key_version === 0 && !mayBegin)) throw changedDigest(section)
      if (stored.key_version !== 0) {
        const digest = SetDigest.open(section, keys, stored, this.#audit[section].at(-1))
        this.#digests[section] = digest
        keys.find(({ version }) => version === digest.keyVersion)?.secret.share()
        continue
      }
      const { version, secret } = keys[0]!
      const digest = new SetDigest(section, { version, secret: secret.share() })
      for (const [table, rows] of this.#tables) {
        if (tableOf(table).section === section) for (const row of rows.values()) digest.add(table, row)
      }
      this.#digests[section] = digest
      this.#stored[section] = digest.encode(this.#audit[section].at(-1))
      begun.push(section)
    }
    return begun
  }

  async prepareSets({ version, secret }: SetDigestKey): Promise<readonly Section[]> {
    return sections.filter((section) => {
      const key = { version, secret: secret.share() }
      const isTaken = this.#kept(section).prepare(key)
      if (!isTaken) key.secret.wipe()
      return isTaken
    })
  }

  async turnSets(turned: readonly Section[]): Promise<void> {
    for (const section of turned) {
      const digest = this.#kept(section)
      digest.turn([...this.#tables.keys()].filter((table) => tableOf(table).section === section))
      this.#stored[section] = digest.encode(this.#audit[section].at(-1))
    }
  }

  async compareSet(table: ChangeableTable): Promise<SetDifference | undefined> {
    return this.#walked(table).compare(table)
  }

  async learnSet(table: ChangeableTable, corrected: readonly Values[]): Promise<boolean> {
    return this.#kept(tableOf(table).section).learn(table, corrected)
  }

  async acceptSet(table: ChangeableTable, { code, audit }: AcceptedSet): Promise<SetDifference | undefined> {
    const digest = this.#walked(table)
    const other = digest.accept(table, code)
    if (other !== undefined) return other
    const { section } = tableOf(table)
    const rows = this.#audit[section]
    rows.push({ sequence: rows.length + 1, ...copyOf(audit) })
    this.#stored[section] = digest.encode(rows.at(-1))
    return undefined
  }

  async compareOwned(tables: readonly ChangeableTable[], owner: Values): Promise<readonly ChangedRows[]> {
    return tables.flatMap((table) => {
      const first = tableOf(table).key.slice(0, 1)
      const asked = valuesKey('', first, owner)
      const rows = [...this.#rows(table).values()].filter((row) => valuesKey('', first, row) === asked)
      return this.#kept(tableOf(table).section).compareOwned(table, owner, rows) ?? []
    })
  }

  #kept(section: Section): SetDigest {
    const digest = this.#digests[section]
    if (digest === undefined) throw new Error('the digests are not kept yet')
    return digest
  }

  /** The digest, with a walk through the table that has come to its last row. */
  #walked(table: ChangeableTable): SetDigest {
    const digest = this.#kept(tableOf(table).section)
    digest.walk(table)
    const rows = [...this.#rows(table).values()].sort((a, b) => compareKeys(tableOf(table).key, a, b))
    digest.pass(table, rows)
    return digest
  }

  /** The store as somebody left it who wrote to its files: a copy in which `change` has changed the rows of tables, or the digests, as nobody can through a unit. For tests of what is found. */
  changedFromOutside(change: ChangeFromOutside): MemoryStore {
    const copy = new MemoryStore()
    for (const [table, rows] of this.#tables) {
      const copied = copy.#rows(table)
      for (const [key, row] of rows) copied.set(key, copyOf(row))
    }
    Object.assign(copy.#stored, this.#stored)
    for (const section of sections) copy.#audit[section].push(...this.#audit[section])
    copy.changeFromOutside(change)
    return copy
  }

  /** The same while the store is open: the digests know nothing of it. */
  changeFromOutside(change: ChangeFromOutside): void {
    change(this.#tables, this.#stored)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const digest of Object.values(this.#digests)) digest.wipe()
  }

  readonly #before: RowsBefore = {
    versionOf: (table, row) => {
      const found = this.#rows(table).get(rowKey(table, row))
      if (found === undefined) return undefined
      return typeof found['row_version'] === 'number' ? found['row_version'] : 0
    },
    holderOf: (table, name, row) => {
      const index = tableOf(table).indexes[name]!
      const asked = valuesKey('', index.columns, row)
      return [...this.#rows(table).values()].find(
        (other) => holds(index, other) && valuesKey('', index.columns, other) === asked,
      )
    },
  }

  #apply(change: Change): void {
    const rows = this.#rows(change.table)
    const key = rowKey(change.table, keyValues(change))
    const digest = this.#digests[tableOf(change.table).section]
    const before = rows.get(key)
    if (before !== undefined) digest?.remove(change.table, before)
    if (change.kind === 'delete') rows.delete(key)
    else {
      rows.set(key, copyOf(change.row))
      digest?.add(change.table, change.row)
    }
  }

  #row<T extends TableName>(table: T, key: KeyOf<T>): Row<T> | undefined {
    const row = this.#rows(table).get(rowKey(table, key))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as in find
    return row === undefined ? undefined : (copyOf(row) as Row<T>)
  }

  #rows(table: ChangeableTable): Map<string, Values> {
    return this.#tables.get(table)!
  }
}

type ChangeFromOutside = (
  tables: Map<ChangeableTable, Map<string, Values>>,
  digests: Record<Section, SetDigestRow | undefined>,
) => void

const sections = ['keys', 'data'] as const

/** Bytes are copied on their way in and out, so that nobody's later writing reaches the store. */
function copyOf<T extends object>(row: T): T {
  const copy = { ...row }
  for (const [name, value] of Object.entries(copy)) {
    if (value instanceof Uint8Array) Object.assign(copy, { [name]: Buffer.from(value) })
  }
  return copy
}

function checkRow(table: ChangeableTable, row: Values): void {
  for (const [name, column] of Object.entries(tableOf(table).columns)) checkValue(name, column, row[name])
}
