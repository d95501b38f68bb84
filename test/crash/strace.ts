import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, parseCampaign, runCampaign, unavailable } from './campaign.ts'
import { type SystemCall, systemCallsIn, tracer } from './system-calls.ts'
import type { Acknowledgement, Defect, Violation } from './victim.ts'

const options = parseCampaign(
  'strace',
  `Watches the system calls under one client's load: the first byte of each answer to a change leaves after the change has been written to
the write-ahead log and the sync of that has returned, both after the request was read. One client, so that no
other's sync can be taken for its own. It does not prove that what was synced is the change: npm run crash and npm run power-loss do.`,
  1,
)
const root = mkdtempSync(join(tmpdir(), 'krypton-strace-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

if (spawnSync('strace', ['-V']).status !== 0)
  unavailable('strace', options, 'there is no strace here: apt-get install strace')

const callsTraced = [
  'read',
  'readv',
  'recvmsg',
  'recvfrom',
  'write',
  'writev',
  'sendmsg',
  'sendto',
  'pwrite64',
  'fdatasync',
  'fsync',
]
const changesTraced = 500
await runCampaign('strace', options, {
  planted: {
    'does not sync': { finds: ['unsynced'], cycle: () => trace('does-not-sync') },
    'acknowledges early': { finds: ['unsynced'], cycle: () => trace('acknowledges-early') },
  },
  attempts: 1,
  cycle: () => trace(),
})

async function trace(defect?: Defect): Promise<CycleResult> {
  const directory = mkdtempSync(join(root, 'traced-'))
  const log = join(directory, 'trace')
  const trial = options.victim.newTrial()
  const load = { clients: 1, changes: changesTraced, defect, under: tracer(callsTraced, log) }
  await trial.start(join(directory, 'data'), load).ended
  const calls = systemCallsIn(readFileSync(log, 'utf8'))
  const acknowledgements = trial.acknowledgements(calls)
  // a request that the defect itself has made fail is answered, and acknowledges nothing
  if (defect === undefined && (acknowledgements.length !== changesTraced || trial.changes !== changesTraced)) {
    throw new Error(
      `${trial.changes} acknowledgements came, ${acknowledgements.length} were traced, ${changesTraced} were asked for`,
    )
  }
  return { acknowledged: acknowledgements.length, violations: unsynced(calls, acknowledgements) }
}

function unsynced(calls: readonly SystemCall[], acknowledgements: readonly Acknowledgement[]): Violation[] {
  const log = calls.filter(({ target }) => target.endsWith('data.db-wal'))
  const writes = log.filter(({ name }) => name === 'pwrite64')
  const syncs = log.filter(({ name, result }) => result === 0 && (name === 'fdatasync' || name === 'fsync'))
  return acknowledgements.flatMap(({ askedAt, saidAt }, at): Violation[] => {
    const last = writes.findLast(({ begunAt }) => begunAt > askedAt && begunAt < saidAt)
    if (last === undefined) return [`unsynced: answer ${at + 1} left before its change was written`]
    if (syncs.some(({ begunAt, returnedAt }) => begunAt > last.returnedAt && returnedAt < saidAt)) return []
    return [`unsynced: answer ${at + 1} left before the sync of its change had returned`]
  })
}
