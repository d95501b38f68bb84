import type { Row } from '../store/schema.ts'

/** State of a job. The numbers stand in rows and never change their meaning. */
export const JobState = {
  /** Waits for its time, its turn, or the end of another job of its lane. */
  Queued: 1,
  Running: 2,
  Done: 3,
  Failed: 4,
  Cancelled: 5,
  /** Somebody wants it to end: it does at its next step. */
  Cancelling: 6,
} as const
export type JobState = (typeof JobState)[keyof typeof JobState]

/** A long act: what is asked for, and how far it has come. */
export interface NewJob {
  /** Name of its kind, which says what runs it. */
  readonly kind: string
  /** 16 bytes: the tenant that it is about, or zeros. */
  readonly owner: Buffer
  /** Jobs of one lane run one after the other, in the order in which they were asked for; lanes run side by side. */
  readonly lane: string
  /** What it is about, for people. */
  readonly subject: string
  /** What the kind has to know. Two open jobs of one kind and owner never have the same. */
  readonly parameters: Readonly<Record<string, string | number>>
  /** Not before this time, seconds since 1970; absent: at once. */
  readonly due?: number
  /** Who asked, for the audit. */
  readonly actor: string
}

/** A job as it is stored. */
export type JobRow = Row<'jobs'>

/** True if the job will not run any more. */
export function hasEnded({ state }: Pick<JobRow, 'state'>): boolean {
  return state === JobState.Done || state === JobState.Failed || state === JobState.Cancelled
}

/** Parameters in the one form that they are stored in, so that the same are the same text. */
export function parametersText(parameters: NewJob['parameters']): string {
  return JSON.stringify(Object.fromEntries(Object.entries(parameters).toSorted(([a], [b]) => (a < b ? -1 : 1))))
}
