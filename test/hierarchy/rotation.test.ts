import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { Suite } from '../../src/crypto/aead.ts'
import { KryptonError } from '../../src/errors.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import { referencesOf } from '../../src/hierarchy/references.ts'
import { deletionJob, type KeyAddress, rotationJob, type RotationReason } from '../../src/hierarchy/rotation-jobs.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import {
  Killed,
  movable,
  openStored,
  RotationBench,
  rowOf,
  storeObjects,
  type StoredObject,
} from './rotation-fixture.ts'
import { nudged, tampered } from './tampered-store.ts'

const { Pending, Active, Grace, Deprecated, Retired, Compromised, Expired } = KeyState
const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let objects: StoredObject[]
let ivk: KeyAddress
let tenantKey: KeyAddress
let serviceKey: KeyAddress

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  const { own, sibling, otherSystem, otherTenant } = made.scopes
  objects = []
  for (const scope of [own, own, sibling, otherSystem, otherTenant])
    objects.push(...(await storeObjects(made, scope, 3)))
  ivk = { table: 'ivks' }
  tenantKey = { table: 'tenant_keys', tenant: own.tenant, system: own.system }
  serviceKey = { table: 'service_keys', ...own }
})

const rotation = (address: KeyAddress, from = 1, reason: RotationReason = 'command') =>
  rotationJob(address, { from, reason, actor: 'operator:ada', subject: address.table })

/** Every object opens, in threads that hold keys already and in one that has just started. What is under a compromised key opens for who moves it alone. */
async function everythingOpens(isCompromised = false): Promise<void> {
  const { store } = bench.work
  const fresh = new KeyChain(store, bench.work.chain.root, bench.clock)
  for (const chain of [...bench.threads, fresh]) {
    for (const object of objects) {
      const opened = openStored(chain, store, object)
      if (isCompromised) {
        const refused = await opened.catch((error: unknown) => error)
        if (!Buffer.isBuffer(refused)) expect(refused).toMatchObject({ code: 'wrong-key-lifecycle-state' })
        expect(await movable(chain, store, object)).toEqual(object.material)
      } else expect(await opened).toEqual(object.material)
    }
  }
}

async function held(address: KeyAddress, version: number): Promise<string> {
  return (
    await referencesOf(
      made.store,
      address,
      (parent) => parent === version,
      async () => undefined,
    )
  ).held
}

