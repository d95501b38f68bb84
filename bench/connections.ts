import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '../src/bench/connection.ts'
import { reconnectFleet } from '../src/bench/fleet.ts'
import { loadObjects, sampleExchange } from '../src/bench/load-objects.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { Target } from '../src/bench/target.ts'
import { connectionOptions } from '../src/bench/target.ts'
import { makeCertificates } from './certificates.ts'
import { goodSection } from './figure.ts'
import type { Figure } from './figure.ts'
import { cpuBetween, processTreeCpu, processTreeRssKiB } from './process-cpu.ts'
import { startEcho } from './servers/echo.ts'
import { startKrypton } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import { median, spread } from './table.ts'
import type { Section } from './table.ts'
import { generatorCpus, measureWindow } from './window.ts'

export interface ConnectionsOptions {
  /** Rounds of 1,000 clients at once. */
  readonly rounds: number
  readonly held: number
  readonly seconds: number
  readonly onProgress: (line: string) => void
}

const fleet = 1000
/** The goals for held connections are about so many. */
const heldGoal = 10_000
/** Connections that are opened at a time while they are gathered: no server is to be stormed here. */
const gathered = 32

/** What a connection costs: 1,000 at once beside as many full handshakes of the echo, an idle one beside the echo's, and many held. */
export async function benchConnections(options: ConnectionsOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-connections-'))
  const servers: BenchServer[] = []
  // The clients of the fleet run in this process, which is not to take the server's core.
  execFileSync('taskset', ['-a', '-p', '-c', generatorCpus, String(process.pid)], { stdio: 'ignore' })
  try {
    const certificates = await makeCertificates(join(directory, 'certificates'))
    const most = String(options.held + 1000)
    const settings = { KRYPTON_LIMITS_CONNECTIONS_MAX: most, KRYPTON_LIMITS_CONNECTIONS_PER_CERTIFICATE_MAX: most }
    const krypton = await startKrypton(join(directory, 'krypton'), { settings })
    servers.push(krypton)
    const objects = await loadObjects(krypton.target, scenarios.get, 1)
    const { request, answer } = await sampleExchange(krypton.target, scenarios.get.steps(objects, 0)[0]!)
    const echo = await startEcho(certificates, answer)
    servers.push(echo)
    // Before the fleet: memory that a thousand clients left behind would be used again, and an idle connection would seem to cost nothing.
    const held = await idle(krypton, echo, request, options)
    const figures = [await atOnce(krypton, echo, objects, options), ...held]
    return goodSection('Connections', figures, [
      `${fleet} clients at once: server CPU for each until all have their answer, beside H, the echo with a full handshake for each request, 8 at a time, in the same ${options.rounds} rounds. ` +
        `Idle: resident memory by which ${options.held} held connections make a server grow, divided by their number.`,
    ])
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function atOnce(
  krypton: BenchServer,
  echo: BenchServer,
  objects: Awaited<ReturnType<typeof loadObjects>>,
  { rounds, seconds, onProgress }: ConnectionsOptions,
): Promise<Figure> {
  const ratios: number[] = []
  let failed = 0
  let last = 0
  // The first round warms both up and does not count.
  for (let round = 0; round <= rounds; round++) {
    const h = await measureWindow(echo, {
      scenario: 'get',
      mode: 'connect-per-operation',
      connections: 8,
      depth: 1,
      processes: 1,
      seconds,
      warmupSeconds: 0.3,
      objects,
      timeoutMs: 10_000,
    })
    let start = processTreeCpu(krypton.pid)
    let end = start
    const load = await reconnectFleet({
      target: krypton.target,
      connections: fleet,
      seconds: 0,
      timeoutMs: 30_000,
      onWindow: (edge) => {
        if (edge === 'start') start = processTreeCpu(krypton.pid)
        else end = processTreeCpu(krypton.pid)
      },
    })
    if (round === 0) continue
    failed += load.failed
    last = load.latency.max / 1e6
    ratios.push((cpuBetween(start, end) * 1000) / fleet / h.serverMicrosecondsPerRequest)
    onProgress(`${fleet} clients at once: ${ratios.at(-1)!.toFixed(2)} H, ${load.failed} failed`)
  }
  return {
    id: 'fleet',
    what: `${fleet} clients at once, each in H`,
    value: median(ratios),
    unit: 'H',
    atMost: 1.1,
    detail: `${spread(ratios, 2)}; the last had its answer after ${last.toFixed(2)} s`,
    remarks: failed > 0 ? [`failed: ${failed}`] : ['none refused'],
  }
}

async function idle(
  krypton: BenchServer,
  echo: BenchServer,
  request: Buffer,
  options: ConnectionsOptions,
): Promise<Figure[]> {
  const [own, bare] = [await hold(krypton, request, options), await hold(echo, request, options)]
  const mebibytes = own.rssKiB / 1024
  options.onProgress(`${options.held} held: ${mebibytes.toFixed(0)} MiB, ${own.cpuPercent.toFixed(1)} % of a core`)
  const few = options.held < heldGoal ? [`only ${options.held} were held`] : []
  const ofMany = (goal: number): number | undefined => (options.held < heldGoal ? undefined : goal)
  return [
    {
      id: 'idle-connection',
      what: 'idle connection, in C',
      value: own.kibEach / bare.kibEach,
      unit: 'C',
      atMost: 1.15,
      stretch: 0.9,
      detail: `${own.kibEach.toFixed(1)} KiB, C ${bare.kibEach.toFixed(1)} KiB`,
      remarks: few,
    },
    {
      id: 'held-rss',
      what: `${options.held} held: resident memory`,
      value: mebibytes,
      unit: 'MiB',
      atMost: ofMany(650),
      detail: '',
      remarks: few,
    },
    {
      id: 'held-cpu',
      what: `${options.held} held: processor`,
      value: own.cpuPercent,
      unit: '% of a core',
      atMost: ofMany(2),
      detail: '',
      remarks: few,
    },
  ]
}

/** Connections that have each had one answer and are quiet since. */
async function hold(
  server: BenchServer,
  request: Buffer,
  { held, seconds }: ConnectionsOptions,
): Promise<{ kibEach: number; rssKiB: number; cpuPercent: number }> {
  const before = processTreeRssKiB(server.pid)
  const connections: Connection[] = []
  try {
    while (connections.length < held) {
      const some = Math.min(gathered, held - connections.length)
      connections.push(...(await Promise.all(Array.from({ length: some }, () => answered(server.target, request)))))
    }
    // What the storm has left behind is tidied up by then, and not what holding them costs.
    await sleep(seconds * 10_000)
    const rssKiB = processTreeRssKiB(server.pid)
    const start = processTreeCpu(server.pid)
    await sleep(seconds * 2000)
    const cpuMs = cpuBetween(start, processTreeCpu(server.pid))
    return { kibEach: (rssKiB - before) / held, rssKiB, cpuPercent: cpuMs / (seconds * 20) }
  } finally {
    for (const connection of connections) connection.abort()
  }
}

const optionsOf = new Map<Target, ReturnType<typeof connectionOptions>>()

function answered(target: Target, request: Buffer): Promise<Connection> {
  const options = optionsOf.get(target) ?? connectionOptions(target)
  optionsOf.set(target, options)
  return new Promise((resolve, reject) => {
    const connection: Connection = new Connection(options, {
      ready: () => connection.send(request),
      answer: () => resolve(connection),
      closed: (reason) => reject(new Error(`a held connection was lost: ${reason}`)),
    })
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
