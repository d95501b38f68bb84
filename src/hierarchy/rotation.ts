import { dateTime } from '../clock.ts'
import type { Suite } from '../crypto/aead.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { JobKind, JobRun } from '../jobs/job-run.ts'
import { limits } from '../limits.ts'
import { retrying } from '../store/retrying.ts'
import type { KeyOf, Row } from '../store/schema.ts'
import type { Scope } from './data-key.ts'
import { changeKey } from './key-change.ts'
import { destroyKeys } from './key-destruction.ts'
import type { Ivks } from './internal-versioned-key.ts'
import { KeyState } from './key-state.ts'
import {
  type ActivationStep,
  activateNext,
  type KeyWork,
  replacePending,
  type StateBefore,
  type SystemOfKeys,
  verified,
  type VersionedKey,
  type VersionedTable,
} from './key-versions.ts'
import { isUnderItsLink, retireOldLinks } from './link-rows.ts'
import {
  deleteIntegrityKey,
  IntegrityJobKind,
  type IntegrityPolicy,
  integrityRotationJob,
  rotateIntegrityKey,
} from './integrity-rotation.ts'
import { noTenant } from './key-record.ts'
import { referencesOf } from './references.ts'
import { deleteVersion } from './retirement.ts'
import { type Parents, Rewrapper } from './rewrap.ts'
import { addressOf, deletionJob, idOf, type KeyAddress, KeyJobKind, rotationJob } from './rotation-jobs.ts'
import { ivkOf, keyAt, serviceKeyOf, tenantKeyOf } from './versioned-keys.ts'
import {
  linkedKeyRows,
  linkRows,
  objectRows,
  type Place,
  serviceKeyRows,
  tenantIntegrityKeyRows,
  tenantKeyRows,
} from './wrapped-rows.ts'
import { wipeWrappingKeys, type WrappingKeys } from './wrapping-keys.ts'

/** What is asked of rotations. */
export interface RotationPolicy extends IntegrityPolicy {
  /** The suite in which the IVK's next version wraps. */
  readonly ivkSuite: Suite
  /** A key by its names, for people. */
  subjectOf(address: KeyAddress): Promise<string>
  /** The integrity key of a tenant, or of zeros the system's own, by its name. */
  integritySubjectOf(tenant: Buffer): Promise<string>
}

/**
 * The jobs of keys. A rotation makes the next version, in two steps, then wraps anew what hangs on the older ones (KEYS.md 7): of the IVK, the Tenant Keys and tenants'
 * integrity keys; of a Tenant Key, its Service Keys; of a Service Key, its objects. No read wraps anything anew. One more deletes a version that nothing refers to.
 */
export function keyJobKinds(work: KeyWork, policy: RotationPolicy): Map<string, JobKind> {
  const rotation = new Rotation(work, policy)
  return new Map<string, JobKind>([
    [KeyJobKind.RotateIvk, (run) => rotation.ivk(run)],
    [KeyJobKind.RotateTenantKey, (run) => rotation.tenantKey(run)],
    [KeyJobKind.RotateServiceKey, (run) => rotation.serviceKey(run)],
    [KeyJobKind.Compromise, (run) => rotation.compromise(run)],
    [KeyJobKind.Destroy, (run) => destroyKeys(work, run)],
    [KeyJobKind.DeleteVersion, (run) => deleteVersion(work, policy, run)],
    [IntegrityJobKind.Rotate, (run) => rotateIntegrityKey(work, policy, run)],
    [IntegrityJobKind.Delete, (run) => deleteIntegrityKey(work, policy, run)],
  ])
}

class Rotation {
  readonly #work: KeyWork
  readonly #policy: RotationPolicy
  readonly #rewrapper: Rewrapper

  constructor(work: KeyWork, policy: RotationPolicy) {
    this.#work = work
    this.#policy = policy
    this.#rewrapper = new Rewrapper(work.store, work.chain, work.at)
  }

