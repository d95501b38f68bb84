import { expect, test } from 'vitest'
import { HeldSystems } from '../../src/hierarchy/held-systems.ts'
import { integrityRotationJob, rotateIntegrityKey } from '../../src/hierarchy/integrity-rotation.ts'
import { JobRun } from '../../src/jobs/job-run.ts'
import { indexedValuesOfRow } from '../../src/keystore/indexed-values.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { macVersionOf } from '../../src/hierarchy/row-mac.ts'
import { named, newServer } from '../operations/fixture.ts'

test("while a tenant's integrity key is rotated every name leads to its object, is taken, and can be changed and given up", async () => {
  const { hierarchy, client, clock, faults, store } = await newServer()
  const { chain } = hierarchy
  const { tenant } = client.principal
  const names = new Map<string, string>()
  const held: string[] = []
  for (const name of ['one', 'two', 'three', 'four'])
    names.set(name, await client.register(Buffer.alloc(16, 1), [named(name)]))

  // More than a job takes in one batch.
  for (let filler = 0; filler < 70; filler++) await client.register(Buffer.alloc(16, 1), [named(`filler ${filler}`)])
  const locate = async (name: string) => {
    const { uniqueIdentifiers } = await client.send(Operation.Locate, { attributes: [named(name)] })
    return uniqueIdentifiers ?? []
  }
  let rounds = 0
  const useNames = async (): Promise<void> => {
    const round = rounds++
    for (const [name, id] of names) expect(await locate(name), `${name} in round ${round}`).toEqual([id])
    for (const name of held) expect(await locate(name), `${name} in round ${round}`).toEqual([])
    const [first, renamed] = [...names.keys()]
    await expect(client.register(Buffer.alloc(16, 2), [named(first!)])).rejects.toThrow(/Name/)
    const fresh = `new ${round}`
    names.set(fresh, await client.register(Buffer.alloc(16, 3), [named(fresh)]))
    // A name that was given up belongs to nobody, in any version's tokens.
    const other = `renamed ${round}`
    const id = names.get(renamed!)!
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier: id, attribute: { ...named(other), index: 0 } })
    names.delete(renamed!)
    names.set(other, id)
    expect(await locate(renamed!)).toEqual([])
    expect(await locate(other)).toEqual([id])
    const again = await client.register(Buffer.alloc(16, 4), [named(renamed!)])
    expect(await locate(renamed!)).toEqual([again])
    await client.send(Operation.Destroy, { uniqueIdentifier: again })
    held.push(renamed!)
  }
  const points: string[] = []
  const work = {
    store,
    chain,
    clock,
    users: {
      refresh: async () => {
        await useNames()
        await chain.refresh({ tenant })
      },
      takeRoot: async () => undefined,
    },
    schedule: async () => undefined,
    held: new HeldSystems(store, () => undefined),
    at: (point: string) => void points.push(point),
  }
  const job = integrityRotationJob(tenant, { from: 1, reason: 'command', actor: 'system', subject: 'x' })
  const progress = { done: 0, total: 0, position: Buffer.alloc(0) }
  const parts = {
    signal: new AbortController().signal,
    save: async () => undefined,
    clock,
    pace: { itemsPerSecond: 1_000_000 },
  }
  const run = new JobRun({ owner: tenant, subject: '', parameters: job.parameters, progress }, parts)
  const step = run.step.bind(run)
  run.step = async (items, now) => {
    await step(items, now)
    if (items > 0) await useNames()
  }
  const policy = {
    deletionSeconds: 1,
    indexedValues: indexedValuesOfRow,
    sets: hierarchy.memory,
    renewOpenJobs: async () => undefined,
    anchoredUnder: async () => undefined,
  }
  await rotateIntegrityKey(work, policy, run)
  await useNames()
  expect(rounds).toBeGreaterThan(8)
  expect(new Set(points).size).toBe(7)
  const rows = await store.find('objects', { tenant })
  expect(rows.every(({ mac }) => macVersionOf(mac) === 2)).toBe(true)
  expect(faults).toEqual([])
})
