import { dateTime } from '../clock.ts'
import type { Suite } from '../crypto/aead.ts'
import { KryptonError } from '../errors.ts'
import type { JobRun } from '../jobs/job-run.ts'
import { retrying } from '../store/retrying.ts'
import { backupsText, backupsWith } from './kept-backups.ts'
import { KeyState } from './key-state.ts'
import { changeState, type KeyWork, verified, type VersionedTable } from './key-versions.ts'
import { referencesOf } from './references.ts'
import { addressOf, deletionJob } from './rotation-jobs.ts'
import { keyAt } from './versioned-keys.ts'

/**
 * Deletes a version of a key for good: its record is overwritten, its row stays to say so. Every user has opened the keys anew before the references are counted, so that
 * none of them can make another. What is refused because something holds the version is asked for again after the time in which it can be called back.
 * @throws KryptonError wrong-key-lifecycle-state: it is in use, or something refers to it, a kept backup too; the message says what
 */
export async function deleteVersion(
  work: KeyWork,
  policy: { readonly ivkSuite: Suite; readonly deletionSeconds: number },
  run: JobRun,
): Promise<string> {
  const table = String(run.parameters['table']) as VersionedTable // what deletionJob has written
  const address = addressOf(table, run.owner, run.parameters)
  const key = keyAt(work, address, policy.ivkSuite)
  const version = Number(run.parameters['version'])
  const find = async () => (await verified(key)).find((row) => row.version === version)
  const row = await find()
  if (row === undefined || row.state === KeyState.Retired) return 'it is gone already'
  if (![KeyState.Deprecated, KeyState.Compromised, KeyState.Expired].some((state) => state === row.state)) {
    throw new KryptonError('wrong-key-lifecycle-state', `version ${version} is in use: rotate its key first`)
  }
  await work.users.refresh(key.system)
  const isThis = (parent: number): boolean => parent === version
  const { count, held } = await referencesOf(work.store, address, isThis, async () => run.step(0, run.progress))
  const backups = await backupsWith(work, [row])
  if (count > 0 || backups.length > 0) {
    const due = dateTime(work.clock) + policy.deletionSeconds
    const again = Number(run.parameters['again'] ?? 0) + 1
    await work.schedule(deletionJob(address, { version, due, again, actor: 'system', subject: run.subject }))
    const reason =
      count > 0
        ? `version ${version} holds ${held}: rotate its key, which wraps them anew`
        : `version ${version} is in ${backupsText(backups)}: krypton backup forget it when it is gone`
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      `${reason}; the deletion is asked for again for ${new Date(due * 1000).toISOString()}`,
    )
  }
  run.throwIfStopped()
  await retrying(async () => {
    const current = await find()
    if (current === undefined || current.state === KeyState.Retired) return
    const gone = { state: KeyState.Retired, operation: 'KeyVersionDelete', actor: 'system', record: Buffer.alloc(0) }
    await changeState(work, key, current, gone)
  })
  work.at('deleted')
  await work.users.refresh(key.system)
  return `version ${version} is deleted; copies of the database that were made before still hold it`
}
