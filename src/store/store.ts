import type { AuditRow, ChangeableTable, KeyOf, Row, Section, StoredAuditRow, TableName } from './schema.ts'
import type { ChangedRows } from './row-register.ts'
import type { Values } from './row-key.ts'
import type { SetDifference, SetDigestKey } from './set-digest.ts'
import type { VersionTable } from './version-table.ts'

/** An answer that may be there at once. Hot paths do not await what is there already. */
export type MaybePromise<T> = T | Promise<T>

/**
 * A place for records, which never sees key material in the clear. Rows are read as the last commit left them; they change only in
 * units, which are all or nothing. Rows handed out are not written to, by nobody.
 */
export interface Store {
  readonly versions: VersionTable

  /** The row with that primary key. */
  get<T extends TableName>(table: T, key: KeyOf<T>): MaybePromise<Row<T> | undefined>

  /**
   * The rows that have these values, ordered by primary key. `where` names the first columns of the primary key or of an
   * index, in any order, or nothing for all rows; anything else throws, because it would read the whole table.
   */
  find<T extends TableName>(table: T, where: Partial<Row<T>>, page?: Page): MaybePromise<Row<T>[]>

  /**
   * The rows that come after `after` in the order of the primary key, whoever's they are: `limit` of them at most, from the first on when it is undefined. For work in the background that walks a whole table.
   */
  scan<T extends TableName>(table: T, after: KeyOf<T> | undefined, limit: number): MaybePromise<Row<T>[]>

  /**
   * Objects of one service, ordered by (sequence, object): `limit` of them, or fewer when they are large (`LocatePage` tells). What an index
   * says is not proven by the rows' MACs: the caller looks whether each object is one that it asked for.
   */
  locate(query: LocateQuery): MaybePromise<Row<'objects'>[]>

  /**
   * Objects of one service that have all these tokens in `object_index`, whatever their type and state, in the order of `locate`: their
   * identifiers, `limit` of them at most. There is at least one token. What the index says is not proven here either.
   */
  indexed(query: IndexedQuery): MaybePromise<Uint8Array[]>

  /** Audit rows of a section, in the order they were committed: at most `limit` of those after sequence `after`. */
  audit(section: Section, after: number, limit: number): MaybePromise<StoredAuditRow[]>

  /** The newest audit row of a section; undefined when it has none. */
  auditHead(section: Section): MaybePromise<StoredAuditRow | undefined>

  /**
   * Makes the unit's changes and audit rows durable, all of them or none. Slots of the version table have moved when it resolves.
   * Rejects with 'store-conflict' when a row is not as expected (it has another version, is gone, or is there already), 'rows-changed' when the row that stands there is not the one that was written,
   * 'store-unique' when a unique index has the value already (the message names the index), 'store-failed' when it could not be
   * written, 'overloaded' when too many units wait already. After a failure whose outcome is unknown the store is dead: its `onFatal` is called, and every commit fails.
   */
  commit(unit: Unit): Promise<void>

  /** Takes no more units, finishes those it has, and lets go of the files. */
  close(): Promise<void>
}

/** What the owner of a store asks of its one writer: whether the rows are, all together, what its changes have left. */
export interface KeptSets {
  /**
   * Takes the keys of the sections' digests, before any change of what is there already: without them, nothing is written any more. A digest is under one of them, and one that has not begun begins under the first if
   * `mayBegin`. Resolves to the sections whose digest has begun just now.
   * @throws KryptonError row-mac-mismatch: a digest is missing or not as it was written
   */
  keepSets(keys: readonly SetDigestKey[], mayBegin: boolean): Promise<readonly Section[]>

  /**
   * Takes the key that is to come: `compareSet` counts under both from then on. Resolves to the sections that are under another one yet. All of it is forgotten with the process.
   */
  prepareSets(key: SetDigestKey): Promise<readonly Section[]>

  /**
   * Puts the digests of these sections under the key that was prepared, each in one transaction of its own, once `compareSet` has found every table of theirs as it was kept. There is no moment in which a digest is under
   * neither: what is counted under the new key are the very rows that the old one has proven.
   */
  turnSets(sections: readonly Section[]): Promise<void>

