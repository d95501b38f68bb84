import { extname } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import { nativeAddon } from '../../crypto/native.ts'
import { exportSecret, type TransferableSecret } from '../../crypto/secret.ts'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { ChangeableTable, KeyOf, Row, Section, StoredAuditRow, TableName } from '../schema.ts'
import { tableOf } from '../schema.ts'
import type { Values } from '../row-key.ts'
import type { ChangedRows } from '../row-register.ts'
import type { SetDifference, SetDigestKey } from '../set-digest.ts'
import type { AcceptedSet, IndexedQuery, KeptSets, LocateQuery, Page, Store, Unit } from '../store.ts'
import { VersionTable } from '../version-table.ts'
import { makeDirectory } from './files.ts'
import { LockFile } from './lock-file.ts'
import type { OwnerMessage, WriterData, WriterMessage } from './messages.ts'
import { Reader } from './reader.ts'
import type { Faults } from './section-file.ts'
import { opening, type WriteObstacle } from './sqlite-error.ts'
import { UnitSender } from './unit-sender.ts'

export interface SqliteStoreOptions {
  /** Made if it is not there, for its owner only. */
  readonly directory: string
  /** Called once, when a write's outcome is unknown: stop the process at once, recovery decides at the next start. */
  readonly onFatal: (error: KryptonError) => void
}

/** What another thread connects with: pass it as data and `port` in the list of what is transferred. */
export interface StoreConnection {
  readonly directory: string
  readonly versions: SharedArrayBuffer
  readonly port: MessagePort
}

/**
 * Opens the store in `directory` and starts its writer. Throws 'store-locked' when another server has it, 'store-format' when it is
 * another version's, no store or damaged, 'store-failed' when the disk is full or fails: its message says what to do. `faults` are for tests.
 */
