import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { randomBytes, randomIdentifier } from '../../src/crypto/random.ts'
import { announceKey, createServiceKeys, KeyChain, type Scope } from '../../src/hierarchy/key-chain.ts'
import { KryptonError } from '../../src/errors.ts'
import { BreakGlass } from '../../src/hierarchy/break-glass.ts'
import { type Destruction, destructionJob } from '../../src/hierarchy/key-destruction.ts'
import { changeKey } from '../../src/hierarchy/key-change.ts'
import { checkAct, type KeyAct, type KeyChange, keyActs, stateAfter } from '../../src/hierarchy/key-life.ts'
import { KeyState, opens } from '../../src/hierarchy/key-state.ts'
import { compromiseJob, type KeyAddress, rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { Suite } from '../../src/crypto/aead.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { destroySubtrees } from '../rotations/destructions.ts'
import { Killed, openStored, RotationBench, storeObjects, type StoredObject } from './rotation-fixture.ts'

const { Pending, Active, Grace, Deprecated, Retired, Compromised, Suspended, Deactivated, Expired } = KeyState
const states = [Pending, Active, Grace, Deprecated, Retired, Compromised, Suspended, Deactivated, Expired]
const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let tenantKey: KeyAddress
let serviceKey: KeyAddress
beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  const { own } = made.scopes
  tenantKey = { table: 'tenant_keys', tenant: own.tenant, system: own.system }
  serviceKey = { table: 'service_keys', ...own }
})

const change = (address: KeyAddress, act: KeyChange) =>
  changeKey(bench.work, Suite.Xaes256Gcm, address, { act, actor: 'operator:ada' })
const destroy = (what: Destruction) => bench.run(destructionJob(what, { actor: 'operator:ada', subject: 'keys' }))
const context = {
  object: randomIdentifier(),
  objectVersion: 1,
  objectType: 2,
  algorithm: 3,
  lengthBits: 256,
  blobVersion: 1,
}
const seals = async (scope: Scope): Promise<boolean> => {
  const answers = []
  for (const chain of [...bench.threads, new KeyChain(made.store, made.root, bench.clock)]) {
    try {
      ;(await chain.service(scope)).sealObject(context, randomBytes(32))
      answers.push(true)
    } catch (error) {
      expect(error).toMatchObject({ code: 'wrong-key-lifecycle-state' })
      answers.push(false)
    }
  }
  expect(new Set(answers).size).toBe(1)
  return answers[0]!
}
const refusesToOpen = async (object: StoredObject): Promise<void> => {
  for (const chain of [...bench.threads, new KeyChain(made.store, made.root, bench.clock)])
    await expect(openStored(chain, made.store, object)).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
}

describe('the life of a key', () => {
  /** What each act makes of a version in each state, by hand: nothing where a cell is empty. */
  const table: Readonly<Record<KeyAct, readonly (KeyState | undefined)[]>> = {
    //           pending  active       grace    deprecated retired    compromised suspended    deactivated expired
    activate: [Active, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined],
    suspend: [undefined, Suspended, undefined, undefined, undefined, undefined, undefined, undefined, undefined],
    resume: [undefined, undefined, undefined, undefined, undefined, undefined, Active, undefined, undefined],
    deactivate: [undefined, Deactivated, undefined, undefined, undefined, undefined, Deactivated, undefined, undefined],
    compromise: [
      Compromised,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      Compromised,
      Compromised,
      undefined,
    ],
    destroy: [Retired, Retired, Retired, Retired, undefined, Retired, Retired, Retired, Retired],
  }

  test.each(keyActs)('by %s is as its table says, for each state and each kind of key', (act) => {
    expect(states.map((state) => stateAfter(state, act))).toEqual(table[act])
    for (const level of ['tenant_keys', 'service_keys'] as const) {
      states.forEach((state, at) => {
        const refused = expect(() => checkAct(level, [state], act))
        if (table[act][at] === undefined)
          refused.toThrow(expect.objectContaining({ code: 'wrong-key-lifecycle-state' }))
        else refused.not.toThrow()
      })
    }
    for (const state of states)
      expect(() => checkAct('ivks', [state], act)).toThrow(expect.objectContaining({ code: 'invalid-field' }))
  })

  test.each([
    [[Grace, Active], 'resume', /a suspended key can be resumed; it is active$/],
    [[Grace, Suspended], 'suspend', /an active key can be suspended; it is suspended: krypton key resume ends that$/],
    [[Pending], 'suspend', /it is announced and was never active: krypton key activate ends that$/],
    [[Retired, Deactivated], 'resume', /it is deactivated, for good: use another system or service$/],
    [[Compromised], 'compromise', /it is compromised and none has taken its place: krypton key break-glass grant/],
    [[Retired, Retired], 'destroy', /there is nothing left that could be destroyed; it is destroyed, for good/],
    [[], 'destroy', /it is destroyed/],
  ] as const)('is refused with how the key stands: %j, %s', (of, act, words) => {
    expect(() => checkAct('service_keys', [...of], act)).toThrow(words)
  })

  test('lets a version open in every state but pending, retired and expired', () => {
    expect(states.filter((state) => !opens(state))).toEqual([Pending, Retired, Expired])
  })
})

