import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AdminClient } from '../src/admin/client.ts'
import { checkAnswer } from '../src/bench/answer.ts'
import { get } from '../src/bench/messages.ts'
import { Operation } from '../src/bench/tags.ts'
import { limits } from '../src/limits.ts'
import { goodSection } from './figure.ts'
import { othersCoresMax } from './pairs.ts'
import { cpuBetween, machineBusyMs, processTreeCpu, processTreeRssMiB } from './process-cpu.ts'
import { startKrypton } from './servers/krypton.ts'
import { allCpus } from './servers/server.ts'
import type { BenchServer } from './servers/server.ts'
import { median, spread } from './table.ts'
import type { Section } from './table.ts'
import { newTenant } from './tenant-client.ts'
import type { TenantClient } from './tenant-client.ts'

export interface TenantsOptions {
  readonly tenants: number
  /** Of each tenant. */
  readonly objects: number
  readonly rounds: number
  readonly onProgress: (line: string) => void
}

/**
 * Many tenants with many objects each in the embedded store: what a Get costs whose object was not asked for lately, and the first one of a tenant, beside one whose object is at hand; and what
 * memory it comes to when the caches are full.
 */
export async function benchTenants(options: TenantsOptions): Promise<Section> {
  const { tenants, objects, onProgress } = options
  const directory = mkdtempSync(join(tmpdir(), 'bench-tenants-'))
  const instance = join(directory, 'krypton')
  let server = await startKrypton(instance, { cpus: allCpus })
  try {
    const begunMs = performance.now()
    const clients = await fill(server, new AdminClient(join(instance, 'krypton.sock')), options)
    onProgress(`${tenants * objects} objects made in ${((performance.now() - begunMs) / 1000).toFixed(0)} s`)
    await server.stop()
    server = await startKrypton(instance)
    await settle()
    const idleMiB = processTreeRssMiB(server.pid)
    for (const client of clients) await client.connect(server.target)
    await settle()
    const connectedMiB = processTreeRssMiB(server.pid)

    const take = asking(server)
    // So many tenants serve to compile the server's code: what they are asked is not counted.
    const compiling = clients.slice(0, Math.max(1, tenants / 10))
    for (let nth = 0; nth < compilingGets; nth += compiling.length) await take(compiling.map(warmOf))
    const first = await take(clients.slice(compiling.length).map(warmOf))
    // Whole turns of all tenants; no object is cold twice.
    const each = Math.min(Math.ceil(windowGets / tenants), Math.floor((objects - 1) / (options.rounds + 1))) * tenants
    const windows: { warm: Window; cold: Window }[] = []
    // And what is done for cold ones.
    await take(inTurn(clients, each, coldOf))
    for (let round = 0; round < options.rounds; round++) {
      const warm = () => take(inTurn(clients, each, warmOf))
      const cold = () => take(inTurn(clients, each, coldOf))
      const coldFirst = round % 2 === 1 ? await cold() : undefined
      const window = { warm: await warm(), cold: coldFirst ?? (await cold()) }
      windows.push(window)
      onProgress(
        `warm ${window.warm.cpuUs.toFixed(1)} µs, cold ${window.cold.cpuUs.toFixed(1)} µs, others used ${othersIn(window).toFixed(2)} cores`,
      )
    }
    await settle()
    return section({ first, windows, each, idleMiB, connectedMiB, fullMiB: processTreeRssMiB(server.pid) }, options)
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A Get to be sent. */
interface Question {
  readonly client: TenantClient
  readonly identifier: string
}

/** Server CPU µs a Get, and the cores that others used. */
interface Window {
  readonly cpuUs: number
  readonly othersCores: number
}

async function fill(
  server: BenchServer,
  admin: AdminClient,
  { tenants, objects, onProgress }: TenantsOptions,
): Promise<TenantClient[]> {
  const clients: TenantClient[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < tenants) {
        const client = await newTenant(admin, `tenant-${next++}`)
        await client.connect(server.target)
        await client.createObjects(objects)
        client.disconnect()
        clients.push(client)
        if (clients.length % 100 === 0) onProgress(`${clients.length} tenants made`)
      }
    }),
  )
  await admin.close()
  return clients
}

