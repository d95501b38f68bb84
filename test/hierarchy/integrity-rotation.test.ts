import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { generateSecret } from '../../src/crypto/secret.ts'
import { integrityRotationJob } from '../../src/hierarchy/integrity-rotation.ts'
import { forgetBackup, noteBackup } from '../../src/hierarchy/kept-backups.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { countByVersion } from '../../src/hierarchy/mac-renewal.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { macVersionOf } from '../../src/hierarchy/row-mac.ts'
import { rowOwner } from '../../src/hierarchy/row-owner.ts'
import { tableNames } from '../../src/store/schema.ts'
import { clock, type Hierarchy, newStaticKey } from './fixture.ts'
import { newFullStore } from './full-store.ts'
import { openStored, RotationBench, type StoredObject, storeObjects } from './rotation-fixture.ts'
import { Killed } from './rotation-fixture.ts'
import { scrubbed } from './row-attacks.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

const { Active, Grace, Deprecated, Compromised, Retired } = KeyState
const day = 86_400_000

let made: Hierarchy
let bench: RotationBench
let objects: readonly StoredObject[]

beforeEach(async () => {
  made = await newFullStore(externalKey)
  bench = new RotationBench(made)
  objects = await storeObjects(made, made.scopes.own, 3)
  await indexed(objects)
})

const rotation = (reason: 'command' | 'compromise' = 'command', from = 1) =>
  integrityRotationJob(made.scopes.own.tenant, { from, reason, actor: 'system', subject: 'integrity:x' })

/** Puts objects into the index as the keystore does. */
async function indexed(some: readonly StoredObject[]): Promise<void> {
  const keys = await made.chain.tenant(made.scopes.own.tenant)
  const changes = some.flatMap(({ scope, id: object }) =>
    keys.indexTokens('custom', object).map((token) => {
      const row = { ...scope, attribute: 'custom', token, sequence: 1, object }
      return { table: 'object_index', kind: 'insert', row } as const
    }),
  )
  await made.store.commit({ section: 'data', changes, audit: [] })
}

/** How many rows of the tenant are under each version, in the order of the versions. */
async function versionsInUse(): Promise<number[]> {
  const versions = new Set<number>()
  for (const table of tableNames) {
    for (const row of await made.store.find(table, {})) {
      const owner = rowOwner(table, row as never)
      if (owner?.equals(made.scopes.own.tenant) === true) versions.add(macVersionOf(row.mac))
    }
  }
  return [...versions].toSorted((a, b) => a - b)
}

async function states(): Promise<number[]> {
  const rows = await made.store.find('integrity_keys', { tenant: made.scopes.own.tenant })
  return rows.map(({ state }) => state)
}

/** Whether a search by each thread finds each object, and nothing but it. */
async function findsAll(): Promise<void> {
  for (const thread of bench.threads) {
    const keys = await thread.tenant(made.scopes.own.tenant)
    for (const { scope, id } of objects) {
      const tokens = [{ attribute: 'custom', token: keys.indexToken('custom', id) }]
      const { tenant, system, service } = scope
      expect(await made.store.indexed({ tenant, system, service, tokens, limit: 9 })).toEqual([id])
    }
  }
}

async function tokenVersions(): Promise<number[]> {
  const versions = new Set<number>()
  made.memory.changedFromOutside((tables) => {
    for (const row of tables.get('object_index')!.values()) {
      const isOurs = (row['tenant'] as Buffer).equals(made.scopes.own.tenant)
      if (isOurs) versions.add((row['token'] as Buffer).readUInt32BE(0))
    }
  })
  return [...versions].toSorted((a, b) => a - b)
}

