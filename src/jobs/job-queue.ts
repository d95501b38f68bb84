import { auditEvent } from '../audit/audit-event.ts'
import { type Clock, dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { hex } from '../hex.ts'
import { limits } from '../limits.ts'
import { retrying } from '../store/retrying.ts'
import type { AuditRow, Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import { hasEnded, type JobRow, JobState, type NewJob, parametersText } from './job.ts'
import { type JobKind, type JobPace, JobRun, JobStopped, type Progress } from './job-run.ts'

/** MACs of the rows of jobs: those of the system. */
export interface JobKeys {
  macRow(table: 'jobs', row: Omit<Row<'jobs'>, 'mac'>): Buffer
  verifyRow(table: 'jobs', row: Row<'jobs'>): void
}

export interface JobQueueParts {
  readonly store: Store
  readonly keys: () => JobKeys
  readonly clock: Clock
  /** 16 fresh random bytes. */
  readonly newIdentifier: () => Buffer
  readonly kinds: ReadonlyMap<string, JobKind>
  readonly pace: JobPace
  /** True while that job is not to begin; one that has begun and fails meanwhile waits too. Absent: never. `goOn` says that it has ended. */
  readonly isHeld?: (job: Pick<JobRow, 'kind' | 'owner' | 'parameters'>) => boolean
  /** Told of what an operator has to know: a job that failed, a row that was changed from outside. */
  readonly report: (message: string, error: unknown) => void
}

/**
 * Long acts: durable before they begin, gone on with after a crash, tried again when they fail and are not refused, one after the other in each lane. They run in
 * the process that owns the store, beside the threads that serve requests.
 */
export class JobQueue {
  readonly #parts: JobQueueParts
  /** Jobs that have not ended, by identifier in hex. */
  readonly #open = new Map<string, JobRow>()
  readonly #running = new Map<string, { readonly lane: string; readonly controller: AbortController }>()
  readonly #ends = new Set<Promise<void>>()
  /** Jobs whose next attempt waits for its time no more. */
  readonly #goingOn = new Set<string>()
  #writing: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #started = false
  #stopping = false
  #lastSequence = 0

  constructor(parts: JobQueueParts) {
    this.#parts = parts
  }

  /** Takes up what a stop or a crash has left. A row that was changed from outside is reported and never run. */
  async start(): Promise<void> {
    for (const row of await this.#stored()) {
      if (hasEnded(row)) continue
      this.#open.set(hex(row.job), row)
      if (row.state === JobState.Cancelling) await this.#end(row, JobState.Cancelled, row.detail)
      else if (row.state === JobState.Running) {
        await this.#write(row, { state: JobState.Queued, attempts: Math.max(0, row.attempts - 1) })
      }
    }
    this.#started = true
    this.#turn()
  }

  /** Lets running jobs end their step; they go on after the next start. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    for (const { controller } of this.#running.values()) controller.abort()
    await Promise.all(this.#ends)
    await this.#writing
  }

  /** Makes a job durable, or answers with the open one that asks for the same. Throws 'overloaded' when too many are open. */
  async add(wanted: NewJob): Promise<JobRow> {
    const parameters = parametersText(wanted.parameters)
    const isSame = (row: JobRow): boolean =>
      row.kind === wanted.kind && row.parameters === parameters && Buffer.compare(row.owner, wanted.owner) === 0
    const made = await this.#inOrder(async () => {
      const known = [...this.#open.values()].find((row) => isSame(row) && row.state !== JobState.Cancelling)
      if (known !== undefined) return known
      if (this.#open.size >= limits.jobsOpenMax) {
        throw new KryptonError('overloaded', `${this.#open.size} jobs are open: wait for some of them, or cancel them`)
      }
      const { clock, newIdentifier, store } = this.#parts
      const now = dateTime(clock)
      const row: Omit<JobRow, 'mac'> = {
        job: newIdentifier(),
        owner: wanted.owner,
        kind: wanted.kind,
        lane: wanted.lane,
        subject: wanted.subject,
        parameters,
        state: JobState.Queued,
        sequence: this.#nextSequence(),
        created: now,
        due: wanted.due ?? now,
        started: null,
        ended: null,
        attempts: 0,
        done: 0,
        total: 0,
        position: Buffer.alloc(0),
        detail: '',
        row_version: 1,
      }
      const signed = { ...row, mac: this.#parts.keys().macRow('jobs', row) }
      const audit = [this.#event(signed, wanted.actor, 'JobAdd')]
      await store.commit({ section: 'data', changes: [{ table: 'jobs', kind: 'insert', row: signed }], audit })
      this.#open.set(hex(signed.job), signed)
      return signed
    })
    this.#turn()
    return made
  }

  /** What has kept jobs of that owner from their work, or of all, has ended: those that wait for another attempt go on at once. */
  goOn(owner?: Uint8Array): void {
    for (const [name, row] of this.#open) {
      if (row.attempts > 0 && (owner === undefined || Buffer.compare(row.owner, owner) === 0)) this.#goingOn.add(name)
    }
    this.#turn()
  }

  /** Every job that is kept, the newest first. */
  async list(): Promise<JobRow[]> {
    return (await this.#stored()).toSorted((a, b) => b.sequence - a.sequence)
  }

  /** Writes the rows of the jobs that have not ended anew: their MACs are under the key of now. */
  async renewOpen(): Promise<void> {
    for (const row of this.open()) {
      try {
        await this.#write(row, {})
      } catch (error) {
        // One that has ended meanwhile was written under that key.
        if (this.#open.has(hex(row.job))) throw error
      }
    }
  }

  /** The jobs that have not ended. */
  open(): JobRow[] {
    return [...this.#open.values()]
  }

  /** Throws 'not-found'. */
  async get(job: Uint8Array): Promise<JobRow> {
    const row = this.#open.get(hex(job)) ?? (await this.#parts.store.get('jobs', { job: Buffer.from(job) }))
    if (row === undefined) throw new KryptonError('not-found', 'there is no such job: krypton job list shows them')
    this.#parts.keys().verifyRow('jobs', row)
    return row
  }

  /** Ends a job that waits, or a running one at its next step; one that has ended stays as it is. Throws 'not-found'. */
  cancel(job: Uint8Array, actor: string): Promise<JobRow> {
    // It may end while this waits behind other changes of rows.
    return retrying(() => this.#cancel(job, actor))
  }

  async #cancel(job: Uint8Array, actor: string): Promise<JobRow> {
    const name = hex(job)
    const found = await this.get(job)
    if (!this.#open.has(name)) return found
    const audit = [this.#event(found, actor, 'JobCancel')]
    const running = this.#running.get(name)
    if (running === undefined) return this.#end(found, JobState.Cancelled, `cancelled by ${actor}`, audit)
    const row = await this.#write(found, { state: JobState.Cancelling, detail: `cancelled by ${actor}` }, audit)
    running.controller.abort()
    return row
  }

  /** Starts what is due, and comes back when the next job is. */
  #turn(): void {
    if (!this.#started || this.#stopping) return
    clearTimeout(this.#timer)
    const now = dateTime(this.#parts.clock)
    const lanes = new Set([...this.#running.values()].map(({ lane }) => lane))
    let nextDue = Number.POSITIVE_INFINITY
    for (const row of [...this.#open.values()].toSorted((a, b) => a.sequence - b.sequence)) {
      if (row.state !== JobState.Queued || this.#running.has(hex(row.job)) || lanes.has(row.lane)) continue
      const isHeld = this.#parts.isHeld?.(row) === true
      if (!isHeld && (isDue(row, now) || this.#goingOn.has(hex(row.job)))) {
        lanes.add(row.lane)
        if (this.#running.size < limits.jobLanesMax) this.#begin(row)
        continue
      }
      nextDue = Math.min(nextDue, row.due > now ? row.due : Number.POSITIVE_INFINITY)
      // What is tried again keeps its place: those behind it wait too. Nobody waits for what an operator has halted.
      if (row.attempts > 0 && !isHeld) lanes.add(row.lane)
    }
    // Not only when the next job is due: the wall clock may be set meanwhile.
    const waitMs = Math.min(Math.max(0, nextDue - now) * 1000, limits.jobLookMs)
    this.#timer = setTimeout(() => this.#turn(), waitMs).unref()
  }

  #begin(row: JobRow): void {
    const name = hex(row.job)
    this.#goingOn.delete(name)
    const controller = new AbortController()
    this.#running.set(name, { lane: row.lane, controller })
    const end = this.#run(row, controller)
      .catch((error: unknown) => {
        this.#parts.report(`no account could be kept of a job, it is tried again later: ${row.subject}`, error)
        const due = dateTime(this.#parts.clock) + limits.jobRetrySecondsMax
        this.#open.set(name, { ...(this.#open.get(name) ?? row), state: JobState.Queued, due })
      })
      .finally(() => {
        this.#running.delete(name)
        this.#ends.delete(end)
        this.#turn()
      })
    this.#ends.add(end)
  }

  async #run(queued: JobRow, controller: AbortController): Promise<void> {
    const { clock, pace, kinds } = this.#parts
    const attempts = queued.attempts + 1
    const started = queued.started ?? dateTime(clock)
    const row = await this.#write(queued, { state: JobState.Running, attempts, started, detail: '' })
    const { done, total, position } = row
    const save = async (progress: Progress): Promise<void> => void (await this.#write(row, progress))
    const run = new JobRun(
      { owner: row.owner, subject: row.subject, parameters: readParameters(row), progress: { done, total, position } },
      { signal: controller.signal, save, clock, pace },
    )
    try {
      const kind = kinds.get(row.kind)
      if (kind === undefined)
        throw new KryptonError(
          'not-found',
          `this server knows no jobs of kind ${row.kind}: use the one that asked for it`,
        )
      const result = await kind(run)
      await this.#end(row, JobState.Done, result, [], run.progress)
    } catch (error) {
      await this.#failed(row, run.progress, error)
    }
  }

  async #failed(row: JobRow, progress: Progress, error: unknown): Promise<void> {
    const current = this.#open.get(hex(row.job))
    if (current?.state === JobState.Cancelling) {
      // Nobody waits for another attempt, whatever ended this one.
      await this.#end(row, JobState.Cancelled, current.detail, [], progress)
      return
    }
    if (error instanceof JobStopped) {
      await this.#write(row, { ...progress, state: JobState.Queued, attempts: row.attempts - 1 })
      return
    }
    const detail = isKryptonError(error) ? error.message : 'the server failed, its log says why'
    if (isKryptonError(error) && this.#parts.isHeld?.(row) === true) {
      await this.#write(row, { ...progress, state: JobState.Queued, attempts: row.attempts - 1, detail })
      return
    }
    this.#parts.report(`a job failed: ${row.kind} ${row.subject}`, error)
    if (row.attempts >= limits.jobAttemptsMax || isRefusal(error)) {
      await this.#end(row, JobState.Failed, detail, [], progress)
      return
    }
    const waitSeconds = Math.min(2 ** (row.attempts - 1), limits.jobRetrySecondsMax)
    const due = dateTime(this.#parts.clock) + waitSeconds
    await this.#write(row, { ...progress, state: JobState.Queued, due, detail })
  }

  async #end(
    row: JobRow,
    state: keyof typeof endNames,
    detail: string,
    audit: AuditRow[] = [],
    progress: Partial<Progress> = {},
  ): Promise<JobRow> {
    const event = this.#event(row, 'system', 'JobEnd', endNames[state])
    const ended = await this.#write(row, { ...progress, state, detail, ended: dateTime(this.#parts.clock) }, [
      ...audit,
      event,
    ])
    this.#open.delete(hex(row.job))
    this.#goingOn.delete(hex(row.job))
    await this.#forgetOld()
    return ended
  }

  /** The last ones are kept for who asks what became of them. */
  async #forgetOld(): Promise<void> {
    const ended = (await this.#stored()).filter(hasEnded).toSorted((a, b) => b.sequence - a.sequence)
    const changes = ended
      .slice(limits.jobsKeptMax)
      .map(({ job }): Change => ({ table: 'jobs', kind: 'delete', key: { job } }))
    if (changes.length > 0) await this.#parts.store.commit({ section: 'data', changes, audit: [] })
  }

  /** Changes the row as it is now, whatever it was when the caller read it. */
  #write(row: JobRow, changes: Partial<JobRow>, audit: AuditRow[] = []): Promise<JobRow> {
    return this.#inOrder(async () => {
      const name = hex(row.job)
      const { mac: _, ...old } = this.#open.get(name) ?? row
      const next = { ...old, ...changes, row_version: old.row_version + 1 }
      const isCancelled = old.state === JobState.Cancelling && !hasEnded(next)
      const kept = isCancelled ? { ...next, state: old.state, detail: old.detail } : next
      const signed = { ...kept, mac: this.#parts.keys().macRow('jobs', kept) }
      const change: Change = { table: 'jobs', kind: 'update', row: signed, expectedVersion: old.row_version }
      await this.#parts.store.commit({ section: 'data', changes: [change], audit })
      this.#open.set(name, signed)
      return signed
    })
  }

  /** Changes of rows follow each other, so that each is computed from what the last one has left. */
  #inOrder<T>(act: () => Promise<T>): Promise<T> {
    const acted = this.#writing.then(act)
    this.#writing = acted.catch(() => undefined)
    return acted
  }

  async #stored(): Promise<JobRow[]> {
    const keys = this.#parts.keys()
    return (await this.#parts.store.find('jobs', {})).filter((row) => {
      try {
        keys.verifyRow('jobs', row)
        return true
      } catch (error) {
        this.#parts.report('a job is left out: its row was changed from outside', error)
        return false
      }
    })
  }

  #event(row: JobRow, actor: string, operation: string, result = 'success'): AuditRow {
    const { clock } = this.#parts
    const detail = `${row.kind} ${row.subject}`
    return auditEvent({ clock, tenant: row.owner, actor, operation, object: row.job, result, detail })
  }

  /** Microseconds since 1970, each number once. */
  #nextSequence(): number {
    this.#lastSequence = Math.max(this.#lastSequence + 1, Math.floor(this.#parts.clock.now() * 1000))
    return this.#lastSequence
  }
}

const refusals = ['wrong-key-lifecycle-state', 'not-found', 'row-mac-mismatch'] as const

/** What is refused stays so however often it is tried. */
function isRefusal(error: unknown): boolean {
  return refusals.some((code) => isKryptonError(error, code))
}

/** A wait before another attempt is never longer than its bound, also when the wall clock was set back meanwhile. */
function isDue(row: JobRow, now: number): boolean {
  return row.due <= now || (row.attempts > 0 && row.due > now + limits.jobRetrySecondsMax)
}

function readParameters(row: JobRow): Record<string, unknown> {
  // What `add` has written as an object, in a row whose MAC was verified.
  return JSON.parse(row.parameters) as Record<string, unknown>
}

/** What the audit says of how a job has ended. */
const endNames = { [JobState.Done]: 'success', [JobState.Failed]: 'failed', [JobState.Cancelled]: 'cancelled' } as const