describe('a rotation', () => {
  test('of the IVK makes a version that wraps every Tenant Key and integrity key, and none hangs on the old one', async () => {
    await everythingOpens()
    expect(await bench.run(rotation(ivk))).toBe('version 2 is active, 5 keys were wrapped anew')
    expect(await bench.states(ivk)).toEqual([Grace, Active])
    expect(await held(ivk, 1)).toBe('nothing')
    expect(await held(ivk, 2)).toBe("2 tenants' integrity keys, 3 Tenant Keys")
    await everythingOpens()
  })

  test('of a Tenant Key wraps its Service Keys anew, and no object is touched', async () => {
    const before = await Promise.all(objects.map((object) => rowOf(made.store, object)))
    expect(await bench.run(rotation(tenantKey))).toBe('version 2 is active, 2 Service Keys were wrapped anew')
    expect(await bench.states(tenantKey)).toEqual([Grace, Active])
    expect(await Promise.all(objects.map((object) => rowOf(made.store, object)))).toEqual(before)
    expect(await held(tenantKey, 1)).toBe('nothing')
    expect(await held(tenantKey, 2)).toBe('2 Service Keys')
    await everythingOpens()
  })

  test('of a Service Key wraps its objects anew, and changes nothing else of them', async () => {
    const own = objects.filter(({ scope }) => scope.service.equals(made.scopes.own.service))
    const before = await Promise.all(own.map((object) => rowOf(made.store, object)))
    expect(await bench.run(rotation(serviceKey))).toBe('version 2 is active, 6 objects were wrapped anew')
    const after = await Promise.all(own.map((object) => rowOf(made.store, object)))
    after.forEach((row, at) => {
      const { record, mac, ...rest } = before[at]!
      expect(row).toEqual({
        ...rest,
        key_version: 2,
        blob_version: 2,
        row_version: 2,
        record: row.record,
        mac: row.mac,
      })
      expect(row.record).not.toEqual(record)
      expect(row.mac).not.toEqual(mac)
    })
    const others = objects.filter((object) => !own.includes(object))
    for (const object of others) expect((await rowOf(made.store, object)).key_version).toBe(1)
    await everythingOpens()
    expect(await made.store.find('previous_object_records', {})).toEqual([])
  })

  test('takes the suite of its policy, whatever the version before it had', async () => {
    const gcm = new RotationBench(made, made.store, Suite.Aes256Gcm)
    await gcm.run(rotation(ivk))
    expect((await made.store.find('ivks', {})).map(({ suite }) => suite)).toEqual([Suite.Xaes256Gcm, Suite.Aes256Gcm])
    expect((await made.store.find('tenant_keys', {})).map(({ record }) => record[5])).toEqual([1, 1, 1])
    await everythingOpens()
    await bench.run(rotation(ivk, 2))
    expect((await made.store.find('tenant_keys', {})).map(({ record }) => record[5])).toEqual([2, 2, 2])
    await everythingOpens()
  })

  test('of the IVK moves the keys of every tenant but the one whose row is damaged, and says so', async () => {
    const { otherTenant } = made.scopes
    const damaged = tampered(made.store, (table, rows) =>
      table === 'tenant_keys'
        ? rows.map((row) =>
            otherTenant.tenant.equals(row['tenant'] as Buffer) ? { ...row, created: nudged(row['created']) } : row,
          )
        : rows,
    )
    await expect(new RotationBench(made, damaged).run(rotation(ivk))).rejects.toMatchObject({
      code: 'row-mac-mismatch',
      message: expect.stringMatching(/^1 keys could not be wrapped anew, all others were/),
    })
    expect(await held(ivk, 1)).toBe('1 Tenant Keys')
    await bench.run(rotation(ivk))
    expect(await held(ivk, 1)).toBe('nothing')
    await everythingOpens()
  })

  test('that is asked for twice from one version is done once', async () => {
    for (const address of [ivk, tenantKey, serviceKey]) {
      await bench.run(rotation(address))
      await bench.run(rotation(address))
      expect(await bench.states(address)).toEqual([Grace, Active])
    }
  })

  test('does not begin to use a version before every thread has opened it', async () => {
    for (const address of [ivk, tenantKey, serviceKey]) {
      const seen: number[][] = []
      bench.onRefresh = async () => void seen.push(await bench.states(address))
      await bench.run(rotation(address))
      expect(seen).toEqual([
        [Active, Pending],
        [Grace, Active],
      ])
      bench.onRefresh = async () => {
        throw new KryptonError('not-healthy', 'a thread cannot open the keys')
      }
      await expect(bench.run(rotation(address, 2))).rejects.toMatchObject({ code: 'not-healthy' })
      expect(await bench.states(address)).toEqual([Grace, Active, Pending])
      bench.onRefresh = async () => undefined
      await everythingOpens()
    }
  })

  test('does not activate a version whose record is spoiled: no thread can say that it opens it', async () => {
    const spoiled = tampered(made.store, (table, rows) =>
      table === 'ivks'
        ? rows.map((row) => {
            if (row['state'] !== Pending) return row
            const record = Buffer.from(row['record'] as Buffer)
            record[record.byteLength - 1]! ^= 1
            const changed = { ...row, record }
            return { ...changed, mac: made.chain.system().macRow('ivks', changed as never) }
          })
        : rows,
    )
    const broken = new RotationBench(made, spoiled)
    await expect(broken.run(rotation(ivk))).rejects.toMatchObject({ code: 'record-does-not-open' })
    expect(await bench.states(ivk)).toEqual([Active, Pending])
  })
})

