import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import { integrityRotationJob } from '../../src/hierarchy/integrity-rotation.ts'
import { forgetBackup } from '../../src/hierarchy/kept-backups.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { noTenant } from '../../src/hierarchy/key-record.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { macVersionOf } from '../../src/hierarchy/row-mac.ts'
import { rowOwner } from '../../src/hierarchy/row-owner.ts'
import { renewSets } from '../../src/hierarchy/sets.ts'
import { JobQueue } from '../../src/jobs/job-queue.ts'
import { hasEnded } from '../../src/jobs/job.ts'
import { anchorFile } from '../../src/seal/anchor-place.ts'
import { anchoredUnder, checkAnchor, writeAnchor } from '../../src/seal/anchor.ts'
import { unseal } from '../../src/seal/seal.ts'
import type { MemoryStore } from '../../src/store/memory.ts'
import { type TableName, tableNames } from '../../src/store/schema.ts'
import { temporaryDirectory } from '../store/directories.ts'
import { clock, type Hierarchy, newStaticKey } from './fixture.ts'
import { newFullStore } from './full-store.ts'
import { Killed, openStored, RotationBench, type StoredObject, storeObjects } from './rotation-fixture.ts'
import { isFound, rowAttacks, scrubbed } from './row-attacks.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

const { Active, Grace, Deprecated, Compromised, Retired } = KeyState
const day = 86_400_000

let made: Hierarchy
let bench: RotationBench
let queue: JobQueue
let objects: readonly StoredObject[]

beforeEach(async () => {
  made = await newFullStore(externalKey)
  objects = await storeObjects(made, made.scopes.own, 2)
  await newBench(made)
  // Not due while these tests run: a job whose row its queue alone writes.
  await queue.add({ ...waiting, due: clock.now() / 1000 + 90 * 86_400 })
})

const waiting = {
  kind: 'delete-key-version',
  owner: noTenant,
  lane: 'x',
  subject: 'x',
  parameters: {},
  actor: 'system',
}

async function newBench(of: Hierarchy): Promise<void> {
  bench = new RotationBench(of)
  queue = new JobQueue({
    store: of.store,
    keys: () => bench.work.chain.system(),
    clock: bench.clock,
    newIdentifier: randomIdentifier,
    kinds: new Map([['scrub', async () => 'done']]),
    pace: { itemsPerSecond: 1_000_000 },
    report: () => undefined,
  })
  await queue.start()
  bench.onRenewOpenJobs = () => queue.renewOpen()
}

const rotation = (reason: 'command' | 'compromise' = 'command', from = 1) =>
  integrityRotationJob(noTenant, { from, reason, actor: 'system', subject: 'integrity' })

const points = [
  'pending',
  'acknowledged',
  'active',
  'in use',
  'renewed',
  'rows renewed',
  'digests renewed',
  'let go',
] as const

function killAt(point: string | undefined): void {
  bench.onPoint = (at) => {
    if (at === point) throw new Killed()
  }
}

/** The store as it is in the files, opened by a process that knows nothing else. */
async function restarted(memory: MemoryStore = made.memory): Promise<Hierarchy> {
  const copy = memory.changedFromOutside(() => undefined)
  const root = await unseal(copy, externalKey, { production: false })
  const keys = setDigestKeys(root)
  expect(await copy.keepSets(keys, false)).toEqual([])
  for (const { secret } of keys) secret.wipe()
  return { ...made, store: copy, memory: copy, root, chain: new KeyChain(copy, root, clock) }
}

/** The same store with the keys of now. */
const now = (): Hierarchy => ({ ...made, root: bench.work.chain.root })

const tables = tableNames
const isOfSystem = (table: TableName, row: object): boolean => rowOwner(table, row as never) === undefined

/** Under which versions rows of the system are. */
async function versionsInUse(): Promise<number[]> {
  const versions = new Set<number>()
  for (const table of tables) {
    for (const row of await made.store.find(table, {})) if (isOfSystem(table, row)) versions.add(macVersionOf(row.mac))
  }
  return [...versions].toSorted((a, b) => a - b)
}

function digestVersions(): (number | undefined)[] {
  const versions: (number | undefined)[] = []
  made.memory.changedFromOutside((_, digests) => versions.push(digests.keys?.key_version, digests.data?.key_version))
  return versions
}