export async function openSqliteStore(options: SqliteStoreOptions, faults: Faults = {}): Promise<SqliteStore> {
  const { directory, onFatal } = options
  opening(directory, () => makeDirectory(directory))
  const lock = new LockFile(directory)
  try {
    const versions = new VersionTable()
    const writer = await startWriter({
      directory,
      versions: versions.memory,
      faults,
      native: nativeAddon() === undefined ? 'off' : 'auto',
    })
    return new SqliteStore({ directory, versions, writer, lock, onFatal })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The store that `connection` is to, for this thread. Its `close` closes this connection only. */
export function connectSqliteStore({ directory, versions, port }: StoreConnection): Store {
  return new ConnectedStore(directory, new VersionTable(versions), port)
}

/** Reads through this thread's own connections, and sends units to the writer. */
class ConnectedStore implements Store {
  readonly versions: VersionTable
  readonly #reader: Reader
  readonly #sender: UnitSender

  constructor(directory: string, versions: VersionTable, port: MessagePort) {
    this.versions = versions
    this.#reader = new Reader(directory)
    this.#sender = new UnitSender(port)
  }

  get<T extends TableName>(table: T, key: KeyOf<T>): Row<T> | undefined {
    return this.#reader.get(table, key)
  }

  find<T extends TableName>(table: T, where: Partial<Row<T>>, page?: Page): Row<T>[] {
    return this.#reader.find(table, where, page)
  }

  scan<T extends TableName>(table: T, after: KeyOf<T> | undefined, limit: number): Row<T>[] {
    return this.#reader.scan(table, after, limit)
  }

  locate(query: LocateQuery): Row<'objects'>[] {
    return this.#reader.locate(query)
  }

  indexed(query: IndexedQuery): Uint8Array[] {
    return this.#reader.indexed(query)
  }

  audit(section: Section, after: number, limit: number): StoredAuditRow[] {
    return this.#reader.audit(section, after, limit)
  }

  auditHead(section: Section): StoredAuditRow | undefined {
    return this.#reader.auditHead(section)
  }

  commit(unit: Unit): Promise<void> {
    return this.#sender.send(unit)
  }

  async close(): Promise<void> {
    await this.#sender.close()
    this.#reader.close()
  }
}

/** The store as the thread that owns the writer has it. */
export class SqliteStore extends ConnectedStore implements KeptSets {
  readonly #directory: string
  readonly #writer: Worker
  readonly #lock: LockFile
  readonly #exited: Promise<unknown>
  #closing: Promise<void> | undefined
  #trouble: string | undefined
  #isLogRead = false
  #stopped: KryptonError | undefined
  #asked = 0
  #settingSets: Promise<unknown> = Promise.resolve()
  #onSets: { resolve: (begun: readonly Section[]) => void; reject: (error: KryptonError) => void } | undefined
  /** Walks through tables, each of which waits for the end of its page. */
  readonly #passing = new Map<
    ChangeableTable,
    { resolve: (difference: SetDifference | null | undefined) => void; reject: (error: KryptonError) => void }
  >()
  readonly #learning = new Map<
    ChangeableTable,
    { resolve: (isLearned: boolean) => void; reject: (error: KryptonError) => void }
  >()
  readonly #comparing = new Map<ChangeableTable, Promise<unknown>>()
  /** Questions for the rows of an owner, by number. */
  readonly #owned = new Map<
    number,
    { resolve: (changed: readonly ChangedRows[]) => void; reject: (error: KryptonError) => void }
  >()
  #ownedAsked = 0
  #onChangedOutside: () => void = () => undefined

  constructor(parts: {
    directory: string
    versions: VersionTable
    writer: Worker
    lock: LockFile
    onFatal: (error: KryptonError) => void
  }) {
    const { directory, versions, writer, lock, onFatal } = parts
    super(directory, versions, connectTo(writer))
    this.#directory = directory
    this.#writer = writer
    this.#lock = lock
    this.#exited = new Promise((resolve) => writer.once('exit', resolve))
    let told = false
    const tell = (why: string, cause?: unknown) => {
      this.#trouble = `${why}: start the server again`
      const stopped = new KryptonError('store-failed', `${why}: start the server again`, { cause })
      this.#endWaits(stopped)
      if (!told) onFatal(stopped)
      told = true
    }
    writer.on('message', (message: WriterMessage) => {
      if ('fatal' in message) tell(`the store stopped, ${message.fatal}`)
      if ('obstacle' in message) {
        this.#isLogRead = message.obstacle === 'log-read'
        this.#trouble = message.obstacle === null ? undefined : troubleNow(message.obstacle)
      }
      if ('setsTaken' in message) this.#onSets?.resolve(message.setsTaken)
      if ('setsRefused' in message)
        this.#onSets?.reject(new KryptonError(message.setsRefused.code, message.setsRefused.message))
      if ('setsPassed' in message) {
        const passing = this.#passing.get(message.setsPassed)
        if ('failed' in message) passing?.reject(new KryptonError(message.failed.code, message.failed.message))
        else passing?.resolve(message.difference)
      }
      if ('setsLearned' in message) this.#learning.get(message.setsLearned)?.resolve(message.isLearned)
      if ('changedOutside' in message) this.#onChangedOutside()
      if ('ownedCompared' in message) {
        this.#owned.get(message.ownedCompared)?.resolve(message.changed)
        this.#owned.delete(message.ownedCompared)
      }
    })
    writer.on('error', (cause) => tell('the writer of the store died', cause))
  }

  /**
   * What keeps changes from being written, or keys from being erased, since when, and what to do about it; undefined when nothing is known. Reads go on meanwhile. It is over
   * with the next change that is durable, so a server in trouble must still be sent requests; that keys cannot be erased is over when nobody reads their file any more.
   */
  trouble(): string | undefined {
    return this.#trouble
  }

  /** True while another program keeps records of keys from being erased: what would be refused need not be begun. */
  get isLogRead(): boolean {
    return this.#isLogRead
  }

  /** Has `act` called within a second after somebody else has committed to the files: another program that opened them. Whoever writes into them past SQLite is not told of here. */
  whenChangedOutside(act: () => void): void {
    this.#onChangedOutside = act
  }

  async keepSets(keys: readonly SetDigestKey[], mayBegin: boolean): Promise<readonly Section[]> {
    return this.#askSets({ keepSets: keys.map(exported), mayBegin })
  }

  async prepareSets(key: SetDigestKey): Promise<readonly Section[]> {
    return this.#askSets({ prepareSets: exported(key) })
  }

  async turnSets(sections: readonly Section[]): Promise<void> {
    await this.#askSets({ turnSets: sections })
  }

  /** One question about the keys of digests after the other. */
  #askSets(message: OwnerMessage): Promise<readonly Section[]> {
    const asked = this.#settingSets.then(() =>
      this.#asking(
        new Promise<readonly Section[]>((resolve, reject) => {
          if (this.#stopped !== undefined) throw this.#stopped
          this.#onSets = { resolve, reject }
          this.#writer.postMessage(message)
        }),
      ),
    )
    this.#settingSets = asked.catch(() => undefined)
    return asked
  }

  /** One walk through a table at a time. */
  compareSet(table: ChangeableTable, pause: (rows: number) => Promise<void>): Promise<SetDifference | undefined> {
    return this.#walk(table, undefined, pause)
  }

  acceptSet(
    table: ChangeableTable,
    accepted: AcceptedSet,
    pause: (rows: number) => Promise<void>,
  ): Promise<SetDifference | undefined> {
    return this.#walk(table, accepted, pause)
  }

  async learnSet(table: ChangeableTable, corrected: readonly Values[]): Promise<boolean> {
    return this.#asking(
      new Promise((resolve, reject) => {
        if (this.#stopped !== undefined) throw this.#stopped
        this.#learning.set(table, { resolve, reject })
        this.#writer.postMessage({ learnSets: table, corrected } satisfies OwnerMessage)
      }),
    )
  }

  async compareOwned(tables: readonly ChangeableTable[], owner: Values): Promise<readonly ChangedRows[]> {
    const number = this.#ownedAsked++
    return this.#asking(
      new Promise((resolve, reject) => {
        if (this.#stopped !== undefined) throw this.#stopped
        this.#owned.set(number, { resolve, reject })
        this.#writer.postMessage({ compareOwned: number, tables, owner } satisfies OwnerMessage)
      }),
    )
  }

  #walk(
    table: ChangeableTable,
    accepted: AcceptedSet | undefined,
    pause: (rows: number) => Promise<void>,
  ): Promise<SetDifference | undefined> {
    const before = this.#comparing.get(table) ?? Promise.resolve()
    const compared = before.then(() => this.#pass(table, accepted, pause))
    const ended = compared.then(
      () => undefined,
      () => undefined,
    )
    this.#comparing.set(table, ended)
    return compared
  }

  async #pass(
    table: ChangeableTable,
    accepted: AcceptedSet | undefined,
    pause: (rows: number) => Promise<void>,
  ): Promise<SetDifference | undefined> {
    const { section } = tableOf(table)
    const rows = limits.setPageRows
    for (let isFirst = true; ; isFirst = false) {
      const page = { section, table, rows, isFirst, accepted }
      const difference = await this.#asking(
        new Promise<SetDifference | null | undefined>((resolve, reject) => {
          if (this.#stopped !== undefined) throw this.#stopped
          this.#passing.set(table, { resolve, reject })
          this.#writer.postMessage({ passSets: page } satisfies OwnerMessage)
        }),
      )
      if (difference !== undefined) return difference ?? undefined
      await pause(rows)
    }
  }

  /** An idle writer keeps no process alive; one that is asked does. */
  async #asking<T>(answer: Promise<T>): Promise<T> {
    this.#asked++
    this.#writer.ref()
    try {
      return await answer
    } finally {
      this.#asked--
      if (this.#asked === 0 && this.#closing === undefined) this.#writer.unref()
    }
  }

  #endWaits(stopped: KryptonError): void {
    this.#stopped = stopped
    this.#onSets?.reject(stopped)
    for (const { reject } of [...this.#passing.values(), ...this.#owned.values(), ...this.#learning.values()])
      reject(stopped)
  }

  /** A connection for another thread; each thread needs one of its own. */
  connect(): StoreConnection {
    return { directory: this.#directory, versions: this.versions.memory, port: connectTo(this.#writer) }
  }

  /** From here on no commit waits for what only an operator can end: such a one fails with 'store-failed'. For a server that is about to stop. */
  beginClose(): void {
    this.#writer.postMessage({ ending: true } satisfies OwnerMessage)
  }

  /** Finishes what every thread has sent, then frees the directory for another server. */
  override close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.beginClose()
    await super.close()
    this.#writer.ref()
    this.#writer.postMessage({ close: true } satisfies OwnerMessage)
    await this.#exited
    this.#endWaits(new KryptonError('store-failed', 'the store is closed: start the server again'))
    this.#lock.release()
  }
}