describe('a job that dies', () => {
  const kinds = ['ivks', 'tenant_keys', 'service_keys'] as const

  test.each(kinds)(
    'at any point of a rotation of %s loses nothing, and is finished by the next run with one new version',
    async (table) => {
      const address = { ivks: ivk, tenant_keys: tenantKey, service_keys: serviceKey }[table]
      for (const reason of ['command', 'compromise'] as const) {
        let from = (await bench.states(address)).length
        await bench.run(rotation(address, from, reason))
        const points = bench.points.splice(0)
        expect(points).toEqual(
          expect.arrayContaining(['pending', 'acknowledged', 'active', 'in use', 'rewrapped', 'read back']),
        )
        for (let at = 0; at < points.length; at++) {
          from = (await bench.states(address)).length
          let left = at
          bench.onPoint = () => {
            if (left-- === 0) throw new Killed()
          }
          await expect(bench.run(rotation(address, from, reason))).rejects.toBeInstanceOf(Killed)
          await everythingOpens(reason === 'compromise')
          bench.onPoint = () => undefined
          await bench.run(rotation(address, from, reason))
          await everythingOpens()
          const states = await bench.states(address)
          expect(states).toHaveLength(from + 1)
          expect(states.filter((state) => state === Active)).toHaveLength(1)
          // What is below a compromised Tenant Key is replaced once, too.
          const below = await bench.states(serviceKey)
          if (table === 'tenant_keys') expect(below).toHaveLength(reason === 'compromise' ? at + 3 : 1)
          expect(await made.store.find('previous_key_records', {})).toEqual([])
          expect(await made.store.find('previous_object_records', {})).toEqual([])
          bench.points.splice(0)
        }
      }
    },
  )
})

describe('what is wrapped anew', () => {
  test('is put back as it was when it does not open once it was read back, and the job says so', async () => {
    let isRead = false
    const spoiling = tampered(made.store, (table, rows) => {
      if (table !== 'objects' || !isRead) return rows
      return rows.map((row) => {
        if (row['key_version'] !== 2) return row
        // Spoiled before it was sealed: the MAC is right, the record is none.
        const changed = { ...row, record: Buffer.concat([(row['record'] as Buffer).subarray(0, -1), Buffer.of(0)]) }
        return { ...changed, mac: keys.macRow('objects', changed as never) }
      })
    })
    const keys = await made.chain.service(made.scopes.own)
    const broken = new RotationBench(made, spoiling)
    broken.onPoint = (point) => {
      if (point === 'rewrapped') isRead = true
    }
    await expect(broken.run(rotation(serviceKey))).rejects.toMatchObject({ code: 'record-does-not-open' })
    isRead = false
    const rows = await Promise.all(objects.map((object) => rowOf(made.store, object)))
    const back = rows.filter((row) => row.row_version === 3)
    expect(back).toMatchObject([{ key_version: 1, blob_version: 1 }])
    await everythingOpens()
    await bench.run(rotation(serviceKey))
    await everythingOpens()
    expect(await made.store.find('previous_object_records', {})).toEqual([])
  })

  test('and is changed by a request meanwhile keeps the change', async () => {
    const [object] = objects
    const changeIt = async (): Promise<void> => {
      const keys = await made.chain.tenant(made.scopes.own.tenant)
      const { mac: _, ...row } = await rowOf(made.store, object!)
      const changed = { ...row, state: 3, row_version: row.row_version + 1 }
      const change = { ...changed, mac: keys.macRow('objects', changed) }
      await made.store.commit({
        section: 'data',
        changes: [{ table: 'objects', kind: 'update', row: change, expectedVersion: row.row_version }],
        audit: [],
      })
    }
    const racing = tampered(made.store, (_, rows) => rows)
    let isChanged = false
    const scan = racing.scan.bind(racing)
    racing.scan = async (table, after, limit) => {
      const rows = await scan(table, after, limit)
      if (table === 'objects' && !isChanged) await changeIt()
      isChanged ||= table === 'objects'
      return rows
    }
    await new RotationBench(made, racing).run(rotation(serviceKey))
    expect(await rowOf(made.store, object!)).toMatchObject({ state: 3, key_version: 2, row_version: 3 })
    await everythingOpens()
  })
})

