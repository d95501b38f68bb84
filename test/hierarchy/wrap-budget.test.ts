import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Suite } from '../../src/crypto/aead.ts'
import { randomIdentifier } from '../../src/crypto/random.ts'
import { isKryptonError } from '../../src/errors.ts'
import { createTenantKeys, KeyChain } from '../../src/hierarchy/key-chain.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { limits } from '../../src/limits.ts'
import { clock, type Hierarchy, newHierarchy, newScope, newStaticKey } from './fixture.ts'
import { RotationBench } from './rotation-fixture.ts'
import { nudged, tampered } from './tampered-store.ts'

const { externalKey, remove } = newStaticKey()
afterAll(remove)
afterEach(() => vi.restoreAllMocks())

let made: Hierarchy
let bench: RotationBench
const most = 40

beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made, made.store, Suite.Aes256Gcm)
  vi.spyOn(limits, 'wrapsOfShortNonceMax', 'get').mockReturnValue(most)
  vi.spyOn(limits, 'wrapBlock', 'get').mockReturnValue(7)
  await bench.run(rotationJob({ table: 'ivks' }, { from: 1, reason: 'command', actor: 'system', subject: 'ivk' }))
})

/** Records that version `version` of the IVK wraps in the store. */
async function wrapped(version: number): Promise<number> {
  const rows = [...(await made.store.find('integrity_keys', {})), ...(await made.store.find('tenant_keys', {}))]
  const ivks = await made.chain.ivks()
  const { keyId } = ivks.byVersion.get(version)!
  return rows.filter(({ record }) => Buffer.compare(record.subarray(8, 24), keyId) === 0).length
}

describe('the budget of a key', () => {
  test('is never passed, however many wrap at once and are killed; then nobody is given a key any more', async () => {
    let refused = 0
    for (let life = 0; life < 30; life++) {
      // A process that dies takes with it what was left of its block.
      const chains = [1, 2, 3].map(() => new KeyChain(made.store, made.root, clock))
      await Promise.all(
        chains.map(async (chain) => {
          try {
            await made.store.commit(await createTenantKeys(chain, newScope(), 'system'))
          } catch (error) {
            if (!isKryptonError(error, 'wrong-key-lifecycle-state')) throw error
            expect(error.message).toMatch(/krypton key rotate ivk/)
            refused++
          }
        }),
      )
    }
    expect(refused).toBeGreaterThan(0)
    expect(await wrapped(2)).toBeLessThanOrEqual(most)
    expect(await wrapped(2)).toBeGreaterThan(10)
    const [budget] = await made.store.find('wrap_budgets', { key_id: (await made.store.find('ivks', {}))[1]!.key_id })
    expect(budget!.reserved).toBeLessThanOrEqual(most)
  })

  test('asks for a rotation before it is used up, and the next version has one of its own', async () => {
    await bench.maintenance.look()
    expect(bench.jobs).toEqual([])
    // Five uses by the rotation and two by each tenant: more than nine tenths.
    for (let tenants = 0; tenants < 16; tenants++) {
      await made.store.commit(await createTenantKeys(bench.work.chain, newScope(), 'system'))
    }
    await bench.maintenance.look()
    expect(bench.jobs.map(({ kind, parameters }) => [kind, parameters['from']])).toEqual([['rotate-ivk', 2]])
    await bench.runDue()
    await made.store.commit(await createTenantKeys(bench.work.chain, newScope(), 'system'))
    expect(await wrapped(2)).toBe(0)
  })

  test('is refused when its row was changed from outside', async () => {
    const store = tampered(made.store, (table, rows) =>
      table === 'wrap_budgets' ? rows.map((row) => ({ ...row, reserved: nudged(row['reserved']) })) : rows,
    )
    const chain = new KeyChain(store, made.root, clock)
    await expect(
      createTenantKeys(chain, { ...newScope(), tenant: randomIdentifier() }, 'system'),
    ).rejects.toMatchObject({
      code: 'row-mac-mismatch',
    })
  })
})