function exported({ version, secret }: SetDigestKey): SetDigestKey<TransferableSecret> {
  return { version, secret: exportSecret(secret) }
}

function troubleNow(obstacle: WriteObstacle): string {
  const since = new Date(systemClock.now()).toISOString()
  const what = obstacle === 'log-read' ? 'no key could be erased' : 'nothing could be written'
  return `${what} since ${since}, ${remedies[obstacle]}, nothing else is needed`
}

const remedies = {
  'disk-full': 'the disk is full: free space',
  locked: 'another program holds the lock of a file of the store (fuser names it): end that program',
  'log-read': 'another program reads the file of the keys (fuser names it): end that program',
} as const satisfies Record<WriteObstacle, string>

function connectTo(writer: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel()
  writer.postMessage({ connect: port1 } satisfies OwnerMessage, [port1])
  return port2
}

async function startWriter(workerData: WriterData): Promise<Worker> {
  // The sources run as they are or compiled: the thread's file has the extension of this one.
  const writer = new Worker(new URL(`./writer-thread${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    name: 'store-writer',
  })
  const message = await new Promise<WriterMessage>((resolve, reject) => {
    writer.once('message', resolve)
    writer.once('error', reject)
  })
  if ('failed' in message) throw new KryptonError(message.failed.code, message.failed.message)
  writer.removeAllListeners('error')
  // An idle writer keeps no process alive; a waiting commit does, by its port.
  writer.unref()
  return writer
}