  async ivk(run: JobRun): Promise<string> {
    const step = stepOf(run)
    const version = await activateNext(this.#work, ivkOf(this.#work, this.#policy.ivkSuite), step)
    const { chain } = this.#work
    const parents = async () => ({ ...movable(await chain.ivks()), end: () => undefined })
    await this.#rewrapper.settle(tenantIntegrityKeyRows, () => true, parents)
    await this.#rewrapper.settle(tenantKeyRows, () => true, parents)
    await this.#rewrapper.settle(linkedKeyRows, () => true, parents)
    await this.#rewrapper.settle(linkRows, () => true, parents)
    const replaced = step.before === KeyState.Compromised ? await this.#countReplaced(run) : 0
    await this.#setTotal(run, { table: 'ivks' }, version, replaced)
    const damage = new Damage()
    const integrityKeys = await this.#eachPage(run, 'integrity_keys', async (rows) =>
      damage.leaveOut(
        rows.filter(({ tenant }) => !tenant.equals(noTenant)),
        async (some) =>
          this.#rewrapper.rewrap(tenantIntegrityKeyRows, movable(await chain.ivksToWrap(some.length)), some),
      ),
    )
    const tenantKeys = await this.#eachPage(run, 'tenant_keys', async (rows) =>
      damage.leaveOut(rows, async (some) =>
        this.#rewrapper.rewrap(tenantKeyRows, movable(await chain.ivksToWrap(some.length)), some),
      ),
    )
    const copies = await this.#eachPage(run, 'linked_keys', async (rows) =>
      damage.leaveOut(rows, async (some) =>
        this.#rewrapper.rewrap(linkedKeyRows, movable(await chain.ivksToWrap(some.length)), some),
      ),
    )
    const credentials = await this.#eachPage(run, 'l1_links', async (rows) =>
      damage.leaveOut(rows, async (some) =>
        this.#rewrapper.rewrap(linkRows, movable(await chain.ivksToWrap(some.length)), some),
      ),
    )
    damage.throwIfAny()
    const count = integrityKeys + tenantKeys + copies + credentials
    const result = `version ${version} is active, ${count} keys were wrapped anew`
    if (step.before !== KeyState.Compromised) return result
    const tenantKeysReplaced = await this.#replaceTenantKeys(run)
    await this.#replaceIntegrityKeys(run)
    await this.#scheduleDeletions({ table: 'ivks' }, step)
    return `${result}; ${tenantKeysReplaced} Tenant Keys are replaced by jobs of their own`
  }

  /** Tenant Keys and tenants' integrity keys that a compromise has jobs of their own replace: that those are asked for is counted with what is done. */
  async #countReplaced(run: JobRun): Promise<number> {
    let count = 0
    await this.#eachPage(run, 'tenant_keys', async (rows) => {
      count += rows.filter(isActive).length
      return 0
    })
    await this.#eachPage(run, 'integrity_keys', async (rows) => {
      count += rows.filter(isActiveOfTenant).length
      return 0
    })
    return count
  }

  /** Not before their own wrapping key is a new one: they would be told with the old one again. */
  async #replaceTenantKeys(run: JobRun): Promise<number> {
    // The version that takes the place of an announced one comes after it: it is not to be replaced in its turn.
    const replaced = new Set<string>()
    return this.#eachPage(run, 'tenant_keys', async (rows) => {
      for (const { tenant, system } of rows.filter(({ state }) => state === KeyState.Pending)) {
        const name = Buffer.concat([tenant, system]).toString('hex')
        if (!replaced.has(name)) await replaceAnnounced(this.#work, tenantKeyOf(this.#work, { tenant, system }))
        replaced.add(name)
      }
      const active = rows.filter(isActive)
      for (const { tenant, system, version: from } of active) {
        const address = { table: 'tenant_keys', tenant, system } as const
        const subject = await this.#policy.subjectOf(address)
        await this.#work.schedule(rotationJob(address, { from, reason: 'compromise', actor: 'system', subject }))
      }
      return active.length
    })
  }

  /** Who had the IVK may have had tenants' integrity keys, and could forge rows with them. */
  async #replaceIntegrityKeys(run: JobRun): Promise<void> {
    await this.#eachPage(run, 'integrity_keys', async (rows) => {
      const active = rows.filter(isActiveOfTenant)
      for (const { tenant, version: from } of active) {
        const subject = await this.#policy.integritySubjectOf(tenant)
        await this.#work.schedule(
          integrityRotationJob(tenant, { from, reason: 'compromise', actor: 'system', subject }),
        )
      }
      return active.length
    })
  }

  async tenantKey(run: JobRun): Promise<string> {
    const address = tenantKeyAddress(run)
    const { tenant, system } = address
    const step = stepOf(run)
    await this.#replaceOlderPending(address)
    const version = await activateNext(this.#work, tenantKeyOf(this.#work, address), step)
    const goes = step.before !== KeyState.Grace
    const below = goes ? await this.#replaceServiceKeys(run, address, { version, before: step.before }) : ''
    await this.#setTotal(run, address, version)
    const count = await this.#rewrapServiceKeys(run, { tenant, system })
    if (goes) await this.#scheduleDeletions(address, step)
    if (step.before === KeyState.Deprecated) await this.#endMove(run, address)
    return `version ${version} is active, ${count} Service Keys were wrapped anew${below}`
  }

  /** Lets go of the links that the system has left. What an operator has made of its link meanwhile is done by a job of its own: who asked for that was told of the one that ran. */
  async #endMove(run: JobRun, address: SystemOfKeys & { readonly table: 'tenant_keys' }): Promise<void> {
    await retireOldLinks(this.#work, address, () => run.step(0, run.progress))
    const rows = await verified(tenantKeyOf(this.#work, address))
    const active = rows.find(({ state }) => state === KeyState.Active)
    if (active === undefined || (await isUnderItsLink(this.#work, address, active.version))) return
    const subject = await this.#policy.subjectOf(address)
    const request = { from: active.version, reason: 'link', actor: 'system', subject } as const
    await this.#work.schedule(rotationJob(address, request))
  }

  async serviceKey(run: JobRun): Promise<string> {
    const address = serviceKeyAddress(run)
    const step = stepOf(run)
    const version = await activateNext(this.#work, serviceKeyOf(this.#work, address), step)
    await this.#setTotal(run, address, version)
    const count = await this.#rewrapObjects(run, address, positionOf(version))
    if (step.before !== KeyState.Grace) await this.#scheduleDeletions(address, step)
    return `version ${version} is active, ${count} objects were wrapped anew`
  }

  /** A version that was made before the system was linked, or under another link, does not become active. */
  async #replaceOlderPending(address: SystemOfKeys): Promise<void> {
    const key = tenantKeyOf(this.#work, address)
    const pending = (await key.rows()).find(({ state }) => state === KeyState.Pending)
    if (pending === undefined) return
    if (!(await isUnderItsLink(this.#work, address, pending.version)))
      await retrying(() => replacePending(this.#work, key))
  }

  /**
   * Who has a Tenant Key, or had it before it was linked, may have had what it wraps: those keys go too, and what they wrap is moved. A Service Key that is not under the new version yet is one of them;
   * they are wrapped anew only after that, so that a crash leaves them to be told.
   */
  async #replaceServiceKeys(
    run: JobRun,
    { tenant, system }: SystemOfKeys,
    { version, before }: { readonly version: number; readonly before: StateBefore },
  ): Promise<string> {
    let objects = 0
    const rows = await this.#work.store.find('service_keys', { tenant, system })
    for (const row of rows.filter(
      ({ state, parent_version: parent }) => state === KeyState.Pending && parent !== version,
    ))
      await replaceAnnounced(this.#work, serviceKeyOf(this.#work, row))
    const active = rows.filter(({ state }) => state === KeyState.Active)
    // All of them first: until it has a key of its own again, a service can do nothing, and objects take long to move.
    for (const row of active.filter(({ parent_version: parent }) => parent !== version))
      await activateNext(this.#work, serviceKeyOf(this.#work, row), { from: row.version, before, run })
    for (const { service, version: from, parent_version: parent } of active) {
      const address = { table: 'service_keys', tenant, system, service } as const
      objects += await this.#rewrapObjects(run, address, noPosition)
      for (const old of await this.#work.store.find('service_keys', { tenant, system, service }))
        // Those too that a run has replaced which died before it asked for this.
        if (old.state === KeyState.Compromised || (old.version === from && parent !== version))
          await this.#scheduleDeletion(address, old.version)
    }
    const halted = rows.filter(({ state }) => state === KeyState.Suspended || state === KeyState.Deactivated).length
    const left =
      halted === 0 ? '' : `; ${halted} Service Keys are halted and were not replaced: declare them compromised`
    return `; ${active.length} Service Keys below it were replaced and ${objects} objects wrapped anew${left}`
  }

  async compromise(run: JobRun): Promise<string> {
    const table = String(run.parameters['table']) as VersionedTable // what compromiseJob has written
    const address = addressOf(table, run.owner, run.parameters)
    await changeKey(this.#work, this.#policy.ivkSuite, address, { act: 'compromise', actor: 'system' })
    return 'the key is compromised: it has no active version that could take over, what it holds opens by break-glass alone'
  }

  /** What is left to do, for who watches: what is under any version but the active one, and what is to be done besides. */
  async #setTotal(run: JobRun, address: KeyAddress, version: number, besides = 0): Promise<void> {
    const pause = (): Promise<void> => run.step(0, run.progress)
    const { count } = await referencesOf(this.#work.store, address, (parent) => parent !== version, pause)
    await run.step(0, { ...run.progress, total: run.progress.done + count + besides })
  }

  /** Of the versions that a job has had replaced for good: one that somebody else may know goes as soon as it may, the others when their grace is over. */
  async #scheduleDeletions(address: KeyAddress, { from, before }: ActivationStep): Promise<void> {
    for (const { version, state } of await verified(keyAt(this.#work, address, this.#policy.ivkSuite)))
      if (version >= from && state === before) await this.#scheduleDeletion(address, version)
  }

  async #scheduleDeletion(address: KeyAddress, version: number): Promise<void> {
    const due = dateTime(this.#work.clock) + this.#policy.deletionSeconds
    const subject = `version ${version} of ${await this.#policy.subjectOf(address)}`
    await this.#work.schedule(deletionJob(address, { version, due, actor: 'system', subject }))
  }

  async #rewrapServiceKeys(run: JobRun, system: SystemOfKeys): Promise<number> {
    const { chain, store } = this.#work
    const parentsOf = async ({ owner, system: below }: Pick<Place, 'owner' | 'system'>) =>
      ending(await chain.tenantKeys(owner, below))
    const isOurs = (place: Place): boolean => place.owner.equals(system.tenant) && place.system.equals(system.system)
    await this.#rewrapper.settle(serviceKeyRows, isOurs, parentsOf)
    const parents = await parentsOf({ owner: system.tenant, system: system.system })
    try {
      let count = 0
      for (let offset = 0; ; offset += limits.jobBatchRows) {
        const rows = await store.find('service_keys', system, { limit: limits.jobBatchRows, offset })
        if (rows.length === 0) return count
        const wrapped = await this.#rewrapper.rewrap(serviceKeyRows, parents, rows)
        count += wrapped
        await run.step(wrapped, { ...run.progress, done: run.progress.done + wrapped })
      }
    } finally {
      parents.end()
    }
  }

  /** `position` begins what the job remembers of where it is: what begins otherwise is of another pass. */
  async #rewrapObjects(run: JobRun, { tenant, system, service }: Scope, position: Buffer): Promise<number> {
    const scope = { tenant, system, service }
    const { chain, store } = this.#work
    const parentsOf = async (place: Omit<Place, 'holder' | 'version'>) =>
      ending(await chain.serviceWrappingKeys({ tenant: place.owner, system: place.system, service: place.service }))
    const isIn = (place: Place): boolean =>
      place.owner.equals(tenant) && place.system.equals(system) && place.service.equals(service)
    await this.#rewrapper.settle(objectRows, isIn, parentsOf)
    const parents = await parentsOf({ owner: tenant, system, service })
    const isOurs = (row: Row<'objects'>): boolean =>
      row.tenant.equals(tenant) && row.system.equals(system) && row.service.equals(service)
    let count = 0
    try {
      let after: KeyOf<'objects'> = { ...scope, object: objectAt(run, position) ?? firstObject }
      for (;;) {
        const rows = (await store.scan('objects', after, limits.jobBatchRows)).filter(isOurs)
        if (rows.length === 0) return count
        const wrapped = await this.#rewrapper.rewrap(objectRows, parents, rows)
        count += wrapped
        after = objectRows.keyOf(rows.at(-1)!)
        const passed = position.byteLength === 0 ? position : Buffer.concat([position, after.object])
        await run.step(wrapped, { ...run.progress, done: run.progress.done + wrapped, position: passed })
      }
    } finally {
      parents.end()
    }
  }

  /** Acts on every row of a table of keys, a page at a time. Resolves to the sum of what was done. */
  async #eachPage<T extends 'integrity_keys' | 'tenant_keys' | 'linked_keys' | 'l1_links'>(
    run: JobRun,
    table: T,
    act: (rows: Row<T>[]) => Promise<number>,
  ): Promise<number> {
    let count = 0
    let last: Row<T> | undefined
    for (;;) {
      const rows: Row<T>[] = await this.#work.store.scan(table, last, limits.jobBatchRows)
      if (rows.length === 0) return count
      const acted = await act(rows)
      count += acted
      last = rows.at(-1)
      await run.step(acted, { ...run.progress, done: run.progress.done + acted })
    }
  }
}

const isActive = ({ state }: Pick<Row<'tenant_keys'>, 'state'>): boolean => state === KeyState.Active

const isActiveOfTenant = (row: Row<'integrity_keys'>): boolean => isActive(row) && !row.tenant.equals(noTenant)

/** A key that was announced and is the only version of its kind. That of a rotation which is under way stays: it becomes active by that. */
async function replaceAnnounced<T extends VersionedTable>(work: KeyWork, key: VersionedKey<T>): Promise<void> {
  const rows = await key.rows()
  if (rows.every(({ state }) => state === KeyState.Pending || state === KeyState.Retired))
    await replacePending(work, key)
}

/** Rows that cannot be moved: one tenant's damage must not keep the keys of all others under an old version. */
class Damage {
  #count = 0
  #first: KryptonError | undefined

  /** Acts on the rows, or on those of them that can be acted on. */
  async leaveOut<T>(rows: readonly T[], act: (rows: readonly T[]) => Promise<number>): Promise<number> {
    try {
      return await act(rows)
    } catch (error) {
      if (!isDamage(error)) throw error
      if (rows.length === 1) {
        this.#count++
        this.#first ??= error
        return 0
      }
      let sum = 0
      for (const row of rows) sum += await this.leaveOut([row], act)
      return sum
    }
  }

  throwIfAny(): void {
    if (this.#first === undefined) return
    throw new KryptonError(
      this.#first.code,
      `${this.#count} keys could not be wrapped anew, all others were; the first: ${this.#first.message}`,
      { cause: this.#first },
    )
  }
}

function isDamage(error: unknown): error is KryptonError {
  return (['row-mac-mismatch', 'record-invalid', 'record-does-not-open'] as const).some((code) =>
    isKryptonError(error, code),
  )
}

/** The IVKs for who moves what hangs on them: the expired ones too. */
function movable({ active, byVersion, expired }: Ivks): Parents {
  return { active, byVersion: expired.size === 0 ? byVersion : new Map([...byVersion, ...expired]) }
}

/** Parents that were opened for one use. */
function ending(keys: WrappingKeys): Parents & { readonly end: () => void } {
  if (keys.active === undefined) {
    wipeWrappingKeys(keys)
    throw new KryptonError(
      'wrong-key-lifecycle-state',
      'the key above takes nothing new, krypton key ancestors shows it: what hangs on it is wrapped anew when it does again',
    )
  }
  return { active: keys.active, byVersion: keys.byVersion, end: () => wipeWrappingKeys(keys) }
}

function stepOf(run: JobRun): Parameters<typeof activateNext>[2] {
  const { from, compromised, children } = run.parameters
  const before = compromised === 1 ? KeyState.Compromised : children === 1 ? KeyState.Deprecated : KeyState.Grace
  return { from: Number(from), before, run }
}

function tenantKeyAddress({ owner, parameters }: JobRun): SystemOfKeys & { readonly table: 'tenant_keys' } {
  return { table: 'tenant_keys', tenant: owner, system: idOf(parameters, 'system') }
}

function serviceKeyAddress({ owner, parameters }: JobRun): Scope & { readonly table: 'service_keys' } {
  const [system, service] = [idOf(parameters, 'system'), idOf(parameters, 'service')]
  return { table: 'service_keys', tenant: owner, system, service }
}

/** The last object that a pass with that beginning has done. */
function objectAt({ progress }: JobRun, position: Buffer): Buffer | undefined {
  const passed = Buffer.from(progress.position)
  const fits = position.byteLength > 0 && passed.byteLength === position.byteLength + firstObject.byteLength
  return fits && passed.subarray(0, position.byteLength).equals(position)
    ? passed.subarray(position.byteLength)
    : undefined
}

function positionOf(version: number): Buffer {
  const position = Buffer.alloc(4)
  position.writeUInt32BE(version)
  return position
}

/** Of a pass that begins anew after a crash. */
const noPosition = Buffer.alloc(0)

/** Before every object: identifiers are random. */
const firstObject = Buffer.alloc(16)
