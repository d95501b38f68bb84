import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, type Planted, parseCampaign, runCampaign } from './campaign.ts'
import { type Defect, type Finding, type Trial, violationsIn } from './victim.ts'

const options = parseCampaign(
  'crash',
  `Kills a process under load at random moments and looks at what it left: nothing that was acknowledged is lost, nothing is half-written,
nothing destroyed is back. The store alone is quicker.
It says nothing about what the kernel holds for the disk: power-loss.ts does. The first start on an empty directory is not killed
before it serves.`,
  100,
)
const { victim } = options
const root = mkdtempSync(join(tmpdir(), 'krypton-kill-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

/** From the first acknowledgement to the kill. */
const lifeMsMax = 500
let deaths = 0
let trial = victim.newTrial()

await runCampaign('kill -9', options, {
  planted: {
    'acknowledges early': planted('acknowledges-early', ['lost', 'back']),
    'writes in two': planted('writes-in-two', ['half-written']),
  },
  attempts: 20,
  cycle: async () => {
    const isFirst = deaths % victim.deathsMax === 0
    const directory = join(root, `cycle-${Math.floor(deaths++ / victim.deathsMax)}`)
    // one in five dies while it starts, in the middle of recovery
    const isEarly = !isFirst && Math.random() < 0.2
    if (isFirst || isEarly) await trial.close()
    if (isFirst) trial = victim.newTrial()
    return kill(trial, directory, { isEarly })
  },
  end: () => trial.close(),
})

function planted(defect: Defect, finds: readonly Finding[]): Planted {
  const cycle = async (): Promise<CycleResult> => {
    const trial = victim.newTrial()
    try {
      return await kill(trial, mkdtempSync(join(root, 'planted-')), { defect })
    } finally {
      await trial.close()
    }
  }
  return { finds, cycle }
}

async function kill(
  trial: Trial,
  directory: string,
  { defect, isEarly = false }: { defect?: Defect; isEarly?: boolean },
): Promise<CycleResult> {
  const before = trial.changes
  const running = trial.start(directory, { clients: 16, defect })
  if (!isEarly) await running.working
  const lifeMs = defect === undefined ? Math.random() * lifeMsMax : lifeMsMax
  await new Promise((resolve) => setTimeout(resolve, lifeMs))
  running.signal('SIGKILL')
  await running.ended
  const violations = await violationsIn(trial, directory)
  return { acknowledged: trial.changes - before, violations }
}
