import type { Backup, Destroyed, Grant, Job, KeyVersion, Status } from './admin/services.ts'
import { auditEvent } from './audit/audit-event.ts'
import { type Clock, dateTime } from './clock.ts'
import type { Config } from './config.ts'
import { Suite } from './crypto/aead.ts'
import { randomIdentifier } from './crypto/random.ts'
import { isKryptonError, KryptonError } from './errors.ts'
import { BreakGlass, type GrantRow } from './hierarchy/break-glass.ts'
import { type Destruction, destructionJob, foreseeDestruction } from './hierarchy/key-destruction.ts'
import { forgetBackup, type KeptBackup, keptBackups, noteBackup } from './hierarchy/kept-backups.ts'
import { changeKey } from './hierarchy/key-change.ts'
import { checkAct, type KeyChange } from './hierarchy/key-life.ts'
import {
  activeOf as activeIntegrityKey,
  createdOf,
  IntegrityJobKind,
  integrityRotationJob,
  versionsOf,
} from './hierarchy/integrity-rotation.ts'
import { indexedValuesOfRow } from './keystore/indexed-values.ts'
import { expiryTime, KeyMaintenance, type MaintenancePolicy, rotationTime } from './hierarchy/key-maintenance.ts'
import { KeyState } from './hierarchy/key-state.ts'
import { allowance, type KeyRole } from './hierarchy/key-use.ts'
import { activeOf, type KeyUsers, type KeyWork, verified, type VersionedTable } from './hierarchy/key-versions.ts'
import { referencesOf } from './hierarchy/references.ts'
import { noTenant } from './hierarchy/key-record.ts'
import { keyJobKinds } from './hierarchy/rotation.ts'
import {
  addressOf,
  compromiseJob,
  type KeyAddress,
  KeyJobKind,
  rotationJob,
  type RotationReason,
} from './hierarchy/rotation-jobs.ts'
import { scrub, scrubJob, scrubKind } from './hierarchy/scrub.ts'
import { lookAtSets, smallSetTables } from './hierarchy/sets.ts'
import { keyAt } from './hierarchy/versioned-keys.ts'
import type { Instance } from './instance.ts'
import { type JobRow, JobState } from './jobs/job.ts'
import { JobQueue } from './jobs/job-queue.ts'
import type { JobRun } from './jobs/job-run.ts'
import { limits } from './limits.ts'
import type { Row } from './store/schema.ts'
import type { KeptSets, Store } from './store/store.ts'
import type { Log } from './telemetry/log.ts'
import type { RotationPeriods } from './tenants/tenant-registry.ts'

/** What the jobs of keys are made of. */
export interface KeyJobsParts {
  readonly instance: Pick<Instance, 'root' | 'keyChain' | 'registry'> & { readonly store: Store & KeptSets }
  readonly users: KeyUsers
  readonly rotation: Config['rotation']
  readonly scrub: Config['scrub']
  readonly clock: Clock
  readonly log: Log
}

/** The background work of a server: its queue of jobs, the look at every key from time to time, and what an administrator asks of both. */
export class KeyJobs {
  readonly #parts: KeyJobsParts
  readonly #work: KeyWork
  readonly #policy: MaintenancePolicy
  readonly #maintenance: KeyMaintenance
  readonly #queue: JobQueue
  readonly #breakGlass: BreakGlass
  #grantsTimer: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #startedAt: number
  #scrubFault: string | undefined
  /** Backups whose time is over, in words. */
  #backupsOver: readonly string[] = []
  #setFaults: readonly string[] = []
  #looking: Promise<void> = Promise.resolve()

