import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { Suite } from '../../src/crypto/aead.ts'
import type { Secret } from '../../src/crypto/secret.ts'
import {
  exportRootKeys,
  importRootKeys,
  KeyChain,
  type ObjectContext,
  type RootKeys,
  type Scope,
} from '../../src/hierarchy/key-chain.ts'
import { HeldSystems } from '../../src/hierarchy/held-systems.ts'
import { KeyMaintenance, type MaintenancePolicy } from '../../src/hierarchy/key-maintenance.ts'
import type { KeyWork, MeantKeys } from '../../src/hierarchy/key-versions.ts'
import { keyJobKinds } from '../../src/hierarchy/rotation.ts'
import { objectRows } from '../../src/hierarchy/wrapped-rows.ts'
import { wipeWrappingKeys } from '../../src/hierarchy/wrapping-keys.ts'
import type { KeyAddress } from '../../src/hierarchy/rotation-jobs.ts'
import type { NewJob } from '../../src/jobs/job.ts'
import { JobRun, type Progress } from '../../src/jobs/job-run.ts'
import type { Row } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import type { Hierarchy } from './fixture.ts'

/** What a test ends a job with, at a point that it has named. */
export class Killed extends Error {}

const day = 86_400

/** Rotations over a store, with threads that hold chains of their own and jobs that are kept in a list until they are run. */
export class RotationBench {
  readonly made: Hierarchy
  readonly clock = new FakeClock(1_790_000_000_000)
  readonly threads: KeyChain[]
  readonly jobs: NewJob[] = []
  /** Of the job that has run last. */
  progress: Progress | undefined
  readonly points: string[] = []
  /** The tenants with a system that is held no more. */
  readonly released: Buffer[] = []
  readonly work: KeyWork
  readonly policy: MaintenancePolicy
  readonly maintenance: KeyMaintenance
  /** Called at each point, before the job goes on. */
  onPoint: (point: string) => void = () => undefined
  onRefresh: () => Promise<void> = async () => undefined
  onRenewOpenJobs: () => Promise<void> = async () => undefined
  anchoredUnder: number | undefined
  refreshes = 0
  readonly meant: (MeantKeys | undefined)[] = []

  constructor(made: Hierarchy, store: Store = made.store, suite: Suite = Suite.Xaes256Gcm) {
    this.made = made
    // As threads have them: each its own.
    const newChain = () => new KeyChain(store, importRootKeys(exportRootKeys(made.root)), this.clock)
    this.threads = [newChain(), newChain()]
    this.work = {
      store,
      chain: newChain(),
      clock: this.clock,
      users: { refresh: (meant) => this.#refresh(meant), takeRoot: (root) => this.#refresh(undefined, root) },
      schedule: async (job) => {
        const isSame = (other: NewJob) => JSON.stringify({ ...other, due: 0 }) === JSON.stringify({ ...job, due: 0 })
        if (!this.jobs.some(isSame)) this.jobs.push(job)
      },
      held: new HeldSystems(store, (tenant) => void this.released.push(tenant)),
      at: (point) => {
        this.points.push(point)
        this.onPoint(point)
      },
    }
    this.policy = {
      ivkDays: 30,
      integrityKeyDays: 365,
      indexedValues: (row) => [{ attribute: 'custom', bytes: row.object }],
      integritySubjectOf: async () => 'integrity',
      sets: made.memory,
      renewOpenJobs: async () => this.onRenewOpenJobs(),
      anchoredUnder: async () => this.anchoredUnder,
      ivkSuite: suite,
      graceSeconds: day,
      expirySeconds: 90 * day,
      deletionSeconds: 7 * day,
      periodsOf: async () => ({ tenantKeyDays: 90, serviceKeyDays: 30 }),
      subjectOf: async (address: KeyAddress) => address.table,
    }
    this.maintenance = new KeyMaintenance(this.work, this.policy)
  }

  /** Runs a job once, as the queue would, from the progress that is saved in `progress`. */
  async run(job: NewJob, progress: Progress = { done: 0, total: 0, position: Buffer.alloc(0) }): Promise<string> {
    const kind = keyJobKinds(this.work, this.policy).get(job.kind)!
    const parts = {
      signal: new AbortController().signal,
      save: async (saved: Progress) => void Object.assign(progress, saved),
      clock: this.clock,
      pace: { itemsPerSecond: 1_000_000 },
    }
    const { owner, subject, parameters } = job
    const run = new JobRun({ owner, subject, parameters, progress }, parts)
    const result = await kind(run)
    this.progress = run.progress
    return result
  }

  /** Runs the jobs that wait and are due, and those that they ask for. */
  async runDue(): Promise<string[]> {
    const results: string[] = []
    for (;;) {
      const at = this.jobs.findIndex(({ due = 0 }) => due <= this.clock.now() / 1000)
      if (at === -1) return results
      results.push(await this.run(this.jobs.splice(at, 1)[0]!))
    }
  }

  async states(address: KeyAddress): Promise<number[]> {
    const { store } = this.work
    const { table } = address
    const rows =
      table === 'ivks'
        ? await store.find('ivks', {})
        : table === 'tenant_keys'
          ? await store.find('tenant_keys', { tenant: address.tenant, system: address.system })
          : await store.find('service_keys', {
              tenant: address.tenant,
              system: address.system,
              service: address.service,
            })
    return rows.map(({ state }) => state)
  }

  async #refresh(meant?: MeantKeys, root?: RootKeys): Promise<void> {
    this.refreshes++
    this.meant.push(meant)
    await this.onRefresh()
    for (const thread of this.threads) {
      if (root !== undefined) thread.takeRoot(importRootKeys(exportRootKeys(root)))
      await thread.refresh(meant)
    }
  }
}

