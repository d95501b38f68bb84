import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../bench/certificates.ts'
import type { BenchCertificates } from '../../bench/certificates.ts'
import { runLoad } from '../../src/bench/generator.ts'
import type { LoadOptions, LoadResult } from '../../src/bench/generator.ts'
import { Operation } from '../../src/bench/tags.ts'
import { FakeServer, getAnswer, notFound } from './fake-server.ts'
import type { Answer } from './fake-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-test-'))
let certificates: BenchCertificates
let server: FakeServer | undefined

beforeAll(async () => {
  certificates = await makeCertificates(directory)
})
afterEach(async () => {
  await server?.close()
  server = undefined
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A window of time is measured: on a machine that stands still in it nothing is answered, or all of it late. Then it is measured again. */
const measured = { retry: 4 }

const right: Answer = (identifier) => getAnswer(identifier)

/** Gets of ten objects from a server that answers so. */
async function load(answer: Answer, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  server = new FakeServer(certificates, answer)
  return runLoad({
    target: await server.listen(certificates),
    scenario: 'get',
    mode: 'persistent',
    connections: 4,
    depth: 4,
    processes: 1,
    seconds: 0.4,
    warmupSeconds: 0.1,
    objects: Array.from({ length: 10 }, (_, index) => ({ identifier: `object-${index}` })),
    timeoutMs: 5000,
    ...options,
  })
}

const reasons = (result: LoadResult): string[] => Object.keys(result.failures)

describe('coordinated omission', measured, () => {
  const stallMs = 500
  const stalling = (options: Partial<LoadOptions>): Promise<LoadResult> =>
    load(right, {
      seconds: 1.5,
      onWindow: (edge) => {
        if (edge === 'start') setTimeout(() => server?.stall(stallMs), 300)
      },
      ...options,
    })

  test('in the open loop a stall shows in the percentiles of all requests that were meant to be sent in it', async () => {
    const result = await stalling({ rate: 200 })
    // A third of the window: requests that were meant to leave in it waited for what was left of the stall.
    expect(result.latency.p90 / 1000).toBeGreaterThan(stallMs / 3)
    expect(result.latency.max / 1000).toBeGreaterThan(stallMs * 0.9)
    expect(result.latency.count).toBeGreaterThan(270)
    expect(result.latency.p50 / 1000).toBeLessThan(stallMs / 3)
  })

  test('in the closed loop the same stall hides behind one request a connection, which is why the loop is named', async () => {
    const result = await stalling({})
    expect(result.loop).toBe('closed')
    expect(result.latency.p90 / 1000).toBeLessThan(stallMs / 3)
    expect(result.latency.max / 1000).toBeGreaterThan(stallMs * 0.9)
  })

  test('planned requests that never found a connection count with the time they waited', async () => {
    let answers = 0
    const result = await load((identifier) => (++answers > 20 ? undefined : getAnswer(identifier)), { rate: 200 })
    expect(result.neverSent).toBeGreaterThan(30)
    expect(result.latencyByOperation['never answered']!.count).toBeGreaterThan(30)
    expect(result.latency.p50 / 1000).toBeGreaterThan(500)
    expect(reasons(result)).toEqual(['no answer by the end of the run'])
  })
})

describe('INVALID', measured, () => {
  test('a generator that has no time left says so', async () => {
    const result = await load(right, { handicapMicroseconds: 5000 })
    expect(result.invalid.join('; ')).toMatch(/used \d+ % of a core|event loop was/)
  })

  test('a generator that sends late with a connection free says so', async () => {
    const result = await load(right, { rate: 100, connections: 64, handicapMicroseconds: 30_000 })
    expect(result.invalid.join('; ')).toMatch(/requests left .* late with a connection free/)
  })

  test('a generator that waits for its server is valid', async () => {
    const result = await load(right, { rate: 50 })
    expect(result.invalid.filter((reason) => !reason.includes('late'))).toEqual([])
    expect(result.answered).toBeGreaterThan(10)
  })
})

describe('answers', measured, () => {
  test('a right answer counts, in every mode, and from several processes', async () => {
    for (const options of [{}, { mode: 'pipelined' }, { processes: 2 }] satisfies Partial<LoadOptions>[]) {
      const result = await load(right, options)
      expect(result.failures).toEqual({})
      expect(result.answered).toBeGreaterThan(50)
      expect(result.latencyByOperation['Get']!.count).toBeGreaterThan(50)
      await server?.close()
    }
  })

  test('connect-per-operation makes a connection for every request', async () => {
    const result = await load(right, { mode: 'connect-per-operation' })
    expect(result.failures).toEqual({})
    expect(result.answered).toBeGreaterThan(5)
    expect(server!.connections).toBeGreaterThanOrEqual(result.answered)
  })

  test('a refusal is a failure, counted under its Result Reason and message', async () => {
    const result = await load(notFound)
    expect(result.answered).toBe(0)
    expect(reasons(result)).toEqual(['refused, Result Reason 1: no such object'])
  })

  test('an answer to another operation is a failure', async () => {
    const result = await load((identifier) => getAnswer(identifier, { operation: Operation.Activate }))
    expect(result.answered).toBe(0)
    expect(reasons(result)).toEqual(['an answer to another operation'])
  })

  test('an answer about another object is a failure, so a server that mixes up pipelined answers is found', async () => {
    const result = await load(() => getAnswer('object-3'), { mode: 'pipelined' })
    expect(result.answered).toBeGreaterThan(0)
    expect(reasons(result)).toEqual(['an answer about another object'])
  })

  test('an answer without what its client reads is a failure', async () => {
    const result = await load((identifier) => getAnswer(identifier, { withoutObjectType: true }))
    expect(reasons(result)).toEqual(['an answer without a field that its client reads'])
  })

  test('bytes that are no KMIP are a failure', async () => {
    const result = await load(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    expect(result.answered).toBe(0)
    expect(reasons(result)).toContain('not a KMIP answer')
  })

  test('a connection that the server closes is a failure, and the generator connects again', async () => {
    const result = await load((_, socket) => {
      socket.destroy()
      return undefined
    })
    expect(result.answered).toBe(0)
    expect(result.failed).toBeGreaterThan(4)
    expect(server!.connections).toBeGreaterThan(4)
  })

  test('a request that is not answered in time is a failure', async () => {
    const result = await load(() => undefined, { timeoutMs: 200 })
    expect(reasons(result)).toContain('no answer within 200 ms')
  })

  test('a server that is not there ends the run with its reason', async () => {
    const target = {
      host: '127.0.0.1',
      port: 1,
      certFile: certificates.clientCertFile,
      keyFile: certificates.clientKeyFile,
      caFile: certificates.caFile,
    }
    await expect(load(right, { target })).rejects.toThrow('ECONNREFUSED')
  })
})
