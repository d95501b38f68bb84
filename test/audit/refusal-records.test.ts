import { beforeEach, describe, expect, test } from 'vitest'
import { type Refusal, RefusalRecords } from '../../src/audit/refusal-records.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { KryptonError } from '../../src/errors.ts'
import { limits } from '../../src/limits.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import type { Unit } from '../../src/store/store.ts'
import { Counters } from '../../src/telemetry/counters.ts'
import { FakeClock } from '../support/fake-clock.ts'

let store: MemoryStore
let clock: FakeClock
let counters: Counters
let faults: unknown[]
let records: RefusalRecords
const tenant = randomIdentifier()

beforeEach(() => {
  store = new MemoryStore()
  clock = new FakeClock(1_790_000_000_000)
  counters = new Counters()
  faults = []
  records = new RefusalRecords(store, clock, counters, (error) => faults.push(error))
})

const refusal = (change: Partial<Refusal> = {}): Refusal => ({
  tenant,
  actor: 'client:one',
  operation: 'Get',
  object: undefined,
  code: 'item-not-found',
  ...change,
})

async function written() {
  await records.flush()
  return store.audit('data', 0, 100_000)
}

describe('a refusal', () => {
  test('leaves who asked for what, and why not', async () => {
    const object = randomIdentifier()
    records.add(refusal({ object }))
    records.add(refusal({ operation: 'Destroy', code: 'permission-denied' }))
    expect(await written()).toMatchObject([
      { time: 1_790_000_000, tenant, actor: 'client:one', operation: 'Get', object, result: 'item-not-found' },
      { operation: 'Destroy', object: null, result: 'permission-denied' },
    ])
    expect([counters.read('refusalsNotFound'), counters.read('refusalsPermission')]).toEqual([1, 1])
  })

  test('those of one turn are one transaction', async () => {
    const units: Unit[] = []
    const counting = { commit: async (unit: Unit) => void units.push(unit) }
    records = new RefusalRecords(counting, clock, counters, (error) => faults.push(error))
    for (let i = 0; i < 10; i++) records.add(refusal())
    await records.flush()
    expect(units.map(({ audit }) => audit.length)).toEqual([10])
  })

  test('is written up to a bound for each client, with a record of how many more there were', async () => {
    const more = 7
    for (let i = 0; i < limits.refusalRecordsMax + more; i++) records.add(refusal())
    records.add(refusal({ actor: 'client:two' }))
    expect(await written()).toHaveLength(limits.refusalRecordsMax + 1)
    expect(counters.read('refusalRecordsLeftOut')).toBe(more)
    expect(counters.read('refusalsNotFound')).toBe(limits.refusalRecordsMax + more + 1)
    clock.advance(limits.refusalRecordsMs)
    records.enforceTime(clock.monotonic())
    expect((await written()).at(-1)).toMatchObject({
      actor: 'client:one',
      result: 'left-out',
      detail: '7 more refusals',
    })
    records.add(refusal())
    expect((await written()).at(-1)).toMatchObject({ actor: 'client:one', result: 'item-not-found' })
  })

  test('waits for a slow store in a bounded number, however many clients ask', async () => {
    for (let i = 0; i < limits.refusalRecordsWaitingMax + 5; i++) records.add(refusal({ actor: `client:${i}` }))
    expect(await written()).toHaveLength(limits.refusalRecordsWaitingMax)
    expect(counters.read('refusalRecordsLeftOut')).toBe(5)
  })

  test('that cannot be written is told, and the next one is written', async () => {
    let isFull = true
    const commit = async (unit: Unit): Promise<void> => {
      if (isFull) throw new KryptonError('store-failed', 'the disk is full')
      return store.commit(unit)
    }
    records = new RefusalRecords({ commit }, clock, counters, (error) => faults.push(error))
    records.add(refusal())
    await records.flush()
    expect(faults).toHaveLength(1)
    isFull = false
    records.add(refusal())
    expect(await written()).toHaveLength(1)
  })
})
