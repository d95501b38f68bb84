import { join } from 'node:path'
import { isFound, type RowAttack, rowAttacks } from '../hierarchy/row-attacks.ts'
import { newStaticKey } from '../hierarchy/fixture.ts'
import { newFullStore } from '../hierarchy/full-store.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { harnessFlags } from '../support/harness-flags.ts'
import { findPlantedKey, flipBytes } from './flips.ts'

/** What tampering with a store has come to: rows for people, and whether all of it was found. */
export interface TamperingOutcome {
  readonly ok: boolean
  readonly rows: readonly (readonly [string, string])[]
  /** What was planted, with the first line that told of it; undefined where none did. */
  readonly planted: string | undefined
  readonly faults: readonly string[]
}

/**
 * Somebody who can write to the files of a store: every column of every row of every table is changed, every row is removed, inserted, copied to every other place, put back; then `flips` bits of the files are flipped, one
 * at a time. With `state` a directory of a campaign that goes on after a break.
 */
export async function tamper(flips: number, state?: string): Promise<TamperingOutcome> {
  const directory = state ?? temporaryDirectory('tampering')
  const [planted] = await findPlantedKey(directory)
  const { attacks, missed } = await attackRows()
  const kinds = Map.groupBy(attacks, ({ kind }) => kind)
  const {
    right,
    refused,
    wrong,
    flips: flipped,
  } = await flipBytes(flips, directory, state && join(state, 'flips.json'))
  if (state === undefined) removeDirectory(directory)
  return {
    ok: planted !== undefined && missed.length === 0 && wrong.length === 0,
    planted,
    faults: [...missed.map((name) => `not found: ${name}`), ...wrong],
    rows: [
      ...[...kinds].map(([kind, some]): [string, string] => [`attacks on rows: ${kind}`, `${some.length}`]),
      ['attacks that were not found', String(missed.length)],
      ['bits flipped in the files of a store', `${flipped}: ${refused} refused, ${right} right, ${wrong.length} wrong`],
    ],
  }
}

async function attackRows(): Promise<{ attacks: readonly RowAttack[]; missed: string[] }> {
  const { externalKey, remove } = newStaticKey()
  const made = await newFullStore(externalKey)
  const attacks = await rowAttacks(made, true)
  const missed: string[] = []
  if (await isFound(made, { kind: 'digest', name: 'nothing', apply: () => undefined }))
    missed.push('an untouched store is as it was written')
  for (const attack of attacks) if (!(await isFound(made, attack))) missed.push(`${attack.kind} ${attack.name}`)
  remove()
  return { attacks, missed }
}

if (import.meta.main) {
  const { flips, state } = harnessFlags({
    help: `
node test/rotations/tampering.ts [--flips N] [--state DIRECTORY]

Tampers with every column of every row of a store and flips bits in its files, as npm run test:hierarchy does, without rotations.

node test/rotations/tampering.ts --flips 2000`,
    numbers: { flips: 100_000 },
    texts: { state: [] },
  })
  const { ok, rows, planted, faults } = await tamper(flips, state)
  for (const line of [`planted 'another key': ${planted ?? 'NOT FOUND'}`, ...faults.slice(0, 20)]) console.log(line)
  for (const [name, value] of rows) console.log(`${name.padEnd(46)} ${value}`)
  process.exit(ok ? 0 : 1)
}
