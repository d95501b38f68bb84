import { auditEvent } from '../audit/audit-event.ts'
import { dateTime } from '../clock.ts'
import { KryptonError } from '../errors.ts'
import type { NewJob } from '../jobs/job.ts'
import type { JobRun } from '../jobs/job-run.ts'
import { retrying } from '../store/retrying.ts'
import type { Row } from '../store/schema.ts'
import type { Change, KeptSets } from '../store/store.ts'
import { newIntegrityKey } from './integrity-key.ts'
import { backupsText, backupsWith } from './kept-backups.ts'
import { noTenant } from './key-record.ts'
import { KeyState } from './key-state.ts'
import type { KeyWork } from './key-versions.ts'
import { type IndexedValues, MacRenewal } from './mac-renewal.ts'
import type { RotationReason } from './rotation-jobs.ts'
import { updateOf } from './row-mac.ts'
import { renewSets } from './sets.ts'

/** Kinds of the jobs of integrity keys; the names stand in rows of jobs. */
export const IntegrityJobKind = { Rotate: 'rotate-integrity-key', Delete: 'delete-integrity-key-version' } as const

/** What is asked of rotations of integrity keys. */
export interface IntegrityPolicy {
  /** Time in which the deletion of a version can be called back. */
  readonly deletionSeconds: number
  readonly indexedValues: IndexedValues
  /** The digests of all rows, which are under the system's integrity key. */
  readonly sets: KeptSets
  /** Writes the rows of the jobs that have not ended under the key that is active now. */
  renewOpenJobs(): Promise<void>
  /** The version of the system's integrity key under which the anchor was written last; undefined where none is kept. Throws when it cannot be read. */
  anchoredUnder(): Promise<number | undefined>
}

/** The job that rotates the integrity key of a tenant, or of zeros the system's own, from version `from` on; when another is active by then, it ends what an earlier one has left. */
export function integrityRotationJob(
  tenant: Buffer,
  request: { readonly from: number; readonly reason: RotationReason; readonly actor: string; readonly subject: string },
): NewJob {
  const { from, reason, actor, subject } = request
  const parameters = { from, compromised: reason === 'compromise' ? 1 : 0 }
  return { kind: IntegrityJobKind.Rotate, owner: tenant, lane: laneOf(tenant), parameters, actor, subject }
}

/**
 * Rotates an integrity key. The next version is known to every user before it is used. Then every row of the tenant gets a MAC under it, and its tokens are put into the index beside those of the old version,
 * which are searched for until all are there; then those of the new one are, and the old ones go. Both versions prove rows meanwhile. What was replaced because somebody may know it proves none from then on.
 *
 * The system has no index: of its own key the digests of all rows go over instead, when its rows have.
 */
export async function rotateIntegrityKey(work: KeyWork, policy: IntegrityPolicy, run: JobRun): Promise<string> {
  const { at } = work
  const tenant = run.owner
  const isSystem = tenant.equals(noTenant)
  const from = Number(run.parameters['from'])
  const compromised = run.parameters['compromised'] === 1
  const renewal = new MacRenewal(work.store, work.chain, policy.indexedValues, at)
  if (activeOf(await versionsOf(work, tenant)).version === from) {
    await retrying(() => storePending(work, tenant))
    at('pending')
    await makeKnown(work, tenant)
    run.throwIfStopped()
    at('acknowledged')
    await retrying(() => activate(work, tenant, from))
    at('active')
  }
  await makeKnown(work, tenant)
  at('in use')
  const { version } = activeOf(await versionsOf(work, tenant))
  const count = await renewal.renew(tenant, run, `rows ${version}`)
  at('rows renewed')
  if (isSystem) await renewRest(work, policy, run)
  await retrying(() => letGo(work, tenant, compromised ? { compromised: from } : {}))
  at('let go')
  await makeKnown(work, tenant)
  if (!isSystem) await renewal.takeOldTokens(tenant, run, `tokens ${version}`)
  const due = dateTime(work.clock) + policy.deletionSeconds
  for (const row of await versionsOf(work, tenant)) {
    if (row.state !== KeyState.Deprecated && row.state !== KeyState.Compromised) continue
    await work.schedule(
      deletionJob(tenant, { version: row.version, due, subject: `version ${row.version} of ${run.subject}` }),
    )
  }
  return `version ${version} is active, ${count} rows have MACs under it`
}

/** Every user knows the versions of a key as they are stored now, and what was written under older ones is durable. The system's own are opened here, and handed to them. */
async function makeKnown({ chain, users }: KeyWork, tenant: Buffer): Promise<void> {
  if (!tenant.equals(noTenant)) return users.refresh({ tenant })
  await chain.readSystemKeys()
  await users.takeRoot(chain.root)
}

