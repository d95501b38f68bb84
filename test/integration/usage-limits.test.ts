import { afterAll, beforeAll, expect, it } from 'vitest'
import { BlockCipherMode, Operation, ResultReason, UsageLimitsUnit } from '../../src/kmip/enums.ts'
import type { ResponsePayload } from '../../src/kmip/payloads/index.ts'
import { attribute, createPayload } from '../operations/fixture.ts'
import { removeDirectory, sleep, temporaryDirectory } from '../support/counterparts.ts'
import { KryptonServer } from './krypton-server.ts'
import { PayloadConnection } from './payload-connection.ts'

const directory = temporaryDirectory('usage-limits')
const connectionCount = 12
const kills = 3
let server: KryptonServer

beforeAll(async () => {
  server = await KryptonServer.start(directory, { env: { KRYPTON_SERVER_THREADS: '3' } })
})

afterAll(async () => {
  await server?.stop()
  removeDirectory(directory)
})

const connect = () =>
  Promise.all(Array.from({ length: connectionCount }, () => PayloadConnection.open(server.target())))

async function create(connection: PayloadConnection, more: Parameters<typeof createPayload>[0] = []): Promise<string> {
  const { responsePayload } = await connection.item(
    Operation.Create,
    createPayload([attribute('activationDate', 0), ...more]),
  )
  return (responsePayload as ResponsePayload<typeof Operation.Create>).uniqueIdentifier
}

async function valueOf<T>(connection: PayloadConnection, uniqueIdentifier: string, name: string): Promise<T> {
  const request = { uniqueIdentifier, attributeNames: [name] }
  const { responsePayload } = await connection.item(Operation.GetAttributes, request)
  return (responsePayload as ResponsePayload<typeof Operation.GetAttributes>).attributes![0]!.value as T
}

/** Runs `work` on every connection until the server dies under it, so soon. */
async function untilKilled(work: (connection: PayloadConnection) => Promise<void>, afterMs: number): Promise<void> {
  const connections = await connect()
  let killed = false
  const running = connections.map(async (connection) => {
    for (;;) {
      try {
        await work(connection)
      } catch (error) {
        // Before it is killed it has to answer.
        if (!killed) throw error
        return
      }
    }
  })
  await sleep(afterMs)
  killed = true
  await server.kill()
  await Promise.all(running)
  server = await server.restart()
}

it('lets a key protect as often as its Usage Limits say and no oftener, over all threads and kill -9', async () => {
  const total = 2_000
  const [first] = await connect()
  const usageLimits = {
    usageLimitsTotal: BigInt(total),
    usageLimitsCount: BigInt(total),
    usageLimitsUnit: UsageLimitsUnit.Object,
  }
  const key = await create(first!, [attribute('usageLimits', usageLimits)])
  let acknowledged = 0
  const encrypt = async (connection: PayloadConnection) => {
    const answer = await connection.item(Operation.Encrypt, { uniqueIdentifier: key, data: Buffer.from('data') })
    if (answer.resultStatus === 0) acknowledged++
    // Who has lost too many races is told to try again, and has used nothing.
    const isOver = answer.resultStatus !== 0 && !answer.resultMessage!.startsWith('Send the request again')
    if (isOver) expect(answer.resultReason).toBe(ResultReason.PermissionDenied)
    return !isOver
  }
  const left = async () => {
    const [connection] = await connect()
    return Number((await valueOf<typeof usageLimits>(connection!, key, 'Usage Limits')).usageLimitsCount)
  }
  for (let i = 0; i < kills; i++) {
    await untilKilled(async (connection) => {
      await encrypt(connection)
    }, 150)
    // What was answered is counted; what was counted and not answered is lost.
    expect(acknowledged).toBeLessThanOrEqual(total - (await left()))
  }
  expect(acknowledged).toBeGreaterThan(0)
  const before = { acknowledged, left: await left() }
  const connections = await connect()
  await Promise.all(
    connections.map(async (connection) => {
      while (await encrypt(connection));
    }),
  )
  expect(acknowledged).toBe(before.acknowledged + before.left)
  expect(await left()).toBe(0)
})

it('never calls a key fresh that somebody has got', async () => {
  const [first] = await connect()
  const keys: string[] = []
  for (let i = 0; i < 600; i++) keys.push(await create(first!))
  const got: string[] = []
  const waiting = [...keys]
  await untilKilled(async (connection) => {
    const uniqueIdentifier = waiting.pop()
    if (uniqueIdentifier === undefined) return sleep(5)
    const { resultStatus } = await connection.item(Operation.Get, { uniqueIdentifier })
    expect(resultStatus).toBe(0)
    got.push(uniqueIdentifier)
  }, 100)
  expect(got.length).toBeGreaterThan(0)
  const [again] = await connect()
  for (const key of got) expect(await valueOf(again!, key, 'Fresh')).toBe(false)
})

it('gives no two encryptions the same nonce, over all threads', async () => {
  const [first] = await connect()
  const key = await create(first!)
  const nonces = new Set<string>()
  let made = 0
  const request = {
    uniqueIdentifier: key,
    cryptographicParameters: { blockCipherMode: BlockCipherMode.GCM, tagLength: 16 },
    data: Buffer.from('data'),
  }
  await untilKilled(async (connection) => {
    const { responsePayload } = await connection.item(Operation.Encrypt, request)
    const { ivCounterNonce } = responsePayload as ResponsePayload<typeof Operation.Encrypt>
    nonces.add(Buffer.from(ivCounterNonce!).toString('hex'))
    made++
  }, 150)
  expect(made).toBeGreaterThan(0)
  expect(nonces.size).toBe(made)
})