describe('an announced key', () => {
  const announced = (service?: Buffer): Omit<Scope, 'service'> & Partial<Scope> => ({
    tenant: made.scopes.own.tenant,
    system: service === undefined ? randomIdentifier() : made.scopes.own.system,
    ...(service === undefined ? {} : { service }),
  })
  const addressOf = (scope: Omit<Scope, 'service'> & Partial<Scope>): KeyAddress =>
    scope.service === undefined
      ? { table: 'tenant_keys', tenant: scope.tenant, system: scope.system }
      : { table: 'service_keys', ...scope, service: scope.service }

  test('is used by no thread before every one has opened it, of a system and of a service in it', async () => {
    for (const scope of [announced(), announced(randomIdentifier())]) {
      await made.store.commit(await announceKey(made.chain, scope, 'operator:ada'))
      const address = addressOf(scope)
      const service = scope.service ?? randomIdentifier()
      if (scope.service === undefined)
        await expect(createServiceKeys(made.chain, { ...scope, service }, 'system')).rejects.toMatchObject({
          code: 'wrong-key-lifecycle-state',
        })
      else expect(await seals({ ...scope, service })).toBe(false)
      for (const act of ['suspend', 'resume', 'deactivate'] as const)
        await expect(change(address, act)).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
      bench.onRefresh = async () => {
        throw new KryptonError('not-healthy', 'a thread cannot open the keys')
      }
      await expect(change(address, 'activate')).rejects.toMatchObject({ code: 'not-healthy' })
      expect(await bench.states(address)).toEqual([Pending])
      const seen: number[][] = []
      bench.onRefresh = async () => void seen.push(await bench.states(address))
      await change(address, 'activate')
      expect(seen).toEqual([[Pending], [Active]])
      await expect(change(address, 'activate')).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
      if (scope.service === undefined)
        await made.store.commit(await createServiceKeys(made.chain, { ...scope, service }, 'system'))
      expect(await seals({ ...scope, service })).toBe(true)
    }
  })

  test('of a service waits for its system; the next version of a key is activated by its rotation alone', async () => {
    const service = randomIdentifier()
    await made.store.commit(await announceKey(made.chain, announced(service), 'operator:ada'))
    await change(tenantKey, 'suspend')
    const address: KeyAddress = { table: 'service_keys', ...made.scopes.own, service }
    await expect(change(address, 'activate')).rejects.toThrow(/it is suspended: krypton key resume ends that$/)
    await expect(announceKey(made.chain, announced(randomIdentifier()), 'system')).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
    await change(tenantKey, 'resume')
    bench.onPoint = (point) => {
      if (point === 'pending') throw new Killed()
    }
    const job = rotationJob(serviceKey, { from: 1, reason: 'command', actor: 'system', subject: 'x' })
    await expect(bench.run(job)).rejects.toBeInstanceOf(Killed)
    bench.onPoint = () => undefined
    await change(serviceKey, 'suspend')
    await expect(change(serviceKey, 'activate')).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    expect(await bench.states(serviceKey)).toEqual([Suspended, Pending])
  })

  test('below a key that somebody else may know is made anew, and none of it is left', async () => {
    const scope = announced(randomIdentifier())
    const system = announced()
    for (const one of [scope, system]) await made.store.commit(await announceKey(made.chain, one, 'operator:ada'))
    await bench.run(rotationJob(tenantKey, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' }))
    expect(await bench.states(addressOf(scope))).toEqual([Retired, Pending])
    await bench.run(rotationJob({ table: 'ivks' }, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' }))
    expect(await bench.states(addressOf(system))).toEqual([Retired, Pending])
    for (const one of [scope, system]) {
      await change(addressOf(one), 'activate')
      expect(await bench.states(addressOf(one))).toEqual([Retired, Active])
    }
    expect(await seals({ ...scope, service: scope.service! })).toBe(true)
  })
})

describe('a key that is declared compromised without a successor', () => {
  test('wraps nothing, opens by a grant alone, and can only be destroyed', async () => {
    const [object] = await storeObjects(made, made.scopes.own, 1)
    await change(serviceKey, 'deactivate')
    await bench.run(compromiseJob(serviceKey, { actor: 'operator:ada', subject: 'x' }))
    expect(await bench.states(serviceKey)).toEqual([Compromised])
    expect(bench.meant.at(-1)).toMatchObject({ forget: true })
    expect(await seals(made.scopes.own)).toBe(false)
    await refusesToOpen(object!)
    for (const act of ['activate', 'suspend', 'resume', 'deactivate', 'compromise'] as const)
      await expect(change(serviceKey, act)).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    await expect(change(tenantKey, 'compromise')).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    await new BreakGlass(bench.work).grant(made.scopes.own, { minutes: 5, reason: 'test', actor: 'system' })
    expect(await openStored(bench.threads[0]!, made.store, object!)).toEqual(object!.material)
    await destroy(made.scopes.own)
    await refusesToOpen(object!)
  })

  test('is named by the compromise of the key above it, which cannot replace it', async () => {
    await change(serviceKey, 'suspend')
    const job = rotationJob(tenantKey, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' })
    expect(await bench.run(job)).toMatch(/1 Service Keys are halted and were not replaced: declare them compromised/)
  })
})

describe('a key in each state', () => {
  /** What can be done below a key whose only version was brought into a state. */
  const cells: readonly [
    string,
    (address: KeyAddress) => Promise<unknown>,
    { seals: boolean; opens: boolean; rotates: boolean },
  ][] = [
    ['active', async () => undefined, { seals: true, opens: true, rotates: true }],
    ['suspended', (address) => change(address, 'suspend'), { seals: false, opens: true, rotates: false }],
    ['deactivated', (address) => change(address, 'deactivate'), { seals: false, opens: true, rotates: false }],
    ['destroyed', (address) => destroy(address as never), { seals: false, opens: false, rotates: false }],
    [
      'resumed',
      async (address) => {
        await change(address, 'suspend')
        await change(address, 'resume')
      },
      { seals: true, opens: true, rotates: true },
    ],
  ]

  test.each(cells)(
    '%s: sealing, opening and rotating are allowed or refused below L2 and L3, on every thread',
    async (_, bring, cell) => {
      for (const level of ['L2', 'L3'] as const) {
        made = await newHierarchy(externalKey)
        bench = new RotationBench(made)
        const { own, sibling, otherTenant } = made.scopes
        const [object] = await storeObjects(made, own, 1)
        const [below] = await storeObjects(made, sibling, 1)
        for (const chain of bench.threads) await openStored(chain, made.store, object!)
        const address: KeyAddress =
          level === 'L2'
            ? { table: 'tenant_keys', tenant: own.tenant, system: own.system }
            : { table: 'service_keys', ...own }
        await bring(address)
        expect(await seals(own)).toBe(cell.seals)
        // A Tenant Key stands for every service of its system, a Service Key for its own alone.
        expect(await seals(sibling)).toBe(level === 'L2' ? cell.seals : true)
        expect(await seals(otherTenant)).toBe(true)
        if (cell.opens)
          for (const chain of bench.threads)
            expect(await openStored(chain, made.store, object!)).toEqual(object!.material)
        else await refusesToOpen(object!)
        if (cell.opens || level === 'L3')
          expect(await openStored(bench.threads[0]!, made.store, below!)).toEqual(below!.material)
        const rotated = bench.run(rotationJob(address, { from: 1, reason: 'command', actor: 'system', subject: 'x' }))
        if (cell.rotates) await rotated
        else await expect(rotated).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
      }
    },
  )

  test('tells every thread, and the audit who did it', async () => {
    await change(serviceKey, 'suspend')
    expect(bench.refreshes).toBe(1)
    expect(await bench.states(serviceKey)).toEqual([Suspended])
    await expect(change(serviceKey, 'suspend')).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    await change(serviceKey, 'deactivate')
    await expect(change(serviceKey, 'resume')).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    await expect(change({ table: 'ivks' }, 'suspend')).rejects.toMatchObject({ code: 'invalid-field' })
    const audit = (await made.store.audit('keys', 0, 100)).slice(-2)
    expect(audit.map(({ operation, actor }) => [operation, actor])).toEqual([
      ['KeySuspend', 'operator:ada'],
      ['KeyDeactivate', 'operator:ada'],
    ])
  })

  test('gives no new service to a system that is halted, and makes no key of version 1 again', async () => {
    await change(tenantKey, 'suspend')
    const scope = { ...made.scopes.own, service: randomIdentifier() }
    await expect(createServiceKeys(made.chain, scope, 'system')).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
    await change(tenantKey, 'resume')
    await made.store.commit(await createServiceKeys(made.chain, scope, 'system'))
    await destroy({ tenant: scope.tenant, system: scope.system })
    await expect(
      createServiceKeys(made.chain, { ...scope, service: randomIdentifier() }, 'system'),
    ).rejects.toMatchObject({
      code: 'wrong-key-lifecycle-state',
    })
  })

  test('wraps nothing anew below a key that is halted meanwhile, and goes on when it is resumed', async () => {
    const objects = await storeObjects(made, made.scopes.own, 3)
    await bench.run(rotationJob(serviceKey, { from: 1, reason: 'command', actor: 'system', subject: 'x' }))
    await change(tenantKey, 'suspend')
    const again = rotationJob(serviceKey, { from: 1, reason: 'left over', actor: 'system', subject: 'x' })
    await expect(bench.run(again)).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    await bench.run(rotationJob({ table: 'ivks' }, { from: 1, reason: 'command', actor: 'system', subject: 'x' }))
    await change(tenantKey, 'resume')
    await bench.run(again)
    for (const object of objects)
      expect(await openStored(bench.threads[1]!, made.store, object)).toEqual(object.material)
  })
})

describe('a destruction', () => {
  test('takes what its dry run counts, on random subtrees: what is below opens no more, everything else does', async () => {
    const outcome = await destroySubtrees(24)
    expect(outcome.wrong).toEqual([])
    expect(outcome.destroyed).toBeGreaterThan(0)
    expect((await destroySubtrees(6, (objects) => objects + 1)).wrong).not.toEqual([])
  })

  test('leaves no byte of the keys, and makes every thread let go of what it has opened', async () => {
    const { tenant, system } = made.scopes.own
    await destroy({ tenant })
    const rows = [
      ...(await made.store.find('tenant_keys', { tenant })),
      ...(await made.store.find('service_keys', { tenant })),
    ]
    expect(rows.map(({ state, record }) => [state, record.byteLength])).toEqual(rows.map(() => [Retired, 0]))
    expect(bench.meant.at(-1)).toEqual({ tenant, forget: true })
    await expect(destroy({ tenant, system })).rejects.toMatchObject({ code: 'wrong-key-lifecycle-state' })
    expect(await seals(made.scopes.otherTenant)).toBe(true)
  })

  test('that a thread does not confirm is tried again, and confirmed with what it took', async () => {
    const { tenant } = made.scopes.own
    await storeObjects(made, made.scopes.own, 2)
    bench.onRefresh = async () => {
      throw new Error('planted')
    }
    const job = destructionJob({ tenant }, { actor: 'operator:ada', subject: 'keys' })
    const saved = { done: 0, total: 0, position: Buffer.alloc(0) }
    await expect(bench.run(job, saved)).rejects.toThrow('planted')
    bench.onRefresh = async () => undefined
    expect(await bench.run(job, saved)).toMatch(/^5 versions are destroyed, 2 objects/)
  })
})