/** What hangs on the system's key besides rows that nobody else writes: the jobs that have not ended, and the digests. */
async function renewRest(work: KeyWork, policy: IntegrityPolicy, run: JobRun): Promise<void> {
  await policy.renewOpenJobs()
  await renewSets(policy.sets, work.chain.root, () => run.step(0, run.progress))
  work.at('digests renewed')
}

/**
 * Deletes a version of an integrity key for good, once no row has a MAC under it and no kept backup holds it. What is refused is asked for again after the time in which it can be called back.
 * @throws KryptonError wrong-key-lifecycle-state: something holds it; the message says what
 */
export async function deleteIntegrityKey(work: KeyWork, policy: IntegrityPolicy, run: JobRun): Promise<string> {
  const tenant = run.owner
  const version = Number(run.parameters['version'])
  const find = async () => (await versionsOf(work, tenant)).find((row) => row.version === version)
  const row = await find()
  if (row === undefined || row.state === KeyState.Retired) return 'it is gone already'
  if (row.state !== KeyState.Deprecated && row.state !== KeyState.Compromised)
    throw new KryptonError('wrong-key-lifecycle-state', `version ${version} is in use: rotate its key first`)
  await makeKnown(work, tenant)
  const held = await heldBy(work, policy, run, row)
  if (held !== undefined) {
    const due = dateTime(work.clock) + policy.deletionSeconds
    const again = Number(run.parameters['again'] ?? 0) + 1
    await work.schedule(deletionJob(tenant, { version, due, again, subject: run.subject }))
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      `version ${version} ${held}; the deletion is asked for again for ${new Date(due * 1000).toISOString()}`,
    )
  }
  run.throwIfStopped()
  await retrying(async () => {
    const current = await find()
    if (current === undefined || current.state === KeyState.Retired) return
    const gone = { state: KeyState.Retired, record: Buffer.alloc(0) }
    await commit(work, tenant, [updated(work, current, gone)], { operation: 'KeyVersionDelete', row: current })
  })
  work.at('deleted')
  await makeKnown(work, tenant)
  return `version ${version} is deleted; copies of the database that were made before still hold it`
}

/** The versions of a tenant's integrity key, each row as it was written here. Throws 'row-mac-mismatch'. */
export async function versionsOf({ store, chain }: Pick<KeyWork, 'store' | 'chain'>, tenant: Buffer) {
  const rows = await store.find('integrity_keys', { tenant })
  for (const row of rows) chain.system().verifyRow('integrity_keys', row)
  return rows
}

/** The version that new MACs are under. Throws 'record-invalid' when there is none. */
export function activeOf(rows: readonly Row<'integrity_keys'>[]): Row<'integrity_keys'> {
  const active = rows.find(({ state }) => state === KeyState.Active)
  if (active === undefined)
    throw new KryptonError('record-invalid', 'there is no active integrity key: restore the keys section from a backup')
  return active
}

/** When a version was made, in seconds since 1970: the first is as old as its tenant, or as the root. Undefined where there is no such tenant. Throws 'row-mac-mismatch'. */
export async function madeAt(
  work: Pick<KeyWork, 'store' | 'chain'>,
  row: Row<'integrity_keys'>,
): Promise<number | undefined> {
  const { store, chain } = work
  const { tenant } = row
  const created = await createdOf(work, row)
  if (created > 0) return created
  if (tenant.equals(noTenant)) {
    const manifest = await store.get('manifest', { id: 'manifest' })
    if (manifest !== undefined) chain.system().verifyRow('manifest', manifest)
    return manifest?.created
  }
  const owner = await store.get('tenants', { tenant })
  if (owner !== undefined) (await chain.tenant(tenant)).verifyRow('tenants', owner)
  return owner?.created
}

/** When a version was made, in seconds since 1970; 0 for the first, which is as old as its tenant. Throws 'row-mac-mismatch'. */
async function createdOf(
  { store, chain }: Pick<KeyWork, 'store' | 'chain'>,
  { key_id }: Pick<Row<'integrity_keys'>, 'key_id'>,
): Promise<number> {
  const row = await store.get('integrity_key_times', { key_id })
  if (row === undefined) return 0
  chain.system().verifyRow('integrity_key_times', row)
  return row.created
}

/** What still hangs on a version, in words. A row that was written under it while it was let go is made anew first. */
async function heldBy(
  work: KeyWork,
  policy: IntegrityPolicy,
  run: JobRun,
  row: Row<'integrity_keys'>,
): Promise<string | undefined> {
  const { tenant, version } = row
  const renewal = new MacRenewal(work.store, work.chain, () => [], work.at)
  if (row.state === KeyState.Deprecated) await renewal.renew(tenant, run, `left ${version}`)
  if (tenant.equals(noTenant)) {
    await renewRest(work, policy, run)
    const anchored = await policy.anchoredUnder()
    if (anchored !== undefined && anchored <= version)
      return 'is what the anchor was last written under: see to it that it can be written'
  }
  const count = await renewal.countUnder(tenant, version, run)
  if (count > 0) return `has ${count} rows under it: rotate its key, which makes their MACs anew`
  const links = await checkValuesUnder(work, tenant, version)
  if (links > 0) return `has ${links} check values of links under it: krypton tenant rotate makes new ones`
  const backups = await backupsWith(work, [{ created: await createdOf(work, row) }])
  return backups.length > 0 ? `is in ${backupsText(backups)}: krypton backup forget it when it is gone` : undefined
}

