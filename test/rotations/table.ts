import type { DestructionOutcome } from './destructions.ts'
import type { KillOutcome } from './kills.ts'
import type { TamperingOutcome } from './tampering.ts'
import type { LoadOutcome } from './under-load.ts'

/** A line of the table: what was done how often, and what came of it. */
export interface TableRow {
  readonly what: string
  readonly counts: string
  /** Where nothing was to come of it: how much did. */
  readonly measured: string
}

/** What this suite has counted. */
export interface Outcomes {
  readonly load: LoadOutcome
  readonly kills: KillOutcome
  readonly destroyed: DestructionOutcome
  readonly tampered: TamperingOutcome
}

/** What must hold of the hierarchy of keys, row by row, as far as this suite shows it. */
export function tableOf({ load, kills, destroyed, tampered }: Outcomes): TableRow[] {
  const killed = Object.entries(kills.killed).map(([point, count]) => `${point} ${count}`)
  return [
    {
      what: 'rotations beside requests',
      counts: `${load.rotated}; ${load.requests} requests, ${load.rate} a second asked for`,
      measured: `${load.faults.length} failed requests, other keys, references left`,
    },
    {
      what: 'p99 quiet / while rotating',
      counts: '',
      measured: `${load.quietP99Ms.toFixed(2)} / ${load.rotatingP99Ms.toFixed(2)} ms`,
    },
    {
      what: 'keys asked for again after a restart',
      counts: `${load.keys}`,
      measured: 'what fails is counted above',
    },
    {
      what: 'kill -9 at named points',
      counts: `${kills.cycles} cycles: ${killed.join(', ')}`,
      measured: `${kills.wrong.length} lost, resurrected, left over`,
    },
    {
      what: 'a dry run beside its real effect',
      counts: `${destroyed.destroyed + destroyed.refused} subtrees, ${destroyed.refused} refused as foreseen; ${destroyed.versions} keys and ${destroyed.objects} objects went`,
      measured: `${destroyed.wrong.length} not as foreseen`,
    },
    ...tampered.rows.map(([what, measured]) => ({ what, counts: '', measured })),
  ]
}

/** What other commands show of the same. */
export const shownElsewhere: readonly TableRow[] = [
  ['kill switch: L1 × cached or cold × mode', 'npm test, npm run test:integration'],
  ['what an L1 provider and a dump of the database open', 'npm test'],
  ['L2.1 deleted, the same over a MasterKey epoch, L1 off: rows verify, Locate, Destroy', 'npm test'],
  ['clock jumps', 'npm test'],
  ['nonces, randomness of keys, the limit of suite 0x01', 'npm run test:nonces'],
  ['1,000 tenants with 1,000 objects each', 'npm run bench -- tenants'],
  ['what a Get cost before', 'npm run bench -- against COMMIT'],
].map(([what, command]) => ({ what: what!, counts: '', measured: `shown by ${command!}` }))

/** The rows for people, a line each. */
export function linesOf(rows: readonly TableRow[]): string[] {
  return rows.map(
    ({ what, counts, measured }) => `${what.padEnd(52)} ${counts === '' ? measured : `${counts}: ${measured}`}`,
  )
}
