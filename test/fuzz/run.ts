import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Coverage } from './coverage.ts'
import { Executor, inputMsMax } from './executor.ts'
import type { ChunkResult } from './executor.ts'
import { plantedTargets } from './planted.ts'
import { loadSeeds } from './seeds.ts'
import { absent, sharedDirectory } from '../kmip/shared.ts'
import { harnessFlags } from '../support/harness-flags.ts'

/**
 * What the run must reach. Two runs of 10 million ended 3 to 12 MiB above where they began (compiled code, the collector's own pages): a leak of
 * 8 bytes an input would be 76 MiB, so 48 tells the two apart.
 */
const goals = { pastHeader: 0.5, coverage: 0.95, growthBytes: 48 * 1024 * 1024 }
const chunkSize = 50_000
const coverageCount = 300_000
const plantedCount = 1_000_000

const {
  cycles,
  seed,
  threads,
  state: stateFile,
} = harnessFlags({
  help: `
npm run fuzz -- [--cycles N] [--seed S] [--threads T] [--state FILE]

Fuzz of frame reader and decoder, and of the readers of JSON and XML. First it must find defects that were planted; then it runs N inputs
(10 million unless told) on T threads (2). With a state file an interrupted run goes on where it was. Exit status: 0 nothing found and
every goal met, 1 not, 2 void: a planted defect was not found.

npm run fuzz -- --cycles 1000000`,
  numbers: { cycles: 10_000_000, seed: 1, threads: 2 },
  texts: { state: [] },
})

let shownAt = 0

interface Totals {
  readonly seed: number
  readonly cycles: number
  readonly done: number[]
  executions: number
  pastHeader: number
  messages: number
  slowestMs: number
  ms: number
}

const seeds = await loadSeeds()
console.log(`${seeds.length} seeds${sharedDirectory === undefined ? `: only those made by hand, ${absent}` : ''}`)
findPlanted()
const coverage = await cover()
const totals = await runAll()
process.exitCode = report(totals.totals, totals.finding, totals.growthBytes, coverage) ? 0 : 1

function findPlanted(): void {
  Error.stackTraceLimit = 0
  for (const { name, finds, target } of plantedTargets) {
    const { executions, finding } = new Executor(target, seeds).run(seed, 0, plantedCount, 100)
    if (finding === undefined || !finds.test(finding.what)) {
      console.error(
        `void: ${name} was planted and not found in ${plantedCount} inputs${finding ? ` (but: ${finding.what})` : ''}`,
      )
      process.exit(2)
    }
    console.log(`planted, and found by input ${executions}: ${name}`)
  }
}

async function cover(): Promise<Coverage> {
  const worker = new Worker(new URL('./coverage-run.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'], // Node calls its own removal of types experimental
    workerData: { seed, count: coverageCount },
  })
  const [coverage] = (await once(worker, 'message')) as [Coverage]
  return coverage
}

async function runAll() {
  const chunks = Math.ceil(cycles / chunkSize)
  const totals = restored()
  const started = performance.now() - totals.ms
  const queue = Array.from({ length: chunks }, (_, chunk) => chunk).filter((chunk) => !totals.done.includes(chunk))
  const memory = new Map<number, { first: number; last: number; chunks: number }>()
  let finding: ChunkResult['finding']

  await Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { seeds, seed } })
      while (queue.length > 0 && finding === undefined) {
        const chunk = queue.shift()!
        const count = Math.min(chunkSize, cycles - chunk * chunkSize)
        const message = once(worker, 'message')
        worker.postMessage({ chunk, count, discoveries: 200 })
        const [result] = (await message) as [ChunkResult & { memoryBytes: number }]
        finding ??= result.finding
        totals.done.push(chunk)
        totals.executions += result.executions
        totals.pastHeader += result.pastHeader
        totals.messages += result.messages
        totals.slowestMs = Math.max(totals.slowestMs, result.slowestMs)
        totals.ms = performance.now() - started
        // the first chunks warm caches and compile; from the second on memory must stay
        const seen = memory.get(thread) ?? { first: result.memoryBytes, last: 0, chunks: 0 }
        memory.set(thread, {
          first: seen.chunks < 2 ? result.memoryBytes : seen.first,
          last: result.memoryBytes,
          chunks: seen.chunks + 1,
        })
        if (stateFile !== undefined) writeFileSync(stateFile, JSON.stringify(totals))
        progress(totals)
      }
      await worker.terminate()
    }),
  )
  if (process.stdout.isTTY) process.stdout.write('\n')
  // process-wide figures: the threads' own heaps and the buffers they share, each as its thread saw it
  const growthBytes = Math.max(0, ...[...memory.values()].map(({ first, last }) => last - first))
  return { totals, finding, growthBytes }
}

function restored(): Totals {
  if (stateFile !== undefined && existsSync(stateFile)) {
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as Totals
    if (state.seed === seed && state.cycles === cycles) return state
  }
  return { seed, cycles, done: [], executions: 0, pastHeader: 0, messages: 0, slowestMs: 0, ms: 0 }
}

function progress({ executions, ms }: Totals): void {
  if (!process.stdout.isTTY && performance.now() - shownAt < 10_000) return
  shownAt = performance.now()
  const rate = Math.round((executions / ms) * 1000)
  const line = `${executions.toLocaleString('en')} of ${cycles.toLocaleString('en')} inputs, ${rate.toLocaleString('en')} a second`
  process.stdout.write(process.stdout.isTTY ? `\r${line}   ` : `${line}\n`)
}

function report(
  totals: Totals,
  finding: ChunkResult['finding'],
  growthBytes: number,
  { lines, reached, missed }: Coverage,
): boolean {
  if (finding !== undefined) {
    console.error(`found: ${finding.what}\ninput: ${finding.hex}`)
    return false
  }
  const pastHeader = totals.pastHeader / totals.executions
  const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`
  const checks: [string, boolean][] = [
    [
      `${totals.executions.toLocaleString('en')} inputs, seed ${seed}: only typed errors, and what is accepted is written as it was read`,
      true,
    ],
    [
      `past the frame header: ${percent(pastHeader)} (at least ${percent(goals.pastHeader)}); whole messages: ${percent(totals.messages / totals.executions)}`,
      pastHeader >= goals.pastHeader,
    ],
    [
      `no input took the processor ${inputMsMax} ms (the slowest by the clock: ${totals.slowestMs.toFixed(1)} ms)`,
      true,
    ],
    [
      `memory after collection grew by ${(growthBytes / 1024 / 1024).toFixed(1)} MiB (at most ${goals.growthBytes / 1024 / 1024})`,
      growthBytes <= goals.growthBytes,
    ],
    [
      `lines of the decoder that the fuzz alone reaches: ${reached} of ${lines}, ${percent(reached / lines)} (at least ${percent(goals.coverage)})`,
      reached / lines >= goals.coverage,
    ],
  ]
  for (const [text, met] of checks) console.log(`${met ? 'ok    ' : 'NOT OK'} ${text}`)
  for (const line of missed) console.log(`       not reached: ${line}`)
  console.log(`${Math.round((totals.executions / totals.ms) * 1000).toLocaleString('en')} inputs a second`)
  return checks.every(([, met]) => met)
}
