import { setImmediate } from 'node:timers/promises'
import type { Destroyed, Job, KeyVersion, Status } from './admin/services.ts'
import type { ChangedRowsWatch } from './changed-rows.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { Suite } from './crypto/aead.ts'
import { randomIdentifier } from './crypto/random.ts'
import { KryptonError } from './errors.ts'
import {
  activeOf as activeIntegrityKey,
  IntegrityJobKind,
  integrityRotationJob,
  versionsOf,
} from './hierarchy/integrity-rotation.ts'
import { changeKey, checkChange } from './hierarchy/key-change.ts'
import { destructionJob, foreseeDestruction } from './hierarchy/key-destruction.ts'
import { HeldSystems } from './hierarchy/held-systems.ts'
import { effectOf, type ForeseenAct, type KeyEffect } from './hierarchy/key-effect.ts'
import { checkAct, type KeyChange } from './hierarchy/key-life.ts'
import { KeyMaintenance, type MaintenancePolicy } from './hierarchy/key-maintenance.ts'
import { KeyState } from './hierarchy/key-state.ts'
import { activeOf, type KeyUsers, type KeyWork, verified } from './hierarchy/key-versions.ts'
import { keyJobKinds } from './hierarchy/rotation.ts'
import { compromiseJob, idOf, KeyJobKind, rotationJob, type RotationReason } from './hierarchy/rotation-jobs.ts'
import { scrubJob, scrubKind } from './hierarchy/scrub.ts'
import { keyAt } from './hierarchy/versioned-keys.ts'
import type { Instance } from './instance.ts'
import { type JobRow, JobState, type NewJob } from './jobs/job.ts'
import { JobQueue } from './jobs/job-queue.ts'
import { backupView, KeyBackups } from './key-backups.ts'
import { KeyGrants, refuseIvk } from './key-grants.ts'
import { jobView } from './key-job-view.ts'
import { KeyNames } from './key-names.ts'
import { KeyViews } from './key-views.ts'
import { indexedValuesOfRow } from './keystore/indexed-values.ts'
import { limits } from './limits.ts'
import { RowFaults } from './row-faults.ts'
import { anchoredUnder } from './seal/anchor.ts'
import type { KeptSets, Store } from './store/store.ts'
import type { Log } from './telemetry/log.ts'
import type { RotationPeriods } from './tenants/tenant-registry.ts'

/** What the jobs of keys are made of. */
export interface KeyJobsParts {
  readonly instance: Pick<Instance, 'keyChain' | 'registry' | 'anchorPlace'> & { readonly store: Store & KeptSets }
  readonly users: KeyUsers
  /** Looked at with every look at the keys; while it holds work, no job runs. */
  readonly changedRows: Pick<ChangedRowsWatch, 'look' | 'holdsWork' | 'refusals'>
  /** While it says so no job runs: most would be refused. */
  readonly isLogRead: () => boolean
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
  readonly #names: KeyNames
  readonly #faults: RowFaults
  /** The versions of keys, for administrators. */
  readonly views: KeyViews
  /** Grants that open what is under compromised keys. */
  readonly grants: KeyGrants
  /** Copies of the database that hold versions. */
  readonly backups: KeyBackups
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  /** A look has been asked for that has not begun. */
  #isLookAsked = false