  constructor(parts: KeyJobsParts) {
    this.#parts = parts
    this.#startedAt = dateTime(parts.clock)
    const { instance, users, rotation, clock, log } = parts
    const { store, keyChain: chain } = instance
    this.#work = { store, chain, clock, users, schedule: (job) => this.#queue.add(job), at: () => undefined }
    this.#policy = {
      ivkDays: rotation.ivkDays,
      integrityKeyDays: rotation.integrityKeyDays,
      indexedValues: indexedValuesOfRow,
      integritySubjectOf: async (tenant) => integrityKeyName(await instance.registry.pathOf({ tenant })),
      ivkSuite: rotation.ivkSuite === 'aes-256-gcm' ? Suite.Aes256Gcm : Suite.Xaes256Gcm,
      graceSeconds: rotation.graceHours * 3_600,
      expirySeconds: rotation.ivkExpiryDays * 86_400,
      deletionSeconds: rotation.deletionDays * 86_400,
      periodsOf: async (tenant) => (await instance.registry.rotationPeriods(tenant)) ?? rotation,
      subjectOf: (address) => this.#nameOf(address),
    }
    this.#maintenance = new KeyMaintenance(this.#work, this.#policy)
    this.#breakGlass = new BreakGlass(this.#work)
    this.#queue = new JobQueue({
      store,
      keys: () => chain.system(),
      clock,
      newIdentifier: randomIdentifier,
      kinds: new Map([...keyJobKinds(this.#work, this.#policy), [scrubKind, (run) => this.#scrub(run)]]),
      pace: { itemsPerSecond: rotation.itemsPerSecond },
      report: (message, error) => log.error(message, error),
    })
  }

  /** What changes of keys work with. */
  get work(): KeyWork {
    return this.#work
  }

  /** Takes up what the last run has left, and looks at the keys. */
  async start(): Promise<void> {
    const last = await this.#lastScrub()
    if (last?.state === JobState.Failed) this.#scrubFault = scrubWarning(last)
    await this.#queue.start()
    await this.#breakGlass.start()
    this.#look()
    this.#timer = setInterval(() => this.#look(), limits.keyLookMs).unref()
  }

  /** Lets what runs end its step. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#grantsTimer)
    await this.#queue.stop()
    await this.#looking
  }

  /** How the keys stand, in numbers. */
  summary(): Status['keys'] {
    const kinds = this.#queue.open().map(({ kind }) => kind)
    const count = (wanted: readonly string[]): number => kinds.filter((kind) => wanted.includes(kind)).length
    return {
      rotating: count(rotationKinds),
      toBeDeleted: count([KeyJobKind.DeleteVersion]),
      grants: this.#breakGlass.size,
    }
  }

