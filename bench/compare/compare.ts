import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '../certificates.ts'
import { loadObjects } from '../../src/bench/load-objects.ts'
import type { LoadedObject, Scenario, ScenarioName } from '../../src/bench/scenario.ts'
import { scenarios } from '../../src/bench/scenario.ts'
import { processTreeRssMiB } from '../process-cpu.ts'
import { startKrypton } from '../servers/krypton.ts'
import { startPykmip } from '../servers/pykmip.ts'
import type { BenchServer } from '../servers/server.ts'
import { goalAtLeast, median, spread } from '../table.ts'
import type { Section } from '../table.ts'
import { measureWindow, warmUp } from '../window.ts'
import type { Window, WindowLoad } from '../window.ts'

interface Row {
  readonly name: string
  readonly scenario: ScenarioName
  readonly goal: number
}

const rows: readonly Row[] = [
  { name: 'Get', scenario: 'get', goal: 20 },
  { name: 'Decrypt 96 B', scenario: 'decrypt', goal: 20 },
  { name: 'Register', scenario: 'register', goal: 10 },
]

const connections = 4
/** PyKMIP's Locate and its database grow slow with many; so both get few. */
const objectCount = 50

export interface CompareOptions {
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly onProgress: (line: string) => void
}

/**
 * Krypton and PyKMIP's server, one after the other on the same core, under the same generator. `start` may start another server
 * in the folder that it is given.
 */
export async function benchCompare(
  options: CompareOptions,
  start: (directory: string) => Promise<BenchServer> = startKrypton,
): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-compare-'))
  const servers: BenchServer[] = []
  try {
    const certificates = await makeCertificates(join(directory, 'certificates'))
    servers.push(await start(join(directory, 'krypton')))
    servers.push(await startPykmip(join(directory, 'pykmip'), certificates))
    const [krypton, pykmip] = [servers[0]!, servers[1]!]
    const measured: { row: Row; krypton: Window[]; pykmip: Window[] }[] = []
    for (const row of rows) {
      const objects = new Map<BenchServer, LoadedObject[]>()
      for (const server of servers) {
        const scenario: Scenario = scenarios[row.scenario]
        objects.set(server, await loadObjects(server.target, scenario, objectCount))
      }
      const warm = new Set<BenchServer>()
      const take = async (server: BenchServer): Promise<Window> => {
        const load: WindowLoad = {
          scenario: row.scenario,
          mode: 'persistent',
          connections,
          depth: 1,
          processes: 1,
          seconds: options.seconds,
          warmupSeconds: 0.4,
          objects: objects.get(server)!,
          timeoutMs: 10_000,
        }
        if (!warm.has(server)) await warmUp(server, load, options.warmupSeconds)
        warm.add(server)
        const window = await measureWindow(server, load)
        options.onProgress(`${row.name}, ${server.name}: ${window.load.requestsPerSecond} requests/s`)
        return window
      }
      const result = { row, krypton: [] as Window[], pykmip: [] as Window[] }
      for (let round = 0; round < options.rounds; round++) {
        result.pykmip.push(await take(pykmip))
        result.krypton.push(await take(krypton))
      }
      measured.push(result)
    }
    return section(measured, [processTreeRssMiB(krypton.pid), processTreeRssMiB(pykmip.pid)], options)
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function section(
  measured: readonly { row: Row; krypton: Window[]; pykmip: Window[] }[],
  [kryptonRss, pykmipRss]: readonly number[],
  options: CompareOptions,
): Section {
  const rate = (windows: readonly Window[]): number[] => windows.map(({ load }) => load.requestsPerSecond)
  const cpu = (windows: readonly Window[]): number[] => windows.map((window) => window.serverMicrosecondsPerRequest)
  const latency = (windows: readonly Window[]): string =>
    `${median(windows.map(({ load }) => load.latency.p50)).toFixed(0)} / ${median(windows.map(({ load }) => load.latency.p99)).toFixed(0)}`
  const faster = (windows: { krypton: Window[]; pykmip: Window[] }): number =>
    median(rate(windows.krypton)) / median(rate(windows.pykmip))
  const failed = (windows: readonly Window[]): number => windows.reduce((sum, { load }) => sum + load.failed, 0)
  return {
    table: {
      title: 'Krypton beside PyKMIP',
      columns: [
        'what',
        'Krypton/s',
        'PyKMIP/s',
        'times as many',
        'goal',
        'Krypton CPU µs',
        'PyKMIP CPU µs',
        'Krypton p50 / p99 µs',
        'PyKMIP p50 / p99 µs',
        'failed',
      ],
      rows: measured.map(({ row, krypton, pykmip }) => [
        row.name,
        `${spread(rate(krypton), 0)}${krypton.some(({ load }) => load.invalid.length > 0) ? ' (generator-bound)' : ''}`,
        spread(rate(pykmip), 0),
        faster({ krypton, pykmip }).toFixed(1),
        goalAtLeast(faster({ krypton, pykmip }), row.goal, ''),
        spread(cpu(krypton), 1),
        spread(cpu(pykmip), 0),
        latency(krypton),
        latency(pykmip),
        `${failed(krypton)} / ${failed(pykmip)}`,
      ]),
      notes: [
        `${connections} connections that are kept, ${options.rounds} windows of ${options.seconds} s each, alternating, the server on one core and the generator on the others. ` +
          `Krypton speaks TLS 1.3, PyKMIP TLS 1.2 (its newest). Resident memory at the end: ${kryptonRss} MiB and ${pykmipRss} MiB.`,
      ],
    },
    figures: measured.map(({ row, krypton, pykmip }) => ({
      id: `compare-${row.scenario}`,
      what: row.name,
      value: faster({ krypton, pykmip }),
      unit: 'times PyKMIP',
      atLeast: row.goal,
      detail: '',
      remarks: [],
    })),
  }
}