/** Check values begin with the version that they were made under, and cannot be made anew without what the tenant's own key opens. */
async function checkValuesUnder({ store }: KeyWork, tenant: Buffer, version: number): Promise<number> {
  const rows = [...(await store.find('l1_links', { tenant })), ...(await store.find('linked_keys', { tenant }))]
  return rows.filter(({ check_value: value }) => value.byteLength > 4 && Buffer.from(value).readUInt32BE(0) === version)
    .length
}

async function storePending(work: KeyWork, tenant: Buffer): Promise<void> {
  const { chain, clock } = work
  const rows = await versionsOf(work, tenant)
  if (rows.some(({ state }) => state === KeyState.Pending)) return
  const next = Math.max(...rows.map(({ version }) => version)) + 1
  const isSystem = tenant.equals(noTenant)
  const held = isSystem ? [await chain.epochHeld()] : []
  const { row, secret } = isSystem
    ? chain.newSystemIntegrityKey(next)
    : newIntegrityKey(chain.cluster, tenant, (await chain.ivksToWrap(1)).active, next)
  secret.wipe()
  const time = { key_id: row.key_id, created: dateTime(clock), row_version: 1 }
  const keys = chain.system()
  const changes: Change[] = [
    ...held,
    { table: 'integrity_keys', kind: 'insert', row: { ...row, mac: keys.macRow('integrity_keys', row) } },
    { table: 'integrity_key_times', kind: 'insert', row: { ...time, mac: keys.macRow('integrity_key_times', time) } },
  ]
  await commit(work, tenant, changes, { operation: 'KeyVersionAdd', row })
}

async function activate(work: KeyWork, tenant: Buffer, from: number): Promise<void> {
  const rows = await versionsOf(work, tenant)
  const old = activeOf(rows)
  if (old.version !== from) return
  const pending = rows.find(({ state }) => state === KeyState.Pending)
  if (pending === undefined) throw new Error('the version that was to become active is gone')
  const changes = [updated(work, old, { state: KeyState.Grace }), updated(work, pending, { state: KeyState.Active })]
  await commit(work, tenant, changes, { operation: 'KeyRotate', row: pending })
}

/** Every row and token of the tenant is under the active version: what was replaced is on its way out. The version that is compromised proves nothing from now on, also where another rotation came first and had replaced it. */
async function letGo(work: KeyWork, tenant: Buffer, { compromised }: { readonly compromised?: number }): Promise<void> {
  const rows = (await versionsOf(work, tenant)).filter(
    ({ state, version }) => state === KeyState.Grace || (state === KeyState.Deprecated && version === compromised),
  )
  const [first] = rows
  if (first === undefined) return
  const state = compromised === undefined ? KeyState.Deprecated : KeyState.Compromised
  const changes = rows.map((row) => updated(work, row, { state }))
  const operation = compromised === undefined ? 'KeyGraceEnd' : 'KeyCompromise'
  await commit(work, tenant, changes, { operation, row: first })
}

const updated = ({ chain }: KeyWork, old: Row<'integrity_keys'>, changes: Partial<Row<'integrity_keys'>>): Change =>
  updateOf('integrity_keys', old, changes, chain.system())

async function commit(
  { store, clock }: KeyWork,
  tenant: Buffer,
  changes: readonly Change[],
  { operation, row }: { operation: string; row: Pick<Row<'integrity_keys'>, 'key_id' | 'version'> },
): Promise<void> {
  const detail = `integrity_keys version ${row.version}`
  const event = { clock, tenant, actor: 'system', operation, object: row.key_id, result: 'success', detail }
  await store.commit({ section: 'keys', changes, audit: [auditEvent(event)] })
}

function deletionJob(
  tenant: Buffer,
  request: { readonly version: number; readonly due: number; readonly subject: string; readonly again?: number },
): NewJob {
  const { version, due, subject, again } = request
  const parameters = { version, ...(again === undefined ? {} : { again }) }
  return {
    kind: IntegrityJobKind.Delete,
    owner: tenant,
    lane: laneOf(tenant),
    subject,
    parameters,
    due,
    actor: 'system',
  }
}

/** That of the tenant's other keys, of the system's that of the IVK: one after the other. */
function laneOf(tenant: Buffer): string {
  return tenant.equals(noTenant) ? 'ivk' : `tenant ${tenant.toString('hex')}`
}
