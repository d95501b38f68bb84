import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, parseCampaign, runCampaign } from './campaign.ts'
import { Ledger } from './ledger.ts'
import { storeVictim as victim } from './store-victim.ts'
import type { Defect } from './victim.ts'

/**
 * Kills a process under load at random moments and looks at what it left: nothing that was acknowledged is lost, nothing is half-written,
 * nothing destroyed is back. A kill does not lose what the kernel has: `power-loss.ts` does.
 */
const root = mkdtempSync(join(tmpdir(), 'krypton-kill-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

/** A directory is killed so often before the next begins: recovery of a recovery is tried, and looking at it stays quick. */
const killsOfDirectory = 10
let kills = 0
let ledger = new Ledger()

await runCampaign('kill -9', parseCampaign(100), {
  planted: {
    'acknowledges-early': () => defective('acknowledges-early'),
    'writes-in-two': () => defective('writes-in-two'),
  },
  attempts: 10,
  cycle: () => {
    if (kills % killsOfDirectory === 0) ledger = new Ledger()
    return kill(join(root, `cycle-${Math.floor(kills++ / killsOfDirectory)}`), ledger)
  },
})

function defective(defect: Defect): Promise<CycleResult> {
  return kill(mkdtempSync(join(root, 'planted-')), new Ledger(), defect)
}

async function kill(directory: string, ledger: Ledger, defect?: Defect): Promise<CycleResult> {
  const before = ledger.changes
  const running = victim.start(directory, ledger, { clients: 16, defect })
  // one in five dies while it starts, in the middle of recovery
  if (Math.random() < 0.8) await running.working
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 500))
  running.signal('SIGKILL')
  await running.ended
  const violations = await victim.verify(directory, ledger)
  return { acknowledged: ledger.changes - before, violations }
}
