import { isKryptonError, KryptonError } from '../errors.ts'
import type { JobRun } from '../jobs/job-run.ts'
import type { NewJob } from '../jobs/job.ts'
import { limits } from '../limits.ts'
import type { KeyOf, Row, TableName } from '../store/schema.ts'
import { tableNames } from '../store/schema.ts'
import type { KeptSets } from '../store/store.ts'
import type { KeyChain } from './key-chain.ts'
import { noTenant } from './key-record.ts'
import type { KeyWork } from './key-versions.ts'
import { isNoLease } from './lease.ts'
import type { RowKeys } from './row-mac.ts'
import { decodeKey, encodeKey, keyOfRow } from './row-place.ts'
import { rowOwner } from './row-owner.ts'
import { differencesOf, faultOf, setTables } from './sets.ts'
import { linkedKeyRows, linkRows, tenantKeyRows, type WrappedRows } from './wrapped-rows.ts'
import { wipeWrappingKeys } from './wrapping-keys.ts'

export const scrubKind = 'scrub'

/** The job that looks at every row of the store: one at a time. */
export function scrubJob(actor: string): NewJob {
  return { kind: scrubKind, owner: noTenant, lane: scrubKind, subject: 'every row', parameters: {}, actor }
}

/** Is told of each row that is not as it was written here. */
export type ReportFault = (message: string, error: unknown) => void

/**
 * Looks at the rows of each table together, whether one was removed whole, or an older one was put back; then at every row: its MAC, that the key in it opens, and that no version of a key is missing between others. So what was changed in the database is found although nobody asks for it.
 * @throws KryptonError row-mac-mismatch: something is not as it was written; the message says how much and what first
 */
export async function scrub(work: KeyWork, sets: KeptSets, report: ReportFault, run: JobRun): Promise<string> {
  const round = new Round(work, report, run)
  await round.compare(sets)
  await round.walk()
  return round.result()
}

class Round {
  readonly #work: KeyWork
  readonly #report: ReportFault
  readonly #run: JobRun
  /** How many tables were looked at together. */
  #compared: number
  #faults: number
  #first: string

  constructor(work: KeyWork, report: ReportFault, run: JobRun) {
    this.#work = work
    this.#report = report
    this.#run = run
    const { compared, faults, first } = placeOf(run)
    this.#compared = compared
    this.#faults = faults
    this.#first = first
  }

  async compare(sets: KeptSets): Promise<void> {
    const pause = (): Promise<void> => this.#run.step(0, this.#run.progress)
    for (const table of setTables.slice(this.#compared)) {
      for (const difference of await differencesOf(sets, [table], pause)) this.#add(faultOf(difference))
      this.#compared++
      await this.#run.step(0, { ...this.#run.progress, position: this.#positionAt(tables[0]!, undefined) })
    }
  }

  async walk(): Promise<void> {
    const place = placeOf(this.#run)
    const from = Math.max(0, tables.indexOf(place.table))
    for (const [at, table] of tables.entries()) {
      if (at >= from) await this.#walkTable(table, table === place.table ? place.after : undefined)
    }
  }

  result(): string {
    const { done } = this.#run.progress
    if (this.#faults === 0) return `${done} rows are as they were written`
    throw new KryptonError(
      'row-mac-mismatch',
      `${this.#faults} faults in ${done} rows: what is not as it was written, hangs on one that is not, or is not there, see the log; restore the store from a backup; the first: ${this.#first}`,
    )
  }

  async #walkTable<T extends TableName>(table: T, from: KeyOf<T> | undefined): Promise<void> {
    let after = from
    let before: Row<T> | undefined
    for (;;) {
      const rows = await this.#work.store.scan(table, after, limits.jobBatchRows)
      for (const row of rows) {
        await this.#look(table, row, before)
        before = row
      }
      const last = rows.at(-1)
      if (last === undefined) return
      after = keyOfRow(table, last)
      const position = this.#positionAt(table, after)
      await this.#run.step(rows.length, {
        ...this.#run.progress,
        done: this.#run.progress.done + rows.length,
        position,
      })
    }
  }

