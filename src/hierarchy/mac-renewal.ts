import { isKryptonError } from '../errors.ts'
import { hasEnded } from '../jobs/job.ts'
import type { JobRun } from '../jobs/job-run.ts'
import { limits } from '../limits.ts'
import { type KeyOf, type Row, type TableName, tableNames, tableOf } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import type { KeyChain } from './key-chain.ts'
import { noTenant } from './key-record.ts'
import type { AtPoint } from './rewrap.ts'
import { decodeKey, encodeKey, firstKeyOf, keyOfRow } from './row-place.ts'
import { macVersionOf, type RowKeys, type Unauthenticated } from './row-mac.ts'
import { rowOwner } from './row-owner.ts'
import type { TenantKeys } from './tenant-key.ts'

/** A value of an object that stands in the index. */
export interface IndexedValue {
  readonly attribute: string
  readonly bytes: Uint8Array
}

/** What of an object's row stands in the index. */
export type IndexedValues = (row: Row<'objects'>) => readonly IndexedValue[]

/**
 * Makes the MACs of a tenant's rows, or of the system's, anew under the active version of its integrity key, and puts the tokens of that version beside the old ones. Nothing else of a row changes but its version. Each
 * row is verified before, and after it was read back. Jobs that have not ended are left out: their queue writes them anew.
 */
export class MacRenewal {
  readonly #store: Store
  readonly #chain: KeyChain
  readonly #indexedValues: IndexedValues
  readonly #at: AtPoint

  constructor(store: Store, chain: KeyChain, indexedValues: IndexedValues, at: AtPoint) {
    this.#store = store
    this.#chain = chain
    this.#indexedValues = indexedValues
    this.#at = at
  }

  /** All rows of `owner`, from where a run with that `pass` was. Resolves to the number of rows that were made anew. */
  async renew(owner: Buffer, run: JobRun, pass: string): Promise<number> {
    let count = 0
    await this.#walk(tableNames, owner, run, pass, async (table, rows) => {
      const renewed = await this.#renewRows(table, owner, rows)
      count += renewed
      return renewed
    })
    return count
  }

  /** Takes the tokens of versions that nobody searches for out of the index. */
  async takeOldTokens(tenant: Buffer, run: JobRun, pass: string): Promise<void> {
    await this.#walk(['objects'], tenant, run, pass, async (_, rows) => {
      const keys = await this.#chain.tenant(tenant)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rows of the one table that was named
      const changes = (rows as unknown as Row<'objects'>[]).flatMap((row) => {
        keys.verifyRow('objects', row)
        return this.#tokens(row, (attribute, bytes) => keys.oldIndexTokens(attribute, bytes)).map((key): Change => ({
          table: 'object_index',
          kind: 'delete',
          key,
        }))
      })
      if (changes.length > 0) await this.#store.commit({ section: 'data', changes, audit: [] })
      return rows.length
    })
  }

  /** How many rows of `owner` have a MAC of that version. */
  async countUnder(owner: Buffer, version: number, run: JobRun): Promise<number> {
    let count = 0
    await this.#walk(tableNames, owner, run, undefined, async (_, rows) => {
      count += rows.filter(({ mac }) => macVersionOf(mac) === version).length
      return rows.length
    })
    return count
  }

  async #walk<T extends TableName>(
    tables: readonly T[],
    owner: Buffer,
    run: JobRun,
    pass: string | undefined,
    act: (table: T, rows: readonly Row<T>[]) => Promise<number>,
  ): Promise<void> {
    const from = pass === undefined ? undefined : placeIn(run, pass)
    for (const table of tables.slice(Math.max(0, tables.indexOf(from?.table as T)))) {
      const place = from?.table === table ? decodeKey(table, from.after) : undefined
      for await (const { own, after } of pagesOf(this.#store, table, owner, place)) {
        const count = await act(table, own)
        const position = pass === undefined ? run.progress.position : positionAt(pass, table, after)
        await run.step(count, { ...run.progress, done: run.progress.done + count, position })
      }
    }
  }

  async #renewRows<T extends TableName>(table: T, owner: Buffer, rows: readonly Row<T>[]): Promise<number> {
    const keys = await this.#keysOf(owner)
    const changes = rows.flatMap((row) => this.#changesOf(table, row, keys))
    if (changes.length === 0) return 0
    const changed = rows.map((row) => keyOfRow(table, row))
    try {
      await this.#store.commit({ section: tableOf(table).section, changes, audit: [] })
    } catch (error) {
      if (!isKryptonError(error, 'store-conflict')) throw error
      for (const key of changed) await this.#renewOne(table, owner, key)
    }
    this.#at('renewed')
    for (const key of changed) {
      const row = await this.#store.get(table, key)
      if (row !== undefined) keys.verifyRow(table, row)
    }
    return rows.length
  }

  /** A row that is in motion: as often as a request that loses a race is run again. */
  async #renewOne<T extends TableName>(table: T, owner: Buffer, key: KeyOf<T>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const row = await this.#store.get(table, key)
      const changes = row === undefined ? [] : this.#changesOf(table, row, await this.#keysOf(owner))
      if (changes.length === 0) return
      try {
        await this.#store.commit({ section: tableOf(table).section, changes, audit: [] })
        return
      } catch (error) {
        if (!isKryptonError(error, 'store-conflict') || attempt >= limits.conflictRetriesMax) throw error
      }
    }
  }

  /** An object with values in the index is written whatever its MAC: so that its tokens are those of its row at that moment. */
  #changesOf<T extends TableName>(table: T, row: Row<T>, keys: RowKeys): Change[] {
    if (table === 'jobs' && !hasEnded(row as unknown as Row<'jobs'>)) return []
    keys.verifyRow(table, row)
    const { mac: old, ...rest } = row
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row as it was, one version later
    const next = { ...rest, row_version: row.row_version + 1 } as unknown as Unauthenticated<T>
    const mac = keys.macRow(table, next)
    const tokens =
      table === 'objects'
        ? // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of that table, and a tenant's keys then
          this.#tokens(row as unknown as Row<'objects'>, (attribute, bytes) =>
            (keys as TenantKeys).indexTokens(attribute, bytes),
          )
        : []
    if (tokens.length === 0 && macVersionOf(old) === macVersionOf(mac)) return []
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of T, for the table T
    const update = {
      table,
      kind: 'update',
      row: { ...next, mac },
      expectedVersion: row.row_version,
    } as unknown as Change
    return [update, ...tokens.map((token): Change => ({ table: 'object_index', kind: 'insert', row: token }))]
  }

  #tokens(
    row: Row<'objects'>,
    tokensOf: (attribute: string, bytes: Uint8Array) => readonly Buffer[],
  ): Row<'object_index'>[] {
    const { tenant, system, service, sequence, object } = row
    return this.#indexedValues(row).flatMap(({ attribute, bytes }) =>
      tokensOf(attribute, bytes).map((token) => ({ tenant, system, service, attribute, token, sequence, object })),
    )
  }

  #keysOf(owner: Buffer): RowKeys | Promise<RowKeys> {
    return owner.equals(noTenant) ? this.#chain.system() : this.#chain.tenant(owner)
  }
}