  /** What the last look at every row has found, for the operator. */
  warnings(): string[] {
    return [...(this.#scrubFault === undefined ? [] : [this.#scrubFault]), ...this.#setFaults, ...this.#backupsOver]
  }

  /** Asks for a look at every row. */
  async askForScrub(actor: string): Promise<Job> {
    return jobView(await this.#queue.add(scrubJob(actor)))
  }

  async list(): Promise<Job[]> {
    return (await this.#queue.list()).map(jobView)
  }

  async show(job: string): Promise<Job> {
    return jobView(await this.#queue.get(Buffer.from(job, 'hex')))
  }

  async cancel(job: string, actor: string): Promise<Job> {
    return jobView(await this.#queue.cancel(Buffer.from(job, 'hex'), actor))
  }

  /** Asks for the rotation of the key of that name. Throws 'not-found', 'invalid-field'. */
  async rotate(name: string, reason: RotationReason, actor: string): Promise<Job> {
    const owner = tenantOfIntegrityKey(name)
    if (owner !== undefined) {
      const { tenant } = await this.#parts.instance.registry.tenantNamed(owner)
      const { version: from } = activeIntegrityKey(await versionsOf(this.#work, tenant))
      return jobView(await this.#queue.add(integrityRotationJob(tenant, { from, reason, actor, subject: name })))
    }
    const address = await this.#addressOf(name)
    const rows = await verified(this.#keyAt(address))
    if (reason === 'compromise' && address.table !== 'ivks' && rows.every(({ state }) => state !== KeyState.Active)) {
      // These are the states that are written here.
      const states = rows.map(({ state }) => state as KeyState)
      checkAct(address.table, states, 'compromise')
      return jobView(await this.#queue.add(compromiseJob(address, { actor, subject: name })))
    }
    const { version: from } = activeOf(rows)
    return jobView(await this.#queue.add(rotationJob(address, { from, reason, actor, subject: name })))
  }

  /** Makes a key that is yet to be activated, with its system or service; one that is there stays as it is. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state'. */
  async announce(name: string, actor: string): Promise<KeyVersion[]> {
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || system === undefined || more.length > 0)
      throw new KryptonError('invalid-field', 'announce TENANT/SYSTEM or TENANT/SYSTEM/SERVICE')
    const names = { tenant, system, ...(service === undefined ? {} : { service }) }
    await this.#parts.instance.registry.announce(names, actor)
    return this.#versionsAt(await this.#addressOf(name), name)
  }

  /** Activates, suspends, resumes or deactivates a key: done when every thread has confirmed it. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state', 'not-healthy'. */
  async change(name: string, act: KeyChange, actor: string): Promise<KeyVersion[]> {
    const address = await this.#addressOf(name)
    await changeKey(this.#work, this.#policy.ivkSuite, address, { act, actor })
    return this.#versionsAt(address, name)
  }

  /** What a destruction would take. Throws as `destroy`. */
  async foresee(name: string, version: number | undefined): Promise<Destroyed> {
    const foreseen = await foreseeDestruction(this.#work, await this.#destructionOf(name, version), turn)
    return { ...foreseen, backups: foreseen.backups.map(backupView) }
  }

  /** Asks for the destruction of keys. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state' when they are gone already. */
  async destroy(name: string, version: number | undefined, actor: string): Promise<Job> {
    await this.foresee(name, version)
    const what = await this.#destructionOf(name, version)
    const subject = version === undefined ? name : `version ${version} of ${name}`
    return jobView(await this.#queue.add(destructionJob(what, { actor, subject })))
  }

  /** Lets requests open what is under compromised keys, for a time. Throws 'not-found', 'invalid-field', 'not-healthy'. */
  async breakGlass(
    name: string,
    request: { readonly minutes: number; readonly reason: string; readonly actor: string },
  ): Promise<Grant> {
    const address = await this.#addressOf(name)
    if (address.table === 'ivks')
      throw new KryptonError(
        'invalid-field',
        'the IVK opens when it is compromised too: name TENANT/SYSTEM or a service',
      )
    const row = await this.#breakGlass.grant(address, request)
    this.#lookAtGrants()
    return this.#grantView(row)
  }

  async grants(): Promise<Grant[]> {
    return Promise.all((await this.#breakGlass.list()).map((row) => this.#grantView(row)))
  }

  /** Throws 'not-found', 'not-healthy'. */
  async endGrant(grant: string, actor: string): Promise<Grant> {
    return this.#grantView(await this.#breakGlass.end(grant, actor))
  }

  /** Notes a copy of the database: the versions in it are kept until it is forgotten. Throws 'already-exists', 'invalid-field'. */
  async noteBackup(name: string, until: string, actor: string): Promise<Backup> {
    return backupView(await noteBackup(this.#work, { name, until: Math.floor(Date.parse(until) / 1000), actor }))
  }

  async backups(): Promise<Backup[]> {
    return (await keptBackups(this.#work)).map(backupView)
  }

  /** Throws 'not-found'. */
  async forgetBackup(name: string, actor: string): Promise<Backup> {
    const forgotten = backupView(await forgetBackup(this.#work, name, actor))
    await this.#lookAtBackups()
    return forgotten
  }

  /** The periods of a tenant's keys: its own, or those of the configuration. Throws 'not-found'. */
  async periods(tenantName: string): Promise<RotationPeriods> {
    const { tenant } = await this.#parts.instance.registry.tenantNamed(tenantName)
    const { tenantKeyDays, serviceKeyDays } = await this.#policy.periodsOf(tenant)
    return { tenantKeyDays, serviceKeyDays }
  }

  /** Gives a tenant periods of its own; what is not named stays. Throws 'not-found'. */
  async setPeriods(tenantName: string, periods: Partial<RotationPeriods>, actor: string): Promise<RotationPeriods> {
    const next = { ...(await this.periods(tenantName)), ...periods }
    await this.#parts.instance.registry.setRotationPeriods(tenantName, next, actor)
    return next
  }

  /** The keys above or below a key. Throws 'not-found', 'invalid-field'. */
  async related(name: string, which: 'ancestors' | 'descendants'): Promise<KeyVersion[]> {
    await this.#addressOf(name)
    const all = await this.versions(name === 'ivk' ? undefined : name.split('/')[0])
    if (which === 'descendants')
      return all.filter(({ key }) => key !== 'ivk' && (name === 'ivk' || key.startsWith(`${name}/`)))
    const ivks = name === 'ivk' ? [] : await this.#versionsAt({ table: 'ivks' }, 'ivk')
    return [...ivks, ...all.filter(({ key }) => name.startsWith(`${key}/`))]
  }

  /** The versions of the keys of a tenant, or of all. */
  async versions(tenant: string | undefined): Promise<KeyVersion[]> {
    const only = tenant === undefined ? undefined : (await this.#parts.instance.registry.tenantNamed(tenant)).tenant
    const found: KeyVersion[] = []
    if (only === undefined)
      found.push(...(await this.#versionsAt({ table: 'ivks' }, await this.#nameOf({ table: 'ivks' }))))
    const { registry } = this.#parts.instance
    const tenants = (await registry.listTenants()).filter((one) => only === undefined || one.tenant.equals(only))
    for (const { tenant: owner, name } of tenants) found.push(...(await this.#integrityVersions(owner, name)))
    for (const table of ['tenant_keys', 'service_keys'] as const) {
      for (const address of await this.#addresses(table, only)) {
        found.push(...(await this.#versionsAt(address, await this.#nameOf(address))))
      }
    }
    return found.toSorted((a, b) =>
      a.level === 'IVK' ? -1 : b.level === 'IVK' ? 1 : a.key < b.key ? -1 : a.key > b.key ? 1 : a.version - b.version,
    )
  }

  /** The versions of a key, with what is under each. Throws 'not-found', 'invalid-field'. */
  async versionsWithReferences(name: string): Promise<KeyVersion[]> {
    const owner = tenantOfIntegrityKey(name)
    if (owner !== undefined) {
      const { tenant } = await this.#parts.instance.registry.tenantNamed(owner)
      return this.#integrityVersions(tenant, owner)
    }
    const address = await this.#addressOf(name)
    const views = await this.#versionsAt(address, name)
    return Promise.all(
      views.map(async (view) => {
        const isThis = (version: number): boolean => version === view.version
        return { ...view, holds: (await referencesOf(this.#work.store, address, isThis, turn)).held }
      }),
    )
  }

  #look(): void {
    this.#looking = this.#looking
      .then(() => this.#lookAtSets())
      .then(() => this.#maintenance.look())
      .then(() => this.#lookAtBackups())
      .then(() => this.#scrubWhenDue())
      .catch((error: unknown) =>
        this.#parts.log.error('the keys could not be looked at for whether a rotation is due', error),
      )
  }

  /** Looks at the grants until none is left. */
  #lookAtGrants(): void {
    clearTimeout(this.#grantsTimer)
    this.#grantsTimer = setTimeout(() => void this.#endGrants(), limits.breakGlassLookMs).unref()
  }

  async #endGrants(): Promise<void> {
    let left = 1
    try {
      left = await this.#breakGlass.look()
    } catch (error) {
      this.#parts.log.error('a grant that opens compromised keys could not be ended, it is tried again', error)
    }
    if (left > 0) this.#lookAtGrants()
  }

  async #grantView({ tenant, grant, system, service, reason, actor, created, expires }: GrantRow): Promise<Grant> {
    const key = await this.#parts.instance.registry.pathOf({
      tenant,
      system,
      ...(service.equals(noTenant) ? {} : { service }),
    })
    return { id: grant.toString('hex'), key, reason, actor, created: timeText(created), expires: timeText(expires) }
  }

  /** What is to be gone by now still holds versions: the clock alone lets none go. */
  async #lookAtBackups(): Promise<void> {
    const now = dateTime(this.#parts.clock)
    this.#backupsOver = (await keptBackups(this.#work))
      .filter(({ until }) => until <= now)
      .map(
        ({ name }) => `backup ${name} was to be gone by now and holds versions of keys: krypton backup forget ${name}`,
      )
  }

  async #scrub(run: JobRun): Promise<string> {
    try {
      const { store } = this.#parts.instance
      const result = await scrub(this.#work, store, (message, error) => this.#parts.log.error(message, error), run)
      this.#scrubFault = undefined
      return result
    } catch (error) {
      if (isKryptonError(error, 'row-mac-mismatch')) {
        this.#scrubFault = scrubWarning({ detail: error.message })
        await this.#auditFault(error.message)
      }
      throw error
    }
  }

  /** Who is trusted, what a key is: that no row was removed or put back is looked at with every look at the keys. What is new of it is told. */
  async #lookAtSets(): Promise<void> {
    const { instance, log } = this.#parts
    const faults = await lookAtSets(instance.store, smallSetTables, turn)
    const known = new Set(this.#setFaults)
    this.#setFaults = faults.map(({ message }) => message)
    for (const fault of faults) {
      if (known.has(fault.message)) continue
      log.error('the rows of a table are not those that were written', fault)
      await this.#auditFault(fault.message)
    }
  }

  async #auditFault(detail: string): Promise<void> {
    const { clock, instance } = this.#parts
    const event = { clock, tenant: noTenant, actor: 'system', operation: 'IntegrityFault', result: 'failed', detail }
    await instance.store.commit({ section: 'data', changes: [], audit: [auditEvent(event)] })
  }

  /** The last round that has ended, so far as jobs are kept. */
  async #lastScrub(): Promise<JobRow | undefined> {
    const rounds = (await this.#queue.list()).filter(({ kind, ended }) => kind === scrubKind && ended !== null)
    return rounds[0]
  }

  async #scrubWhenDue(): Promise<void> {
    const { clock, scrub: policy } = this.#parts
    const ended = (await this.#lastScrub())?.ended
    const due =
      typeof ended === 'number' ? ended + policy.everyHours * 3_600 : this.#startedAt + limits.scrubFirstSeconds
    if (dateTime(clock) >= due) await this.#queue.add(scrubJob('system'))
  }

  async #versionsAt(address: KeyAddress, name: string): Promise<KeyVersion[]> {
    const rows = await verified(this.#keyAt(address))
    const days = await this.#daysOf(address)
    return rows.map((row) => ({
      key: name,
      level: levels[address.table],
      version: row.version,
      state: stateNames[row.state] ?? String(row.state),
      ...this.#processing(address, row.state as KeyState),
      parentVersion: 'parent_version' in row ? row.parent_version : this.#parts.instance.root.epoch,
      created: timeText(row.created),
      ...this.#expiry(address, rows, row.version),
      ...(row.state === KeyState.Active ? { rotates: timeText(rotationTime(row, days)) } : {}),
    }))
  }

  /** The second axis of a version's life: whether it is being made usable, can be used, or what hangs on it is being moved. */
  #processing(address: KeyAddress, state: KeyState): Pick<KeyVersion, 'processing'> {
    const isMoving = this.#queue.open().some((job) => isRotationOf(address, job))
    if (state === KeyState.Pending) return isMoving ? { processing: 'activating' } : {}
    if (state === KeyState.Active || !isMoving) {
      const isUsable = allowance(levelRoles[address.table], state, 'unwrap') === 'yes'
      return isUsable ? { processing: 'usable' } : {}
    }
    return allowance(levelRoles[address.table], state, 'move') === 'yes' ? { processing: 're-wrapping' } : {}
  }

  /** When a version of the IVK expires that another has replaced. */
  #expiry(
    { table }: KeyAddress,
    rows: readonly { readonly version: number; readonly created: number; readonly state: number }[],
    version: number,
  ): Pick<KeyVersion, 'expires'> {
    const next = rows.find((row) => row.version > version && row.state !== KeyState.Pending)
    const isGone = rows.some((row) => row.version === version && row.state === KeyState.Retired)
    return table !== 'ivks' || next === undefined || isGone ? {} : { expires: timeText(expiryTime(next, this.#policy)) }
  }

  async #integrityVersions(tenant: Buffer, name: string): Promise<KeyVersion[]> {
    const { store, chain } = this.#work
    const keys = await chain.tenant(tenant)
    const owner = await store.get('tenants', { tenant })
    if (owner !== undefined) keys.verifyRow('tenants', owner)
    const rows = await versionsOf(this.#work, tenant)
    return Promise.all(
      rows.map(async (row) => {
        const created = (await createdOf(this.#work, row)) || (owner?.created ?? 0)
        const rotates = rotationTime({ created, key_id: row.key_id }, this.#policy.integrityKeyDays)
        return {
          key: integrityKeyName(name),
          level: 'integrity' as const,
          version: row.version,
          state: stateNames[row.state] ?? String(row.state),
          parentVersion: row.parent_version,
          created: timeText(created),
          ...(row.state === KeyState.Active ? { rotates: timeText(rotates) } : {}),
        }
      }),
    )
  }

  async #daysOf(address: KeyAddress): Promise<number> {
    if (address.table === 'ivks') return this.#policy.ivkDays
    const { tenantKeyDays, serviceKeyDays } = await this.#policy.periodsOf(address.tenant)
    return address.table === 'tenant_keys' ? tenantKeyDays : serviceKeyDays
  }

  /** The keys of a table, each once. */
  async #addresses(table: 'tenant_keys' | 'service_keys', only: Buffer | undefined): Promise<KeyAddress[]> {
    const found = new Map<string, KeyAddress>()
    const { store } = this.#work
    const rows: Row<typeof table>[] =
      only === undefined ? await store.find(table, {}) : await store.find(table, { tenant: only })
    for (const row of rows) {
      const { tenant, system } = row
      const address: KeyAddress =
        'service' in row
          ? { table: 'service_keys', tenant, system, service: row.service }
          : { table: 'tenant_keys', tenant, system }
      found.set(JSON.stringify(address), address)
    }
    return [...found.values()]
  }

  #keyAt(address: KeyAddress) {
    return keyAt(this.#work, address, this.#policy.ivkSuite)
  }

  async #addressOf(name: string): Promise<KeyAddress> {
    if (name === 'ivk') return { table: 'ivks' }
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || system === undefined || more.length > 0)
      throw new KryptonError(
        'invalid-field',
        'name a key by ivk, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE; integrity:TENANT can only be shown, rotated or declared compromised',
      )
    const scope = await this.#parts.instance.registry.scopeAt({
      tenant,
      system,
      ...(service === undefined ? {} : { service }),
    })
    return scope.service === undefined
      ? { table: 'tenant_keys', tenant: scope.tenant, system: scope.system }
      : { table: 'service_keys', tenant: scope.tenant, system: scope.system, service: scope.service }
  }

  async #destructionOf(name: string, version: number | undefined): Promise<Destruction> {
    const { registry } = this.#parts.instance
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || name === 'ivk' || more.length > 0 || (version !== undefined && service === undefined))
      throw new KryptonError(
        'invalid-field',
        'name what is destroyed: TENANT, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE; a version is one of a service',
      )
    if (system === undefined) return { tenant: (await registry.tenantNamed(tenant)).tenant }
    const scope = await registry.scopeAt({ tenant, system, ...(service === undefined ? {} : { service }) })
    return { ...scope, ...(version === undefined ? {} : { version }) }
  }

  async #nameOf(address: KeyAddress): Promise<string> {
    return address.table === 'ivks' ? 'ivk' : this.#parts.instance.registry.pathOf(address)
  }
}

function backupView({ name, noted, until }: KeptBackup): Backup {
  return { name, noted: timeText(noted), until: timeText(until) }
}

function jobView(row: JobRow): Job {
  return {
    id: row.job.toString('hex'),
    kind: row.kind,
    subject: row.subject,
    state: jobStates[row.state] ?? 'failed',
    created: timeText(row.created),
    due: timeText(row.due),
    ...(row.started === null ? {} : { started: timeText(row.started) }),
    ...(row.ended === null ? {} : { ended: timeText(row.ended) }),
    attempts: row.attempts,
    done: row.done,
    total: row.total,
    detail: row.detail,
  }
}

const jobStates: Readonly<Record<number, Job['state']>> = {
  [JobState.Queued]: 'queued',
  [JobState.Running]: 'running',
  [JobState.Done]: 'done',
  [JobState.Failed]: 'failed',
  [JobState.Cancelled]: 'cancelled',
  [JobState.Cancelling]: 'cancelling',
}

const stateNames: Readonly<Record<number, string>> = {
  [KeyState.Pending]: 'pending',
  [KeyState.Active]: 'active',
  [KeyState.Grace]: 'grace',
  [KeyState.Deprecated]: 'deprecated',
  [KeyState.Retired]: 'retired',
  [KeyState.Compromised]: 'compromised',
  [KeyState.Suspended]: 'suspended',
  [KeyState.Deactivated]: 'deactivated',
  [KeyState.Expired]: 'expired',
}

const levels: Readonly<Record<VersionedTable, KeyVersion['level']>> = {
  ivks: 'IVK',
  tenant_keys: 'L2',
  service_keys: 'L3',
}

const levelRoles: Readonly<Record<VersionedTable, KeyRole>> = {
  ivks: 'ivk',
  tenant_keys: 'tenant key',
  service_keys: 'service key',
}

const rotationKinds: readonly string[] = [
  KeyJobKind.RotateIvk,
  KeyJobKind.RotateTenantKey,
  KeyJobKind.RotateServiceKey,
  IntegrityJobKind.Rotate,
]

/** The name of a tenant's integrity key: no system has a colon in its name. */
const integrityKeyName = (tenant: string): string => `${integrityPrefix}${tenant}`

/** The tenant whose integrity key a name is of; undefined for other keys. */
function tenantOfIntegrityKey(name: string): string | undefined {
  return name.startsWith(integrityPrefix) ? name.slice(integrityPrefix.length) : undefined
}

const integrityPrefix = 'integrity:'

/** True if the job puts versions of that key in the place of others: its own rotation, or the replacement of a compromised key above it. */
function isRotationOf(address: KeyAddress, { kind, owner, parameters: text }: JobRow): boolean {
  // What the queue has written, in a row whose MAC was verified.
  const parameters = JSON.parse(text) as Record<string, unknown>
  if (address.table === 'ivks') return kind === KeyJobKind.RotateIvk
  if (kind !== KeyJobKind.RotateTenantKey && kind !== KeyJobKind.RotateServiceKey) return false
  const meant = addressOf(kind === KeyJobKind.RotateTenantKey ? 'tenant_keys' : 'service_keys', owner, parameters)
  if (meant.table === 'ivks' || !meant.tenant.equals(address.tenant) || !meant.system.equals(address.system))
    return false
  if (meant.table === 'service_keys') return address.table === 'service_keys' && meant.service.equals(address.service)
  return address.table === 'tenant_keys' || parameters['compromised'] === 1
}

const scrubWarning = ({ detail }: { readonly detail: string }): string => `the last look at every row: ${detail}`

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** Lets whatever else the thread has to do go first. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