  async #look<T extends TableName>(table: T, row: Row<T>, before: Row<T> | undefined): Promise<void> {
    try {
      const keys = await this.#keysOf(table, row)
      keys.verifyRow(table, row)
      await looks[table]?.(this.#work.chain, row, before)
    } catch (error) {
      // Its MAC fits, and its L1 keeps it from being opened: it is as it was written, so far as can be told without.
      if (isNoLease(error) || (await this.#isGone(table, row))) return
      this.#add(error)
    }
  }

  /** Counts a fault and tells of it. */
  #add(error: unknown): void {
    this.#faults++
    const message = isKryptonError(error) ? error.message : 'a fault of the server'
    if (this.#first === '') this.#first = message.slice(0, shownCharacters)
    if (this.#faults <= limits.scrubFaultsLogged) this.#report('the look at every row has found a fault', error)
  }

  #positionAt<T extends TableName>(table: T, after: KeyOf<T> | undefined): Buffer {
    const [compared, faults, first] = [this.#compared, this.#faults, this.#first]
    return positionOf({ table, after, compared, faults, first })
  }

  /** A row that changed since it was read is somebody's own change: it is looked at in the next round. */
  async #isGone<T extends TableName>(table: T, row: Row<T>): Promise<boolean> {
    const now = await this.#work.store.get(table, keyOfRow(table, row))
    return now === undefined || now.row_version !== row.row_version
  }

  #keysOf<T extends TableName>(table: T, row: Row<T>): RowKeys | Promise<RowKeys> {
    const { chain } = this.#work
    const owner = rowOwner(table, row)
    return owner === undefined ? chain.system() : chain.tenant(owner)
  }
}

type Look<T extends TableName> = (chain: KeyChain, row: Row<T>, before: Row<T> | undefined) => Promise<void>

/** What is looked at besides the MAC. */
const looks: { readonly [T in TableName]?: Look<T> } = {
  ivks: async (chain, row, before) => {
    follows(row, before)
    await chain.ivks()
  },
  tenant_keys: async (chain, row, before) => {
    const isSame = before !== undefined && before.system.equals(row.system) && before.tenant.equals(row.tenant)
    follows(row, isSame ? before : undefined)
    await openUnderIvk(chain, tenantKeyRows, row)
    wipeWrappingKeys(await chain.tenantKeys(row.tenant, row.system))
  },
  // What stands under the IVK opens without the L1.
  linked_keys: async (chain, row) => openUnderIvk(chain, linkedKeyRows, row),
  l1_links: async (chain, row) => openUnderIvk(chain, linkRows, row),
  service_keys: async (chain, row, before) => {
    const { tenant, system, service } = row
    const isSame =
      before !== undefined &&
      before.service.equals(service) &&
      before.system.equals(system) &&
      before.tenant.equals(tenant)
    follows(row, isSame ? before : undefined)
    wipeWrappingKeys(await chain.serviceWrappingKeys({ tenant, system, service }))
  },
  // A row of a tenant, a system or a service says that there are keys.
  tenants: async (chain, { tenant }) => void (await chain.tenant(tenant)),
  systems: async (chain, { tenant, system }) => {
    const keys = await chain.tenantKeys(tenant, system)
    wipeWrappingKeys(keys)
    if (keys.byVersion.size + keys.retired.size === 0) throw missing('a system has no Tenant Key')
  },
  services: async (chain, { tenant, system, service }) => void (await chain.service({ tenant, system, service })),
  objects: async (chain, row) => {
    if (row.record.byteLength === 0) return
    const { tenant, system, service, object, object_type: objectType, algorithm } = row
    const { length_bits: lengthBits, blob_version: blobVersion, key_version: keyVersion, record } = row
    const keys = await chain.service({ tenant, system, service })
    const context = { object, objectVersion: 1, objectType, algorithm, lengthBits, blobVersion }
    try {
      keys.openObject(context, keyVersion, record).wipe()
    } catch (error) {
      // Its key was destroyed on purpose, or is compromised and opens for nobody.
      if (!isKryptonError(error, 'wrong-key-lifecycle-state')) throw error
    }
  },
}

async function openUnderIvk<T extends 'tenant_keys' | 'linked_keys' | 'l1_links'>(
  chain: KeyChain,
  kind: WrappedRows<T>,
  row: Row<T>,
): Promise<void> {
  if (row.record.byteLength > 0) kind.open(chain.cluster, row, (await chain.ivks()).byVersion).wipe()
}

/** Versions are numbered from 1 and their rows stay when their keys go: a gap is a row that somebody has removed. */
function follows(row: { readonly version: number }, before: { readonly version: number } | undefined): void {
  if (row.version !== (before?.version ?? 0) + 1) throw missing(`version ${row.version - 1} of a key is missing`)
}

function missing(what: string): KryptonError {
  return new KryptonError(
    'record-invalid',
    `${what}: its row was removed from outside, restore the keys section from a backup`,
  )
}

interface ScrubPlace {
  readonly table: TableName
  readonly after: never
  readonly compared: number
  readonly faults: number
  readonly first: string
}

function positionOf(place: Omit<ScrubPlace, 'after'> & { after: object | undefined }): Buffer {
  return Buffer.from(JSON.stringify({ ...place, after: place.after && encodeKey(place.after) }))
}

function placeOf({ progress }: JobRun): ScrubPlace {
  const start = { table: tables[0]!, after: undefined as never, compared: 0, faults: 0, first: '' }
  if (progress.position.byteLength === 0) return start
  // What `positionOf` has written, in a row whose MAC was verified.
  const place = JSON.parse(Buffer.from(progress.position).toString()) as Omit<ScrubPlace, 'compared'> & {
    readonly compared?: number
    readonly after?: Record<string, unknown>
  }
  // A round of a server that did not look at tables together does so now.
  const { compared = 0, after } = place
  return { ...place, compared, after: after && decodeKey(place.table, after) }
}

/** In the order of the levels: what hangs on a row comes after it. */
const tables = tableNames

const shownCharacters = 200
