import { readFileSync, writeFileSync } from 'node:fs'

/** What a killed rotation may not change: which keys there are and what they open to. Kept beside the store, so that a campaign goes on after a break. */
export interface RotationLedger {
  /** By object, all in hex. */
  readonly objects: Readonly<Record<string, string>>
  readonly scopes: readonly {
    readonly tenant: string
    readonly system: string
    readonly service: string
    readonly objects: readonly string[]
  }[]
  /** The version of each key that was active when it was last looked at, by its place. */
  active: Record<string, number>
  /** Versions that were deleted: they may never be back. */
  retired: string[]
}

export function readLedger(file: string): RotationLedger {
  // What `writeLedger` has written.
  return JSON.parse(readFileSync(file, 'utf8')) as RotationLedger
}

export function writeLedger(file: string, ledger: RotationLedger): void {
  writeFileSync(file, JSON.stringify(ledger))
}
