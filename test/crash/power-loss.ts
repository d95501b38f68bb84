import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CycleResult, parseCampaign, runCampaign, unavailable } from './campaign.ts'
import { DiskImage, whyNoImages } from './disk-image.ts'
import { Ledger } from './ledger.ts'
import { storeVictim as victim } from './store-victim.ts'
import type { Defect } from './victim.ts'

/**
 * Takes the power away under load: the disk is a file, which is copied at a random moment while the process is stopped; what was
 * acknowledged until then must be in the copy. A victim that does not sync must fail here, or the run says nothing.
 */
const options = parseCampaign(20)
const root = mkdtempSync(join(tmpdir(), 'krypton-power-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const reason = whyNoImages(root)
if (reason !== undefined) unavailable('power loss', options, reason)

let cycles = 0
await runCampaign('power loss', options, {
  planted: { 'does-not-sync': () => losePower('does-not-sync') },
  attempts: 3,
  cycle: () => losePower(),
})

async function losePower(defect?: Defect): Promise<CycleResult> {
  const ledger = new Ledger()
  const disk = DiskImage.make(root, `disk-${cycles}`)
  disk.mount()
  const running = victim.start(join(disk.mounted, 'data'), ledger, { clients: 16, defect })
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
    disk.unmount()
  }
  return { acknowledged: ledger.changes, violations: await look(copy, ledger) }
}

/** A disk that nobody can read has lost everything. */
async function look(copy: DiskImage, ledger: Ledger): Promise<string[]> {
  copy.mount()
  try {
    return await victim.verify(join(copy.mounted, 'data'), ledger)
  } catch (error) {
    return [`the store does not open after the loss: ${error instanceof Error ? error.message : String(error)}`]
  } finally {
    copy.unmount()
  }
}
