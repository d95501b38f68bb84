import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLoad } from '../src/bench/generator.ts'
import type { LoadResult } from '../src/bench/generator.ts'
import { loadObjects, sampleExchange, servedOperations } from '../src/bench/load-objects.ts'
import { scenarios } from '../src/bench/scenario.ts'
import type { ScenarioName } from '../src/bench/scenario.ts'
import { Operation } from '../src/bench/tags.ts'
import { makeCertificates } from './certificates.ts'
import { goodSection } from './figure.ts'
import type { Figure, Skipped } from './figure.ts'
import { othersCoresMax } from './pairs.ts'
import { cpuBetween, machineBusyMs, processTreeCpu } from './process-cpu.ts'
import { startEcho } from './servers/echo.ts'
import { startKrypton } from './servers/krypton.ts'
import { allCpus } from './servers/server.ts'
import type { BenchServer } from './servers/server.ts'
import type { Section } from './table.ts'
import { generatorCpus } from './window.ts'

export interface LatencyOptions {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly onProgress: (line: string) => void
}

/** OpenKCM's ADR-604, milliseconds at p50, p99 and p99.9: what passes, and what fails; between them is a warning. */
const passes = [0.2, 1, 10] as const
const fails = [0.5, 5, 50] as const

/** `pass`, `warn` or `fail` by the rule of ADR-604, the worst of the three. */
export function adr604({ p50, p99, p999 }: LoadResult['latency']): 'pass' | 'warn' | 'fail' {
  const milliseconds = [p50, p99, p999].map((us) => us / 1000)
  if (milliseconds.every((ms, i) => ms < passes[i]!)) return 'pass'
  return milliseconds.some((ms, i) => ms >= fails[i]!) ? 'fail' : 'warn'
}

