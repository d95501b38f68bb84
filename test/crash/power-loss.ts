import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, parseCampaign, runCampaign, unavailable } from './campaign.ts'
import { DiskImage, whyNoImages } from './disk-image.ts'
import { type Defect, type Trial, type Violation, violationsIn } from './victim.ts'

const options = parseCampaign(
  'power-loss',
  `Takes the power away under load: the disk is a file, which is copied at a random moment while the process is stopped; what was
acknowledged until then must be in the copy. All of a server's directory is on that disk, and it is made there in the
same life. A victim that does not sync must fail here, or the run says nothing. It does not prove that a
disk keeps what it says that it has written, nor what it does with writes that were under way.`,
  20,
)
const root = mkdtempSync(join(tmpdir(), 'krypton-power-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const reason = whyNoImages(root)
if (reason !== undefined) unavailable('power loss', options, reason)

let cycles = 0
await runCampaign('power loss', options, {
  planted: { 'does not sync': { finds: ['lost'], cycle: () => losePower('does-not-sync') } },
  attempts: 3,
  cycle: () => losePower(),
})

async function losePower(defect?: Defect): Promise<CycleResult> {
  const trial = options.victim.newTrial()
  const disk = DiskImage.make(root, `disk-${cycles}`)
  disk.mount()
  const running = trial.start(join(disk.mounted, 'data'), { clients: 16, defect })
  let copy: DiskImage
  try {
    await running.working
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 500))
    running.signal('SIGSTOP')
    await running.drained()
    copy = disk.copy(root, `copy-${cycles++}`)
  } finally {
    running.signal('SIGKILL')
    await running.ended
    disk.remove()
  }
  return { acknowledged: trial.changes, violations: await look(copy, trial) }
}

async function look(copy: DiskImage, trial: Trial): Promise<Violation[]> {
  copy.mount()
  try {
    return await violationsIn(trial, join(copy.mounted, 'data'))
  } finally {
    await trial.close()
    copy.remove()
  }
}
