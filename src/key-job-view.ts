import type { Job } from './admin/services.ts'
import { type JobRow, JobState } from './jobs/job.ts'

/** A job as administrators see it. */
export function jobView(row: JobRow): Job {
  return {
    id: row.job.toString('hex'),
    kind: row.kind,
    subject: row.subject,
    state: jobStates[row.state] ?? 'failed',
    created: timeText(row.created),
    due: timeText(row.due),
    ...(row.started === null ? {} : { started: timeText(row.started) }),
    ...(row.ended === null ? {} : { ended: timeText(row.ended) }),
    attempts: row.attempts,
    done: row.done,
    total: row.total,
    detail: row.detail,
  }
}

/** Seconds since 1970 in RFC 3339. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

const jobStates: Readonly<Record<number, Job['state']>> = {
  [JobState.Queued]: 'queued',
  [JobState.Running]: 'running',
  [JobState.Done]: 'done',
  [JobState.Failed]: 'failed',
  [JobState.Cancelled]: 'cancelled',
  [JobState.Cancelling]: 'cancelling',
}
