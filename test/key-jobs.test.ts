import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChangedRowsWatch } from '../src/changed-rows.ts'
import { randomBytes, randomIdentifier } from '../src/crypto/random.ts'
import { KryptonError } from '../src/errors.ts'
import type { KeyUsers } from '../src/hierarchy/key-versions.ts'
import { LinkSwitch } from '../src/hierarchy/link-key.ts'
import { KeyJobs } from '../src/key-jobs.ts'
import type { Values } from '../src/store/row-key.ts'
import { TenantRegistry } from '../src/tenants/tenant-registry.ts'
import { openLog } from '../src/telemetry/log.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './hierarchy/fixture.ts'
import { storeObjects } from './hierarchy/rotation-fixture.ts'
import { FakeClock } from './support/fake-clock.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

const rotation = {
  ivkDays: 30,
  integrityKeyDays: 365,
  masterKeyDays: 730,
  ivkExpiryDays: 90,
  ivkSuite: 'xaes-256-gcm',
  tenantKeyDays: 90,
  serviceKeyDays: 30,
  graceHours: 24,
  deletionDays: 7,
  itemsPerSecond: 1_000_000,
} as const

let made: Hierarchy
let clock: FakeClock
let jobs: KeyJobs
let onRefresh: () => Promise<void>
let changedRows: ChangedRowsWatch
let isLogRead = false
const users: KeyUsers = { refresh: () => onRefresh(), takeRoot: () => onRefresh() }
beforeEach(async () => {
  made = await newHierarchy(externalKey)
  clock = new FakeClock(1_790_000_000_000)
  onRefresh = async () => undefined
  const { memory: store, chain: keyChain } = made
  const registry = new TenantRegistry(store, keyChain, clock, randomIdentifier)
  await registry.createTenant('acme', 'system')
  // The tenants of the fixture have keys and no names.
  const log = openLog('fatal', () => undefined)
  changedRows = new ChangedRowsWatch({
    store,
    chain: keyChain,
    clock,
    log,
    refuse: async () => undefined,
    onReleased: () => jobs.goOn(),
  })
  const instance = { store, keyChain, registry, anchorPlace: undefined }
  const parts = { instance, users, rotation, scrub: { everyHours: 24 }, clock, isLogRead: () => isLogRead }
  jobs = new KeyJobs({ ...parts, changedRows, log })
  await jobs.start()
})
afterEach(() => {
  isLogRead = false
  return jobs.stop()
})

const done = async (): Promise<void> => {
  while (
    (await jobs.list()).some(
      ({ state, kind }) => (state === 'queued' || state === 'running') && kind !== 'delete-key-version',
    )
  )
    await new Promise((resolve) => setTimeout(resolve, 1))
}
const shown = async (key: string) =>
  (await jobs.views.withReferences(key)).map(({ version, state, processing }) => [version, state, processing])

describe('an announced key', () => {
  test('is made once for its name and stays as it is; a client finds its service there when it is active', async () => {
    const registry = new TenantRegistry(made.store, made.chain, clock, randomIdentifier)
    await expect(jobs.announce('acme/second/orders', 'operator:ada')).rejects.toMatchObject({ code: 'not-found' })
    await expect(jobs.announce('nobody/second', 'operator:ada')).rejects.toMatchObject({ code: 'not-found' })
    await expect(jobs.announce('acme', 'operator:ada')).rejects.toMatchObject({ code: 'invalid-field' })
    const [first] = await jobs.announce('acme/second', 'operator:ada')
    expect(await jobs.announce('acme/second', 'operator:bob')).toEqual([first])
    expect(await shown('acme/second')).toEqual([[1, 'pending', undefined]])
    await jobs.change('acme/second', 'activate', 'operator:ada')
    expect(await jobs.announce('acme/second', 'operator:ada')).toMatchObject([{ state: 'active' }])
    await jobs.announce('acme/second/orders', 'operator:ada')
    await jobs.change('acme/second/orders', 'activate', 'operator:ada')
    const keys = { issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) }
    await registry.clients.create(
      { tenant: 'acme', system: 'second', service: 'orders', name: 'one', ...keys },
      'system',
    )
    expect(await shown('acme/second/orders')).toEqual([[1, 'active', 'usable']])
    const names = (await jobs.views.related('acme/second', 'descendants')).map(({ key }) => key)
    expect(names).toEqual(['acme/second/orders'])
  })
})

