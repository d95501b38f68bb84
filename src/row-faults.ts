import { dateTime } from './clock.ts'
import type { Config } from './config.ts'
import { isKryptonError } from './errors.ts'
import type { KeyWork } from './hierarchy/key-versions.ts'
import { scrub, scrubKind } from './hierarchy/scrub.ts'
import { type JobRow, JobState } from './jobs/job.ts'
import type { JobRun } from './jobs/job-run.ts'
import { limits } from './limits.ts'
import type { KeptSets, Store } from './store/store.ts'
import { auditSystem } from './system-audit.ts'
import type { Log } from './telemetry/log.ts'

/** What the looks at rows work with. */
export interface RowFaultsParts {
  readonly work: KeyWork & { readonly store: Store & KeptSets }
  readonly policy: Config['scrub']
  readonly log: Log
}

/** Rows that somebody has changed from outside, as the rounds of the scrubber find them: told to the operator and to the audit. */
export class RowFaults {
  readonly #parts: RowFaultsParts
  readonly #startedAt: number
  #scrubFault: string | undefined

  constructor(parts: RowFaultsParts) {
    this.#parts = parts
    this.#startedAt = dateTime(parts.work.clock)
  }

  /** Takes up what the last round of an earlier run has found; `jobs` are those that are kept, the newest first. */
  start(jobs: readonly JobRow[]): void {
    const last = lastRound(jobs)
    if (last?.state === JobState.Failed) this.#scrubFault = scrubWarning(last)
  }

  /** What was found, for the operator. */
  warnings(): string[] {
    return this.#scrubFault === undefined ? [] : [this.#scrubFault]
  }

  /** A round of the scrubber: the kind of its job. */
  async scrub(run: JobRun): Promise<string> {
    const { work, log } = this.#parts
    try {
      const result = await scrub(work, work.store, (message, error) => log.error(message, error), run)
      this.#scrubFault = undefined
      return result
    } catch (error) {
      if (isKryptonError(error, 'row-mac-mismatch')) {
        this.#scrubFault = scrubWarning({ detail: error.message })
        await auditSystem(work, { operation: 'IntegrityFault', result: 'failed', detail: error.message })
      }
      throw error
    }
  }

  /** Whether another round is due. */
  isScrubDue(jobs: readonly JobRow[]): boolean {
    const { work, policy } = this.#parts
    const last = lastRound(jobs)
    const next = typeof last?.ended === 'number' ? last.ended + policy.everyHours * 3_600 : Infinity
    // Nobody compares the objects and their index while no server runs: what was changed then is not to wait for a day.
    const isSinceStart = last !== undefined && last.created >= this.#startedAt
    const due = isSinceStart ? next : Math.min(next, this.#startedAt + limits.scrubFirstSeconds)
    return dateTime(work.clock) >= due
  }
}

/** The last round that has ended, so far as jobs are kept. */
function lastRound(jobs: readonly JobRow[]): JobRow | undefined {
  return jobs.find(({ kind, ended }) => kind === scrubKind && ended !== null)
}

const scrubWarning = ({ detail }: { readonly detail: string }): string => `the last look at every row: ${detail}`
