import { setImmediate, setTimeout } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { KryptonError } from '../../src/errors.ts'
import { Operation, UsageLimitsUnit } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import type { Store, Unit } from '../../src/store/store.ts'
import { attribute, custom, item, newServer, refusalOf } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { committing } from './slow-store.ts'

let server: Server
let commits: number
beforeEach(async () => {
  commits = 0
  server = await newServer(grouped)
})

/** A store that writes what has come while the last group was being written, as the real one does. */
function grouped(store: Store): Store {
  let group: Promise<void> | undefined
  const nextGroup = async () => {
    await setTimeout(1)
    group = undefined
  }
  return committing(store, async (unit: Unit) => {
    commits++
    group ??= nextGroup()
    await group
    await store.commit(unit)
  })
}

const key = Buffer.alloc(16, 9)
const many = 100
const statuses = (answers: readonly { resultStatus: number }[]) => answers.map(({ resultStatus }) => resultStatus)
const allOf = (count: number) => Array.from({ length: count }, () => 0)

describe('requests that change one object at the same time', () => {
  test('all succeed: a hundred Add Attributes', async () => {
    const { client } = server
    const id = await client.register(key)
    commits = 0
    const add = (i: number) =>
      client.item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-race', i, 2) })
    const answers = await Promise.all(Array.from({ length: many }, (_, i) => add(i)))
    expect(statuses(answers)).toEqual(allOf(many))
    expect((await client.attributes(id))['x-race']).toHaveLength(many)
    // None of them is tried in vain.
    expect(commits).toBe(many)
  })

  test('all succeed: Encrypts of one key with Usage Limits, each counted', async () => {
    const { client } = server
    const id = await client.register(key, [
      attribute('activationDate', 0),
      attribute('usageLimits', { usageLimitsTotal: 100n, usageLimitsUnit: UsageLimitsUnit.Object }),
    ])
    const encrypt = () => client.item(Operation.Encrypt, { uniqueIdentifier: id, data: key })
    const answers = await Promise.all(Array.from({ length: 60 }, encrypt))
    expect(statuses(answers)).toEqual(allOf(60))
    expect(await client.attribute(id, 'Usage Limits')).toMatchObject({ usageLimitsCount: 40n })
  })

  test('all succeed when they come from several threads', async () => {
    const clients = [server.client, server.otherThread(), server.otherThread()]
    const id = await server.client.register(key)
    const add = (of: Client, i: number) =>
      of.item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-race', i, 2) })
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => add(clients[i % 3]!, i)))
    expect(statuses(answers)).toEqual(allOf(60))
    expect((await server.client.attributes(id))['x-race']).toHaveLength(60)
  })

  test('all succeed when each changes several, in any order', async () => {
    const { client } = server
    const ids = [await client.register(key), await client.register(key), await client.register(key)]
    const batch = (order: readonly number[], i: number) =>
      client.batch(
        order.map((at) =>
          item(Operation.AddAttribute, { uniqueIdentifier: ids[at]!, attribute: custom('x-race', i, 2) }),
        ),
      )
    const orders = [[0, 1], [1, 0], [2, 1, 0], [0], [1, 2], [2, 0]]
    const answers = await Promise.all(Array.from({ length: 48 }, (_, i) => batch(orders[i % orders.length]!, i)))
    expect(answers.flatMap(statuses).every((status) => status === 0)).toBe(true)
    const counts = await Promise.all(ids.map(async (id) => (await client.attributes(id))['x-race']?.length))
    expect(counts).toEqual([40, 32, 24])
  })

  test('let those on that change another one', async () => {
    const { client } = server
    const [contested, other] = [await client.register(key), await client.register(key)]
    const add = (uniqueIdentifier: string) =>
      client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('x-race', 1, 2) })
    let waiting = many
    const all = Promise.all(
      Array.from({ length: many }, async () => {
        await add(contested)
        waiting--
      }),
    )
    await add(other)
    expect(waiting).toBeGreaterThan(many / 2)
    await all
  })

  test('go on after one of them was refused by the store', async () => {
    let refuse = true
    const thread = server.otherThread(
      committing(server.store, async (unit) => {
        await setImmediate()
        if (refuse) {
          refuse = false
          throw new KryptonError('store-failed', 'the disk is full')
        }
        await server.store.commit(unit)
      }),
    )
    const id = await server.client.register(key)
    const add = (i: number) =>
      thread.item(Operation.AddAttribute, { uniqueIdentifier: id, attribute: custom('x-race', i, 2) })
    const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => add(i)))
    expect(statuses(answers)).toEqual([1, 0, 0, 0, 0])
  })

  test('are told to come again when too many wait', async () => {
    let open: () => void = () => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    const thread = server.otherThread(committing(server.store, (unit) => opened.then(() => server.store.commit(unit))))
    const id = await server.client.register(key)
    const add = () => thread.item(Operation.Activate, { uniqueIdentifier: id })
    const waiting = Array.from({ length: limits.changesWaitingMax }, add)
    const refusal = refusalOf(await add())
    expect(refusal).toEqual({ reason: 'General Failure', message: expect.stringMatching(/again/) })
    open()
    // Who waited sees what the first has done.
    expect(statuses(await Promise.all(waiting)).filter((status) => status === 0)).toHaveLength(1)
  })
})
