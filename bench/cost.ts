import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './certificates.ts'
import type { BenchCertificates } from './certificates.ts'
import { loadMany, loadObjects, sampleExchange } from '../src/bench/load-objects.ts'
import type { Mode } from '../src/bench/modes.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { Scenario, ScenarioName } from '../src/bench/scenario.ts'
import { othersCoresMax, othersOf, ratios, takePairs } from './pairs.ts'
import type { Pairs } from './pairs.ts'
import { processTreeRssMiB } from './process-cpu.ts'
import { startEcho } from './servers/echo.ts'
import { startKrypton } from './servers/krypton.ts'
import type { KryptonOptions } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import { goalAtMost, median, spread } from './table.ts'
import type { Section } from './table.ts'
import { measureWindow, warmUp } from './window.ts'
import type { Window } from './window.ts'

/** One row: a load, and the multiple of the echo that it may cost. */
interface CostRow {
  readonly id: string
  readonly name: string
  readonly scenario: ScenarioName
  readonly mode?: Mode
  readonly connections?: number
  readonly depth?: number
  readonly unit: 'E' | 'H'
  readonly goal?: number
  readonly stretch?: number
  /** Objects that the server holds beside those asked for. */
  readonly among?: number
  /** The server without its addon. */
  readonly withoutAddon?: true
  /** Part of the quick form. */
  readonly quick?: true
}

const rows: readonly CostRow[] = [
  { id: 'get', name: 'Get', scenario: 'get', unit: 'E', goal: 1.6, stretch: 1.45, quick: true },
  {
    id: 'get-without-addon',
    name: 'Get without the addon',
    scenario: 'get',
    unit: 'E',
    goal: 2.2,
    stretch: 2,
    withoutAddon: true,
    quick: true,
  },
  { id: 'encrypt', name: 'Encrypt 96 B', scenario: 'encrypt', unit: 'E', goal: 1.7, stretch: 1.5, quick: true },
  { id: 'decrypt', name: 'Decrypt 96 B', scenario: 'decrypt', unit: 'E', goal: 1.7, stretch: 1.5, quick: true },
  { id: 'encrypt-4k', name: 'Encrypt 4 KiB', scenario: 'encrypt-4k', unit: 'E', goal: 1.3 },
  { id: 'poll', name: 'Get Attributes (State)', scenario: 'poll', unit: 'E' },
  { id: 'attributes', name: 'Get Attributes of 8', scenario: 'attributes', unit: 'E', goal: 1.8 },
  {
    id: 'get-pipelined',
    name: 'Get, 4 connections x 16 pipelined',
    scenario: 'get',
    mode: 'pipelined',
    connections: 4,
    depth: 16,
    unit: 'E',
    goal: 1.6,
  },
  {
    id: 'connect',
    name: 'connect, Get, close, 8 at a time',
    scenario: 'get',
    mode: 'connect-per-operation',
    connections: 8,
    unit: 'H',
    goal: 1,
    stretch: 0.9,
    quick: true,
  },
  {
    id: 'locate',
    name: 'Locate by name among 100,000',
    scenario: 'locate',
    unit: 'E',
    goal: 2.5,
    among: 100_000,
  },
]

export interface CostOptions {
  readonly quick: boolean
  readonly pairs: number
  readonly seconds: number
  /** Load on both that is not counted, before each row. */
  readonly warmupSeconds: number
  readonly objects: number
  readonly onProgress: (line: string) => void
}

/**
 * Server CPU per request, as a multiple of the bare echo of the same bytes, alternating with it on the same core. `start` may
 * start another server in the folder that it is given.
 */
