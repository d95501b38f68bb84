import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import type { Services } from '../../src/operations/execute-batch.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { limits } from '../../src/limits.ts'
import { Client, createPayload, custom, item, named, newServer, refusalOf } from './fixture.ts'
import type { Item, Server } from './fixture.ts'

let server: Server
let served: number
/** A client whose batches take `itemMs` of the monotonic clock for each look at it. */
let slowly: (itemMs: number) => Client
beforeEach(async () => {
  server = await newServer()
  served = 0
  slowly = (itemMs) => {
    let elapsedMs = 0
    const clock = { now: () => server.clock.now(), monotonic: () => (elapsedMs += itemMs) }
    const randomBytes = (count: number) => {
      served++
      return server.services.randomBytes(count)
    }
    return new Client(server.client.principal, { ...server.services, clock, randomBytes })
  }
})

/** A clock on which every look takes as long as a turn. */
function slowClock(): Clock {
  let elapsedMs = 0
  return { now: () => server.clock.now(), monotonic: () => (elapsedMs += limits.batchTurnMs) }
}

const random = (count: number, dataLength = 8): Item[] =>
  Array.from({ length: count }, () => item(Operation.RNGRetrieve, { dataLength }))

/** How often the loop turned before the answers were there. */
async function turnsOf<T>(pending: Promise<T>): Promise<{ answers: T; turns: number }> {
  const progress = { turns: 0, isDone: false }
  const counting = (async () => {
    for (; !progress.isDone; progress.turns++) await setImmediate()
  })()
  try {
    return { answers: await pending, turns: progress.turns }
  } finally {
    progress.isDone = true
    await counting
  }
}

describe('a batch', () => {
  test('that takes long lets others on between its items', async () => {
    const answer = slowly(limits.batchTurnMs).batch(random(64))
    await setImmediate()
    expect(served).toBeLessThan(4)
    expect((await answer).every(({ resultStatus }) => resultStatus === 0)).toBe(true)
    expect(served).toBe(64)
  })

  test('that takes long lets on no second one in the same turn', async () => {
    const client = slowly(limits.batchTurnMs)
    const answers = Promise.all(Array.from({ length: 8 }, () => client.batch(random(8))))
    // The first has begun, the others wait behind it.
    expect(served).toBeLessThanOrEqual(1)
    await setImmediate()
    const before = served
    await setImmediate()
    expect(served - before).toBeLessThanOrEqual(2)
    await answers
  })

  test('of many that wait with their answers is refused where they would take too much memory, of that client alone', async () => {
    const client = slowly(limits.batchTurnMs)
    const colleague = new Client(server.colleague.principal, { ...server.services, clock: slowClock() })
    const large = random(32, limits.randomBytesMax)
    const [first, ...answers] = await Promise.all([
      colleague.batch(large),
      ...Array.from({ length: 64 }, () => client.batch(large)),
    ])
    expect(first).toHaveLength(32)
    const refused = answers.filter((answer) => answer.length === 1)
    expect(refusalOf(refused[0]![0]!)).toMatchObject({ reason: 'General Failure' })
    const held = (answers.length - refused.length) * large.length * limits.randomBytesMax
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThanOrEqual(limits.unfinishedAnswersOfClientBytesMax)
    // What has ended counts no more.
    expect(await client.batch(large)).toHaveLength(32)
  })

  test('ends, with nothing done, when its connection has', async () => {
    const asker = { isGone: false }
    const frame = encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(14), batchCount: 64 },
      batchItems: [item(Operation.Create, createPayload([named('undone')])), ...random(63)].map((one, i) => ({
        ...one,
        uniqueBatchItemID: Buffer.from([i]),
      })),
    })
    const answers = executeBatch(
      decodeRequest(frame),
      server.client.principal,
      { ...server.services, clock: slowClock() },
      asker,
    )
    await setImmediate()
    asker.isGone = true
    expect(await answers).toHaveLength(1)
    expect(await server.client.locate([])).toEqual([])
  })

  test('of one tenant among many of another waits for one of those at a time', async () => {
    const many = slowly(limits.batchTurnMs)
    const other = new Client(server.otherTenant.principal, { ...server.services, clock: slowClock() })
    const all = Promise.all(Array.from({ length: 32 }, () => many.batch(random(16))))
    const { turns } = await turnsOf(other.batch(random(16)))
    expect(turns).toBeLessThan(64)
    await all
  })

  test('that is quick is answered in one turn, without a promise', () => {
    const { services, client } = server
    const quick: Services = { ...services, clock: { now: () => services.clock.now(), monotonic: () => 0 } }
    const frame = encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(14), batchCount: 32 },
      batchItems: random(32).map((one, i) => ({ ...one, uniqueBatchItemID: Buffer.from([i]) })),
    })
    const answers = executeBatch(decodeRequest(frame), client.principal, quick)
    expect(answers).not.toBeInstanceOf(Promise)
  })

  test('that writes a lot lets others on while its rows are made', async () => {
    const client = slowly(limits.batchTurnMs)
    const items = Array.from({ length: 64 }, (_, i) => item(Operation.Create, createPayload([named(`row ${i}`)])))
    const { answers, turns } = await turnsOf(client.batch(items))
    expect(answers.every(({ resultStatus }) => resultStatus === 0)).toBe(true)
    // about one turn for each item, and one for each row
    expect(turns).toBeGreaterThan(100)
    expect(await server.client.locate([])).toHaveLength(64)
  })

  test('whose answer is too large ends there, with nothing done', async () => {
    const client = slowly(0)
    const items = [item(Operation.Create, createPayload([named('undone')])), ...random(40, 1024)]
    const answers = await client.batch(items, { header: { maximumResponseSize: 4096 } })
    expect(answers).toHaveLength(1)
    expect(refusalOf(answers[0]!).reason).toBe('Response Too Large')
    expect(answers[0]!.operation).toBe(Operation.Create)
    expect(served).toBeLessThan(8)
    expect(await client.locate([])).toEqual([])
  })

  test('whose failures alone are too large is answered, and refused once something succeeds', async () => {
    const bad = item(Operation.Get, { uniqueIdentifier: 'no-such-key' })
    const header = { maximumResponseSize: 512, batchErrorContinuationOption: 1 }
    const { client } = server
    expect(
      await client.batch(
        Array.from({ length: 20 }, () => bad),
        { header },
      ),
    ).toHaveLength(20)
    const answers = await client.batch([...Array.from({ length: 20 }, () => bad), ...random(1)], { header })
    expect(answers.map((answer) => refusalOf(answer).reason)).toEqual(['Response Too Large'])
  })

  test('of heavy objects holds nobody up for long', async () => {
    const text = 'v'.repeat(60 * 1024)
    const ids = await Promise.all(
      Array.from({ length: 16 }, () => server.client.create([0, 1, 2, 3].map((i) => custom(`x-${i}`, text)))),
    )
    const clock = { now: () => server.clock.now(), monotonic: () => performance.now() }
    const client = new Client(server.client.principal, { ...server.services, clock })
    const items = Array.from({ length: 64 }, (_, i) =>
      item(Operation.ModifyAttribute, { uniqueIdentifier: ids[i % 16]!, attribute: custom('x-0', `${i}${text}`) }),
    )
    const { answers, turns } = await turnsOf(client.batch(items))
    expect(answers.every(({ resultStatus }) => resultStatus === 0)).toBe(true)
    expect(turns).toBeGreaterThan(2)
  })
})