  /**
   * Counts the rows of a table and compares them with its section's digest, while changes go on; what was changed from outside since the digest was written is told, undefined where all is as it was
   * written. `pause` is waited for between pages, with the number of rows that were read.
   */
  compareSet(table: ChangeableTable, pause: (rows: number) => Promise<void>): Promise<SetDifference | undefined>

  /**
   * Compares the rows of one owner in tables of one section with those that were written, by the first column of their primary keys: it costs what the owner's rows cost. Resolves to what differs; `rows` of a table are undefined
   * until `compareSet` has found it as it was written, and for one of too many rows.
   */
  compareOwned(tables: readonly ChangeableTable[], owner: Values): Promise<readonly ChangedRows[]>

  /**
   * Tries to tell which rows of a table differ that `compareSet` has just found to differ, where that was not known: by rows of which somebody knows the MAC that they should have. If the rows are, with these MACs, what the digest has
   * of them, `compareSet` names the ones that differ from then on. Resolves to whether they are. `corrected` are primary keys with `mac`.
   */
  learnSet(table: ChangeableTable, corrected: readonly Values[]): Promise<boolean>

  /**
   * Takes the rows of a table as they are for those that were written, if they differ from these by what `accepted.code` stands for, and writes the audit row that tells of it, in one transaction. Resolves to the difference that there is
   * when it is another one. `pause` as in `compareSet`.
   */
  acceptSet(
    table: ChangeableTable,
    accepted: AcceptedSet,
    pause: (rows: number) => Promise<void>,
  ): Promise<SetDifference | undefined>
}

/** A difference that an operator takes upon himself. */
export interface AcceptedSet {
  /** As in `SetDifference`. */
  readonly code: string
  readonly audit: AuditRow
}

export interface Page {
  readonly limit: number
  readonly offset?: number
}

/** What one request changes: in one section, with the audit rows that tell of it. */
export interface Unit {
  readonly section: Section
  /** Preconditions of all of them are checked against the rows as they were before the unit; one row is changed once. */
  readonly changes: readonly Change[]
  readonly audit: readonly AuditRow[]
  /**
   * A unit that takes a key's record out of a row is told durable when that record is in none of the files any more, and refused with 'store-failed' while somebody keeps them from being emptied of it. 'later':
   * nobody says by this unit that something is gone, so it waits for none of that; the files are emptied as soon as they can be.
   */
  readonly erasure?: 'later'
}

/** One row's change. `expectedVersion` is the `row_version` of the row that the change was computed from. */
export type Change<T extends ChangeableTable = ChangeableTable> = { [N in T]: ChangeOf<N> }[T]

type ChangeOf<T extends ChangeableTable> =
  /** Of `object_index` a row that is there already stays: it is nothing but its key. */
  | { readonly table: T; readonly kind: 'insert'; readonly row: Row<T> }
  | { readonly table: T; readonly kind: 'delete'; readonly key: KeyOf<T>; readonly expectedVersion?: number }
  | (T extends TableName
      ? { readonly table: T; readonly kind: 'update'; readonly row: Row<T>; readonly expectedVersion: number }
      : never)

/** What `indexed` looks up: of `locate`'s query, what the index alone answers. */
export interface IndexedQuery extends Pick<LocateQuery, 'tenant' | 'system' | 'service' | 'limit'> {
  readonly tokens: NonNullable<LocateQuery['tokens']>
}

/** A search among the objects of one service. Every condition that is given must hold. */
export interface LocateQuery {
  readonly tenant: Uint8Array
  readonly system: Uint8Array
  readonly service: Uint8Array
  /** The object has all of these in `object_index`. */
  readonly tokens?: readonly { readonly attribute: string; readonly token: Uint8Array }[]
  readonly objectType?: number
  /**
   * The stored state is one of these, or a date that has passed at `now` may have changed it: Pre-Active with an Activation
   * Date, Pre-Active or Active with a Deactivation Date. So the caller looks at the state again.
   */
  readonly states?: readonly number[]
  /** Seconds since 1970. */
  readonly now: number
  /** Only what comes after this place in the order. */
  readonly after?: { readonly sequence: number; readonly object: Uint8Array }
  /** So many are left out, counted after `after`. */
  readonly offset?: number
  readonly limit: number
}
