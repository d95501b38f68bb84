import '../support/hidden-compile-cache.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { Operation } from '../../src/kmip/enums.ts'
import { Tag } from '../../src/kmip/tags.ts'
import { type Krypton, startKrypton } from '../../src/krypton.ts'
import { limits } from '../../src/limits.ts'
import { openLog } from '../../src/telemetry/log.ts'
import { KmipConnection } from '../integration/kmip-connection.ts'
import { about, createKey, identifierOf, succeeded } from '../integration/kmip-messages.ts'
import { bytesOf } from '../integration/ttlv-tree.ts'
import { runCommand } from './terminal.ts'

let directory: string
let krypton: Krypton
let listeners: Worker[]
let lines: string[]

const onWorker = (worker: Worker): void => {
  // Every other thread is somebody else's: the store's writer, workers for long computations.
  if (worker.threadName?.startsWith('listener-')) listeners.push(worker)
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'krypton-lost-thread-'))
  listeners = []
  lines = []
  process.on('worker', onWorker)
  expect((await runCommand(['init', '--dir', directory])).code).toBe(0)
  const { config } = await loadConfig({
    file: join(directory, 'krypton.yaml'),
    flags: [
      { path: 'kmip.port', flag: '--kmip-port', value: '0' },
      { path: 'health.port', flag: '--health-port', value: '0' },
      { path: 'server.threads', flag: '--threads', value: '2' },
    ],
  })
  krypton = await startKrypton({ config, log: openLog('info', (line) => lines.push(line)) })
  const inDirectory = ['--dir', directory]
  expect((await runCommand(['tenant', 'add', 'acme', ...inDirectory])).code).toBe(0)
  const client = ['client', 'add', 'app', '--tenant', 'acme', '--out', join(directory, 'app'), ...inDirectory]
  expect((await runCommand(client)).code).toBe(0)
})

afterEach(async () => {
  await krypton.stop()
  process.off('worker', onWorker)
  rmSync(directory, { recursive: true, force: true })
})

function connect(): Promise<KmipConnection> {
  const files = join(directory, 'app')
  return KmipConnection.open({
    ...krypton.addresses.kmip,
    caFile: join(files, 'ca.pem'),
    certFile: join(files, 'client.pem'),
    keyFile: join(files, 'client.key'),
  })
}

/** Some are on each thread: the kernel spreads them. */
const connectMany = (): Promise<KmipConnection[]> => Promise.all(Array.from({ length: 12 }, connect))

const startsOf = async (): Promise<number> => {
  const { host, port } = krypton.addresses.health!
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text()
  return Number(/^krypton_listener_thread_starts_total (\d+)$/m.exec(text)?.[1])
}

/** As a thread ends by a fault of ours: at once, whatever it was doing. */
async function lose(listener: Worker): Promise<void> {
  const seen = listeners.length
  await listener.terminate()
  await expect.poll(() => listeners.length, { timeout: 20_000 }).toBe(seen + 1)
  await expect.poll(startsOf, { timeout: 20_000 }).toBe(seen + 1)
}

describe('a server with two listener threads', () => {
  it('replaces one that dies: its clients connect again and find all that was acknowledged', async () => {
    const connections = await connectMany()
    const keys = await Promise.all(
      connections.map(async (connection, n) => {
        const id = identifierOf(await connection.exchange(createKey(`key-${n}`)))
        return { id, material: bytesOf(await connection.exchange(about(Operation.Get, id)), Tag.KeyMaterial) }
      }),
    )
    expect(listeners.map(({ threadName }) => threadName)).toEqual(['listener-1', 'listener-2'])
    await lose(listeners[0]!)
    await expect.poll(() => connections.filter(({ ended }) => ended !== undefined).length).toBeGreaterThan(0)
    // Those of the other thread go on.
    const left = connections.filter(({ ended }) => ended === undefined)
    for (const connection of left) succeeded(await connection.exchange(about(Operation.Get, keys[0]!.id)))
    await lose(listeners[1]!)
    for (const connection of await connectMany()) {
      for (const { id, material } of keys) {
        const answer = succeeded(await connection.exchange(about(Operation.Get, id)))
        expect(bytesOf(answer, Tag.KeyMaterial)).toEqual(material)
      }
    }
    expect(lines.filter((line) => line.includes('a listener thread died and is replaced'))).toHaveLength(2)
  })

  it('stops and says why when they die again and again', async () => {
    for (let lost = 0; lost < limits.threadLossesMax; lost++) await lose(listeners.at(-1)!)
    await listeners.at(-1)!.terminate()
    expect(await krypton.stopped).toBe('fatal')
    expect(lines.some((line) => line.includes('listener threads die again and again'))).toBe(true)
  })
})