describe('a compromise', () => {
  test('gives every service a key of its own before it moves what the old ones wrap; one that dies forgets no deletion', async () => {
    const { own, sibling } = made.scopes
    const services = [own, sibling].map((scope): KeyAddress => ({ table: 'service_keys', ...scope }))
    bench.onPoint = (point) => {
      if (point === 'rewrapped') throw new Killed()
    }
    await expect(bench.run(rotation(tenantKey, 1, 'compromise'))).rejects.toBeInstanceOf(Killed)
    for (const service of services) expect(await bench.states(service)).toEqual([Compromised, Active])
    for (const scope of [own, sibling]) expect((await bench.threads[0]!.service(scope)).activeVersion).toBe(2)
    expect(bench.jobs).toEqual([])
    bench.onPoint = () => undefined
    await bench.run(rotation(tenantKey, 1, 'compromise'))
    const deleted = bench.jobs.map(({ parameters }) => `${parameters['table']} ${parameters['version']}`)
    expect(deleted.toSorted()).toEqual(['service_keys 1', 'service_keys 1', 'tenant_keys 1'])
    await everythingOpens()
  })

  test('of a Tenant Key replaces the Service Keys below it and moves their objects; old versions wait for their deletion', async () => {
    await bench.run(rotation(tenantKey, 1, 'compromise'))
    const { own, sibling, otherSystem } = made.scopes
    expect(await bench.states(tenantKey)).toEqual([Compromised, Active])
    for (const scope of [own, sibling]) {
      expect(await bench.states({ table: 'service_keys', ...scope })).toEqual([Compromised, Active])
    }
    expect(await bench.states({ table: 'service_keys', ...otherSystem })).toEqual([Active])
    for (const object of objects.filter(({ scope }) => scope.system.equals(own.system))) {
      expect((await rowOf(made.store, object)).key_version).toBe(2)
    }
    expect(bench.jobs.map(({ kind, due }) => [kind, due])).toEqual(
      Array.from({ length: 3 }, () => ['delete-key-version', 1_790_000_000 + 7 * 86_400]),
    )
    await everythingOpens()
    bench.clock.advance(7 * 86_400_000)
    await bench.runDue()
    expect(await bench.states(tenantKey)).toEqual([Retired, Active])
    expect(await bench.states(serviceKey)).toEqual([Retired, Active])
    await everythingOpens()
  })

  test.each(['service_keys', 'tenant_keys', 'ivks'] as const)(
    'that waited while another rotation was done is not taken for that: both versions of %s go, with what they have wrapped',
    async (table) => {
      const address = { service_keys: serviceKey, tenant_keys: tenantKey, ivks: ivk }[table]
      await bench.run(rotation(address))
      const job = rotation(address, 1, 'compromise')
      bench.onPoint = (point) => {
        if (point === 'active') throw new Killed()
      }
      await expect(bench.run(job)).rejects.toBeInstanceOf(Killed)
      bench.onPoint = () => undefined
      // Also when it is run once more after that.
      for (let times = 0; times < 2; times++) expect(await bench.run(job)).toMatch(/^version 3 is active/)
      expect(await bench.states(address)).toEqual([Compromised, Compromised, Active])
      const deletions = bench.jobs.filter(
        (one) => one.kind === 'delete-key-version' && one.parameters['table'] === table,
      )
      expect(deletions.map(({ parameters }) => parameters['version'])).toEqual([1, 2])
      if (table === 'tenant_keys') expect(await bench.states(serviceKey)).toEqual([Compromised, Active])
      await bench.runDue()
      await everythingOpens()
    },
  )

  test('of the IVK asks for the replacement of every Tenant Key and integrity key, once it wraps them with a new version', async () => {
    await bench.run(rotation(ivk, 1, 'compromise'))
    // Five keys are wrapped anew, and the replacement of each is asked for.
    expect(bench.progress).toMatchObject({ done: 10, total: 10 })
    expect(bench.jobs.map(({ kind, parameters }) => [kind, parameters['compromised']])).toEqual([
      ...Array.from({ length: 3 }, () => ['rotate-tenant-key', 1]),
      ...Array.from({ length: 2 }, () => ['rotate-integrity-key', 1]),
      ['delete-key-version', undefined],
    ])
    await bench.runDue()
    for (const object of objects) expect((await rowOf(made.store, object)).key_version).toBe(2)
    await everythingOpens()
  })
})

