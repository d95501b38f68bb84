import { auditEvent } from '../audit/audit-event.ts'
import { KryptonError } from '../errors.ts'
import type { JobRun } from '../jobs/job-run.ts'
import type { NewJob } from '../jobs/job.ts'
import { limits } from '../limits.ts'
import { retrying } from '../store/retrying.ts'
import type { KeyOf, Row } from '../store/schema.ts'
import type { Change, Store } from '../store/store.ts'
import { backupsText, backupsWith, type KeptBackup } from './kept-backups.ts'
import { checkAct } from './key-life.ts'
import { KeyState } from './key-state.ts'
import type { KeyWork } from './key-versions.ts'
import type { Scope } from './data-key.ts'
import { type RowKeys, updateOf } from './row-mac.ts'
import { idOf, KeyJobKind } from './rotation-jobs.ts'
import { withoutRecord } from './versioned-keys.ts'

/** What is destroyed: a tenant's keys, those of one of its systems, of a service, or one version of a service's. */
export interface Destruction {
  readonly tenant: Buffer
  readonly system?: Buffer
  readonly service?: Buffer
  readonly version?: number
}

/** What a destruction takes, before it is done or after. */
export interface Destroyed {
  readonly tenantKeys: number
  readonly serviceKeys: number
  /** Objects that nobody can open any more. */
  readonly objects: number
  /** Copies of the database in which the keys remain until they are gone too. */
  readonly backups: readonly KeptBackup[]
}

/** The job that destroys keys: until every thread has confirmed it, it is tried again. */
export function destructionJob(
  what: Destruction,
  request: { readonly actor: string; readonly subject: string },
): NewJob {
  const { tenant, system, service, version } = what
  const parameters = {
    ...(system === undefined ? {} : { system: system.toString('hex') }),
    ...(service === undefined ? {} : { service: service.toString('hex') }),
    ...(version === undefined ? {} : { version }),
  }
  return { kind: KeyJobKind.Destroy, owner: tenant, lane: `tenant ${tenant.toString('hex')}`, parameters, ...request }
}

/** What a destruction would take as things are now. Throws 'wrong-key-lifecycle-state' when it is done already. */
export async function foreseeDestruction(
  work: Pick<KeyWork, 'store' | 'chain' | 'clock'>,
  what: Destruction,
  pause: () => Promise<void>,
): Promise<Destroyed> {
  const { tenantKeys, serviceKeys } = await versionsOf(work.store, what)
  if (what.version !== undefined && serviceKeys.length === 0) await checkVersion(work.store, what)
  checkAct(
    'service_keys',
    [...tenantKeys, ...serviceKeys].map(({ state }) => state as KeyState),
    'destroy',
  )
  const backups = await backupsWith(work, [...tenantKeys, ...serviceKeys])
  const objects = await objectsUnder(work.store, what, serviceKeys, pause)
  return { tenantKeys: tenantKeys.length, serviceKeys: serviceKeys.length, objects, backups }
}

/** @throws KryptonError not-found: the key of the service never had that version */
async function checkVersion(store: Store, { tenant, system, service, version }: Destruction): Promise<void> {
  const rows = await store.find('service_keys', { tenant, ...(system === undefined ? {} : { system }) })
  const isOf = (row: Row<'service_keys'>): boolean => service !== undefined && row.service.equals(service)
  if (rows.some((row) => isOf(row) && row.version === version)) return
  throw new KryptonError('not-found', `this key has no version ${version}: krypton key show tells which it has`)
}

/** The versions of keys at a place and below whose state `isMeant` tells, and the objects that hang on those whose state `isHolding` tells. */
export async function countBelow(
  store: Store,
  what: Destruction,
  { isMeant, isHolding }: { isMeant: (state: number) => boolean; isHolding: (state: number) => boolean },
  pause: () => Promise<void>,
): Promise<Omit<Destroyed, 'backups'>> {
  const found = await versionsOf(store, what)
  const tenantKeys = found.tenantKeys.filter(({ state }) => isMeant(state))
  const serviceKeys = found.serviceKeys.filter(({ state }) => isMeant(state))
  const holding = found.serviceKeys.filter(({ state }) => isHolding(state))
  const objects = await objectsUnder(store, what, holding, pause)
  return { tenantKeys: tenantKeys.length, serviceKeys: serviceKeys.length, objects }
}

async function objectsUnder(
  store: Store,
  what: Destruction,
  serviceKeys: readonly Row<'service_keys'>[],
  pause: () => Promise<void>,
): Promise<number> {
  const gone = new Set(serviceKeys.map(versionName))
  let objects = 0
  const from = { tenant: what.tenant, system: what.system ?? zeros, service: what.service ?? zeros, object: zeros }
  for (let after: KeyOf<'objects'> = from; ; await pause()) {
    const rows = await store.scan('objects', after, limits.locatePageRows)
    const own = rows.filter((row) => isIn(row, what))
    objects += own.filter(
      (row) => row.record.byteLength > 0 && gone.has(versionName({ ...row, version: row.key_version })),
    ).length
    const last = own.at(-1)
    if (last === undefined || own.length < rows.length) break
    after = { tenant: last.tenant, system: last.system, service: last.service, object: last.object }
  }
  return objects
}

/**
 * Destroys keys, all in one transaction: their records are overwritten, their rows stay to say so. Then every thread lets go of every opened key of the tenant and confirms it. Metadata, Locate and Destroy
 * go on: they hang on the tenant's integrity key.
 */