  constructor(parts: KeyJobsParts) {
    this.#parts = parts
    const { instance, users, rotation, clock, log } = parts
    const { store, keyChain: chain, registry } = instance
    const work = {
      store,
      chain,
      clock,
      users,
      schedule: (job) => this.#queue.add(job),
      held: new HeldSystems(store, (tenant) => this.goOn(tenant)),
      at: () => undefined,
    } satisfies KeyWork
    this.#work = work
    this.#names = new KeyNames(registry)
    this.#policy = {
      ivkDays: rotation.ivkDays,
      integrityKeyDays: rotation.integrityKeyDays,
      indexedValues: indexedValuesOfRow,
      sets: store,
      renewOpenJobs: () => this.#queue.renewOpen(),
      anchoredUnder: () => anchoredUnder(instance.anchorPlace),
      integritySubjectOf: (tenant) => this.#names.nameOfIntegrityKey(tenant),
      ivkSuite: rotation.ivkSuite === 'aes-256-gcm' ? Suite.Aes256Gcm : Suite.Xaes256Gcm,
      graceSeconds: rotation.graceHours * 3_600,
      expirySeconds: rotation.ivkExpiryDays * 86_400,
      deletionSeconds: rotation.deletionDays * 86_400,
      periodsOf: async (tenant) => (await registry.rotationPeriods(tenant)) ?? rotation,
      subjectOf: (address) => this.#names.nameOf(address),
    }
    this.#maintenance = new KeyMaintenance(work, this.#policy)
    this.#faults = new RowFaults({ work, policy: parts.scrub, log })
    this.#queue = new JobQueue({
      store,
      keys: () => chain.system(),
      clock,
      newIdentifier: randomIdentifier,
      kinds: new Map([...keyJobKinds(work, this.#policy), [scrubKind, (run) => this.#faults.scrub(run)]]),
      pace: { itemsPerSecond: rotation.itemsPerSecond },
      isHeld: (job) => this.#parts.isLogRead() || this.#holdOf(job) !== undefined,
      report: (message, error) => log.error(message, error),
    })
    this.grants = new KeyGrants({ work, names: this.#names, log })
    this.backups = new KeyBackups(work)
    this.views = new KeyViews({
      work,
      policy: this.#policy,
      names: this.#names,
      registry,
      epoch: () => chain.root.epoch,
      openJobs: () => this.#queue.open(),
    })
  }

  /** What changes of keys work with. */
  get work(): KeyWork {
    return this.#work
  }

  /** Takes up what the last run has left, and looks at the keys. */
  async start(): Promise<void> {
    this.#faults.start(await this.#queue.list())
    await this.#work.held.start()
    await this.#queue.start()
    await this.grants.start()
    this.#look()
    this.#timer = setInterval(() => this.#look(), limits.keyLookMs).unref()
  }

  /** What has kept jobs from their work has ended, for that tenant or for all: they go on, and what has become due meanwhile is asked for. */
  goOn(tenant?: Buffer): void {
    this.#queue.goOn(tenant)
    this.#look()
  }

  /** Lets what runs end its step. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.grants.stop()
    await this.#queue.stop()
    await this.#looking
  }

  /** How the keys stand, in numbers. */
  summary(): Status['keys'] {
    const kinds = this.#queue.open().map(({ kind }) => kind)
    const count = (wanted: readonly string[]): number => kinds.filter((kind) => wanted.includes(kind)).length
    return {
      rotating: count(rotationKinds),
      toBeDeleted: count([KeyJobKind.DeleteVersion, IntegrityJobKind.Delete]),
      grants: this.grants.size,
    }
  }

  /** What the last look at every row has found, for the operator. */
  warnings(): string[] {
    return [...this.#parts.changedRows.refusals(), ...this.#faults.warnings(), ...this.backups.warnings()]
  }

  /** Asks for a look at every row. */
  async askForScrub(actor: string): Promise<Job> {
    return jobView(await this.#queue.add(scrubJob(actor)))
  }

  async list(): Promise<Job[]> {
    return (await this.#queue.list()).map((row) => this.#view(row))
  }

  async show(job: string): Promise<Job> {
    return this.#view(await this.#queue.get(Buffer.from(job, 'hex')))
  }

  async cancel(job: string, actor: string): Promise<Job> {
    return jobView(await this.#queue.cancel(Buffer.from(job, 'hex'), actor))
  }

  /** Asks for the rotation of the key of that name. Throws 'not-found', 'invalid-field'. */
  async rotate(name: string, reason: RotationReason, actor: string): Promise<Job> {
    return jobView(await this.#queue.add(await this.#rotationOf(name, reason, actor)))
  }

  /** What keeps a job from its work, in words; undefined when it may begin. */
  #holdOf({ kind, owner, parameters }: Pick<JobRow, 'kind' | 'owner' | 'parameters'>): string | undefined {
    // A look at every row changes none.
    if (kind !== scrubKind && this.#parts.changedRows.holdsWork)
      return 'rows of the database were changed from outside, krypton changed-rows list shows them'
    if (kind !== KeyJobKind.RotateTenantKey && kind !== KeyJobKind.RotateServiceKey) return undefined
    // What the queue has written, in a row whose MAC was verified.
    const system = idOf(JSON.parse(parameters) as Record<string, unknown>, 'system')
    return this.#work.held.refusalOf({ tenant: owner, system })?.message
  }

  #view(row: JobRow): Job {
    const hold = row.state === JobState.Queued ? this.#holdOf(row) : undefined
    return hold === undefined ? jobView(row) : { ...jobView(row), detail: `waits: ${hold}` }
  }

  async #rotationOf(name: string, reason: RotationReason, actor: string): Promise<NewJob> {
    const owner = await this.#names.ownerOfIntegrityKey(name)
    if (owner !== undefined) {
      const { version: from } = activeIntegrityKey(await versionsOf(this.#work, owner))
      return integrityRotationJob(owner, { from, reason, actor, subject: name })
    }
    const address = await this.#names.addressOf(name)
    const refusal = address.table === 'ivks' ? undefined : this.#work.held.refusalOf(address)
    if (refusal !== undefined) throw refusal
    const rows = await verified(keyAt(this.#work, address, this.#policy.ivkSuite))
    if (reason === 'compromise' && address.table !== 'ivks' && rows.every(({ state }) => state !== KeyState.Active)) {
      // These are the states that are written here.
      const states = rows.map(({ state }) => state as KeyState)
      checkAct(address.table, states, 'compromise')
      return compromiseJob(address, { actor, subject: name })
    }
    const { version: from } = activeOf(rows)
    return rotationJob(address, { from, reason, actor, subject: name })
  }

  /** What an act would reach, with nothing done. Throws what the act would be refused with: 'not-found', 'invalid-field', 'wrong-key-lifecycle-state'. */
  async foreseeAct(name: string, act: ForeseenAct): Promise<KeyEffect> {
    const tenant = await this.#names.ownerOfIntegrityKey(name)
    const isRotation = act === 'rotate' || act === 'compromise'
    if (isRotation) await this.#rotationOf(name, act === 'rotate' ? 'command' : 'compromise', '')
    const key =
      tenant !== undefined && isRotation
        ? ({ table: 'integrity_keys', tenant } as const)
        : await this.#names.addressOf(name)
    if (act === 'break-glass') refuseIvk(key)
    else if (!isRotation && key.table !== 'integrity_keys')
      await checkChange(this.#work, this.#policy.ivkSuite, key, act)
    return effectOf(this.#work.store, key, act, () => setImmediate())
  }

  /** Makes a key that is yet to be activated, with its system or service; one that is there stays as it is. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state'. */
  async announce(name: string, actor: string): Promise<KeyVersion[]> {
    const [tenant, system, service, ...more] = name.split('/')
    if (tenant === undefined || system === undefined || more.length > 0)
      throw new KryptonError('invalid-field', 'announce TENANT/SYSTEM or TENANT/SYSTEM/SERVICE')
    const names = { tenant, system, ...(service === undefined ? {} : { service }) }
    await this.#parts.instance.registry.scopes.announce(names, actor)
    return this.views.of(await this.#names.addressOf(name), name)
  }

  /** Activates, suspends, resumes or deactivates a key: done when every thread has confirmed it. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state', 'not-healthy'. */
  async change(name: string, act: KeyChange, actor: string): Promise<KeyVersion[]> {
    const address = await this.#names.addressOf(name)
    await changeKey(this.#work, this.#policy.ivkSuite, address, { act, actor })
    if (address.table !== 'ivks' && (act === 'activate' || act === 'resume')) this.goOn(address.tenant)
    return this.views.of(address, name)
  }

  /** What a destruction would take. Throws as `destroy`. */
  async foresee(name: string, version: number | undefined): Promise<Destroyed> {
    const what = await this.#names.destructionOf(name, version)
    const foreseen = await foreseeDestruction(this.#work, what, () => setImmediate())
    return { ...foreseen, backups: foreseen.backups.map(backupView) }
  }

  /** Asks for the destruction of keys. Throws 'not-found', 'invalid-field', 'wrong-key-lifecycle-state' when they are gone already. */
  async destroy(name: string, version: number | undefined, actor: string): Promise<Job> {
    await this.foresee(name, version)
    const what = await this.#names.destructionOf(name, version)
    const subject = version === undefined ? name : `version ${version} of ${name}`
    return jobView(await this.#queue.add(destructionJob(what, { actor, subject })))
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

  #look(): void {
    if (this.#isLookAsked) return
    this.#isLookAsked = true
    this.#looking = this.#looking
      .then(() => {
        this.#isLookAsked = false
        return this.#parts.changedRows.look()
      })
      .then(() => (this.#parts.changedRows.holdsWork ? undefined : this.#maintenance.look()))
      .then(() => this.backups.look())
      .then(() => this.#scrubWhenDue())
      .catch((error: unknown) =>
        this.#parts.log.error('the keys could not be looked at for whether a rotation is due', error),
      )
  }

  async #scrubWhenDue(): Promise<void> {
    if (this.#faults.isScrubDue(await this.#queue.list())) await this.#queue.add(scrubJob('system'))
  }
}

const rotationKinds: readonly string[] = [
  KeyJobKind.RotateIvk,
  KeyJobKind.RotateTenantKey,
  KeyJobKind.RotateServiceKey,
  IntegrityJobKind.Rotate,
]
