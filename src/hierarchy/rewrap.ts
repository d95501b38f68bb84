import type { Secret } from '../crypto/secret.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import type { KeyChain } from './key-chain.ts'
import type { WrappingKey } from './root-keys.ts'
import { type RowKeys, updateOf } from './row-mac.ts'
import { type Place, type WrappedRows, type WrappedTable } from './wrapped-rows.ts'

/** The versions of the key that rows hang on: the one that they are to be under, and all that open. */
export interface Parents {
  readonly active: WrappingKey
  readonly byVersion: ReadonlyMap<number, WrappingKey>
}

/** Is told of each step by its name, before the next: a test ends the process there. */
export type AtPoint = (point: string) => void

/**
 * Wraps rows anew, with nothing else of them changed. The record that a row had stays beside it until the new one was read back from the store
 * and opened; then it goes. A row that a request changes meanwhile is read again.
 */
export class Rewrapper {
  readonly #store: Store
  readonly #chain: KeyChain
  readonly #at: AtPoint

  constructor(store: Store, chain: KeyChain, at: AtPoint) {
    this.#store = store
    this.#chain = chain
    this.#at = at
  }

  /** Puts those of `rows` that are under another version under the active one. Resolves to their number. */
  async rewrap<T extends WrappedTable>(
    kind: WrappedRows<T>,
    parents: Parents,
    rows: readonly Row<T>[],
  ): Promise<number> {
    const stale = rows.filter((row) => isStale(kind, row, parents.active.version))
    if (stale.length === 0) return 0
    try {
      await this.#commit(kind, parents, stale)
    } catch (error) {
      if (!isKryptonError(error, 'store-conflict')) throw error
      let count = 0
      for (const row of stale) count += await this.#rewrapOne(kind, parents, kind.placeOf(row))
      return count
    }
    await this.#readBack(
      kind,
      parents,
      stale.map((row) => kind.placeOf(row)),
    )
    return stale.length
  }

  /** Ends what a crash has left between the two steps, where `isMeant` says so: see the class. */
  async settle<T extends WrappedTable>(
    kind: WrappedRows<T>,
    isMeant: (place: Place) => boolean,
    parentsOf: (place: Place) => Promise<Parents & { readonly end: () => void }>,
  ): Promise<void> {
    for (const previous of await this.#store.find(previousTable(kind), {})) {
      if (previous.of_table !== kind.table || !isMeant(previous)) continue
      const keys = await this.#keysOf(kind, previous.owner)
      keys.verifyRow(previousTable(kind), previous)
      const parents = await parentsOf({ ...previous })
      try {
        await this.#readBack(kind, parents, [{ ...previous }])
      } finally {
        parents.end()
      }
    }
  }

  /** A row that is in motion: as often as a request that loses a race is run again. */
  async #rewrapOne<T extends WrappedTable>(kind: WrappedRows<T>, parents: Parents, place: Place): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      const row = await kind.at(this.#store, place)
      if (row === undefined || !isStale(kind, row, parents.active.version)) return 0
      try {
        await this.#commit(kind, parents, [row])
      } catch (error) {
        if (!isKryptonError(error, 'store-conflict') || attempt >= limits.conflictRetriesMax) throw error
        continue
      }
      await this.#readBack(kind, parents, [place])
      return 1
    }
  }

  async #commit<T extends WrappedTable>(
    kind: WrappedRows<T>,
    parents: Parents,
    rows: readonly Row<T>[],
  ): Promise<void> {
    const changes: Change[] = []
    for (const row of rows) {
      const keys = await this.#keysOf(kind, kind.placeOf(row).owner)
      keys.verifyRow(kind.table, row)
      const secret = kind.open(this.#chain.cluster, row, parents.byVersion)
      try {
        const resealed = kind.reseal(this.#chain.cluster, row, parents.active, secret)
        changes.push(updateOf(kind.table, row, resealed, keys), {
          table: previousTable(kind),
          kind: 'insert',
          row: previousOf(kind, row, keys),
        })
      } finally {
        secret.wipe()
      }
    }
    // The old record stays in the table of previous ones: the unit that takes it out there says that it is gone.
    await this.#store.commit({ section: sectionOf(kind), changes, audit: [], erasure: 'later' })
    this.#at('rewrapped')
  }

  async #readBack<T extends WrappedTable>(
    kind: WrappedRows<T>,
    parents: Parents,
    places: readonly Place[],
  ): Promise<void> {
    for (const place of places) {
      const row = await kind.at(this.#store, place)
      // What was destroyed meanwhile holds no key any more.
      if (row === undefined || row.record.byteLength === 0) continue
      const keys = await this.#keysOf(kind, place.owner)
      keys.verifyRow(kind.table, row)
      try {
        opened(kind, this.#chain.cluster, row, parents).wipe()
      } catch (cause) {
        await this.#putBack(kind, row, place, keys)
        throw new KryptonError(
          'record-does-not-open',
          `a row of ${kind.table} that was wrapped anew does not open: its old record was put back, look after the memory and the disk of this machine`,
          { cause },
        )
      }
    }
    this.#at('read back')
    const changes = places.map(({ owner, holder }): Change => ({
      table: previousTable(kind),
      kind: 'delete',
      key: { owner, holder },
    }))
    await this.#store.commit({ section: sectionOf(kind), changes, audit: [] })
  }

  async #putBack<T extends WrappedTable>(
    kind: WrappedRows<T>,
    row: Row<T>,
    place: Place,
    keys: RowKeys,
  ): Promise<void> {
    const table = previousTable(kind)
    const key = { owner: place.owner, holder: place.holder }
    const previous = await this.#store.get(table, key)
    if (previous === undefined) return
    keys.verifyRow(table, previous)
    const changes: Change[] = [
      updateOf(kind.table, row, kind.putBack(row, previous), keys),
      { table, kind: 'delete', key },
    ]
    await this.#store.commit({ section: sectionOf(kind), changes, audit: [], erasure: 'later' })
  }

  /** What authenticates the rows of a table of a tenant. A tenant's integrity key cannot vouch for itself: the system does. */
  #keysOf({ table }: { readonly table: WrappedTable }, owner: Buffer): RowKeys | Promise<RowKeys> {
    return table === 'integrity_keys' ? this.#chain.system() : this.#chain.tenant(owner)
  }
}

/** The table that keeps the old records of this one: of its own section, so that both change in one transaction. */
export function previousTable({
  table,
}: {
  readonly table: WrappedTable
}): 'previous_key_records' | 'previous_object_records' {
  return table === 'objects' ? 'previous_object_records' : 'previous_key_records'
}

function sectionOf({ table }: { readonly table: WrappedTable }): 'keys' | 'data' {
  return table === 'objects' ? 'data' : 'keys'
}

function isStale<T extends WrappedTable>(kind: WrappedRows<T>, row: Row<T>, version: number): boolean {
  return row.record.byteLength > 0 && kind.parentVersion(row) !== version
}

function opened<T extends WrappedTable>(
  kind: WrappedRows<T>,
  cluster: Uint8Array,
  row: Row<T>,
  parents: Parents,
): Secret {
  return kind.open(cluster, row, parents.byVersion)
}

function previousOf<T extends WrappedTable>(
  kind: WrappedRows<T>,
  row: Row<T>,
  keys: RowKeys,
): Row<'previous_key_records'> {
  const previous = {
    ...kind.placeOf(row),
    of_table: kind.table,
    parent_version: kind.parentVersion(row),
    blob_version: kind.blobVersion(row),
    record: row.record,
    row_version: 1,
  }
  return { ...previous, mac: keys.macRow(previousTable(kind), previous) }
}
