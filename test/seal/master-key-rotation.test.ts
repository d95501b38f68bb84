import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import { KryptonError } from '../../src/errors.ts'
import { setDigestKeys } from '../../src/hierarchy/integrity-key.ts'
import { KeyChain } from '../../src/hierarchy/key-chain.ts'
import { noTenant } from '../../src/hierarchy/key-record.ts'
import type { RootKeys } from '../../src/hierarchy/root-keys.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { integrityRotationJob } from '../../src/hierarchy/integrity-rotation.ts'
import { setTables } from '../../src/hierarchy/sets.ts'
import { anchorFile } from '../../src/seal/anchor-place.ts'
import { checkAnchor, writeAnchor } from '../../src/seal/anchor.ts'
import { belowMasterKey, rotateMasterKey } from '../../src/seal/master-key-rotation.ts'
import { checkPins, type RootPins, unseal } from '../../src/seal/seal.ts'
import type { MemoryStore } from '../../src/store/memory.ts'
import type { Values } from '../../src/store/row-key.ts'
import type { TableName } from '../../src/store/schema.ts'
import { tableNames } from '../../src/store/schema.ts'
import { clock, type Hierarchy, newHierarchy, newStaticKey } from '../hierarchy/fixture.ts'
import { Killed, openStored, RotationBench, type StoredObject, storeObjects } from '../hierarchy/rotation-fixture.ts'
import { scrubbed } from '../hierarchy/row-attacks.ts'
import { temporaryDirectory } from '../store/directories.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let objects: readonly StoredObject[]
let pinsBefore: RootPins

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  for (const job of [
    rotationJob({ table: 'ivks' }, { from: 1, reason: 'command', actor: 'system', subject: 'ivk' }),
    integrityRotationJob(noTenant, { from: 1, reason: 'command', actor: 'system', subject: 'integrity' }),
  ])
    await bench.run(job)
  bench.jobs.splice(0)
  objects = await storeObjects({ ...made, chain: bench.work.chain }, made.scopes.own, 2)
  const { cluster, verifier, epoch } = bench.work.chain.root
  pinsBefore = { cluster, verifier, epoch }
})

const rotate = (key: ExternalKey = externalKey) => rotateMasterKey({ ...bench.work, externalKey: key }, 'operator:ada')

/** What is in the files, as a process finds it that knows nothing else. */
const copyOf = (): MemoryStore => made.memory.changedFromOutside(() => undefined)

const opened = (store: MemoryStore, pins: RootPins | undefined): Promise<RootKeys> =>
  unseal(store, externalKey, { production: true, ...(pins && { pins }) })

async function allOpens(chain: KeyChain, store = made.store): Promise<void> {
  for (const object of objects) expect(await openStored(chain, store, object)).toEqual(object.material)
}

function rowsOf(store: MemoryStore): Map<string, readonly Values[]> {
  const found = new Map<string, readonly Values[]>()
  store.changedFromOutside((tables) => {
    for (const [table, rows] of tables) found.set(table, [...rows.values()])
  })
  return found
}