describe('the deletion of a version', () => {
  const deletion = (address: KeyAddress, version = 1) =>
    deletionJob(address, { version, due: 0, actor: 'operator:ada', subject: 'a version' })

  test('is refused while it is in use, and while anything hangs on it: the refusal says what', async () => {
    for (const address of [ivk, tenantKey, serviceKey]) {
      await expect(bench.run(deletion(address))).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    }
    // A compromise that dies before anything is moved leaves the old version with all that hangs on it.
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Killed()
    }
    const expected: [KeyAddress, RegExp][] = [
      [ivk, /holds 2 tenants' integrity keys, 3 Tenant Keys/],
      [tenantKey, /holds 2 Service Keys/],
      [serviceKey, /holds 6 objects/],
    ]
    for (const [address, message] of expected) {
      await expect(bench.run(rotation(address, 1, 'compromise'))).rejects.toBeInstanceOf(Killed)
      await expect(bench.run(deletion(address))).rejects.toThrow(message)
    }
    await everythingOpens(true)
  })

  test('leaves no byte of the key in the store, and the row to say so', async () => {
    for (const address of [ivk, tenantKey, serviceKey]) {
      await bench.run(rotation(address, 1, 'compromise'))
      expect(await bench.run(deletion(address))).toMatch(/version 1 is deleted/)
      expect(await bench.run(deletion(address))).toBe('it is gone already')
    }
    const rows = [
      ...(await made.store.find('ivks', {})),
      ...(await made.store.find('tenant_keys', {})),
      ...(await made.store.find('service_keys', {})),
    ]
    const retired = rows.filter(({ state }) => state === Retired)
    expect(retired.length).toBe(3)
    expect(retired.map(({ record }) => record.byteLength)).toEqual([0, 0, 0])
    await everythingOpens()
  })
})