/** How many rows are under each version of the integrity key of `owner`. `pause` is waited for after each page. */
export async function countByVersion(
  store: Store,
  owner: Buffer,
  pause: () => Promise<void>,
): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>()
  for (const table of tableNames) {
    for await (const { own } of pagesOf(store, table, owner, undefined)) {
      for (const { mac } of own) counts.set(macVersionOf(mac), (counts.get(macVersionOf(mac)) ?? 0) + 1)
      await pause()
    }
  }
  return counts
}

/** The rows of `owner` in a table, page by page, from after `place` on or from the first; and the last row of each page, whoever's it is. */
async function* pagesOf<T extends TableName>(
  store: Store,
  table: T,
  owner: Buffer,
  place: KeyOf<T> | undefined,
): AsyncGenerator<{ readonly own: readonly Row<T>[]; readonly after: KeyOf<T> }> {
  const key = tableOf(table).key[0] as keyof Row<T>
  const isOrdered = (key === 'tenant' || key === 'owner') && !(owner.equals(noTenant) && scattered.has(table))
  let after = place ?? (isOrdered ? firstKeyOf(table, owner) : undefined)
  for (;;) {
    const rows: Row<T>[] = await store.scan(table, after, limits.jobBatchRows)
    const last = rows.at(-1)
    if (last === undefined) return
    const own = rows.filter((row) => (rowOwner(table, row) ?? noTenant).equals(owner))
    after = keyOfRow(table, last)
    yield { own, after }
    // What comes after is somebody else's.
    if (isOrdered && !owner.equals(last[key] as Buffer)) return
  }
}

/** Tables in which the system has rows below every tenant: a tenant's integrity key cannot vouch for itself. */
const scattered: ReadonlySet<TableName> = new Set(['integrity_keys', 'previous_key_records'])

interface Place {
  readonly pass: string
  readonly table: TableName
  readonly after: Record<string, unknown>
}

function positionAt<T extends TableName>(pass: string, table: T, after: KeyOf<T>): Buffer {
  const place: Place = { pass, table, after: encodeKey(after) }
  return Buffer.from(JSON.stringify(place))
}

/** Where a run was; undefined for another pass. */
function placeIn({ progress }: JobRun, pass: string): Place | undefined {
  if (progress.position.byteLength === 0) return undefined
  // What `positionAt` has written, in a row whose MAC was verified.
  const place = JSON.parse(Buffer.from(progress.position).toString()) as Place
  return place.pass === pass ? place : undefined
}
