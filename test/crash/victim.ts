import type { SystemCall } from './system-calls.ts'

/** What is wrong with a victim on purpose: a harness that does not find it proves nothing. */
export type Defect =
  /** A change is acknowledged when it is asked for, not when it is durable. */
  | 'acknowledges-early'
  /** What belongs together is written by two transactions. */
  | 'writes-in-two'
  /** Commits do not wait for the disk. */
  | 'does-not-sync'

/** What can be found. A violation is a line that begins with its kind. */
export type Finding =
  /** Something acknowledged is not there, or is older than it was. */
  | 'lost'
  /** Something is there in part. */
  | 'half-written'
  /** A Name that a live key has was given to another. */
  | 'duplicated'
  /** Something destroyed is there again. */
  | 'back'
  /** An acknowledgement left before its change was durable. */
  | 'unsynced'
  /** The victim did not do what it was asked. */
  | 'refused'
  /** What was left cannot be looked at. */
  | 'damaged'

/** A line for people that programs can tell by its first word. */
export type Violation = `${Finding}: ${string}`

export interface LoadOptions {
  readonly defect?: Defect
  /** How many requests are under way at once. */
  readonly clients: number
  /** It ends by itself after so many changes; without, it works until it is killed. */
  readonly changes?: number
  /** A command that runs the victim's process under it, such as a tracer. */
  readonly under?: readonly string[]
}

/** A process that changes what it keeps as fast as it can, until it is killed. */
export interface RunningVictim {
  /** Resolves with the first acknowledgement, or with the end if there was none. */
  readonly working: Promise<void>
  /** Resolves when the process is gone and everything that it acknowledged before is known. */
  readonly ended: Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Resolves when everything is known that the process, now stopped, had acknowledged before. */
  drained(): Promise<void>
}

/** One acknowledgement in a trace, as places in the order of calls. */
export interface Acknowledgement {
  /** Where it was asked for: what was synced before cannot be it. */
  readonly askedAt: number
  /** Where its first byte left. */
  readonly saidAt: number
}

/** A victim on one directory, from its first start to the last look at what its deaths have left, with what it acknowledged. */
export interface Trial {
  /** Acknowledged changes. */
  readonly changes: number
  /** Starts on `directory`, which may hold what a killed one left. */
  start(directory: string, options: LoadOptions): RunningVictim
  /**
   * Starts on what a killed one left, or on a copy of it, and says what is not as it was acknowledged; empty when all is well. What was
   * started may go on to run: the next `start` on that directory takes it.
   */
  verify(directory: string): Promise<Violation[]>
  /** The acknowledgements of changes in a trace of one start. */
  acknowledgements(calls: readonly SystemCall[]): Acknowledgement[]
  /** Kills what still runs. */
  close(): Promise<void>
}

/** What is killed. */
export interface Victim {
  readonly name: string
  /** How often a directory is killed before the next begins: recovery of a recovery is tried, and looking at it stays quick. */
  readonly deathsMax: number
  newTrial(): Trial
}

/** What `trial` finds in `directory`; what cannot be looked at at all is damaged. */
export async function violationsIn(trial: Trial, directory: string): Promise<Violation[]> {
  try {
    return await trial.verify(directory)
  } catch (error) {
    return [`damaged: ${error instanceof Error ? error.message : String(error)}`]
  }
}
