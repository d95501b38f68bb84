import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMany, loadObjects } from '../src/bench/load-objects.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { LoadedObject } from '../src/bench/scenario.ts'
import { othersOf, ratios, takePairs } from './pairs.ts'
import { startKrypton } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import { goalAtMost, median, spread } from './table.ts'
import type { Section } from './table.ts'
import { measureWindow, warmUp } from './window.ts'

export interface LocateOptions {
  /** Objects of the large server. */
  readonly objects: number
  readonly pairs: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly onProgress: (line: string) => void
}

/** Objects that are asked for, on both servers: all that the small one has. */
const asked = 1_000
/** What a Locate among many may cost, as a multiple of one among few. */
const goal = 2

/** Server CPU of a Locate by name among many objects beside one among a thousand: two servers, alternating on the same core. */
export async function benchLocate(options: LocateOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-locate-'))
  const servers: BenchServer[] = []
  try {
    const prepared = async (name: string, others: number) => {
      const server = await startKrypton(join(directory, name))
      servers.push(server)
      const objects = await loadObjects(server.target, scenarios.locate, asked)
      if (others > 0) await loadMany(server.target, others)
      const load = loadOf(objects, options)
      await warmUp(server, load, options.warmupSeconds)
      return () => measureWindow(server, load)
    }
    const few = await prepared('few', 0)
    options.onProgress(`making ${options.objects} objects`)
    const many = await prepared('many', options.objects - asked)
    const pairs = await takePairs(
      { wanted: options.pairs, triesMax: options.pairs * 3 + 1 },
      few,
      many,
      (pair, quiet) =>
        options.onProgress(
          `${pair.server.serverMicrosecondsPerRequest.toFixed(1)} µs among many, ${pair.reference.serverMicrosecondsPerRequest.toFixed(1)} µs among few, ` +
            `others used ${othersOf(pair).toFixed(2)} cores${quiet ? '' : ': discarded'}`,
        ),
    )
    const multiple = ratios(pairs)
    const microseconds = (of: 'server' | 'reference') =>
      spread(
        pairs.used.map((pair) => pair[of].serverMicrosecondsPerRequest),
        1,
      )
    return {
      table: {
        title: 'Locate by name among many objects',
        columns: ['objects', 'server µs', `server µs among ${asked}`, 'multiple', 'goal', 'others'],
        rows: [
          [
            String(options.objects),
            microseconds('server'),
            microseconds('reference'),
            spread(multiple, 2),
            goalAtMost(median(multiple), goal, ''),
            `${median(pairs.used.map(othersOf)).toFixed(2)}${pairs.noisy ? ' NOISY' : ''}`,
          ],
        ],
        notes: [
          `Server CPU per request, medians of ${options.pairs} pairs of ${options.seconds} s, range in brackets; both servers ask for the same ${asked} names, alternating on one core.`,
        ],
      },
      figures: [
        {
          id: 'locate-many',
          what: `Locate by name among ${options.objects}`,
          value: median(multiple),
          unit: `x that among ${asked}`,
          atMost: goal,
          detail: '',
          remarks: pairs.noisy ? ['NOISY'] : [],
        },
      ],
    }
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function loadOf(objects: readonly LoadedObject[], { seconds }: LocateOptions) {
  return {
    scenario: 'locate',
    mode: 'persistent',
    connections: 16,
    depth: 1,
    processes: 1,
    seconds,
    warmupSeconds: 0.4,
    timeoutMs: 5_000,
    objects,
  } as const
}