describe('the second axis of a version', () => {
  test('says what is being activated, can be used, or is being left, until the job has ended', async () => {
    const seen: unknown[] = []
    onRefresh = async () => void seen.push(await shown('acme/default/default'))
    await jobs.rotate('acme/default/default', 'command', 'operator:ada')
    expect(jobs.summary()).toEqual({ rotating: 1, toBeDeleted: 0, grants: 0 })
    await done()
    expect(seen).toEqual([
      [
        [1, 'active', 'usable'],
        [2, 'pending', 'activating'],
      ],
      [
        [1, 'grace', 're-wrapping'],
        [2, 'active', 'usable'],
      ],
    ])
    onRefresh = async () => undefined
    expect(await shown('acme/default/default')).toEqual([
      [1, 'grace', 'usable'],
      [2, 'active', 'usable'],
    ])
    await jobs.rotate('acme/default', 'compromise', 'operator:ada')
    await done()
    expect((await shown('acme/default')).at(0)).toEqual([1, 'compromised', undefined])
    expect(jobs.summary()).toEqual({ rotating: 0, toBeDeleted: 2, grants: 0 })
  })
})

describe('the deletion of a version', () => {
  test('waits its days, and is called back by cancelling its job', async () => {
    const [tenantKey, serviceKey] = ['acme/default', 'acme/default/default'] as const
    await jobs.rotate(tenantKey, 'compromise', 'operator:ada')
    await done()
    const deletions = (await jobs.list()).filter(({ kind }) => kind === 'delete-key-version')
    expect(deletions.map(({ subject }) => subject).toSorted()).toEqual([
      `version 1 of ${tenantKey}`,
      `version 1 of ${serviceKey}`,
    ])
    clock.advance(6 * 86_400_000)
    await jobs.askForScrub('operator:ada')
    expect(jobs.summary().toBeDeleted).toBe(2)
    await jobs.cancel(deletions.find(({ subject }) => subject.endsWith(serviceKey))!.id, 'operator:ada')
    clock.advance(2 * 86_400_000)
    await jobs.askForScrub('operator:ada')
    while (jobs.summary().toBeDeleted > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect((await shown(tenantKey)).at(0)).toEqual([1, 'retired', undefined])
    expect((await shown(serviceKey)).at(0)).toEqual([1, 'compromised', undefined])
  })
})

describe('a compromise', () => {
  test('of a key that is halted is a job of its own; of one that is gone it is refused', async () => {
    const key = 'acme/default/default'
    await jobs.change(key, 'suspend', 'operator:ada')
    await expect(jobs.rotate(key, 'command', 'operator:ada')).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
    await jobs.rotate(key, 'compromise', 'operator:ada')
    await done()
    expect(await shown(key)).toEqual([[1, 'compromised', undefined]])
    await jobs.destroy(key, undefined, 'operator:ada')
    await done()
    await expect(jobs.rotate(key, 'compromise', 'operator:ada')).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
  })
})

describe('a job that is held', () => {
  const states = async () =>
    (await jobs.list())
      .filter(({ kind }) => kind.startsWith('rotate'))
      .map(({ kind, state, detail }) => [kind, state, detail])

  test('by rows that were changed from outside goes on when they are restored, at once', async () => {
    await jobs.backups.note('nightly', new Date(clock.now() + 86_400_000).toISOString(), 'operator:ada')
    let restore = (): void => undefined
    made.memory.changeFromOutside((tables) => {
      const noted = tables.get('kept_backups')!
      const [[key, row]] = [...noted] as [[string, Values]]
      noted.delete(key)
      restore = () => void noted.set(key, row)
    })
    await changedRows.look()
    await jobs.rotate('acme/default/default', 'command', 'operator:ada')
    expect(await states()).toEqual([
      ['rotate-service-key', 'queued', expect.stringMatching(/^waits: rows of the database.*changed-rows list/)],
    ])
    restore()
    await changedRows.look()
    await done()
    expect(await states()).toEqual([['rotate-service-key', 'done', expect.stringMatching(/^version 2 is active/)]])
  })

  test('by its key that is suspended is asked for when that is resumed, not at the next look', async () => {
    const key = 'acme/default/default'
    await jobs.change(key, 'suspend', 'operator:ada')
    clock.advance(40 * 86_400_000)
    jobs.goOn()
    await jobs.stop()
    const subjects = async () => (await jobs.list()).map(({ subject }) => subject)
    expect(await subjects()).not.toContain(key)
    await jobs.change(key, 'resume', 'operator:ada')
    await expect.poll(subjects).toContain(key)
  })

  test('by a system that an operator has disabled waits without an attempt, and goes on when it is enabled; others are refused', async () => {
    const registry = new TenantRegistry(made.store, made.chain, clock, randomIdentifier)
    const { tenant, system } = await registry.scopes.at({ tenant: 'acme', system: 'default' })
    const { held } = jobs.work
    onRefresh = async () => {
      held.hold({ tenant, system }, LinkSwitch.DecryptOnly)
      throw new KryptonError('wrong-key-lifecycle-state', 'the system was disabled meanwhile')
    }
    await jobs.rotate('acme/default', 'command', 'operator:ada')
    const waits = ['rotate-tenant-key', 'queued', expect.stringMatching(/^waits: this system is disabled.*enable/)]
    await expect.poll(states).toEqual([waits])
    onRefresh = async () => undefined
    const refused = { code: 'wrong-key-lifecycle-state', message: expect.stringMatching(/^this system is disabled/) }
    for (const act of ['rotate', 'compromise'] as const)
      await expect(jobs.foreseeAct('acme/default/default', act)).rejects.toMatchObject(refused)
    await held.look({ tenant, system })
    await done()
    expect(await states()).toEqual([['rotate-tenant-key', 'done', expect.stringMatching(/^version 2 is active/)]])
  })
})

describe('a dry run', () => {
  /** Which versions of keys and which objects have changed since. */
  async function counted() {
    const { store } = made
    const rows = [
      ...(await store.find('tenant_keys', {})).map((row) => ({ ...row, what: 'tenantKeys' as const })),
      ...(await store.find('service_keys', {})).map((row) => ({ ...row, what: 'serviceKeys' as const })),
      ...(await store.scan('objects', undefined, 100)).map((row) => ({ ...row, what: 'objects' as const })),
    ]
    const name = (row: (typeof rows)[number]): string => ('object' in row ? row.object : row.key_id).toString('hex')
    return new Map(rows.map((row) => [name(row), row]))
  }

  test('counts what the act reaches, and does nothing; it is refused as the act is', async () => {
    const { store, chain } = made
    const registry = new TenantRegistry(store, chain, clock, randomIdentifier)
    for (const service of ['orders', 'bills']) {
      const keys = { issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) }
      await registry.clients.create({ tenant: 'acme', service, name: service, ...keys }, 'system')
      await storeObjects(made, await registry.scopes.of({ tenant: 'acme', system: 'default', service }), 2)
    }
    const none = { tenantKeys: 0, serviceKeys: 0, objects: 0 }
    const acts = [
      ['acme/default/orders', 'rotate', { ...none, objects: 2 }],
      ['acme/default/orders', 'compromise', { ...none, serviceKeys: 1, objects: 2 }],
      ['acme/default', 'rotate', { ...none, serviceKeys: 5 }],
    ] as const
    for (const [key, act, expected] of acts) {
      const before = await counted()
      expect([key, act, await jobs.foreseeAct(key, act)]).toEqual([key, act, expected])
      expect(await counted()).toEqual(before)
      await jobs.rotate(key, act === 'rotate' ? 'command' : 'compromise', 'operator:ada')
      await done()
      const after = await counted()
      const changed = [...before]
        .filter(([id, row]) => Buffer.compare(row.mac, after.get(id)!.mac) !== 0)
        .map(([, { what }]) => what)
      // A version that is replaced changes its state; what hangs on it is wrapped anew.
      expect([key, act, changed.filter((what) => what === 'objects').length]).toEqual([key, act, expected.objects])
      if (key === 'acme/default')
        expect(changed.filter((what) => what === 'serviceKeys').length).toBe(expected.serviceKeys)
    }
    expect(await jobs.foreseeAct('acme/default', 'suspend')).toEqual({ tenantKeys: 1, serviceKeys: 3, objects: 4 })
    expect(await jobs.foreseeAct('acme/default/orders', 'break-glass')).toEqual({ ...none, serviceKeys: 1 })
    const rowsUnder = async (key: string) =>
      (await jobs.views.withReferences(key)).reduce((sum, { holds }) => sum + Number(/\d+/.exec(holds!)?.[0] ?? 0), 0)
    for (const act of ['rotate', 'compromise'] as const) {
      const ofAcme = { ...none, objects: 4, rows: await rowsUnder('integrity:acme') }
      expect(await jobs.foreseeAct('integrity:acme', act)).toEqual(ofAcme)
      const ofSystem = { ...none, rows: await rowsUnder('integrity') }
      expect(ofSystem.rows).toBeGreaterThan(5)
      expect(await jobs.foreseeAct('integrity', act)).toEqual(ofSystem)
    }
    // Those of the fixture's tenants go with the IVK too.
    const tenants = (await store.find('integrity_keys', {})).length - 1
    const compromise = await jobs.foreseeAct('ivk', 'compromise')
    expect(compromise).toMatchObject({ objects: 4, integrityKeys: tenants })
    expect(compromise.rows).toBeGreaterThan(await rowsUnder('integrity:acme'))
    const { tenantKeys, ...rotation } = await jobs.foreseeAct('ivk', 'rotate')
    expect([tenantKeys > 0, rotation]).toEqual([true, { serviceKeys: 0, objects: 0, integrityKeys: tenants }])
    for (const [key, act, code] of [
      ['acme/default', 'resume', 'wrong-key-lifecycle-state'],
      ['acme/nothing', 'compromise', 'not-found'],
      ['ivk', 'suspend', 'invalid-field'],
      ['ivk', 'break-glass', 'invalid-field'],
      ['integrity:acme', 'suspend', 'invalid-field'],
    ] as const)
      await expect(jobs.foreseeAct(key, act), `${act} of ${key}`).rejects.toMatchObject({ code })
  })
})

