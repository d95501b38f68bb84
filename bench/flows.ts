import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mode } from '../src/bench/modes.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { ScenarioName } from '../src/bench/scenario.ts'
import { startKrypton } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import type { Section } from './table.ts'
import { measureWindow } from './window.ts'
import type { Window } from './window.ts'

interface Flow {
  readonly scenario: ScenarioName
  readonly mode: Mode
  readonly connections: number
  /** Tasks a second: open loop. */
  readonly rate?: number
  readonly quick?: true
}

const flows: readonly Flow[] = [
  { scenario: 'mongodb-csfle', mode: 'connect-per-operation', connections: 8, quick: true },
  { scenario: 'mongodb-delegated', mode: 'connect-per-operation', connections: 8, quick: true },
  { scenario: 'mongod-atrest', mode: 'persistent', connections: 16, quick: true },
  { scenario: 'mongodb-csfle', mode: 'persistent', connections: 16 },
  { scenario: 'mongodb-delegated', mode: 'persistent', connections: 16 },
  { scenario: 'get', mode: 'connect-per-operation', connections: 64, rate: 200 },
  { scenario: 'get', mode: 'persistent', connections: 64, rate: 2_000, quick: true },
  { scenario: 'get', mode: 'persistent', connections: 64, rate: 10_000, quick: true },
]

export interface FlowsOptions {
  readonly quick: boolean
  readonly seconds: number
  readonly warmupSeconds: number
  readonly onProgress: (line: string) => void
}

/** What MongoDB's clients do, from end to end, and how Gets are answered at a given rate. `start` may start another server. */
export async function benchFlows(
  options: FlowsOptions,
  start: (directory: string) => Promise<BenchServer> = startKrypton,
): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-flows-'))
  try {
    const server = await start(join(directory, 'server'))
    try {
      const measured: { flow: Flow; window: Window }[] = []
      for (const flow of flows) {
        if (options.quick && !flow.quick) continue
        const window = await measureWindow(server, {
          scenario: flow.scenario,
          mode: flow.mode,
          connections: flow.connections,
          depth: 1,
          processes: 1,
          rate: flow.rate,
          seconds: options.seconds,
          warmupSeconds: options.warmupSeconds,
          objects: 500,
          timeoutMs: 10_000,
        })
        measured.push({ flow, window })
        options.onProgress(`${flow.scenario}, ${flow.mode}: ${window.load.tasksPerSecond} tasks/s`)
      }
      return section(measured, options)
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function section(measured: readonly { flow: Flow; window: Window }[], options: FlowsOptions): Section {
  return {
    table: {
      title: "What MongoDB's clients do",
      columns: [
        'what',
        'connections',
        'loop',
        'tasks/s',
        'requests/s',
        'request p50 / p99 / p99.9 µs',
        'task p50 / p99 µs',
        'server µs a request',
        'others',
        'failed',
        '',
      ],
      rows: measured.map(({ flow, window }) => {
        const { load } = window
        const micro = (value: number): string => value.toFixed(0)
        return [
          `${flow.scenario}: ${scenarios[flow.scenario].about}`,
          `${flow.connections} ${flow.mode}`,
          flow.rate === undefined ? 'closed' : `open, ${flow.rate}/s`,
          load.tasksPerSecond.toFixed(0),
          String(load.requestsPerSecond),
          [load.latency.p50, load.latency.p99, load.latency.p999].map(micro).join(' / '),
          [load.taskLatency.p50, load.taskLatency.p99].map(micro).join(' / '),
          window.serverMicrosecondsPerRequest.toFixed(0),
          window.othersCores.toFixed(2),
          String(load.failed),
          load.invalid.length > 0 ? `INVALID: ${load.invalid.join('; ')}` : '',
        ]
      }),
      notes: [
        `One window of ${options.seconds} s each. In the open loop latency counts from the time a request was meant to leave. ` +
          `The server has one core and the generator the others.`,
      ],
    },
    figures: [],
    parts: measured.map(({ flow, window }) => ({
      name: `${flow.scenario}, ${flow.connections} ${flow.mode}`,
      load: window.load,
    })),
  }
}