/** An object of a service with its material, stored as the keystore stores it. */
export interface StoredObject {
  readonly scope: Scope
  readonly id: Buffer
  readonly material: Buffer
}

export async function storeObjects(made: Hierarchy, scope: Scope, count: number): Promise<StoredObject[]> {
  const keys = await made.chain.service(scope)
  const objects = Array.from({ length: count }, () => ({ scope, id: randomIdentifier(), material: randomBytes(32) }))
  for (const { id, material } of objects) {
    const row = {
      ...scope,
      object: id,
      sequence: 1,
      object_type: 2,
      state: 2,
      activation_date: 5,
      deactivation_date: null,
      algorithm: 3,
      length_bits: 256,
      key_format_type: 1,
      data_type: 0,
      attributes: Buffer.from('attributes with their dates'),
      key_version: keys.activeVersion,
      blob_version: 1,
      record: keys.sealObject(contextOf(id, 1), material),
      row_version: 1,
    }
    const change = { table: 'objects', kind: 'insert', row: { ...row, mac: keys.macRow('objects', row) } } as const
    await made.store.commit({ section: 'data', changes: [change], audit: [] })
  }
  return objects
}

/** The key material of a stored object, as a thread opens it. */
export async function openStored(chain: KeyChain, store: Store, { scope, id }: StoredObject): Promise<Buffer> {
  const keys = await chain.service(scope)
  const row = (await store.get('objects', { ...scope, object: id }))!
  keys.verifyRow('objects', row)
  return bytesOf(keys.openObject(contextOf(id, row.blob_version), row.key_version, row.record))
}

/** The same as who wraps it anew opens it: also under a key that opens for no request. */
export async function movable(chain: KeyChain, store: Store, object: StoredObject): Promise<Buffer> {
  const keys = await chain.serviceWrappingKeys(object.scope)
  try {
    return bytesOf(objectRows.open(chain.cluster, await rowOf(store, object), keys.byVersion))
  } finally {
    wipeWrappingKeys(keys)
  }
}

export async function rowOf(store: Store, { scope, id }: StoredObject): Promise<Row<'objects'>> {
  return (await store.get('objects', { ...scope, object: id }))!
}

function contextOf(object: Buffer, blobVersion: number): ObjectContext {
  return { object, objectVersion: 1, objectType: 2, algorithm: 3, lengthBits: 256, blobVersion }
}

function bytesOf(secret: Secret): Buffer {
  const bytes = Buffer.alloc(secret.byteLength)
  secret.copyInto(bytes, 0)
  secret.wipe()
  return bytes
}
