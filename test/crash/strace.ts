import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, parseCampaign, runCampaign, unavailable } from './campaign.ts'
import { Ledger } from './ledger.ts'
import { storeVictim as victim } from './store-victim.ts'
import type { Defect } from './victim.ts'

/** Watches the system calls of one client's load: each acknowledgement leaves after the sync of what it acknowledges has returned. */
const options = parseCampaign(1)
const root = mkdtempSync(join(tmpdir(), 'krypton-strace-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

if (spawnSync('strace', ['-V']).status !== 0)
  unavailable('strace', options, 'there is no strace here: apt-get install strace')

const changesTraced = 500
await runCampaign('strace', options, {
  planted: { 'does-not-sync': () => trace('does-not-sync'), 'acknowledges-early': () => trace('acknowledges-early') },
  attempts: 1,
  cycle: () => trace(),
})

async function trace(defect?: Defect): Promise<CycleResult> {
  const directory = mkdtempSync(join(root, 'traced-'))
  const log = join(directory, 'trace')
  const under = [
    'strace',
    '-f',
    '-y',
    '-qq',
    '-e',
    'trace=write,pwrite64,fdatasync,fsync',
    '-e',
    'signal=none',
    '-o',
    log,
  ]
  const ledger = new Ledger()
  const running = victim.start(join(directory, 'data'), ledger, { clients: 1, changes: changesTraced, defect, under })
  await running.ended
  const { acknowledged, violations } = judge(readFileSync(log, 'utf8'))
  if (acknowledged !== changesTraced || ledger.changes !== changesTraced) {
    throw new Error(
      `${ledger.changes} acknowledgements came, ${acknowledged} were traced, ${changesTraced} were asked for`,
    )
  }
  return { acknowledged, violations }
}

/** Walks the calls in the order in which they returned; an acknowledgement counts from when it began. */
function judge(log: string): { acknowledged: number; violations: string[] } {
  const violations: string[] = []
  const pending = new Map<string, string>()
  let [acknowledged, unsynced, synced] = [0, false, false]
  for (const line of log.split('\n')) {
    const [, thread, text] = /^(\d+)\s+(.*)$/u.exec(line) ?? []
    if (thread === undefined || text === undefined) continue
    const begun = text.endsWith('<unfinished ...>')
    if (begun) pending.set(thread, text)
    const whole = text.startsWith('<...') ? (pending.get(thread) ?? '') : text
    if (/^pwrite64\(\d+<[^>]*data\.db-wal>/u.test(whole)) [unsynced, synced] = [true, false]
    else if (/^f(data)?sync\(\d+<[^>]*data\.db-wal>/u.test(whole) && !begun) [unsynced, synced] = [false, true]
    else if (whole.startsWith('write(3<') && !text.startsWith('<...')) {
      // what was synced before the load began acknowledges nothing
      const begins = text.includes('"begin')
      if (!begins) acknowledged++
      if (!begins && (unsynced || !synced))
        violations.push(`acknowledgement ${acknowledged} left before its sync had returned`)
      synced = false
    }
  }
  return { acknowledged, violations }
}
