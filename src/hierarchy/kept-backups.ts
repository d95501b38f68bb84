import { auditEvent } from '../audit/audit-event.ts'
import { dateTime } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Row } from '../store/schema.ts'
import { noTenant } from './key-record.ts'
import type { KeyWork } from './key-versions.ts'

/** A copy of the database that an operator keeps: what is in it may hang on versions that nothing in the database hangs on any more. */
export interface KeptBackup {
  readonly name: string
  /** When it was noted, seconds since 1970. */
  readonly noted: number
  /** Until when it is to be kept, seconds since 1970. It holds versions until it is forgotten, also after that. */
  readonly until: number
}

type BackupWork = Pick<KeyWork, 'store' | 'chain' | 'clock'>

/**
 * Notes a copy: from now on no version of a key that exists goes before the copy does. By the dates of versions and not by the clock alone, so that one that was set back lets none go.
 * @throws KryptonError already-exists, invalid-field for an end that has passed or when there are too many
 */
export async function noteBackup(
  work: BackupWork,
  { name, until, actor }: { readonly name: string; readonly until: number; readonly actor: string },
): Promise<KeptBackup> {
  const { store, chain, clock } = work
  const now = dateTime(clock)
  if (!(until > now))
    throw new KryptonError('invalid-field', 'give a time that is to come: until when the copy is kept')
  if ((await verifiedBackups(work)).length >= limits.keptBackupsMax)
    throw new KryptonError(
      'invalid-field',
      `forget a copy first: no more than ${limits.keptBackupsMax} are noted, krypton backup list shows them`,
    )
  const next = { name, covers: Math.max(now, await newestVersion(work)), until, created: now, row_version: 1 }
  const row = { ...next, mac: chain.system().macRow('kept_backups', next) }
  const audit = [event(work, actor, 'BackupNote', name)]
  try {
    await store.commit({ section: 'keys', changes: [{ table: 'kept_backups', kind: 'insert', row }], audit })
  } catch (error) {
    if (!isKryptonError(error, 'store-conflict')) throw error
    throw new KryptonError('already-exists', `a backup ${name} is noted already: choose another name`, { cause: error })
  }
  return backupOf(row)
}

/** Takes a copy off the list: it is gone, and holds no version any more. Throws 'not-found'. */
export async function forgetBackup(work: BackupWork, name: string, actor: string): Promise<KeptBackup> {
  const row = await work.store.get('kept_backups', { name })
  if (row === undefined)
    throw new KryptonError('not-found', `there is no backup ${name}: krypton backup list shows what is noted`)
  work.chain.system().verifyRow('kept_backups', row)
  await work.store.commit({
    section: 'keys',
    changes: [{ table: 'kept_backups', kind: 'delete', key: { name }, expectedVersion: row.row_version }],
    audit: [event(work, actor, 'BackupForget', name)],
  })
  return backupOf(row)
}

/** The copies that are noted, by name. Throws 'row-mac-mismatch'. */
export async function keptBackups(work: BackupWork): Promise<KeptBackup[]> {
  return (await verifiedBackups(work)).map(backupOf)
}

/** The copies in which some of these versions are. Throws 'row-mac-mismatch'. */
export async function backupsWith(
  work: BackupWork,
  versions: readonly { readonly created: number }[],
): Promise<KeptBackup[]> {
  const oldest = Math.min(...versions.map(({ created }) => created))
  return (await verifiedBackups(work)).filter(({ covers }) => oldest <= covers).map(backupOf)
}

/** In words, for who asks what holds a version. */
export function backupsText(backups: readonly KeptBackup[]): string {
  return backups
    .map(({ name, until }) => `backup ${name}, kept until ${new Date(until * 1000).toISOString()}`)
    .join('; ')
}

async function verifiedBackups({ store, chain }: BackupWork): Promise<Row<'kept_backups'>[]> {
  const rows = await store.find('kept_backups', {})
  for (const row of rows) chain.system().verifyRow('kept_backups', row)
  return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The latest time at which a version of any key says that it was made. */
async function newestVersion({ store }: BackupWork): Promise<number> {
  let newest = 0
  for (const table of ['ivks', 'tenant_keys', 'service_keys', 'integrity_key_times'] as const) {
    let last: Row<typeof table> | undefined
    for (;;) {
      const rows: Row<typeof table>[] = await store.scan(table, last, limits.jobBatchRows)
      if (rows.length === 0) break
      newest = rows.reduce((time, { created }) => Math.max(time, created), newest)
      last = rows.at(-1)
    }
  }
  return newest
}

function backupOf({ name, created, until }: Pick<Row<'kept_backups'>, 'name' | 'created' | 'until'>): KeptBackup {
  return { name, noted: created, until }
}

function event({ clock }: BackupWork, actor: string, operation: string, detail: string) {
  return auditEvent({ clock, tenant: noTenant, actor, operation, result: 'success', detail })
}