export async function destroyKeys(work: KeyWork, run: JobRun): Promise<string> {
  const { version } = run.parameters
  const what: Destruction = {
    tenant: run.owner,
    ...('system' in run.parameters ? { system: idOf(run.parameters, 'system') } : {}),
    ...('service' in run.parameters ? { service: idOf(run.parameters, 'service') } : {}),
    ...(typeof version === 'number' ? { version } : {}),
  }
  const { store, chain, clock, users, at } = work
  const pause = (): Promise<void> => run.step(0, run.progress)
  // A run that died after it had destroyed them only has to be confirmed: it knows by the total that it had counted before.
  if (run.progress.total === 0) {
    const { tenantKeys, serviceKeys, objects, backups } = await foreseeDestruction(work, what, pause)
    const position = Buffer.from(JSON.stringify({ objects, remains: backupsText(backups) }))
    await run.save({ ...run.progress, total: tenantKeys + serviceKeys, position })
  }
  run.throwIfStopped()
  await retrying(async () => {
    const keys = await chain.tenant(what.tenant)
    const { tenantKeys, serviceKeys } = await versionsOf(store, what)
    const gone = { state: KeyState.Retired, record: Buffer.alloc(0) }
    const changes: Change[] = []
    for (const row of serviceKeys) {
      keys.verifyRow('service_keys', row)
      changes.push(updateOf('service_keys', row, gone, keys))
    }
    for (const row of tenantKeys) {
      keys.verifyRow('tenant_keys', row)
      changes.push(updateOf('tenant_keys', row, gone, keys))
    }
    for (const { system, version } of tenantKeys) {
      const linked = await store.get('linked_keys', { tenant: what.tenant, system, version })
      if (linked !== undefined) changes.push(withoutRecord(linked, keys))
    }
    changes.push(...(await previousRecords(store, 'previous_key_records', what)))
    if (changes.length === 0) return
    const detail = `${tenantKeys.length} Tenant Keys, ${serviceKeys.length} Service Keys`
    const audit = auditEvent({
      clock,
      tenant: what.tenant,
      actor: 'system',
      operation: 'KeyDestroy',
      result: 'success',
      detail,
    })
    await store.commit({ section: 'keys', changes, audit: [audit] })
  })
  at('destroyed')
  const records = await previousRecords(store, 'previous_object_records', what)
  if (records.length > 0) await store.commit({ section: 'data', changes: records, audit: [] })
  await users.refresh({
    tenant: what.tenant,
    ...(what.system === undefined ? {} : { system: what.system }),
    forget: true,
  })
  const { total, position } = run.progress
  await run.save({ ...run.progress, done: total })
  // What this very function has saved, in a row whose MAC was verified.
  const { objects, remains } = JSON.parse(Buffer.from(position).toString()) as { objects: number; remains: string }
  const copies =
    remains === ''
      ? 'no backup is noted in which they remain, other copies of the database hold them until they are deleted'
      : `they remain in ${remains}, and in copies that are not noted`
  return `${total} versions are destroyed, ${objects} objects cannot be opened any more, every thread has confirmed it; ${copies}`
}

/** True if every version of the key of a service was destroyed: what it holds opens for nobody, and nothing is sealed under it any more. */
export async function isDestroyed(store: Store, keys: RowKeys, { tenant, system, service }: Scope): Promise<boolean> {
  const rows = await store.find('service_keys', { tenant, system, service })
  for (const row of rows) keys.verifyRow('service_keys', row)
  return rows.length > 0 && rows.every(({ state }) => state === KeyState.Retired)
}

async function versionsOf(store: Store, what: Destruction) {
  const { tenant, system, version } = what
  const isAlive = (row: { state: number }): boolean => row.state !== KeyState.Retired
  const scope = system === undefined ? { tenant } : { tenant, system }
  const serviceKeys = (await store.find('service_keys', scope)).filter(
    (row) => isAlive(row) && isIn(row, what) && (version === undefined || row.version === version),
  )
  const isWhole = what.service === undefined && version === undefined
  const tenantKeys = isWhole ? (await store.find('tenant_keys', scope)).filter(isAlive) : []
  return { tenantKeys, serviceKeys }
}

/** The old record of a key that was being wrapped anew goes with it. Those of one version cannot be told from others: they are all wrapped by keys that stay, and are let be. */
async function previousRecords(
  store: Store,
  table: 'previous_key_records' | 'previous_object_records',
  what: Destruction,
): Promise<Change[]> {
  if (what.version !== undefined) return []
  const rows: Row<'previous_key_records'>[] = await store.find(table, { owner: what.tenant })
  return rows
    .filter((row) => row.of_table !== 'integrity_keys' && isIn({ tenant: row.owner, ...row }, what))
    .map(({ owner, holder }): Change => ({ table, kind: 'delete', key: { owner, holder } }))
}

function isIn(
  row: { tenant: Buffer; system: Buffer; service: Buffer },
  { tenant, system, service }: Destruction,
): boolean {
  return (
    row.tenant.equals(tenant) &&
    (system === undefined || row.system.equals(system)) &&
    (service === undefined || row.service.equals(service))
  )
}

function versionName(row: { system: Buffer; service: Buffer; version: number }): string {
  return `${row.system.toString('hex')}/${row.service.toString('hex')}/${row.version}`
}

const zeros = Buffer.alloc(16)
