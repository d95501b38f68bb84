import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../bench/certificates.ts'
import type { BenchCertificates } from '../../bench/certificates.ts'
import { loadCommand } from '../../src/bench/command.ts'
import { page } from '../../src/bench/page.ts'
import { play } from '../../src/bench/play.ts'
import type { Part, PlayOptions } from '../../src/bench/play.ts'
import { Operation } from '../../src/bench/tags.ts'
import type { Target } from '../../src/bench/target.ts'
import { FakeServer, getAnswer, notFound, objectAnswer, operationIn } from './fake-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-play-'))
let certificates: BenchCertificates
let server: FakeServer
let target: Target

beforeAll(async () => {
  certificates = await makeCertificates(directory)
})
afterEach(() => server.close())
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A window of time is measured: on a machine that stands still in it nothing is answered, or all of it late. Then it is measured again. */
const measured = { retry: 4 }

/** Answers Register, Create and Get; Gets after `delayMs` when it is slow. */
async function start(delayMs = 0, answerGet = getAnswer): Promise<void> {
  server = new FakeServer(certificates, (identifier, socket, request) => {
    const operation = operationIn(request)
    if (operation !== Operation.Get) return objectAnswer(operation)
    if (delayMs === 0) return answerGet(identifier)
    setTimeout(() => socket.write(answerGet(identifier)), delayMs)
    return undefined
  })
  target = await server.listen(certificates)
}

const options = (change: Partial<PlayOptions> = {}): PlayOptions => ({
  targets: [target, target],
  depth: 1,
  processes: 1,
  seconds: 0.4,
  warmupSeconds: 0.1,
  objects: 2,
  timeoutMs: 5000,
  ...change,
})

describe('a planted slow server', measured, () => {
  test('is noticed in every figure of latency', async () => {
    await start(40)
    const [part] = await play('get', options({ rate: 50 }))
    expect(part!.load.latency.p50 / 1000).toBeGreaterThan(38)
    await server.close()
    await start()
    const [fast] = await play('get', options({ rate: 50 }))
    expect(fast!.load.latency.p50 / 1000).toBeLessThan(38)
  })

  test('is noticed by the fleet, whose every client waits for it', async () => {
    await start(150)
    const [part] = await play('fleet-reconnect', options({ connections: 20, seconds: 0 }))
    expect(part!.load.answered).toBe(20)
    expect(part!.load.latency.p50 / 1000).toBeGreaterThan(148)
    // One connection made the object.
    expect(server.connections).toBe(21)
  })
})

describe('several at once', measured, () => {
  test('the noisy neighbour is measured beside the quiet tenant, and that one alone before', async () => {
    await start()
    const parts = await play('noisy-neighbour', options({ rate: 100, connections: 2 }))
    expect(parts.map(({ name }) => name)).toEqual([
      'Gets at 100/s, alone',
      'Gets at 100/s, beside the neighbour',
      'the neighbour',
    ])
    expect(Object.keys(parts[2]!.load.latencyByOperation)).toEqual(['Create'])
    for (const { name, load } of parts) expect([name, load.failures, load.answered > 5]).toEqual([name, {}, true])
  })

  test('a scenario of several tenants with one client says what is missing', async () => {
    await start()
    for (const name of ['noisy-neighbour', 'mixed-tenants'] as const)
      await expect(play(name, options({ targets: [target] }))).rejects.toMatchObject({ code: 'usage' })
    await expect(play('noisy-neighbour', options({ sweep: [1, 2] }))).rejects.toMatchObject({ code: 'usage' })
  })

  test('a sweep measures each number of connections', async () => {
    await start()
    const parts = await play('get', options({ sweep: [1, 3] }))
    expect(parts.map(({ load }) => load.connections)).toEqual([1, 3])
  })
})

describe('the command', measured, () => {
  const written: string[] = []
  const run = (...args: string[]): Promise<unknown> => {
    written.length = 0
    const keep = (text: string): void => void written.push(text)
    const files = ['--cert', target.certFile, '--cert-key', target.keyFile, '--ca', target.caFile]
    const all = ['--port', String(target.port), ...files, '--duration', '0.4', '--warmup', '0.1', '--objects', '2']
    return loadCommand('bench', 'krypton bench', { writeData: keep, writeTalk: keep }).parseAsync([...all, ...args], {
      from: 'user',
    })
  }

  test('ends with bench-failed when requests failed, after the figures were printed', async () => {
    await start(0, notFound)
    await expect(run('--rate', '20')).rejects.toMatchObject({ code: 'bench-failed' })
    expect(written.join('')).toContain('refused, Result Reason 1: no such object')
  })

  test('says in one line that there is no server, and what to do', async () => {
    await start()
    await expect(run('--port', '1')).rejects.toMatchObject({
      code: 'bench-failed',
      message: expect.stringMatching(
        /^no conversation with .*:1 \(connection failed: ECONNREFUSED\): start the server/,
      ),
    })
    await expect(run('--ca', target.certFile)).rejects.toMatchObject({
      message: expect.stringMatching(/\(connection failed: [A-Z_]*(?:CERT|VERIFY)[A-Z_]*\): name the CA .* with --ca/),
    })
  })

  test('ends with bench-invalid when the fleet has more clients than the generator can serve', async () => {
    await start()
    // One core cannot open connections without end and be idle for a tenth of the time.
    await expect(run('--mode', 'connect-per-operation', '--connections', '64')).rejects.toMatchObject({
      code: 'bench-invalid',
    })
    expect(written.join('')).toContain('INVALID')
  })

  test('writes a page that asks for nothing from anywhere', async () => {
    await start()
    const file = join(directory, 'page.html')
    await run('--rate', '50', '--html', file).catch(() => undefined)
    const html = readFileSync(file, 'utf8')
    expect(html).toContain("default-src 'none'")
    expect(html).toContain('<svg')
    expect(html).not.toMatch(/<script|https?:|src=|url\(|@import/)
  })

  test('a --cert without its --cert-key is refused', async () => {
    await start()
    await expect(run('--cert', target.certFile)).rejects.toMatchObject({ code: 'usage' })
  })
})

test('what a server says is shown on the page as text', async () => {
  await start()
  const [part] = await play('get', options({ rate: 20 }))
  const hostile: Part = {
    name: '<b>x</b>',
    load: { ...part!.load, failures: { '<img src=x onerror=alert(1)>': 1 }, histogram: [] },
  }
  const html = page({ title: 'x & y', about: [] }, [hostile])
  expect(html).not.toMatch(/<img|<b>/)
  expect(html).toContain('x &amp; y')
})
