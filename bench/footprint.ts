import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadMany } from '../src/bench/load-objects.ts'
import { makeCertificates } from './certificates.ts'
import { goodSection } from './figure.ts'
import type { Figure, Skipped } from './figure.ts'
import { processTreeRssKiB } from './process-cpu.ts'
import { startEcho } from './servers/echo.ts'
import { compilePackage, startKrypton } from './servers/krypton.ts'
import type { BenchServer } from './servers/server.ts'
import { allCpus } from './servers/server.ts'
import { median, spread } from './table.ts'
import type { Section } from './table.ts'

export interface FootprintOptions {
  readonly starts: number
  /** Objects of the second form; 0 leaves it out. A million is what the goal is about. */
  readonly objects: number
  readonly onProgress: (line: string) => void
}

/** How soon the compiled package listens and how much memory it has, without objects and with many; and keys in locked memory. */
export async function benchFootprint(options: FootprintOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-footprint-'))
  const servers: BenchServer[] = []
  try {
    const executable = compilePackage(join(directory, 'package'))
    const instance = join(directory, 'krypton')
    const begin = async (): Promise<BenchServer> => {
      const server = await startKrypton(instance, { executable })
      servers.push(server)
      return server
    }
    const certificates = await makeCertificates(join(directory, 'certificates'))
    const echo = await startEcho(certificates, Buffer.alloc(8))
    servers.push(echo)
    // The first start makes the instance.
    await (await begin()).stop()
    const empty = await measureStarts(begin, options)
    await settle()
    const bareKiB = processTreeRssKiB(echo.pid)
    const figures: Figure[] = [
      {
        id: 'start',
        what: 'start to KMIP listening, compiled',
        value: median(empty.starts),
        unit: 'ms',
        atMost: 300,
        stretch: 200,
        detail: spread(empty.starts, 0),
        remarks: [],
      },
      {
        id: 'rss-idle',
        what: 'resident memory, idle, compiled',
        value: empty.rssKiB / bareKiB,
        unit: 'times a bare TLS server',
        atMost: 2.5,
        stretch: 2,
        detail: `${mebibytes(empty.rssKiB)} and ${mebibytes(bareKiB)} MiB`,
        remarks: [],
      },
    ]
    const skipped: Skipped[] = []
    if (options.objects > 0) {
      const loaded = await startKrypton(instance, { executable, cpus: allCpus })
      servers.push(loaded)
      const start = performance.now()
      await loadMany(loaded.target, options.objects)
      const perSecond = Math.round((options.objects * 1000) / (performance.now() - start))
      options.onProgress(`${options.objects} objects made, ${perSecond}/s`)
      await loaded.stop()
      const full = await measureStarts(begin, options)
      figures.push(
        {
          id: 'start-full',
          what: `start with ${options.objects} objects, beside none`,
          value: median(full.starts) / median(empty.starts),
          unit: 'times',
          atMost: 1.2,
          detail: `${spread(full.starts, 0)} ms`,
          remarks: [],
        },
        {
          id: 'rss-full',
          what: `resident memory with ${options.objects} objects, more than with none`,
          value: Number(mebibytes(full.rssKiB - empty.rssKiB)),
          unit: 'MiB',
          atMost: 150,
          stretch: 60,
          detail: `${mebibytes(full.rssKiB)} MiB`,
          remarks: [],
        },
      )
    } else skipped.push({ what: 'start and memory with 1,000,000 objects', why: 'ask for it with --objects 1000000' })
    const slots = keysInLockedMemory()
    if ('why' in slots) skipped.push(slots)
    else figures.push(slots)
    return goodSection(
      'Start and memory',
      figures,
      [
        `${options.starts} starts each: from the process's start until its KMIP port takes a connection (asked every few milliseconds), on one core. ` +
          'The server has one listener and the writer. The bare TLS server is the echo.',
      ],
      skipped,
    )
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureStarts(
  begin: () => Promise<BenchServer>,
  { starts, onProgress }: FootprintOptions,
): Promise<{ starts: number[]; rssKiB: number }> {
  const times: number[] = []
  const memory: number[] = []
  for (let n = 0; n < starts; n++) {
    const start = performance.now()
    const server = await begin()
    times.push((server.listeningAt ?? performance.now()) - start)
    await settle()
    memory.push(processTreeRssKiB(server.pid))
    await server.stop()
    onProgress(`start: ${times.at(-1)!.toFixed(0)} ms, ${mebibytes(memory.at(-1)!)} MiB`)
  }
  return { starts: times, rssKiB: median(memory) }
}

/** Keys of 32 bytes until 8 MiB are locked, in a process of its own, as the addon reports them. */
function keysInLockedMemory(): Figure | Skipped {
  const what = 'keys of 32 bytes in 8 MiB of locked memory'
  const script = fileURLToPath(new URL('locked-keys.ts', import.meta.url))
  const report = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as
    | { keys: number; lockedBy: string }
    | { reason: string }
  if ('reason' in report) return { what, why: report.reason }
  return {
    id: 'locked-keys',
    what,
    value: report.keys,
    unit: '',
    atLeast: 100_000,
    stretch: 120_000,
    detail: report.lockedBy,
    remarks: [],
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000))
}

function mebibytes(kib: number): string {
  return (kib / 1024).toFixed(0)
}
