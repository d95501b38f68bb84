import type { MessagePort } from 'node:worker_threads'
import type { NativeSetting } from '../../crypto/native.ts'
import type { TransferableSecret } from '../../crypto/secret.ts'
import type { ErrorCode } from '../../errors.ts'
import type { ChangeableTable, Section } from '../schema.ts'
import type { Values } from '../row-key.ts'
import type { ChangedRows } from '../row-register.ts'
import type { SetDifference, SetDigestKey } from '../set-digest.ts'
import type { AcceptedSet } from '../store.ts'
import type { Faults } from './section-file.ts'
import type { WriteObstacle } from './sqlite-error.ts'

/** What the writer's thread is started with. */
export interface WriterData {
  readonly directory: string
  readonly versions: SharedArrayBuffer
  readonly faults: Faults
  /** Who holds secrets in the thread that starts it: both must, since the key of the digests goes from one to the other. */
  readonly native: NativeSetting
}

/** To the writer: the units of one turn, in the form of `UnitsEncoder`. They have the numbers from `first` on. */
export interface UnitsMessage {
  readonly first: number
  readonly units: Uint8Array<ArrayBuffer>
}

/** To the writer, by its owner. */
export type OwnerMessage =
  | { readonly connect: MessagePort }
  /** Nothing waits any more for what only an operator can end. */
  | { readonly ending: true }
  | { readonly close: true }
  /** Keep the digests of both sections, each under the one of these keys that it is under. */
  | { readonly keepSets: readonly SetDigestKey<TransferableSecret>[]; readonly mayBegin: boolean }
  | { readonly prepareSets: SetDigestKey<TransferableSecret> }
  | { readonly turnSets: readonly Section[] }
  | { readonly passSets: SetPage }
  /** Answered by `setsLearned`. */
  | { readonly learnSets: ChangeableTable; readonly corrected: readonly Values[] }
  /** Answered by `ownedCompared` with the same number. */
  | { readonly compareOwned: number; readonly tables: readonly ChangeableTable[]; readonly owner: Values }

/** The next rows of a table are to be counted. */
export interface SetPage {
  readonly section: Section
  readonly table: ChangeableTable
  readonly rows: number
  readonly isFirst: boolean
  /** At the end, the rows are to be taken for those that were written. */
  readonly accepted: AcceptedSet | undefined
}

/** From the writer to one sender, after a transaction: what became of its units. */
export type OutcomeMessage =
  | { readonly durable: readonly number[]; readonly refused: readonly Refusal[] }
  /** The writer is dead: whatever has no outcome yet has none, and never will. */
  | { readonly fatal: string }

export interface Refusal {
  readonly number: number
  readonly code: ErrorCode
  readonly message: string
}

/** From the writer to its owner. */
export type WriterMessage =
  | { readonly ready: true }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string } }
  | { readonly fatal: string }
  /** The digests are kept, and these have begun just now; or a key is prepared for these; or these are under it. */
  | { readonly setsTaken: readonly Section[] }
  | { readonly setsRefused: { readonly code: ErrorCode; readonly message: string } }
  /** The end of a page: null where the table is as it was kept, or was accepted, undefined where there are more rows. */
  | { readonly setsPassed: ChangeableTable; readonly difference: SetDifference | null | undefined }
  /** The rows of a table could not be accepted. */
  | { readonly setsPassed: ChangeableTable; readonly failed: { readonly code: ErrorCode; readonly message: string } }
  | { readonly ownedCompared: number; readonly changed: readonly ChangedRows[] }
  | { readonly setsLearned: ChangeableTable; readonly isLearned: boolean }
  /** Somebody else has committed to one of the files. */
  | { readonly changedOutside: true }
  /** What changes could not be written for; null when some have been since. */
  | { readonly obstacle: WriteObstacle | null }