export async function benchCost(
  options: CostOptions,
  start: (directory: string, options?: KryptonOptions) => Promise<BenchServer> = startKrypton,
): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-cost-'))
  const servers: BenchServer[] = []
  try {
    const certificates = await makeCertificates(join(directory, 'certificates'))
    const krypton = await start(join(directory, 'krypton'))
    servers.push(krypton)
    const withoutAddon = await start(join(directory, 'without-addon'), { settings: { KRYPTON_NATIVE: 'off' } })
    servers.push(withoutAddon)
    const measured: { row: CostRow; pairs: Pairs; bytes: string }[] = []
    for (const row of rows) {
      if (options.quick && !row.quick) continue
      const server = row.withoutAddon ? withoutAddon : krypton
      if (row.among !== undefined) await loadMany(server.target, row.among)
      measured.push({ row, ...(await measureRow(row, server, certificates, options)) })
    }
    return section(measured, processTreeRssMiB(krypton.pid), options)
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureRow(
  row: CostRow,
  krypton: BenchServer,
  certificates: BenchCertificates,
  options: CostOptions,
): Promise<{ pairs: Pairs; bytes: string }> {
  const scenario: Scenario = scenarios[row.scenario]
  const objects = await loadObjects(krypton.target, scenario, options.objects)
  // The echo answers with what the server answered for one object, so its clients ask for that one only.
  const one = objects.slice(0, 1)
  const { request, answer } = await sampleExchange(krypton.target, scenario.steps(one, 0)[0]!)
  const echo = await startEcho(certificates, answer)
  try {
    const load = {
      scenario: row.scenario,
      mode: row.mode ?? 'persistent',
      connections: row.connections ?? 16,
      depth: row.depth ?? 1,
      processes: 1,
      seconds: options.seconds,
      warmupSeconds: 0.4,
      timeoutMs: 5000,
    }
    await warmUp(echo, { ...load, objects: one }, options.warmupSeconds)
    await warmUp(krypton, { ...load, objects }, options.warmupSeconds)
    const pairs = await takePairs(
      { wanted: options.pairs, triesMax: options.pairs * (options.quick ? 1 : 3) + 1 },
      () => measureWindow(echo, { ...load, objects: one }),
      () => measureWindow(krypton, { ...load, objects }),
      (pair, quiet) => {
        const [reference, server] = [pair.reference, pair.server]
        const ratio = server.serverMicrosecondsPerRequest / reference.serverMicrosecondsPerRequest
        options.onProgress(
          `${row.name}: ${server.serverMicrosecondsPerRequest.toFixed(1)} µs, ${ratio.toFixed(2)} ${row.unit}, ` +
            `others used ${othersOf(pair).toFixed(2)} cores${quiet ? '' : ': discarded'}`,
        )
      },
    )
    return { pairs, bytes: `${request.length} B → ${answer.length} B` }
  } finally {
    await echo.stop()
  }
}

function section(
  measured: readonly { row: CostRow; pairs: Pairs; bytes: string }[],
  rssMiB: number,
  options: CostOptions,
): Section {
  const columns = [
    'what',
    'bytes',
    'multiple of the echo',
    'goal',
    'server µs',
    'echo µs',
    'requests/s',
    'cores, server / echo',
    'p50 / p99 µs',
    'others',
    'failed',
  ]
  const lines = measured.map(({ row, pairs, bytes }) => {
    const multiple = ratios(pairs)
    const servers = pairs.used.map((pair) => pair.server)
    const requestsPerSecond = median(servers.map(({ load }) => load.requestsPerSecond))
    const bound = servers.some(({ load }) => load.invalid.length > 0)
    return [
      row.name,
      bytes,
      `${spread(multiple, 2)} ${row.unit}`,
      row.goal === undefined
        ? ''
        : goalAtMost(median(multiple), row.goal, row.unit) +
          (row.stretch === undefined ? '' : `, stretch ${row.stretch}`),
      spread(
        servers.map((window) => window.serverMicrosecondsPerRequest),
        1,
      ),
      spread(
        pairs.used.map((pair) => pair.reference.serverMicrosecondsPerRequest),
        1,
      ),
      `${requestsPerSecond}${bound ? ' (generator-bound)' : ''}`,
      `${coresOf(servers)} / ${coresOf(pairs.used.map((pair) => pair.reference))}`,
      `${median(servers.map(({ load }) => load.latency.p50)).toFixed(0)} / ${median(servers.map(({ load }) => load.latency.p99)).toFixed(0)}`,
      `${median(pairs.used.map(othersOf)).toFixed(2)}${pairs.noisy ? ' NOISY' : ''}`,
      String(pairs.used.reduce((sum, pair) => sum + pair.server.load.failed + pair.reference.load.failed, 0)),
    ]
  })
  const discarded = measured.reduce((sum, { pairs }) => sum + pairs.discarded, 0)
  return {
    table: {
      title: 'Server CPU per request, beside a bare TLS echo on the same core',
      columns,
      rows: lines,
      notes: [
        `Medians of ${options.pairs} pairs of ${options.seconds} s, range in brackets; ${options.objects} objects. ` +
          `E: mutual TLS 1.3 echo of the same bytes; H: the same with a new connection for each request. ` +
          `Pairs in which others used more than ${othersCoresMax} cores are repeated (${discarded} discarded); a row marked NOISY had too few quiet ones. ` +
          `Resident memory of the server at the end: ${rssMiB} MiB.`,
      ],
    },
    figures: measured.map(({ row, pairs }) => ({
      id: row.id,
      what: row.name,
      value: median(ratios(pairs)),
      unit: row.unit,
      atMost: row.goal,
      stretch: row.stretch,
      detail: '',
      remarks: pairs.noisy ? ['NOISY'] : [],
    })),
  }
}

function coresOf(windows: readonly Window[]): string {
  return median(windows.map(({ serverCores }) => serverCores)).toFixed(2)
}
