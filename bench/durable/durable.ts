import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LatencyHistogram } from '../../src/bench/latency-histogram.ts'
import { startKrypton } from '../servers/krypton.ts'
import { allCpus } from '../servers/server.ts'
import { goalAtLeast, goalAtMost, median, spread } from '../table.ts'
import type { Section } from '../table.ts'
import { measureWindow, warmUp } from '../window.ts'
import type { Window, WindowLoad } from '../window.ts'
import { type BareWriter, countRows, measureBareWriter } from './bare-writer.ts'
import { isInMemory, measureFdatasync } from './fdatasync.ts'

export interface DurableOptions {
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** On the filesystem that is to be measured; the system's temporary folder when absent. */
  readonly directory?: string
  readonly onProgress: (line: string) => void
}

/** Clients at once in the second row, and Creates in a transaction of the bare writer. */
const many = 64

/** What a durable Create costs beside the disk's own sync (F) and beside a writer of the same rows without a server. */
export async function benchDurable(options: DurableOptions): Promise<Section> {
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), 'bench-durable-'))
  try {
    if (isInMemory(directory)) throw new Error(`${directory} lies in memory: give --dir on a disk`)
    const syncs: LatencyHistogram[] = []
    const one: Window[] = []
    const all: Window[] = []
    const instance = join(directory, 'krypton')
    const database = join(instance, 'data', 'data.db')
    const krypton = await startKrypton(instance, { cpus: allCpus })
    let rowsBefore: Map<string, number>
    try {
      rowsBefore = countRows(database)
      const loadOf = (connections: number): WindowLoad => ({
        scenario: 'create',
        mode: 'persistent',
        connections,
        depth: 1,
        processes: 1,
        cpus: allCpus,
        seconds: options.seconds,
        warmupSeconds: 0.3,
        objects: [],
        timeoutMs: 10_000,
      })
      await warmUp(krypton, loadOf(many), options.warmupSeconds)
      for (let round = 0; round < options.rounds; round++) {
        syncs.push(measureFdatasync(directory, options.seconds))
        one.push(await measureWindow(krypton, loadOf(1)))
        all.push(await measureWindow(krypton, loadOf(many)))
        options.onProgress(
          `durable: F ${syncs.at(-1)!.percentile(50).toFixed(0)} µs, Create ${one.at(-1)!.load.latency.p50} µs, ` +
            `${many} clients ${all.at(-1)!.load.requestsPerSecond}/s`,
        )
      }
    } finally {
      await krypton.stop()
    }
    const rowsAfter = countRows(database)
    const creates = (rowsAfter.get('objects') ?? 0) - (rowsBefore.get('objects') ?? 0)
    const bareWriter = (round: number): BareWriter => {
      const copy = join(directory, `bare-${round}.db`)
      copyFileSync(database, copy)
      // What the server had not moved into the database when it ended lies beside it.
      if (existsSync(`${database}-wal`)) copyFileSync(`${database}-wal`, `${copy}-wal`)
      return measureBareWriter(copy, rowsBefore, creates, many)
    }
    const bare = Array.from({ length: options.rounds }, (_, round) => bareWriter(round))
    return section({ syncs, one, all, bare }, options)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Measured {
  readonly syncs: readonly LatencyHistogram[]
  readonly one: readonly Window[]
  readonly all: readonly Window[]
  readonly bare: readonly BareWriter[]
}

function section({ syncs, one, all, bare }: Measured, options: DurableOptions): Section {
  const f = median(syncs.map((histogram) => histogram.percentile(50)))
  const latency = median(one.map(({ load }) => load.latency.p50))
  const goal = Math.round(2 * f + 150)
  const rates = (windows: readonly Window[]): number[] => windows.map(({ load }) => load.requestsPerSecond)
  const bareRates = bare.map(({ createsPerSecond }) => createsPerSecond)
  const share = median(rates(all)) / median(bareRates)
  const p99 = (windows: readonly Window[]): string => median(windows.map(({ load }) => load.latency.p99)).toFixed(0)
  const failed = [...one, ...all].reduce((sum, { load }) => sum + load.failed, 0)
  return {
    table: {
      title: 'Durable Create',
      columns: ['what', 'p50 µs', 'p99 µs', 'per second', 'goal', 'server CPU µs'],
      rows: [
        [
          'F: 4 KiB written and synced',
          spread(
            syncs.map((histogram) => histogram.percentile(50)),
            0,
          ),
          median(syncs.map((histogram) => histogram.percentile(99))).toFixed(0),
          spread(
            syncs.map((histogram) => 1e6 / histogram.mean),
            0,
          ),
          '',
          '',
        ],
        [
          'Create, 1 client',
          spread(
            one.map(({ load }) => load.latency.p50),
            0,
          ),
          p99(one),
          spread(rates(one), 0),
          goalAtMost(latency, goal, 'µs (2 F + 150)'),
          spread(
            one.map((window) => window.serverMicrosecondsPerRequest),
            0,
          ),
        ],
        [
          `Create, ${many} clients`,
          spread(
            all.map(({ load }) => load.latency.p50),
            0,
          ),
          p99(all),
          spread(rates(all), 0),
          `${share.toFixed(2)} of the bare writer; ${goalAtLeast(share, 0.5, '')}; ${goalAtLeast(median(rates(all)), 8000, '/s')}`,
          spread(
            all.map((window) => window.serverMicrosecondsPerRequest),
            0,
          ),
        ],
        [`bare writer, ${many} a transaction`, '', '', spread(bareRates, 0), '', ''],
      ],
      notes: [
        `${options.rounds} rounds of ${options.seconds} s; F, one client and ${many} clients take turns; server and generator share all cores. The bare writer writes the rows of those ` +
          `Creates (${bare[0]?.rows ?? ''} each) again into a copy of the server's database. Failed requests: ${failed}.`,
      ],
    },
    figures: [
      {
        id: 'create-one',
        what: 'durable Create, one client, in F',
        value: latency / f,
        unit: 'F',
        atMost: Number((goal / f).toFixed(2)),
        detail: `p50 ${latency} µs, F ${f} µs, goal 2 F + 150 µs`,
        remarks: failed > 0 ? [`failed: ${failed}`] : [],
      },
      {
        id: 'create-many',
        what: `durable Create, ${many} clients, of the bare writer`,
        value: share,
        unit: '',
        atLeast: 0.5,
        stretch: 0.7,
        detail: `${median(rates(all)).toFixed(0)}/s, bare writer ${median(bareRates).toFixed(0)}/s`,
        remarks: [],
      },
      {
        id: 'create-rate',
        what: `durable Create, ${many} clients`,
        value: median(rates(all)),
        unit: 'a second',
        atLeast: 8000,
        detail: '',
        remarks: all.some(({ load }) => load.invalid.length > 0) ? ['generator-bound'] : [],
      },
    ],
  }
}