describe('a new epoch of the MasterKey', () => {
  test('wraps IVKs and system integrity keys anew, and nothing else; threads go on at every step', async () => {
    const before = copyOf()
    expect(await belowMasterKey(bench.work)).toEqual({ epoch: 1, ivks: 2, systemIntegrityKeys: 2, seals: 1 })
    const checks: Promise<void>[] = []
    bench.onPoint = () => {
      checks.push(...bench.threads.map((thread) => allOpens(thread)))
    }
    const pins = await rotate()
    await Promise.all(checks)
    expect(bench.points.slice(-5)).toEqual(['known', 'sealed', 'committed', 'opened', 'over'])
    expect(pins.epoch).toBe(2)
    expect(Buffer.from(pins.verifier).equals(pinsBefore.verifier)).toBe(false)
    for (const { root } of [bench.work.chain, ...bench.threads])
      expect([root.epoch, root.nextWrapIvk, root.wrapIvk.version]).toEqual([2, undefined, 2])
    const changed = ['manifest', 'seals', 'ivks', 'integrity_keys']
    const [old, now] = [rowsOf(before), rowsOf(made.memory)]
    for (const table of setTables) {
      if (!changed.includes(table)) expect(now.get(table), table).toEqual(old.get(table))
    }
    const tenants = (rows: readonly Values[] | undefined) =>
      rows!.filter(({ tenant }) => !(tenant as Buffer).equals(noTenant))
    expect(tenants(now.get('integrity_keys'))).toEqual(tenants(old.get('integrity_keys')))
    expect(await made.store.find('seals', {})).toMatchObject([{ epoch: 2, generation: 2 }])
    const root = await opened(copyOf(), pins)
    await allOpens(new KeyChain(made.store, root, clock))
    expect(await scrubbed({ ...made, root }, made.memory, made.memory)).toMatch(/rows are as they were written$/)
    const audit = await made.store.audit('keys', 0, 1_000)
    expect(audit.at(-1)).toMatchObject({ actor: 'operator:ada', operation: 'MasterKeyRotate', result: 'success' })
    // And another, and keys under it.
    expect((await rotate()).epoch).toBe(3)
    await bench.run(rotationJob({ table: 'ivks' }, { from: 2, reason: 'command', actor: 'system', subject: 'ivk' }))
    for (const thread of bench.threads) await allOpens(thread)
  })

  test('that was killed at any step has left one root that opens, and one that does not', async () => {
    for (const point of ['known', 'sealed', 'committed', 'opened', 'over']) {
      const next = await newHierarchy(externalKey)
      made = next
      bench = new RotationBench(next)
      objects = await storeObjects(next, next.scopes.own, 1)
      const { cluster, verifier, epoch } = bench.work.chain.root
      let left: MemoryStore | undefined
      bench.onPoint = (at) => {
        if (at !== point) return
        // What a killed process does after this point is done in another store.
        left = copyOf()
        throw new Killed()
      }
      await expect(rotate()).rejects.toBeInstanceOf(Killed)
      const [manifest] = left!.find('manifest', {})
      const isNew = point !== 'known' && point !== 'sealed'
      expect([point, manifest!.epoch]).toEqual([point, isNew ? 2 : 1])
      const [old, now] = [
        { cluster, verifier, epoch },
        { cluster, verifier: manifest!.master_key_verifier, epoch: manifest!.epoch },
      ]
      if (isNew) await expect(opened(left!, old)).rejects.toMatchObject({ code: 'seal-failed' })
      const root = await opened(left!, now)
      const keys = setDigestKeys(root)
      await left!.keepSets(keys, false)
      for (const { secret } of keys) secret.wipe()
      await allOpens(new KeyChain(left!, root, clock), left)
      expect(await scrubbed({ ...next, root }, left!, left!)).toMatch(/rows are as they were written$/)
    }
  })

  test('makes the root of before worth nothing: its seal, its manifest, its keys, all of its store', async () => {
    const before = copyOf()
    const { path, data } = temporaryDirectory()
    const place = anchorFile(`${path}/anchor`, data)
    const pins = await rotate()
    await writeAnchor({ store: made.store, root: bench.work.chain.root, place, clock })
    const putBack = (...tables: TableName[]) =>
      made.memory.changedFromOutside((now) => {
        before.changedFromOutside((old) => {
          for (const table of tables) now.set(table, old.get(table)!)
        })
      })
    // The blob of before in the place of that of now.
    const [seal] = before.find('seals', {})
    const swapped = made.memory.changedFromOutside((tables) => {
      const [[key, row] = []] = [...tables.get('seals')!]
      tables.get('seals')!.set(key!, { ...row, blob: seal!.blob })
    })
    for (const store of [swapped, putBack('seals'), putBack('manifest'), putBack('manifest', 'seals')]) {
      await expect(opened(store, undefined)).rejects.toMatchObject({
        code: expect.stringMatching(/^(seal-failed|record-invalid|record-does-not-open)$/),
      })
    }
    // Beside that of now it is not chosen, and found.
    const beside = made.memory.changedFromOutside((tables) => {
      tables.get('seals')!.set('old', seal!)
    })
    const root = await opened(beside, pins)
    const keys = setDigestKeys(root)
    await beside.keepSets(keys, false)
    expect(await beside.compareSet('seals')).toMatchObject({ table: 'seals', kept: 1, found: 2 })
    // Everything that says what the root is: the pins tell, the anchor, and the digest.
    for (const store of [putBack('manifest', 'seals', 'ivks', 'integrity_keys'), before]) {
      await expect(opened(store, pins)).rejects.toThrow(
        /^the store has another MasterKey than the configuration pins: restore the right store/,
      )
      const old = await opened(store, undefined)
      await expect(checkAnchor({ store, root: old, place, clock })).rejects.toMatchObject({ code: 'anchor-mismatch' })
      if (store === before) continue
      await store.keepSets(keys, false)
      expect(await store.compareSet('manifest')).toMatchObject({ table: 'manifest' })
    }
    for (const { secret } of keys) secret.wipe()
  })

  test('is refused to who pins the former one, with the two lines that are to be changed', async () => {
    const pins = await rotate()
    const verifier = Buffer.from(pins.verifier).toString('hex')
    const [manifest] = await made.store.find('manifest', {})
    expect(() => checkPins(manifest!, pinsBefore)).toThrow(
      `the store is of epoch 2 of its MasterKey, the configuration pins epoch 1: if somebody has run krypton operator rotate and it has printed verifier: ${verifier} and epoch: 2, change these two lines in section seal of the configuration; if nobody has`,
    )
    checkPins(manifest!, pins)
    expect(() => checkPins({ ...manifest!, cluster: Buffer.alloc(16) }, pinsBefore)).toThrow(/restore the right store/)
  })

  test('that does not open from the store is taken back', async () => {
    const before = rowsOf(made.memory)
    let unwraps = 0
    const failing: ExternalKey = {
      ...externalKey,
      unwrap: async () => {
        unwraps++
        throw new KryptonError('external-key-unreachable', 'it is away')
      },
    }
    await expect(rotate(failing)).rejects.toMatchObject({ code: 'external-key-unreachable' })
    expect(unwraps).toBe(1)
    for (const [table, rows] of rowsOf(made.memory)) {
      const plain = (some: readonly Values[]) => some.map(({ mac: _mac, row_version: _version, ...row }) => row)
      expect(plain(rows), table).toEqual(plain(before.get(table)!))
    }
    await allOpens(new KeyChain(made.store, await opened(copyOf(), pinsBefore), clock))
    for (const { root } of [bench.work.chain, ...bench.threads])
      expect([root.epoch, root.nextWrapIvk]).toEqual([1, undefined])
    expect((await rotate()).epoch).toBe(2)
  })

  test('does not begin when a thread does not answer, nor with another key than that of the seal, nor twice at once', async () => {
    bench.onRefresh = () => Promise.reject(new KryptonError('not-healthy', 'a thread does not answer'))
    await expect(rotate()).rejects.toMatchObject({ code: 'not-healthy' })
    bench.onRefresh = async () => undefined
    const other = newStaticKey()
    await expect(rotate(other.externalKey)).rejects.toMatchObject({ code: 'seal-failed' })
    other.remove()
    expect(await made.store.find('manifest', {})).toMatchObject([{ epoch: 1 }])
    const [first, second] = await Promise.allSettled([rotate(), rotate()])
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
    expect(bench.work.chain.root.epoch).toBe(2)
    // It has begun when a thread lets the former keys go too late.
    bench.onPoint = (point) => {
      if (point === 'opened') bench.onRefresh = () => Promise.reject(new Error('late'))
    }
    await expect(rotate()).rejects.toThrow(/^epoch 3 of the MasterKey has begun, with verifier [0-9a-f]{64}/)
  })

  test('and a new key under the MasterKey at one moment: neither is lost', async () => {
    const ivk = rotationJob({ table: 'ivks' }, { from: 2, reason: 'command', actor: 'system', subject: 'ivk' })
    const sik = integrityRotationJob(noTenant, { from: 2, reason: 'command', actor: 'system', subject: 'integrity' })
    for (const job of [ivk, sik]) {
      const turns = await Promise.allSettled([rotate(), bench.run(job)])
      expect(turns[0].status).toBe('fulfilled')
      if (turns[1].status === 'rejected') {
        // As a job that is tried again.
        expect(turns[1].reason).toMatchObject({ code: 'store-conflict' })
        await bench.run(job)
      }
    }
    const root = await opened(copyOf(), undefined)
    await allOpens(new KeyChain(made.store, root, clock))
    expect((await made.store.find('ivks', {})).filter(({ record }) => record.byteLength > 0)).toHaveLength(3)
    for (const table of tableNames) await made.memory.compareSet(table).then((found) => expect(found).toBeUndefined())
  })
})