/** How long answers take at given rates, from the time at which each request was meant to leave. */
export async function benchLatency(options: LatencyOptions): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-latency-'))
  const servers: BenchServer[] = []
  try {
    // Workers for RSA need cores of their own: the server may use all.
    const krypton = await startKrypton(join(directory, 'krypton'), { cpus: allCpus })
    servers.push(krypton)
    const figures: Figure[] = []
    const skipped: Skipped[] = []
    const noise = await othersCores(krypton)
    for (const scenario of ['get', 'encrypt', 'decrypt', 'create'] as const)
      figures.push(await atRate(krypton, scenario, options))
    figures.push(...(await mixed(krypton, options)))
    const rsa = 'p99 of Get at half of saturation beside RSA-3072 signatures and key generation'
    const served = await servedOperations(krypton.target)
    if (served.has(Operation.Sign) && served.has(Operation.CreateKeyPair)) {
      const objects = await loadObjects(krypton.target, scenarios.get, 1)
      const { answer } = await sampleExchange(krypton.target, scenarios.get.steps(objects, 0)[0]!)
      const certificates = await makeCertificates(join(directory, 'certificates'))
      const echo = await startEcho(certificates, answer)
      servers.push(echo)
      figures.push(await besideRsa(rsa, krypton, echo, objects, options))
    } else skipped.push({ what: rsa, why: "the server's Query lists no Sign or no Create Key Pair" })
    const told = noise > othersCoresMax ? [`NOISY: others used ${noise.toFixed(2)} cores before the first row`] : []
    return goodSection(
      'Latency at given rates',
      figures.map((figure) => ({ ...figure, remarks: [...told, ...figure.remarks] })),
      [
        'Open loop; latency counts from the time at which a request was meant to leave. ADR-604: pass under 0.2 / 1 / 10 ms at p50 / p99 / p99.9, fail from 0.5 / 5 / 50 on, warn between. ' +
          "The clients' own share of the machine is in it: on two cores the generator and the server wait for each other.",
      ],
      skipped,
    )
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What anybody else uses of the machine in a second in which nothing is asked. */
async function othersCores(krypton: BenchServer): Promise<number> {
  const [machine, server, own] = [machineBusyMs(), processTreeCpu(krypton.pid), process.cpuUsage()]
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const used = process.cpuUsage(own)
  const ours = cpuBetween(server, processTreeCpu(krypton.pid)) + (used.user + used.system) / 1000
  return (machineBusyMs() - machine - ours) / 1000
}

async function atRate(krypton: BenchServer, scenario: ScenarioName, options: LatencyOptions): Promise<Figure> {
  const load = await run(krypton, scenario, 16, 2000, options)
  const { p50, p99, p999 } = load.latency
  options.onProgress(`${scenario} at 2,000/s: ${p50} / ${p99} / ${p999} µs`)
  return {
    id: `latency-${scenario}`,
    what: `${scenario} at 2,000/s, 16 connections: p99`,
    value: p99 / 1000,
    unit: 'ms',
    atMost: scenario === 'create' ? undefined : 1,
    detail: `p50 / p99 / p99.9 ${p50.toFixed(0)} / ${p99.toFixed(0)} / ${p999.toFixed(0)} µs; ADR-604: ${adr604(load.latency)}`,
    remarks: remarksOf([load]),
  }
}

async function mixed(krypton: BenchServer, options: LatencyOptions): Promise<Figure[]> {
  const rates = { get: 4000, poll: 2000, encrypt: 2000, decrypt: 2000 } as const
  const loads = await Promise.all(
    Object.entries(rates).map(([scenario, rate]) => run(krypton, scenario as ScenarioName, 16, rate, options)),
  )
  const at = (percent: number): number => percentile(loads, percent) / 1000
  options.onProgress(`10,000/s mixed: p95 ${at(95).toFixed(1)} ms`)
  const answered = loads.reduce((sum, load) => sum + load.requestsPerSecond, 0)
  return [
    {
      id: 'mixed-p95',
      what: '10,000 requests/s, mixed, 64 connections: p95',
      value: at(95),
      unit: 'ms',
      atMost: 50,
      detail: `${answered}/s answered: 4,000 Get, 2,000 each of Get Attributes, Encrypt, Decrypt`,
      remarks: remarksOf(loads),
    },
    {
      id: 'mixed-p99',
      what: 'the same: p99 (a stretch goal)',
      value: at(99),
      unit: 'ms',
      atMost: 5,
      detail: '',
      remarks: remarksOf(loads),
    },
  ]
}

async function besideRsa(
  what: string,
  krypton: BenchServer,
  echo: BenchServer,
  objects: Awaited<ReturnType<typeof loadObjects>>,
  options: LatencyOptions,
): Promise<Figure> {
  const most = await run(krypton, 'get', 16, undefined, options)
  const rate = Math.round(most.requestsPerSecond / 2)
  const bare = await run(echo, 'get', 16, rate, options, objects)
  const [beside, signs, pairs] = await Promise.all([
    run(krypton, 'get', 16, rate, options),
    run(krypton, 'sign-rsa', 8, undefined, options, 4),
    run(krypton, 'create-rsa', 1, undefined, options),
  ])
  const ratio = beside.latency.p99 / bare.latency.p99
  options.onProgress(`beside RSA: p99 ${beside.latency.p99} µs, the echo's ${bare.latency.p99} µs`)
  return {
    id: 'beside-rsa',
    what,
    value: ratio,
    unit: "times the echo's",
    atMost: 3,
    stretch: 2,
    detail:
      `${beside.latency.p99.toFixed(0)} µs beside ${bare.latency.p99.toFixed(0)} µs at ${rate}/s; ` +
      `${signs.requestsPerSecond} signatures/s, ${pairs.answered} key pairs meanwhile`,
    remarks: remarksOf([bare, beside]),
  }
}

function run(
  server: BenchServer,
  scenario: ScenarioName,
  connections: number,
  rate: number | undefined,
  { seconds, warmupSeconds }: LatencyOptions,
  objects: Parameters<typeof runLoad>[0]['objects'] = 100,
): Promise<LoadResult> {
  return runLoad({
    target: server.target,
    scenario,
    mode: 'persistent',
    connections,
    depth: 1,
    processes: 1,
    rate,
    seconds,
    warmupSeconds,
    objects,
    timeoutMs: 10_000,
    cpus: generatorCpus,
  })
}

/** Of several loads together, from the steps of their histograms: up to 9 % too high. */
function percentile(loads: readonly LoadResult[], percent: number): number {
  const steps = loads.flatMap(({ histogram }) => histogram).toSorted(([a], [b]) => a - b)
  const wanted = (steps.reduce((sum, [, count]) => sum + count, 0) * percent) / 100
  let seen = 0
  for (const [upper, count] of steps) if ((seen += count) >= wanted) return upper
  return Number.NaN
}

function remarksOf(loads: readonly LoadResult[]): string[] {
  const failed = loads.reduce((sum, load) => sum + load.failed, 0)
  const invalid = new Set(loads.flatMap((load) => load.invalid))
  return [...(failed > 0 ? [`failed: ${failed}`] : []), ...[...invalid].map((reason) => `INVALID: ${reason}`)]
}