describe('the look at every key', () => {
  const day = 86_400_000
  const asked = () => bench.jobs.map(({ kind }) => kind)

  test('asks for a rotation a tenth before or after the period, and for one after a long absence', async () => {
    await bench.maintenance.look()
    bench.clock.advance(26.9 * day)
    await bench.maintenance.look()
    expect(asked()).toEqual([])
    bench.clock.advance(6.2 * day)
    await bench.maintenance.look()
    expect(new Set(asked())).toEqual(new Set(['rotate-ivk', 'rotate-service-key']))
    expect(asked()).toHaveLength(5)
    bench.clock.advance(3_650 * day)
    await bench.maintenance.look()
    await bench.maintenance.look()
    const count = (kind: string): number => asked().filter((one) => one === kind).length
    const kinds = ['rotate-ivk', 'rotate-integrity-key', 'rotate-tenant-key', 'rotate-service-key']
    expect(kinds.map(count)).toEqual([1, 1, 3, 4])
    await bench.runDue()
    for (const address of [ivk, tenantKey, serviceKey]) expect(await bench.states(address)).toEqual([Grace, Active])
    await bench.maintenance.look()
    // Of the system's own, on which nothing is left.
    expect(asked()).toEqual(['delete-integrity-key-version'])
    await everythingOpens()
  })

  test('asks for none when the clock goes back, and for none twice when it jumps there and back', async () => {
    for (const jump of [-3_600_000, -day, -3_650 * day, 3_600_000]) {
      bench.clock.advance(jump)
      await bench.maintenance.look()
      bench.clock.advance(-jump)
    }
    expect(asked()).toEqual([])
    bench.clock.advance(40 * day)
    await bench.maintenance.look()
    await bench.runDue()
    bench.clock.advance(-40 * day)
    await bench.maintenance.look()
    bench.clock.advance(40 * day)
    await bench.maintenance.look()
    expect(asked()).toEqual([])
    expect(await bench.states(ivk)).toEqual([Grace, Active])
  })

  test('lets a version go after its grace and the time in which that can be called back', async () => {
    await bench.run(rotation(ivk))
    bench.clock.advance(0.9 * day)
    await bench.maintenance.look()
    expect(await bench.states(ivk)).toEqual([Grace, Active])
    bench.clock.advance(0.2 * day)
    await bench.maintenance.look()
    expect(await bench.states(ivk)).toEqual([Deprecated, Active])
    expect(bench.jobs.map(({ kind, due }) => [kind, due])).toEqual([
      ['delete-key-version', bench.clock.now() / 1000 + 7 * 86_400],
    ])
    // Called back: the version stays, and is not asked to go again.
    const called = bench.jobs.splice(0)[0]!
    bench.clock.advance(8 * day)
    await bench.maintenance.look()
    expect(bench.jobs).toEqual([])
    expect(await bench.states(ivk)).toEqual([Deprecated, Active])
    await bench.run(called)
    expect(await bench.states(ivk)).toEqual([Retired, Active])
    await everythingOpens()
  })

  test('lets a version of the IVK open for no request after its hard expiry, and still moves what hangs on it', async () => {
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Killed()
    }
    await expect(bench.run(rotation(ivk))).rejects.toBeInstanceOf(Killed)
    bench.onPoint = () => undefined
    bench.clock.advance(91 * day - 1_000)
    await bench.maintenance.look()
    expect(await bench.states(ivk)).toEqual([Grace, Active])
    bench.jobs.length = 0
    bench.clock.advance(1_000)
    // Nothing of a tenant can be looked at before its keys were moved.
    await expect(bench.maintenance.look()).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    expect(await bench.states(ivk)).toEqual([Expired, Active])
    // It does not come back with the clock.
    bench.clock.jump(-3_650 * day)
    const refused = expect.objectContaining({
      code: 'wrong-key-lifecycle-state',
      message: expect.stringMatching(/version 1 of the IVK has passed its hard expiry.*krypton key rotate ivk/),
    })
    for (const chain of [...bench.threads, new KeyChain(made.store, made.root, bench.clock)]) {
      await expect((async () => chain.tenant(made.scopes.own.tenant))()).rejects.toEqual(refused)
      await expect(openStored(chain, made.store, objects[0]!)).rejects.toEqual(refused)
    }
    const [again] = bench.jobs.splice(0)
    expect(again).toMatchObject({ kind: 'rotate-ivk', parameters: { from: 1 } })
    await bench.run(again!)
    await everythingOpens()
    const deletion = deletionJob(ivk, { version: 1, due: 0, actor: 'system', subject: 'version 1' })
    expect(await bench.run(deletion)).toMatch(/version 1 is deleted/)
  })

  test('asks again for what a rotation has left over, instead of letting the version go', async () => {
    bench.onPoint = (point) => {
      if (point === 'in use') throw new Killed()
    }
    for (const address of [ivk, tenantKey, serviceKey]) {
      await expect(bench.run(rotation(address))).rejects.toBeInstanceOf(Killed)
    }
    bench.onPoint = () => undefined
    bench.clock.advance(1.1 * day)
    await bench.maintenance.look()
    expect(asked()).toEqual(['rotate-ivk', 'rotate-tenant-key', 'rotate-service-key'])
    await bench.runDue()
    for (const address of [ivk, tenantKey, serviceKey]) expect(await bench.states(address)).toEqual([Grace, Active])
    await bench.maintenance.look()
    expect(asked()).toEqual(Array(3).fill('delete-key-version'))
    await everythingOpens()
  })
})
