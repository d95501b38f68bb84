import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { asymmetricKey, exportKey } from '../../src/crypto/asymmetric-key.ts'
import { FairQueue } from '../../src/crypto/fair-queue.ts'
import { readPkcs8 } from '../../src/crypto/key-encoding.ts'
import { verifySignature } from '../../src/crypto/signature.ts'
import { WorkerPool, type WorkerPoolOptions } from '../../src/crypto/worker-pool.ts'
import { sharedBytes, sharedCopy } from '../../src/crypto/worker-task.ts'
import type { PlantedInput } from './planted-worker.ts'

const planted = new URL('./planted-worker.ts', import.meta.url)
const pools: WorkerPool[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close(0)))
})

function newPool(options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  const pool = new WorkerPool({ threads: 1, tasksPerThread: 1, waitingMax: 8, waitingPerOwnerMax: 4, ...options })
  pools.push(pool)
  return pool
}

/** A task of the planted entry, which takes another input than the functions have. */
const run = (pool: WorkerPool, owner: string, input: PlantedInput): Promise<unknown> =>
  pool.run(owner, 'checkKey', input as never)

const numbers = (count: number) => new Int32Array(new SharedArrayBuffer(4 * count))

describe('a fair queue', () => {
  test('gives each owner its turn, in the order in which each one’s work came', () => {
    const queue = new FairQueue<string>()
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(item[0]!, item)
    expect([queue.size, queue.sizeOf('a'), queue.sizeOf('d')]).toEqual([6, 3, 0])
    const order = Array.from({ length: 6 }, () => queue.shift())
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
    expect([queue.shift(), queue.size]).toEqual([undefined, 0])
  })
})

describe('a pool of worker threads', () => {
  test('signs with a key that it was given, without parsing it again', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const parts = readPkcs8(privateKey.export({ format: 'der', type: 'pkcs8' }))
    const data = Buffer.from('data')
    const scheme = { scheme: 'pkcs1', hash: 'sha256' } as const
    const input = { key: exportKey(asymmetricKey(parts)), scheme, bytes: sharedCopy(data), isDigest: false }
    const signature = await newPool().run('a', 'sign', input)
    const publicKey = asymmetricKey({ ...parts, secret: undefined })
    expect(verifySignature(publicKey, scheme, { bytes: data, isDigest: false }, signature)).toBe(true)
  })

  test('gives a refusal back with its code, and a fault as a fault', async () => {
    const der = sharedCopy(Buffer.from('no key'))
    await expect(newPool().run('a', 'checkKey', { der, isPrivate: true })).rejects.toMatchObject({
      code: 'invalid-field',
    })
    await expect(run(newPool({ entry: planted }), 'a', { fault: true })).rejects.toMatchObject({
      cause: expect.objectContaining({ message: 'planted' }),
    })
  })

  test('puts private keys into the memory that it was given, and nowhere else', async () => {
    const output = sharedBytes(256)
    const input = { pair: { type: 'ec', curve: 'prime256v1' } as const, output }
    const { privateKeyLength, publicKey } = await newPool().run('a', 'generateKeyPair', input)
    expect(publicKey.byteLength).toBe(91)
    expect(output.subarray(privateKeyLength).every((byte) => byte === 0)).toBe(true)
    expect(output[0]).toBe(0x30)
  })

  test('refuses at once when too much waits, of one owner or of all', async () => {
    const gate = numbers(1)
    const pool = newPool({ entry: planted })
    const running = [run(pool, 'a', { gate })]
    for (let i = 0; i < 4; i++) running.push(run(pool, 'a', { gate }))
    expect(pool.waiting).toBe(4)
    await expect(run(pool, 'a', {})).rejects.toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('again'),
    })
    for (let i = 0; i < 4; i++) running.push(run(pool, 'b', { gate }))
    await expect(run(pool, 'c', {})).rejects.toMatchObject({ code: 'overloaded' })
    gate[0] = 1
    Atomics.notify(gate, 0)
    await Promise.all(running)
    await run(pool, 'a', {})
  })

  test('lets nobody wait for all that another has brought before', async () => {
    const gate = numbers(1)
    const order = numbers(9)
    const pool = newPool({ entry: planted })
    const running = [run(pool, 'a', { gate, order, mark: 1 })]
    for (let i = 0; i < 4; i++) running.push(run(pool, 'a', { order, mark: 1 }))
    running.push(run(pool, 'b', { order, mark: 2 }), run(pool, 'b', { order, mark: 2 }))
    gate[0] = 1
    Atomics.notify(gate, 0)
    await Promise.all(running)
    expect([...order]).toEqual([7, 1, 1, 2, 1, 2, 1, 1, 0])
  })

  test('answers the tasks of a thread that dies, and goes on with another', async () => {
    const pool = newPool({ entry: planted, tasksPerThread: 2 })
    const died = [run(pool, 'a', { exit: true }), run(pool, 'a', {})]
    const outcomes = await Promise.allSettled([...died, run(pool, 'b', { mark: 7 })])
    expect(outcomes[0]).toMatchObject({
      status: 'rejected',
      reason: { message: 'a worker thread ended before its task' },
    })
    expect(outcomes[2]).toEqual({ status: 'fulfilled', value: 7 })
    expect(await run(pool, 'a', { mark: 8 })).toBe(8)
  })

  test('answers when its threads do not start at all', async () => {
    const pool = newPool({ entry: new URL('./dying-worker.ts', import.meta.url) })
    for (let i = 0; i < 3; i++) await expect(run(pool, 'a', {})).rejects.toThrow(/./)
  })

  test('ends what runs when it is closed, and refuses what waits and what comes', async () => {
    const gate = numbers(1)
    const pool = newPool({ entry: planted })
    const running = run(pool, 'a', { gate, mark: 5 })
    const waiting = run(pool, 'a', {})
    const closed = pool.close(10_000)
    await expect(waiting).rejects.toMatchObject({ code: 'overloaded' })
    await expect(run(pool, 'a', {})).rejects.toMatchObject({
      code: 'overloaded',
      message: expect.stringContaining('stopping'),
    })
    gate[0] = 1
    Atomics.notify(gate, 0)
    expect(await running).toBe(5)
    await closed
  })

  test('waits no longer than it may for what runs', async () => {
    const pool = newPool({ entry: planted })
    const running = run(pool, 'a', { gate: numbers(1) })
    await Promise.all([expect(running).rejects.toMatchObject({ code: 'overloaded' }), pool.close(20)])
  })
})
