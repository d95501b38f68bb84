import { setImmediate } from 'node:timers/promises'
import type { ChangedTable } from './admin/services.ts'
import { auditEvent } from './audit/audit-event.ts'
import type { Clock } from './clock.ts'
import { KryptonError } from './errors.ts'
import { damagedMacs } from './hierarchy/damaged-macs.ts'
import { Distrust } from './hierarchy/distrust.ts'
import type { KeyChain } from './hierarchy/key-chain.ts'
import { noTenant } from './hierarchy/key-record.ts'
import { identify } from './hierarchy/row-mac.ts'
import { differencesOf, faultOf, smallSetTables } from './hierarchy/sets.ts'
import type { ChangedRows } from './store/row-register.ts'
import type { SetDifference } from './store/set-digest.ts'
import type { KeptSets, Store } from './store/store.ts'
import { auditSystem } from './system-audit.ts'
import type { Log } from './telemetry/log.ts'

export interface ChangedRowsWatchParts {
  readonly store: Store & KeptSets
  /** Of the main thread: acts of administrators and jobs open keys by it. */
  readonly chain: KeyChain
  readonly clock: Clock
  readonly log: Log
  /** Tells every thread that serves what is refused; resolves when each has confirmed it. */
  readonly refuse: (changed: readonly ChangedRows[]) => Promise<void>
  /** Told when jobs may run again. */
  readonly onReleased: () => void
}

/**
 * Compares the rows that say who is trusted and what keys are with those that were written, and has what hangs on others refused, in every thread, until they are restored or an operator takes them as they are. It looks before the server serves, and
 * from time to time.
 */
export class ChangedRowsWatch {
  readonly #parts: ChangedRowsWatchParts
  #changed: readonly SetDifference[] = []
  /** Every thread refuses what hangs on them, and nothing else. */
  #isConfirmed = true
  #looking: Promise<void> = Promise.resolve()

  constructor(parts: ChangedRowsWatchParts) {
    this.#parts = parts
  }

  /** The rows that were changed, as of the last look. */
  get changed(): readonly SetDifference[] {
    return this.#changed
  }

  /** True if no job is to run. */
  get holdsWork(): boolean {
    const { distrust } = this.#parts.chain
    return distrust.ofAll || distrust.ofWork
  }

  /** What is wrong and what is refused for it, in words; nothing while all is as it was written. */
  refusals(): string[] {
    return this.#changed.map((difference) => `${faultOf(difference).message}; ${refusedFor(difference)}`)
  }

  /** How many rows of each table differ, so far as it is known which; at least one. */
  numbers(): ReadonlyMap<string, number> {
    return new Map(
      this.#changed.map(({ table, kept, found, rows }) => [table, rows?.length ?? Math.max(1, Math.abs(kept - found))]),
    )
  }

  /** Looks now; one look at a time. */
  look(): Promise<void> {
    const looked = this.#looking.then(() => this.#look())
    this.#looking = looked.catch(() => undefined)
    return looked
  }

  /** The tables whose rows were changed, as they are now. */
  async list(): Promise<ChangedTable[]> {
    await this.look()
    return this.#changed.map((difference) => ({
      table: difference.table,
      written: difference.kept,
      found: difference.found,
      rows: difference.rows?.map((row) => identify(difference.table, row)),
      refused: refusedFor(difference),
      code: difference.code,
    }))
  }

  /**
   * Takes the rows of a table as they are for those that were written, for ever: what somebody has put there counts from now on.
   * @throws KryptonError not-found: nothing of that table was changed; store-conflict: it was changed otherwise than what `code` was shown for
   */
  async accept(name: string, { code, reason, actor }: { code: string; reason: string; actor: string }): Promise<void> {
    const { clock, store } = this.#parts
    await this.look()
    const difference = this.#changed.find(({ table }) => table === name)
    if (difference === undefined)
      throw new KryptonError('not-found', `no row of a table ${name} was changed: krypton changed-rows list shows them`)
    const detail = `${faultOf(difference).message}; accepted as they are: ${reason}`
    const event = { clock, tenant: noTenant, actor, operation: 'ChangedRowsAccept', result: 'success', detail }
    const other = await store.acceptSet(difference.table, { code, audit: auditEvent(event) }, () => setImmediate())
    if (other !== undefined)
      throw new KryptonError(
        'store-conflict',
        `the rows of table ${name} are not those that this code was shown for: look at them again, krypton changed-rows list`,
      )
    await this.look()
  }

  async #look(): Promise<void> {
    const { chain, log, refuse, onReleased } = this.#parts
    const changed = await this.#differences()
    const before = this.#changed
    const news = changed.filter(({ code }) => before.every((known) => known.code !== code))
    const over = before.filter(({ code }) => changed.every((known) => known.code !== code))
    if (news.length + over.length === 0 && this.#isConfirmed) return
    const heldWork = this.holdsWork
    this.#changed = changed
    // What is refused is refused before anybody is told.
    chain.refuse(new Distrust(changed))
    try {
      await refuse(changed)
      this.#isConfirmed = true
    } catch (error) {
      this.#isConfirmed = false
      log.error('not every thread has confirmed what it is to refuse, it is asked again', error)
    }
    for (const difference of news) {
      const fault = faultOf(difference)
      log.error(`rows of a table are not those that were written; ${refusedFor(difference)}`, fault)
      await auditSystem(this.#parts, { operation: 'IntegrityFault', result: 'failed', detail: fault.message })
    }
    for (const difference of over) {
      if (changed.some(({ table }) => table === difference.table)) continue
      log.warn('the rows of a table are those that were written again, or were accepted', { table: difference.table })
      const detail = `table ${difference.table}`
      await auditSystem(this.#parts, { operation: 'IntegrityFaultEnd', result: 'success', detail })
    }
    if (heldWork && !this.holdsWork) onReleased()
  }

  async #differences(): Promise<SetDifference[]> {
    const { chain, store } = this.#parts
    const changed: SetDifference[] = []
    for (const difference of await differencesOf(store, smallSetTables, () => setImmediate())) {
      const { table, kept, found, rows } = difference
      // Where nothing but the MACs of rows is damaged, the rows tell what those were.
      const mayTell = rows === undefined && kept === found && table !== 'object_index'
      const corrected = mayTell ? await damagedMacs(store, chain, table) : []
      const isTold = corrected.length > 0 && (await store.learnSet(table, corrected))
      changed.push((isTold ? await store.compareSet(table, () => setImmediate()) : undefined) ?? difference)
    }
    return changed
  }
}

/** What is refused because of a difference. */
function refusedFor(difference: SetDifference): string {
  const distrust = new Distrust([difference])
  if (distrust.ofAll) return 'every request is refused, because it is not known whom these rows concern'
  if (distrust.ofWork) return 'no job runs, and no key is made'
  return 'what hangs on these rows is refused'
}