async function states(): Promise<number[]> {
  return (await made.store.find('integrity_keys', { tenant: noTenant })).map(({ state }) => state)
}

async function allOpens(of: Hierarchy): Promise<void> {
  const chain = new KeyChain(of.store, of.root, clock)
  for (const object of objects) expect(await openStored(chain, of.store, object)).toEqual(object.material)
  expect(await scrubbed(of, of.memory, of.memory)).toMatch(/rows are as they were written$/)
}

describe("a rotation of the system's integrity key", () => {
  test('puts every row of the system, open jobs and both digests under the next version; threads know it before', async () => {
    const known: number[] = []
    bench.onPoint = (point) => {
      if (point === 'acknowledged') known.push(...bench.threads.map(({ root }) => root.systemIntegrityKeys.length))
    }
    expect(await bench.run(rotation())).toMatch(/^version 2 is active, \d+ rows have MACs under it$/)
    expect(known).toEqual([2, 2])
    expect([...new Set(bench.points)]).toEqual(points)
    expect(await states()).toEqual([Deprecated, Active])
    expect(await versionsInUse()).toEqual([2])
    expect(digestVersions()).toEqual([2, 2])
    await allOpens(now())
    await allOpens(await restarted())
    // What a thread that was there before writes and reads.
    const [thread] = bench.threads
    for (const row of await made.store.find('ivks', {})) thread!.system().verifyRow('ivks', row)
    expect(macVersionOf(thread!.system().macRow('kept_backups', (await made.store.find('kept_backups', {}))[0]!))).toBe(
      2,
    )
  })

  test('that was killed at any point goes on after a restart; each state of it opens and is wholly proven', async () => {
    let version = 1
    for (const point of points) {
      killAt(point)
      const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
      await expect(bench.run(rotation('command', version), progress)).rejects.toBeInstanceOf(Killed)
      await queue.stop()
      made = await restarted()
      await allOpens(made)
      await newBench(made)
      await bench.run(rotation('command', version), progress)
      version++
      expect((await states()).filter((state) => state === Active || state === Grace)).toEqual([Active])
      expect(await versionsInUse()).toEqual([version])
      expect(digestVersions()).toEqual([version, version])
      await allOpens(now())
    }
  })

  test('leaves every attack on a row to be found, in the middle and afterwards', async () => {
    killAt('renewed')
    const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
    await expect(bench.run(rotation(), progress)).rejects.toBeInstanceOf(Killed)
    killAt(undefined)
    // Attacks change the rows of jobs as their queue does not know them.
    bench.onRenewOpenJobs = async () => undefined
    expect(await versionsInUse()).toEqual([1, 2])
    const ofSystem = tables.filter((table) => made.memory.find(table, {}).some((row) => isOfSystem(table, row)))
    for (const isOver of [false, true]) {
      if (isOver) await bench.run(rotation(), progress)
      const of = now()
      const attacks = (await rowAttacks({ ...of, chain: bench.work.chain }, false)).filter(
        ({ kind, name }, at) => kind === 'digest' || at % 9 === 0 || ofSystem.some((table) => name.startsWith(table)),
      )
      const missed: string[] = []
      for (const attack of attacks) if (!(await isFound(of, attack))) missed.push(`${attack.kind} ${attack.name}`)
      expect(missed, isOver ? 'afterwards' : 'in the middle').toEqual([])
    }
  })

  test('takes no rows under its digests that the old ones have not proven', async () => {
    killAt('rows renewed')
    await expect(bench.run(rotation())).rejects.toBeInstanceOf(Killed)
    const spoiled = made.memory.changedFromOutside((tables) => {
      const clients = tables.get('clients')!
      clients.delete(clients.keys().next().value!)
    })
    const keys = setDigestKeys(bench.work.chain.root)
    await spoiled.keepSets(keys, false)
    const renewal = renewSets(spoiled, bench.work.chain.root, async () => undefined)
    await expect(renewal).rejects.toThrow('1 rows of table clients were removed')
    expect(await spoiled.compareSet('clients')).toMatchObject({ table: 'clients' })
    // A stop between the two sections: each is under its own version, and the rest follows.
    const halfway = made.memory.changedFromOutside(() => undefined)
    await halfway.keepSets(keys, false)
    expect(await halfway.prepareSets(keys[0])).toEqual(['keys', 'data'])
    for (const table of [...tables, 'object_index'] as const) await halfway.compareSet(table)
    await halfway.turnSets(['keys'])
    const again = await restarted(halfway)
    await renewSets(again.memory, again.root, async () => undefined)
    expect(await again.memory.prepareSets(keys[0])).toEqual([])
    await allOpens(again)
    for (const { secret } of keys) secret.wipe()
  })

  test('ends with the deletion of the old version, which backups and the anchor hold back', async () => {
    await bench.run(rotation())
    const [first] = bench.jobs.splice(0)
    bench.clock.advance(7 * day)
    const refused = async (held: RegExp) => {
      const deletion = bench.jobs.splice(0)[0] ?? first!
      await expect(bench.run(deletion)).rejects.toThrow(held)
      bench.clock.advance(7 * day)
    }
    await refused(/version 1 is in backup nightly/)
    await forgetBackup(bench.work, 'nightly', 'system')
    bench.anchoredUnder = 1
    await refused(/version 1 is what the anchor was last written under/)
    bench.anchoredUnder = 2
    const [last] = bench.jobs.splice(0)
    expect(await bench.run(last!)).toMatch(/^version 1 is deleted/)
    const [gone] = await made.store.find('integrity_keys', { tenant: noTenant })
    expect([gone!.state, gone!.record.byteLength]).toEqual([Retired, 0])
    expect(bench.threads.map(({ root }) => root.systemIntegrityKeys.length)).toEqual([1, 1])
    await allOpens(await restarted())
  })

  test('because somebody may know it makes its MACs worth nothing', async () => {
    const stolen = new KeyChain(made.store, made.root, clock).system()
    const { mac: _, ...old } = (await made.store.find('ivks', {}))[0]!
    const forged = { ...old, state: Active, mac: stolen.macRow('ivks', { ...old, state: Active }) }
    await bench.run(rotation('compromise'))
    expect(await states()).toEqual([Compromised, Active])
    for (const chain of [bench.work.chain, ...bench.threads, (await restarted()).chain])
      expect(() => chain.system().verifyRow('ivks', forged)).toThrow(/is not as it was written/)
  })

  test('comes by time, once', async () => {
    const ours = () => bench.jobs.filter(({ kind, owner }) => kind === 'rotate-integrity-key' && owner.equals(noTenant))
    await bench.maintenance.look()
    expect(ours()).toEqual([])
    bench.clock.advance(402 * day)
    await bench.maintenance.look()
    await bench.maintenance.look()
    expect(ours()).toMatchObject([{ parameters: { from: 1, compromised: 0 }, lane: 'ivk' }])
  })

  test('leaves an anchor that is believed, and one of a newer version refuses a database of before', async () => {
    const { path, data } = temporaryDirectory()
    const place = anchorFile(`${path}/anchor`, data)
    const before = made.memory.changedFromOutside(() => undefined)
    const { store } = made
    await writeAnchor({ store, root: bench.work.chain.root, place, clock })
    await bench.run(rotation())
    await checkAnchor({ store, root: bench.work.chain.root, place, clock })
    expect(await anchoredUnder(place)).toBe(1)
    // Nothing but the key is newer: as where an attacker who has the old one puts rows together again.
    const old = await unseal(before, externalKey, { production: false })
    const pending = { ...bench.work.chain.root, systemIntegrityKeys: bothWithFirstActive() }
    await writeAnchor({ store: before, root: bench.work.chain.root, place, clock })
    expect(await anchoredUnder(place)).toBe(2)
    await expect(checkAnchor({ store: before, root: pending, place, clock })).rejects.toThrow(
      /older than the system's integrity key/,
    )
    await expect(checkAnchor({ store: before, root: old, place, clock })).rejects.toMatchObject({
      code: 'anchor-mismatch',
    })
  })
})

/** The versions of now as if the first were active and the second pending. */
function bothWithFirstActive() {
  return bench.work.chain.root.systemIntegrityKeys.map((key) => ({ ...key, active: key.version === 1 }))
}

test('jobs that have ended are left as they are by their queue', async () => {
  const before = (await made.store.find('jobs', {})).filter(hasEnded)
  await queue.renewOpen()
  const after = (await made.store.find('jobs', {})).filter(hasEnded)
  expect(after).toEqual(before)
  expect(queue.open()).toHaveLength(1)
})
