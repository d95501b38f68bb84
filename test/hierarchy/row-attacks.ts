import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import { HeldSystems } from '../../src/hierarchy/held-systems.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { rowOwner } from '../../src/hierarchy/row-owner.ts'
import { type ReportFault, scrub } from '../../src/hierarchy/scrub.ts'
import { setTables } from '../../src/hierarchy/sets.ts'
import { JobRun, type Progress } from '../../src/jobs/job-run.ts'
import type { Columns } from '../../src/store/column.ts'
import type { MemoryStore } from '../../src/store/memory.ts'
import { rowKey } from '../../src/store/row-key.ts'
import {
  type ChangeableTable,
  type Section,
  type SetDigestRow,
  setDigestColumns,
  type TableName,
  tableNames,
  tableOf,
} from '../../src/store/schema.ts'
import type { Change, KeptSets, Store } from '../../src/store/store.ts'
import { clock, type Hierarchy } from './fixture.ts'
import { type AnyRow, nudged } from './tampered-store.ts'

type Tables = Map<ChangeableTable, Map<string, Readonly<AnyRow>>>
type Digests = Record<Section, SetDigestRow | undefined>

/** What somebody does to a store who can write to its files, and has none of its keys. */
export interface RowAttack {
  readonly kind: 'flip' | 'insert' | 'copy' | 'delete' | 'older row' | 'deleted row' | 'digest'
  readonly name: string
  apply(tables: Tables, digests: Digests): void
}

/** Rows as they were once, which an attacker has kept. */
interface Past {
  readonly older: Map<TableName, AnyRow>
  readonly deleted: Map<ChangeableTable, AnyRow>
  readonly digests: Digests
}

/**
 * Every attack of the table: each column of each table changed, a row inserted, copied over every part of its key, removed, an older one and a removed one put back; and each column of the digests. Each row of each table
 * is a target with `everyRow`, else one of each table. The store is changed first, as its server does, so that there is a past.
 */
export async function rowAttacks(made: Hierarchy, everyRow: boolean): Promise<RowAttack[]> {
  const past = await makePast(made)
  const attacks: RowAttack[] = []
  const now = rowsOf(made.memory)
  for (const table of setTables) {
    const all = now.get(table)!
    const targets = everyRow ? all : [all[Math.floor(Math.random() * all.length)]!]
    for (const row of targets) {
      const { columns, key } = tableOf(table)
      for (const column of Object.keys(columns)) {
        attacks.push(replacing('flip', table, row, { ...row, [column]: moved(row[column]) }, column))
      }
      attacks.push({ kind: 'delete', name: table, apply: (tables) => remove(tables, table, row) })
      attacks.push(inserting('insert', table, cloneOf(table, row)))
      for (const column of key) {
        const copies = all.map((one) => ({ ...row, [column]: one[column] }))
        // A row of the index is its key: a copy over another row of the same object may be that row, and no attack.
        const copied = copies.find((copy) => !all.some((one) => isSame(columns, one, copy)))
        attacks.push(inserting('copy', table, copied ?? { ...row, [column]: moved(row[column]) }, column))
      }
    }
    const older = table === 'object_index' ? undefined : past.older.get(table)
    if (older !== undefined) attacks.push(inserting('older row', table, older))
    const deleted = past.deleted.get(table)
    if (deleted !== undefined) attacks.push(inserting('deleted row', table, deleted))
  }
  for (const section of ['keys', 'data'] as const) {
    const digest = (name: string, change: (digests: Digests) => void): RowAttack => ({
      kind: 'digest',
      name: `${section} ${name}`,
      apply: (_, digests) => change(digests),
    })
    for (const column of Object.keys(setDigestColumns)) {
      attacks.push(
        digest(column, (digests) => {
          const row: AnyRow = { ...digests[section] }
          Object.assign(digests, { [section]: { ...row, [column]: nudged(row[column]) } })
        }),
      )
    }
    attacks.push(
      digest('removed', (digests) => (digests[section] = undefined)),
      digest('an older one', (digests) => (digests[section] = past.digests[section])),
      digest('as if it had not begun', (digests) => {
        digests[section] = { ...digests[section]!, key_version: 0 }
      }),
      digest("the other section's", (digests) => {
        digests[section] = digests[section === 'keys' ? 'data' : 'keys']
      }),
    )
  }
  return attacks
}

/** True if the attack is found when the store is opened, or by one round of the scrubber. */
export async function isFound(made: Hierarchy, attack: RowAttack): Promise<boolean> {
  const store = made.memory.changedFromOutside((tables, digests) => attack.apply(tables, digests))
  const keys = setDigestKeys(made.root)
  try {
    await store.keepSets(keys, false)
    await scrubbed(made, store, store, { report: endAtOnce })
    return false
  } catch (error) {
    if (isKryptonError(error)) return true
    throw error
  } finally {
    for (const { secret } of keys) secret.wipe()
    await store.close()
  }
}

/** One round by a thread that has opened nothing yet. */
export function scrubbed(
  made: Hierarchy,
  store: Store,
  sets: KeptSets,
  { report = () => undefined, progress = noProgress(), signal = new AbortController().signal }: RoundOptions = {},
): Promise<string> {
  const chain = new KeyChain(store, made.root, clock)
  const work = {
    store,
    chain,
    clock,
    users: { refresh: async () => undefined, takeRoot: async () => undefined },
    schedule: async () => undefined,
    held: new HeldSystems(made.store, () => undefined),
    at: () => undefined,
  }
  const parts = {
    signal,
    save: async (saved: Progress) => void Object.assign(progress, saved),
    clock,
    pace: { itemsPerSecond: 1_000_000 },
  }
  const run = new UnrestedRun({ owner: Buffer.alloc(16), subject: '', parameters: {}, progress }, parts)
  const keep = (): void => void Object.assign(progress, run.progress)
  return scrub(work, sets, report, run).finally(keep)
}

