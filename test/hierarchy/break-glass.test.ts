import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { BreakGlass, type GrantedKeys } from '../../src/hierarchy/break-glass.ts'
import type { Scope } from '../../src/hierarchy/key-chain.ts'
import { rotationJob } from '../../src/hierarchy/rotation-jobs.ts'
import { limits } from '../../src/limits.ts'
import { type Hierarchy, newHierarchy, newStaticKey } from './fixture.ts'
import { openStored, RotationBench, storeObjects, type StoredObject } from './rotation-fixture.ts'
import { nudged, tampered } from './tampered-store.ts'

const minute = 60_000
const { externalKey, remove } = newStaticKey()
afterAll(remove)

let made: Hierarchy
let bench: RotationBench
let glass: BreakGlass
let own: StoredObject
let sibling: StoredObject
/** Both services' keys are compromised, and what they wrap could not be moved yet. */
beforeEach(async () => {
  made = await newHierarchy(externalKey)
  bench = new RotationBench(made)
  glass = new BreakGlass(bench.work)
  const stored = await Promise.all([made.scopes.own, made.scopes.sibling].map((scope) => storeObjects(made, scope, 1)))
  ;[own, sibling] = stored.map(([object]) => object!) as [StoredObject, StoredObject]
  bench.onPoint = (point) => {
    if (point === 'in use') throw new Error('planted')
  }
  for (const scope of [made.scopes.own, made.scopes.sibling]) {
    const address = { table: 'service_keys', ...scope } as const
    const job = rotationJob(address, { from: 1, reason: 'compromise', actor: 'system', subject: 'x' })
    await expect(bench.run(job)).rejects.toThrow('planted')
  }
  bench.onPoint = () => undefined
})

const grant = (what: GrantedKeys, minutes = 30) =>
  glass.grant(what, { minutes, reason: 'incident 4711', actor: 'operator:ada' })
/** What every thread says, the same in each. */
const opens = async (object: StoredObject): Promise<boolean> => {
  const answers = []
  for (const chain of bench.threads) {
    const opened = await openStored(chain, made.store, object).catch((error: unknown) => error)
    if (Buffer.isBuffer(opened)) expect(opened).toEqual(object.material)
    else expect(opened).toMatchObject({ code: 'wrong-key-lifecycle-state' })
    answers.push(Buffer.isBuffer(opened))
  }
  expect(new Set(answers).size).toBe(1)
  return answers[0]!
}
const ofService = ({ tenant, system, service }: Scope) => ({ tenant, system, service })
const ofSystem = ({ tenant, system }: Scope) => ({ tenant, system })

describe('a grant', () => {
  test('opens the objects of its service, or of its system, and of no other; it takes nothing new', async () => {
    expect([await opens(own), await opens(sibling)]).toEqual([false, false])
    await grant(ofService(own.scope))
    expect([await opens(own), await opens(sibling)]).toEqual([true, false])
    const keys = await bench.threads[0]!.service(own.scope)
    // The version that took the place of the compromised one wraps; the compromised one does not.
    expect([keys.activeVersion, keys.isUnderGrant]).toEqual([2, true])
    await grant(ofSystem(own.scope))
    expect([await opens(own), await opens(sibling)]).toEqual([true, true])
    await expect(grant(ofSystem({ ...made.scopes.otherTenant }))).resolves.toBeDefined()
  })

  test('ends by itself in every thread, by whichever clock comes there first', async () => {
    await grant(ofService(own.scope))
    bench.clock.advance(29 * minute)
    expect(await opens(own)).toBe(true)
    // No thread waits for the one that ends grants.
    bench.clock.advance(minute)
    expect(await opens(own)).toBe(false)
    expect(await glass.look()).toBe(0)
    expect(await opens(own)).toBe(false)
    await grant(ofService(own.scope))
    for (const jump of [3_600_000, 86_400_000, 3_650 * 86_400_000]) {
      expect(await opens(own)).toBe(true)
      bench.clock.jump(jump)
      expect(await opens(own)).toBe(false)
      expect(await glass.look()).toBe(0)
      bench.clock.jump(-jump)
      // It does not come back with the clock.
      expect(await opens(own)).toBe(false)
      await grant(ofService(own.scope))
    }
    for (const jump of [-3_600_000, -86_400_000, -3_650 * 86_400_000]) {
      bench.clock.jump(jump)
      expect(await opens(own)).toBe(true)
      bench.clock.advance(30 * minute)
      expect(await opens(own)).toBe(false)
      expect(await glass.look()).toBe(0)
      await grant(ofService(own.scope))
    }
  })

  test('is ended by command, and makes every thread let go of what it had opened; one that does not confirm is asked again', async () => {
    const { grant: id } = await grant(ofService(own.scope))
    expect(await opens(own)).toBe(true)
    bench.onRefresh = async () => {
      throw new Error('planted')
    }
    await expect(glass.end(id.toString('hex'), 'operator:ada')).rejects.toThrow('planted')
    expect(await opens(own)).toBe(false)
    await expect(glass.look()).rejects.toThrow('planted')
    bench.onRefresh = async () => undefined
    bench.meant.length = 0
    expect(await glass.look()).toBe(0)
    expect(bench.meant).toEqual([{ ...ofSystem(own.scope), forget: true }])
    await expect(glass.end(id.toString('hex'), 'operator:ada')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('ends with the process, whatever its time', async () => {
    await grant(ofService(own.scope), limits.breakGlassMinutesMax)
    await new BreakGlass(bench.work).start()
    expect(await opens(own)).toBe(false)
    expect(await made.store.find('break_glass', {})).toEqual([])
  })

  test('stands in the audit with who asked, why and for how long, and with its end', async () => {
    const { grant: id } = await grant(ofService(own.scope))
    await glass.end(id.toString('hex'), 'operator:bob')
    const audit = (await made.store.audit('keys', 0, 1_000)).slice(-2)
    expect(audit.map(({ operation, actor, object, detail }) => [operation, actor, object, detail])).toEqual([
      ['BreakGlassGrant', 'operator:ada', id, '30 minutes: incident 4711'],
      ['BreakGlassEnd', 'operator:bob', id, 'incident 4711'],
    ])
  })

  test('that was made or made longer from outside opens nothing', async () => {
    await grant(ofService(own.scope))
    const longer = tampered(made.store, (table, rows) =>
      table === 'break_glass' ? rows.map((row) => ({ ...row, expires: nudged(row['expires']) })) : rows,
    )
    const changed = new RotationBench(made, longer)
    await expect(openStored(changed.threads[0]!, made.store, own)).rejects.toMatchObject({ code: 'row-mac-mismatch' })
    await expect(new BreakGlass(changed.work).list()).rejects.toMatchObject({ code: 'row-mac-mismatch' })
  })

  test('is refused when too many are open', async () => {
    for (let count = 0; count < limits.breakGlassGrantsMax; count++) await grant(ofService(own.scope))
    await expect(grant(ofService(own.scope))).rejects.toMatchObject({ code: 'invalid-field' })
  })
})