describe("a rotation of a tenant's integrity key", () => {
  test('puts every row and token under the next version; searches find all at every point', async () => {
    const seen: string[] = []
    let checking: Promise<void> = Promise.resolve()
    bench.onPoint = (point) => {
      seen.push(point)
      checking = checking.then(findsAll)
    }
    await bench.run(rotation())
    await checking
    await findsAll()
    expect([...new Set(seen)]).toEqual([
      'pending',
      'acknowledged',
      'active',
      'in use',
      'renewed',
      'rows renewed',
      'let go',
    ])
    expect(await states()).toEqual([Deprecated, Active])
    expect(await versionsInUse()).toEqual([2])
    expect(await tokenVersions()).toEqual([2])
    for (const object of objects)
      expect(await openStored(new KeyChain(made.store, made.root, clock), made.store, object)).toEqual(object.material)
    expect(await scrubbed(made, made.memory, made.memory)).toMatch(/rows are as they were written$/)
  })

  test.each(['acme', 'other'])(
    'reaches every row of a tenant, its own and that of its periods too: %s',
    async (name) => {
      const { tenant } = (await made.store.find('tenants', { name }))[0]!
      const rowsUnder = async () => {
        const found: [string, number][] = []
        for (const table of tableNames)
          for (const row of await made.store.find(table, {}))
            if (rowOwner(table, row as never)?.equals(tenant) === true) found.push([table, macVersionOf(row.mac)])
        return found
      }
      const before = await rowsUnder()
      expect(before.map(([table]) => table)).toEqual(expect.arrayContaining(['tenants', 'rotation_periods', 'clients']))
      const request = { from: 1, reason: 'compromise', actor: 'system', subject: name } as const
      await bench.run(integrityRotationJob(tenant, request))
      expect(await rowsUnder()).toEqual(before.map(([table]) => [table, 2]))
      const counts = await countByVersion(made.store, tenant, async () => undefined)
      expect([...counts]).toEqual([[2, before.length]])
    },
  )

  test('that was killed at any point goes on where it was', async () => {
    const points = ['pending', 'acknowledged', 'active', 'in use', 'renewed', 'rows renewed', 'let go']
    let version = 1
    for (const point of points) {
      const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
      bench.onPoint = (at) => {
        if (at === point) throw new Killed()
      }
      await expect(bench.run(rotation('command', version), progress)).rejects.toBeInstanceOf(Killed)
      await findsAll()
      // What a client makes and changes meanwhile.
      const more = await storeObjects(made, made.scopes.own, 1)
      await indexed(more)
      objects = [...objects, ...more]
      await findsAll()
      bench.onPoint = () => undefined
      await bench.run(rotation('command', version), progress)
      version++
      expect((await states()).at(-1)).toBe(Active)
      expect(await versionsInUse()).toEqual([version])
      expect(await tokenVersions()).toEqual([version])
      await findsAll()
    }
    expect((await states()).filter((state) => state === Grace)).toEqual([])
  })

  test('ends with the deletion of the old version, which backups and rows hold back', async () => {
    await noteBackup(bench.work, { name: 'weekly', until: 3_000_000_000, actor: 'system' })
    await bench.run(rotation())
    bench.clock.advance(7 * day)
    const [deletion] = bench.jobs.splice(0)
    await expect(bench.run(deletion!)).rejects.toThrow(/version 1 is in backup nightly.*; backup weekly/)
    for (const name of ['nightly', 'weekly']) await forgetBackup(bench.work, name, 'system')
    bench.clock.advance(7 * day)
    const [again] = bench.jobs.splice(0)
    expect(await bench.run(again!)).toMatch(/^version 1 is deleted/)
    const [gone] = await made.store.find('integrity_keys', { tenant: made.scopes.own.tenant })
    expect([gone!.state, gone!.record.byteLength]).toEqual([Retired, 0])
    expect(await scrubbed(made, made.memory, made.memory)).toMatch(/rows are as they were written$/)
    expect(await bench.run(again!)).toBe('it is gone already')
  })

  test('leaves a version that check values of a link are under', async () => {
    const { own } = made.scopes
    await bench.run(rotation())
    for (const name of ['nightly']) await forgetBackup(bench.work, name, 'system')
    const keys = await made.chain.tenant(own.tenant)
    const [linked] = await made.store.find('linked_keys', {})
    const key = { secret: generateSecret(32, 'wrapping'), keyId: Buffer.alloc(16, 7), version: 1, suite: 2 }
    const check = Buffer.concat([Buffer.of(0, 0, 0, 1), keys.keyCheckValue(key)])
    const old = { ...linked!, tenant: own.tenant, system: own.system, version: 9, check_value: check, row_version: 1 }
    const row = { ...old, mac: keys.macRow('linked_keys', old) }
    await made.store.commit({ section: 'keys', changes: [{ table: 'linked_keys', kind: 'insert', row }], audit: [] })
    bench.clock.advance(7 * day)
    const [deletion] = bench.jobs.splice(0)
    await expect(bench.run(deletion!)).rejects.toThrow(/1 check values of links under it/)
    key.secret.wipe()
  })

  test('because somebody may know it makes its MACs worth nothing, and follows from that of the IVK', async () => {
    const { own } = made.scopes
    const stolen = await new KeyChain(made.store, made.root, clock).tenant(own.tenant)
    const [row] = await made.store.find('clients', {
      tenant: (await made.store.find('tenants', { name: 'acme' }))[0]!.tenant,
    })
    expect(row).toBeDefined()
    await bench.run(rotation('compromise'))
    expect(await states()).toEqual([Compromised, Active])
    const { mac: _, ...object } = (await made.store.get('objects', { ...own, object: objects[0]!.id }))!
    const forged = { ...object, state: 3, mac: stolen.macRow('objects', { ...object, state: 3 }) }
    const keys = await new KeyChain(made.store, made.root, clock).tenant(own.tenant)
    expect(() => keys.verifyRow('objects', forged)).toThrow(/is not as it was written/)
    bench.jobs.splice(0)
    await bench.run(rotationJob({ table: 'ivks' }, { from: 2, reason: 'compromise', actor: 'system', subject: 'x' }))
    const asked = bench.jobs.filter(({ kind }) => kind === 'rotate-integrity-key')
    expect(asked.length).toBe(4)
    expect(asked.every(({ parameters }) => parameters['compromised'] === 1)).toBe(true)
  })

  test('because somebody may know it reaches the version that it was asked for, also when another rotation came first', async () => {
    await bench.run(rotation())
    await bench.run(rotation('compromise'))
    expect(await states()).toEqual([Compromised, Active])
    for (const object of objects)
      expect(await openStored(bench.threads[0]!, made.store, object)).toEqual(object.material)
  })

  test('comes by time, once, and is gone on with when it was given up', async () => {
    const { tenant } = (await made.store.find('tenants', { name: 'acme' }))[0]!
    const ours = () => bench.jobs.filter((job) => job.kind === 'rotate-integrity-key' && job.owner.equals(tenant))
    await bench.maintenance.look()
    expect(ours()).toEqual([])
    bench.clock.advance(402 * day)
    await bench.maintenance.look()
    await bench.maintenance.look()
    expect(ours()).toMatchObject([{ parameters: { from: 1, compromised: 0 } }])
    const [job] = ours()
    bench.jobs.splice(0)
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Killed()
    }
    await expect(bench.run(job!)).rejects.toBeInstanceOf(Killed)
    bench.onPoint = () => undefined
    bench.clock.advance(2 * day)
    await bench.maintenance.look()
    expect(ours()).toMatchObject([{ parameters: { from: 1, compromised: 0 } }])
    await bench.run(ours()[0]!)
    bench.jobs.splice(0)
    await bench.maintenance.look()
    expect(ours()).toEqual([])
  })
})