test('no job is begun while another program reads the file of the keys, and none of them fails for it', async () => {
  isLogRead = true
  await jobs.rotate('acme/default/default', 'command', 'operator:ada')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect((await jobs.list()).map(({ state, attempts }) => [state, attempts])).toContainEqual(['queued', 0])
  expect((await jobs.list()).some(({ state }) => state === 'done' || state === 'failed')).toBe(false)
  isLogRead = false
  jobs.goOn()
  await done()
  expect((await jobs.list()).some(({ state }) => state === 'failed')).toBe(false)
})

test('a service whose keys were destroyed takes no client, with words', async () => {
  const registry = new TenantRegistry(made.store, made.chain, clock, randomIdentifier)
  const add = (name: string) =>
    registry.clients.create(
      { tenant: 'acme', service: 'orders', name, issuerKeyHash: randomBytes(32), leafKeyHash: randomBytes(32) },
      'system',
    )
  await add('one')
  await jobs.destroy('acme/default/orders', undefined, 'operator:ada')
  await done()
  await expect(add('two')).rejects.toMatchObject({
    code: 'wrong-key-lifecycle-state',
    message: expect.stringMatching(/^the keys of service orders of system default were destroyed.*--service$/),
  })
})

describe('what waits for an operator', () => {
  test('is told: grants that are open, and backups whose time is over', async () => {
    const { id } = await jobs.grants.make('acme/default', { minutes: 5, reason: 'x', actor: 'operator:ada' })
    await expect(jobs.grants.make('ivk', { minutes: 5, reason: 'x', actor: 'operator:ada' })).rejects.toMatchObject({
      code: 'invalid-field',
    })
    expect(await jobs.grants.list()).toMatchObject([{ id, key: 'acme/default', reason: 'x', actor: 'operator:ada' }])
    expect(jobs.summary().grants).toBe(1)
    await jobs.grants.end(id, 'operator:ada')
    expect(jobs.summary().grants).toBe(0)
    await jobs.backups.note('nightly', new Date(clock.now() + 86_400_000).toISOString(), 'operator:ada')
    await expect(jobs.backups.note('x', '2030-99-99T00:00:00Z', 'operator:ada')).rejects.toMatchObject({
      code: 'invalid-field',
    })
    await jobs.backups.note('weekly', new Date(clock.now() + 864_000_000).toISOString(), 'operator:ada')
    clock.advance(2 * 86_400_000)
    await jobs.backups.forget('weekly', 'operator:ada')
    expect(jobs.warnings()).toEqual([expect.stringMatching(/^backup nightly was to be gone by now/)])
    await jobs.backups.forget('nightly', 'operator:ada')
    expect(jobs.warnings()).toEqual([])
  })
})