/** A job that has the machine for itself. */
class UnrestedRun extends JobRun {
  override async step(_items: number, progress: Progress): Promise<void> {
    await this.save(progress)
    this.throwIfStopped()
  }
}

/** One fault is enough. */
const endAtOnce: ReportFault = (_, error) => {
  throw error
}

interface RoundOptions {
  readonly report?: ReportFault
  readonly progress?: Progress
  readonly signal?: AbortSignal
}

const noProgress = (): Progress => ({ done: 0, total: 0, position: Buffer.alloc(0) })

/** Changes a row of each table as the server would, and makes and removes another where rows are removed at all. */
async function makePast({ memory: store, chain }: Hierarchy): Promise<Past> {
  const past: Past = { older: new Map(), deleted: new Map(), digests: digestsOf(store) }
  const keysOf = async (table: TableName, row: AnyRow) => {
    const owner = rowOwner(table, row as never)
    return owner === undefined ? chain.system() : chain.tenant(owner)
  }
  const commit = (table: ChangeableTable, change: object): Promise<void> =>
    store.commit({ section: tableOf(table).section, changes: [{ table, ...change } as unknown as Change], audit: [] })
  const now = rowsOf(store)
  for (const table of tableNames) {
    const older = now.get(table)!.at(-1)!
    const { mac: _, ...row }: AnyRow = older
    const expectedVersion = older['row_version'] as number
    const next = { ...row, row_version: expectedVersion + 1 }
    const keys = await keysOf(table, row)
    await commit(table, { kind: 'update', row: { ...next, mac: keys.macRow(table, next) }, expectedVersion })
    past.older.set(table, older)
    if (!removedTables.has(table)) continue
    const clone = cloneOf(table, row)
    const made = { ...clone, mac: keys.macRow(table, clone as never) }
    await commit(table, { kind: 'insert', row: made })
    await commit(table, { kind: 'delete', key: made, expectedVersion })
    past.deleted.set(table, made)
  }
  const [row] = now.get('object_index')!
  const clone = cloneOf('object_index', row!)
  await commit('object_index', { kind: 'insert', row: clone })
  await commit('object_index', { kind: 'delete', key: clone })
  past.deleted.set('object_index', clone)
  return past
}

/** Tables whose rows come and go. Keys of the hierarchy and what says that they are there stay for ever. */
const removedTables: ReadonlySet<TableName> = new Set<TableName>([
  'authorities',
  'clients',
  'credentials',
  'roles',
  'objects',
  'nonce_counts',
  'jobs',
  'previous_key_records',
  'previous_object_records',
])

function rowsOf(store: MemoryStore): Map<ChangeableTable, AnyRow[]> {
  const found = new Map<ChangeableTable, AnyRow[]>()
  store.changedFromOutside((tables) => {
    for (const [table, rows] of tables) found.set(table, [...rows.values()])
  })
  return found
}

function digestsOf(store: MemoryStore): Digests {
  const found: Digests = { keys: undefined, data: undefined }
  store.changedFromOutside((_, digests) => Object.assign(found, digests))
  return found
}

/** Another row of the same owner: with another last part of its key, and other values where they must be unique. */
function cloneOf(table: ChangeableTable, row: AnyRow): AnyRow {
  const { key, indexes } = tableOf(table)
  const unique = Object.values(indexes)
    .filter((index) => index.unique === true)
    .flatMap(({ columns }) => columns)
    .filter((column) => column !== 'tenant' && column !== 'system' && column !== 'service')
  const clone = { ...row }
  for (const column of [...unique, key.at(-1)!]) clone[column] = another(row[column])
  return clone
}

function replacing(
  kind: RowAttack['kind'],
  table: ChangeableTable,
  before: AnyRow,
  after: AnyRow,
  column: string,
): RowAttack {
  return {
    kind,
    name: `${table}.${column}`,
    apply: (tables) => {
      remove(tables, table, before)
      tables.get(table)!.set(rowKey(table, after), after)
    },
  }
}

/** Puts a row in, in the place of the one that is there. */
function isSame(columns: Columns, one: AnyRow, other: AnyRow): boolean {
  return Object.keys(columns).every((column) => same(one[column], other[column]))
}

function inserting(kind: RowAttack['kind'], table: ChangeableTable, row: AnyRow, column?: string): RowAttack {
  return {
    kind,
    name: column === undefined ? table : `${table}.${column}`,
    apply: (tables) => void tables.get(table)!.set(rowKey(table, row), row),
  }
}

function remove(tables: Tables, table: ChangeableTable, row: AnyRow): void {
  tables.get(table)!.delete(rowKey(table, row))
}

/** Another value, which no other row has in that column. */
function moved(value: unknown): unknown {
  return typeof value === 'number' ? value + 1_000 : nudged(value)
}

/** The same of an identifier that is to be one of its own. */
function another(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return moved(value)
  return value.byteLength === 16 ? randomIdentifier() : randomBytes(Math.max(1, value.byteLength))
}

function same(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
}
