import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadObjects } from '../src/bench/load-objects.ts'
import { scenarios } from '../src/bench/scenario.ts'
import { goodSection } from './figure.ts'
import { machineCores } from './machine.ts'
import { ratios, takePairs } from './pairs.ts'
import { startKrypton } from './servers/krypton.ts'
import { allCpus } from './servers/server.ts'
import type { BenchServer } from './servers/server.ts'
import { median, spread } from './table.ts'
import type { Section } from './table.ts'
import { measureWindow, warmUp } from './window.ts'
import type { Window } from './window.ts'

export interface ThreadsOptions {
  readonly pairs: number
  readonly seconds: number
  readonly warmupSeconds: number
  readonly onProgress: (line: string) => void
}

/** A Get by two listener threads beside one: server CPU a request, the generator on the same cores. */
export async function benchThreads(options: ThreadsOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-threads-'))
  const servers: BenchServer[] = []
  try {
    const windowOf: (() => Promise<Window>)[] = []
    for (const threads of ['1', '2']) {
      const settings = { KRYPTON_SERVER_THREADS: threads }
      const server = await startKrypton(join(directory, threads), { cpus: allCpus, settings })
      servers.push(server)
      const load = {
        scenario: 'get',
        mode: 'persistent',
        connections: 32,
        depth: 1,
        processes: 1,
        cpus: allCpus,
        seconds: options.seconds,
        warmupSeconds: 0.4,
        objects: await loadObjects(server.target, scenarios.get, 1000),
        timeoutMs: 10_000,
      } as const
      await warmUp(server, load, options.warmupSeconds)
      windowOf.push(() => measureWindow(server, load))
    }
    const pairs = await takePairs(
      { wanted: options.pairs, triesMax: options.pairs * 2 + 1 },
      windowOf[0]!,
      windowOf[1]!,
      ({ reference, server }) =>
        options.onProgress(
          `two threads ${server.serverMicrosecondsPerRequest.toFixed(1)} µs, one ${reference.serverMicrosecondsPerRequest.toFixed(1)} µs`,
        ),
    )
    return goodSection(
      'Two listener threads beside one',
      [
        {
          id: 'threads',
          what: 'Get with two threads, CPU a request',
          value: median(ratios(pairs)),
          unit: 'times one thread',
          atMost: machineCores > 2 ? 1.15 : 1.3,
          detail: spread(ratios(pairs), 2),
          remarks: pairs.noisy ? ['NOISY'] : [],
        },
      ],
      [
        `32 connections, ${machineCores} cores for server and generator together. The goal is 1.3 on two cores and 1.15 where a core is to spare.`,
      ],
    )
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
