import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { Suite } from '../../src/crypto/aead.ts'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { createStaticKeyFile, openStaticKey } from '../../src/external-keys/static.ts'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import {
  createServiceKeys,
  createTenantKeys,
  KeyChain,
  type RootKeys,
  type Scope,
} from '../../src/hierarchy/key-chain.ts'
import { HeldSystems } from '../../src/hierarchy/held-systems.ts'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import type { KeyWork } from '../../src/hierarchy/key-versions.ts'
import { keyJobKinds, type RotationPolicy } from '../../src/hierarchy/rotation.ts'
import { JobQueue } from '../../src/jobs/job-queue.ts'
import { initializeSeal, isInitialized, unseal } from '../../src/seal/seal.ts'
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'

/** A store on disk with its keys and the queue of their jobs: what of a server rotates, without what serves. */
export class RotationRealm {
  readonly store: SqliteStore
  /** The one that it is sealed with. */
  readonly externalKey: ExternalKey
  readonly chain: KeyChain
  readonly queue: JobQueue
  readonly work: KeyWork
  /** Jobs that have failed, in words. */
  readonly reported: string[] = []

  private constructor(
    store: SqliteStore,
    { root, externalKey }: { readonly root: RootKeys; readonly externalKey: ExternalKey },
    ivkSuite: Suite,
    at: (point: string) => void,
  ) {
    const chain = new KeyChain(store, root, systemClock)
    this.store = store
    this.externalKey = externalKey
    this.chain = chain
    const users = { refresh: async () => chain.refresh(), takeRoot: async () => undefined }
    const held = new HeldSystems(store, (tenant) => this.queue.goOn(tenant))
    this.work = { store, chain, clock: systemClock, users, schedule: (job) => this.queue.add(job), held, at }
    const policy: RotationPolicy = {
      ivkSuite,
      deletionSeconds: 0,
      indexedValues: (row) => [{ attribute: 'custom', bytes: row.object }],
      integritySubjectOf: async () => 'integrity',
      sets: store,
      renewOpenJobs: () => this.queue.renewOpen(),
      anchoredUnder: async () => undefined,
      subjectOf: async ({ table }) => table,
    }
    this.queue = new JobQueue({
      store,
      keys: () => chain.system(),
      clock: systemClock,
      newIdentifier: randomIdentifier,
      kinds: keyJobKinds(this.work, policy),
      pace: { itemsPerSecond: 1_000_000 },
      report: (message, error) => this.reported.push(`${message}: ${String(error)}`),
    })
  }

  /** `at` is called at each step of a rotation; new versions of the IVK are of `ivkSuite`. */
  static async open(
    directory: string,
    at: (point: string) => void = () => undefined,
    ivkSuite: Suite = Suite.Xaes256Gcm,
  ): Promise<RotationRealm> {
    const file = join(directory, 'seal.key')
    const data = join(directory, 'data')
    const store = await openSqliteStore({
      directory: data,
      onFatal: (error) => {
        throw error
      },
    })
    if (!(await isInitialized(store))) {
      createStaticKeyFile(file)
      const seal = openStaticKey({ file, dataDirectory: data })
      await initializeSeal(store, seal, systemClock, { development: true, region: 'test', actor: 'system' })
    }
    const externalKey = openStaticKey({ file, dataDirectory: data })
    const root = await unseal(store, externalKey, { production: false })
    const keys = setDigestKeys(root)
    await store.keepSets(keys, true)
    for (const { secret } of keys) secret.wipe()
    return new RotationRealm(store, { root, externalKey }, ivkSuite, at)
  }

  async close(): Promise<void> {
    await this.queue.stop()
    this.chain.forget()
    await this.store.close()
  }
}

/** Two tenants, three services, some objects in each. Returns the scopes, and the material of each object in hex by its identifier. */
export async function fillRealm({ store, chain }: RotationRealm, objectsEach: number) {
  const first: Scope = { tenant: randomIdentifier(), system: randomIdentifier(), service: randomIdentifier() }
  const sibling: Scope = { ...first, service: randomIdentifier() }
  const other: Scope = { tenant: randomIdentifier(), system: randomIdentifier(), service: randomIdentifier() }
  await store.commit(await createTenantKeys(chain, first, 'system'))
  await store.commit(await createServiceKeys(chain, sibling, 'system'))
  await store.commit(await createTenantKeys(chain, other, 'system'))
  const objects: Record<string, string> = {}
  const scopes = []
  for (const scope of [first, sibling, other]) {
    const keys = await chain.service(scope)
    const identifiers: string[] = []
    for (let count = 0; count < objectsEach; count++) {
      const [id, material] = [randomIdentifier(), randomBytes(32)]
      const context = { object: id, objectVersion: 1, objectType: 2, algorithm: 3, lengthBits: 256, blobVersion: 1 }
      const row = {
        ...scope,
        object: id,
        sequence: count,
        object_type: 2,
        state: 2,
        activation_date: null,
        deactivation_date: null,
        algorithm: 3,
        length_bits: 256,
        key_format_type: 1,
        data_type: 0,
        attributes: Buffer.from('attributes'),
        key_version: keys.activeVersion,
        blob_version: 1,
        record: keys.sealObject(context, material),
        row_version: 1,
      }
      const change = { table: 'objects', kind: 'insert', row: { ...row, mac: keys.macRow('objects', row) } } as const
      await store.commit({ section: 'data', changes: [change], audit: [] })
      identifiers.push(id.toString('hex'))
      objects[id.toString('hex')] = material.toString('hex')
    }
    const [tenant, system, service] = [scope.tenant, scope.system, scope.service].map((id) => id.toString('hex'))
    scopes.push({ tenant: tenant!, system: system!, service: service!, objects: identifiers })
  }
  return { objects, scopes }
}
