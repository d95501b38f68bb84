import type { Ledger } from './ledger.ts'

/** What is wrong with a victim on purpose: a harness that does not find it proves nothing. */
export type Defect =
  /** A change is acknowledged when it is asked for, not when it is durable. */
  | 'acknowledges-early'
  /** An object and its audit row are two transactions. */
  | 'writes-in-two'
  /** Commits do not wait for the disk. */
  | 'does-not-sync'

export interface VictimOptions {
  readonly defect?: Defect
  /** How many requests are under way at once. */
  readonly clients: number
  /** It ends by itself after so many changes; without, it works until it is killed. */
  readonly changes?: number
  /** A command that runs the victim's process under it, such as a tracer. */
  readonly under?: readonly string[]
}

/** A process that changes objects as fast as it can and says which changes were acknowledged, until it is killed. */
export interface RunningVictim {
  readonly pid: number
  /** Resolves with the first acknowledgement. */
  readonly working: Promise<void>
  /** Resolves when the process is gone and everything that it said before was put into the ledger. */
  readonly ended: Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Resolves when the ledger has what the process, now stopped, had said before. */
  drained(): Promise<void>
}

/** What is killed: today the store under a load of its own, later a whole server under KMIP. */
export interface Victim {
  readonly name: string
  /** Starts on `directory`, which may hold what a killed one left, and reports acknowledged changes to `ledger`. */
  start(directory: string, ledger: Ledger, options: VictimOptions): RunningVictim
  /** Starts on what a killed one left, and says what is not as it was acknowledged; empty when all is well. */
  verify(directory: string, ledger: Ledger): Promise<string[]>
}
