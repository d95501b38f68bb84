import { afterAll, beforeAll, expect, test } from 'vitest'
import { BreakGlass } from '../../src/hierarchy/break-glass.ts'
import { KeyState } from '../../src/hierarchy/key-state.ts'
import type { KeyAddress } from '../../src/hierarchy/rotation-jobs.ts'
import { limits } from '../../src/limits.ts'
import type { Row } from '../../src/store/schema.ts'
import { newHierarchy, newStaticKey } from './fixture.ts'
import { openStored, RotationBench, storeObjects } from './rotation-fixture.ts'

const { externalKey, remove } = newStaticKey()
const { keyLookPauseMs } = limits
beforeAll(() => void Object.assign(limits, { keyLookPauseMs: 0 }))
afterAll(() => {
  Object.assign(limits, { keyLookPauseMs })
  remove()
})

const hour = 3_600_000
const day = 24 * hour
const year = 365 * day
/** What a wall clock does, while time passes or not. */
const jumps = [0, hour, -hour, day, -day, 10 * year, -10 * year]
const { Pending, Active, Grace, Deprecated, Retired, Expired } = KeyState
/** A version only ever goes on. */
const order: readonly number[] = [Pending, Active, Grace, Deprecated, Expired, Retired]

test('clocks that jump, stand still and come back rotate nothing twice, and bring back no version and no grant', async () => {
  for (let round = 0; round < 6; round++) {
    const made = await newHierarchy(externalKey)
    const bench = new RotationBench(made)
    const { own } = made.scopes
    const objects = await storeObjects(made, own, 2)
    const keys: readonly (readonly [KeyAddress, number])[] = [
      [{ table: 'ivks' }, 30],
      [{ table: 'tenant_keys', tenant: own.tenant, system: own.system }, 90],
      [{ table: 'service_keys', ...own }, 30],
    ]
    const rowsOf = async ({ table }: KeyAddress): Promise<Row<'ivks'>[]> => {
      const scope = table === 'tenant_keys' ? { tenant: own.tenant, system: own.system } : own
      // The columns that are looked at are those that the three tables share.
      return (await made.store.find(table, table === 'ivks' ? {} : scope)) as unknown as Row<'ivks'>[]
    }
    const glass = new BreakGlass(bench.work)
    const ended = new Set<string>()
    let before = await Promise.all(keys.map(([address]) => rowsOf(address)))
    const story: string[] = []
    for (let step = 0; step < 14; step++) {
      const jump = jumps[Math.floor(Math.random() * jumps.length)]!
      bench.clock.jump(jump)
      // Or the clock stands still.
      const passed = [0, 0, hour, 20 * day, 40 * day][Math.floor(Math.random() * 5)]!
      bench.clock.advance(passed)
      story.push(`${jump / day} days jumped, ${passed / day} passed`)
      if (Math.random() < 0.3) await glass.grant(own, { minutes: 60, reason: 'test', actor: 'system' })
      const open = await glass.list()
      await glass.look()
      const left = new Set((await glass.list()).map(({ grant }) => grant.toString('hex')))
      for (const { grant } of open) if (!left.has(grant.toString('hex'))) ended.add(grant.toString('hex'))
      for (const grant of left) expect(ended.has(grant), story.join('; ')).toBe(false)
      await bench.maintenance.look()
      await bench.runDue()
      // A second look at the same time finds nothing more to rotate.
      await bench.maintenance.look()
      await bench.runDue()
      const now = await Promise.all(keys.map(([address]) => rowsOf(address)))
      keys.forEach(([, days], at) => {
        const [old, rows] = [before[at]!, now[at]!]
        const what = `${story.join('; ')}: ${JSON.stringify(rows.map(({ state, created }) => [state, created]))}`
        expect(
          rows.filter(({ state }) => state === Active),
          what,
        ).toHaveLength(1)
        expect(rows.length - old.length, what).toBeLessThanOrEqual(1)
        for (const row of old) {
          const { state } = rows.find(({ version }) => version === row.version)!
          expect(order.indexOf(state), what).toBeGreaterThanOrEqual(order.indexOf(row.state))
        }
        // Each version lived its period before the next took its place.
        rows.slice(1).forEach(({ created }, next) => {
          expect(created - rows[next]!.created, what).toBeGreaterThanOrEqual(Math.floor(days * 86_400 * 0.9))
        })
      })
      before = now
      for (const object of objects)
        expect(await openStored(bench.threads[0]!, made.store, object)).toEqual(object.material)
    }
  }
})