/** Asks all of the questions, some at once, and measures what they cost the server. */
function asking(server: BenchServer): (questions: readonly Question[]) => Promise<Window> {
  return async (questions) => {
    const look = () => ({
      server: processTreeCpu(server.pid),
      machine: machineBusyMs(),
      own: process.cpuUsage(),
      time: performance.now(),
    })
    const start = look()
    let next = 0
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (next < questions.length) {
          const { client, identifier } = questions[next++]!
          const checked = checkAnswer(await client.ask(get(identifier)), { operation: Operation.Get })
          if (typeof checked === 'string') throw new Error(`a Get failed: ${checked}`)
        }
      }),
    )
    const end = look()
    const serverMs = cpuBetween(start.server, end.server)
    const ownMs = (end.own.user + end.own.system - start.own.user - start.own.system) / 1000
    const othersMs = end.machine - start.machine - serverMs - ownMs
    return { cpuUs: (serverMs * 1000) / questions.length, othersCores: Math.max(0, othersMs / (end.time - start.time)) }
  }
}

function inTurn(
  clients: readonly TenantClient[],
  count: number,
  question: (client: TenantClient) => Question,
): Question[] {
  return Array.from({ length: count }, (_, nth) => question(clients[nth % clients.length]!))
}

const warmOf = (client: TenantClient): Question => ({ client, identifier: client.warm })
const coldOf = (client: TenantClient): Question => ({ client, identifier: client.nextCold() })

function othersIn({ warm, cold }: { readonly warm: Window; readonly cold: Window }): number {
  return Math.max(warm.othersCores, cold.othersCores)
}

interface Measured {
  readonly first: Window
  readonly windows: readonly { readonly warm: Window; readonly cold: Window }[]
  /** Gets of a window. */
  readonly each: number
  readonly idleMiB: number
  readonly connectedMiB: number
  readonly fullMiB: number
}

function section(
  { first, windows, each, idleMiB, connectedMiB, fullMiB }: Measured,
  { tenants, objects, rounds }: TenantsOptions,
): Section {
  const warmUs = windows.map(({ warm }) => warm.cpuUs)
  const coldUs = windows.map(({ cold }) => cold.cpuUs)
  const ratios = windows.map(({ warm, cold }) => cold.cpuUs / warm.cpuUs)
  const noisy = median(windows.map(othersIn)) > othersCoresMax ? ['NOISY'] : []
  return goodSection(
    `${tenants} tenants with ${objects} objects each`,
    [
      {
        id: 'tenants-cold',
        what: 'Get of an object that is not cached, CPU',
        value: median(ratios),
        unit: 'times one that is',
        atMost: 3,
        detail: `${spread(ratios, 2)}; ${spread(coldUs, 1)} and ${spread(warmUs, 1)} µs`,
        remarks: noisy,
      },
      {
        id: 'tenants-first',
        what: "a tenant's first Get, its keys opened, CPU",
        value: first.cpuUs / median(warmUs),
        unit: 'times a warm one',
        detail: `${first.cpuUs.toFixed(0)} µs`,
        remarks: first.othersCores > othersCoresMax ? ['NOISY'] : [],
      },
      {
        id: 'tenants-connected',
        what: `resident memory with ${tenants} connections, more than idle`,
        value: connectedMiB - idleMiB,
        unit: 'MiB',
        detail: `${connectedMiB} and ${idleMiB} MiB`,
        remarks: [],
      },
      {
        id: 'tenants-full',
        what: `resident memory after ${(rounds + 1) * each} objects more, beyond that`,
        value: fullMiB - connectedMiB,
        unit: 'MiB',
        detail: `${fullMiB} MiB; the caches' limit: ${limits.cachedObjectBytesMax / 2 ** 20} MiB of objects`,
        remarks: [],
      },
    ],
    [
      `Medians of ${rounds} rounds of ${each} Gets of each kind, ${atOnce} under way, by ${tenants} connections, one of each tenant. The server was started anew after the objects were made. ` +
        `The first Gets are those of nine tenants in ten, one each; the others' have compiled the code.`,
    ],
  )
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2000))
}

const atOnce = 16
const windowGets = 20_000
const compilingGets = 20_000
