import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { availableParallelism } from 'node:os'
import { KryptonError } from '../errors.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { LatencySummary } from './latency-histogram.ts'
import { destroyObjects, loadObjects } from './load-objects.ts'
import type { FromClient, ToClient } from './client-process.ts'
import { noOperation } from './runner.ts'
import type { ClientPlan, ClientResult } from './runner.ts'
import type { Mode } from './modes.ts'
import { scenarios } from './scenario.ts'
import type { LoadedObject, Scenario, ScenarioName } from './scenario.ts'
import type { Target } from './target.ts'
import { operationName } from './tags.ts'
import { whyInvalid } from './validity.ts'

export interface LoadOptions {
  readonly target: Target
  readonly scenario: ScenarioName
  readonly mode: Mode
  readonly connections: number
  /** Requests in flight on each connection in pipelined mode. */
  readonly depth: number
  readonly processes: number
  /** Tasks a second in all: open loop. Closed loop when absent. A task of `get` is one request, one of `mongod` eleven. */
  readonly rate?: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** Objects made before the clock starts, or those to use. */
  readonly objects: number | readonly LoadedObject[]
  readonly timeoutMs: number
  /** Cores for the client processes, as for taskset(1): '1' or '2-7'. */
  readonly cpus?: string
  /** Destroy what was loaded before, when done. */
  readonly clean?: boolean
  readonly handicapMicroseconds?: number
  /** Called every second while it counts. */
  readonly onProgress?: (progress: Progress) => void
  /** Called at both ends of the window: to look at the server's CPU time. */
  readonly onWindow?: (edge: 'start' | 'end') => void
}

export interface Progress {
  readonly elapsedSeconds: number
  readonly answered: number
  readonly failed: number
}

/** The result of one run; latencies in microseconds. */
export interface LoadResult {
  readonly scenario: ScenarioName | 'fleet-reconnect'
  readonly mode: Mode
  readonly loop: 'open' | 'closed'
  readonly connections: number
  readonly depth: number
  readonly processes: number
  readonly rate?: number
  readonly seconds: number
  readonly answered: number
  readonly requestsPerSecond: number
  readonly tasksPerSecond: number
  readonly failed: number
  readonly failures: Readonly<Record<string, number>>
  /** All requests; in the open loop from the time they were meant to be sent. What was never answered is in it. */
  readonly latency: LatencySummary
  /** The same in full: upper edge in microseconds and count of each step that is not empty. */
  readonly histogram: readonly (readonly [number, number])[]
  readonly latencyByOperation: Readonly<Record<string, LatencySummary>>
  readonly taskLatency: LatencySummary
  readonly neverSent: number
  readonly generator: {
    readonly cores: number
    readonly cpuMicrosecondsPerRequest: number
    readonly loopBusy: number
    readonly loopDelayP99Ms: number
    readonly latenessP99Ms: number
  }
  /** Reasons why the generator was the bottleneck; the figures are INVALID unless empty. */
  readonly invalid: readonly string[]
}

/** Runs one load: loads the objects, starts the client processes, warms up, measures, adds up. Throws when it cannot start. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const scenario: Scenario = scenarios[options.scenario]
  const made = typeof options.objects === 'number'
  const objects = made ? await loadObjects(options.target, scenario, options.objects) : options.objects
  const clients = Array.from({ length: options.processes }, () => new ClientProcess(options.cpus))
  try {
    await Promise.all(clients.map((client, index) => client.plan(planOf(options, objects, index))))
    for (const client of clients) client.tell({ kind: 'begin' })
    await sleep(options.warmupSeconds * 1000)
    const start = performance.now()
    const progress = setInterval(() => {
      const [answered, failed] = [sum(clients, (client) => client.answered), sum(clients, (client) => client.failed)]
      options.onProgress?.({ elapsedSeconds: (performance.now() - start) / 1000, answered, failed })
    }, 1000)
    for (const client of clients) client.tell({ kind: 'measure' })
    options.onWindow?.('start')
    try {
      await Promise.race([sleep(options.seconds * 1000), ...clients.map((client) => client.lost)])
    } finally {
      clearInterval(progress)
    }
    options.onWindow?.('end')
    const results = await Promise.all(clients.map((client) => client.stop()))
    return addUp(options, results)
  } finally {
    for (const client of clients) client.end()
    if (made && options.clean) await destroyObjects(options.target, objects)
  }
}

function planOf(options: LoadOptions, objects: readonly LoadedObject[], index: number): ClientPlan {
  const share = (whole: number): number =>
    Math.floor(whole / options.processes) + (index < whole % options.processes ? 1 : 0)
  return {
    target: options.target,
    scenario: options.scenario,
    mode: options.mode,
    connections: Math.max(1, share(options.connections)),
    depth: options.depth,
    tasksPerSecond: options.rate === undefined ? undefined : options.rate / options.processes,
    objects,
    seed: index * 1009,
    timeoutMs: options.timeoutMs,
    handicapMicroseconds: options.handicapMicroseconds,
  }
}

function addUp(options: LoadOptions, results: readonly ClientResult[]): LoadResult {
  const byOperation = new Map<number, LatencyHistogram>()
  const [all, tasks, lateness] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()]
  const failures: Record<string, number> = {}
  for (const result of results) {
    for (const [operation, counts] of Object.entries(result.latency)) {
      const part = new LatencyHistogram(counts)
      all.add(part)
      const whole = byOperation.get(Number(operation))
      if (whole) whole.add(part)
      else byOperation.set(Number(operation), part)
    }
    tasks.add(new LatencyHistogram(result.tasks))
    lateness.add(new LatencyHistogram(result.lateness))
    for (const [reason, count] of Object.entries(result.failures)) failures[reason] = (failures[reason] ?? 0) + count
  }
  const seconds = Math.max(...results.map((result) => result.windowMs)) / 1000
  const answered = sum(results, (result) => result.answered)
  const cpuMs = sum(results, (result) => result.cpuMs)
  return {
    scenario: options.scenario,
    mode: options.mode,
    loop: options.rate === undefined ? 'closed' : 'open',
    connections: options.connections,
    depth: options.mode === 'pipelined' ? options.depth : 1,
    processes: options.processes,
    rate: options.rate,
    seconds: round(seconds, 2),
    answered,
    requestsPerSecond: Math.round(answered / seconds),
    tasksPerSecond: round(sum(results, (result) => result.tasksDone) / seconds, 1),
    failed: Object.values(failures).reduce((a, b) => a + b, 0),
    failures,
    latency: all.summary(),
    histogram: all.steps(),
    latencyByOperation: Object.fromEntries(
      [...byOperation].map(([operation, histogram]) => [
        operation === noOperation ? 'never answered' : operationName(operation),
        histogram.summary(),
      ]),
    ),
    taskLatency: tasks.summary(),
    neverSent: sum(results, (result) => result.neverSent),
    generator: {
      cores: round(cpuMs / 1000 / seconds, 2),
      cpuMicrosecondsPerRequest: answered === 0 ? 0 : round((cpuMs * 1000) / answered, 1),
      loopBusy: round(Math.max(...results.map((result) => result.loopBusy)), 2),
      loopDelayP99Ms: round(Math.max(...results.map((result) => result.loopDelayP99Ms)), 1),
      latenessP99Ms: round(lateness.percentile(99) / 1000, 2),
    },
    invalid: whyInvalid({
      processCores: results.map((result) => result.cpuMs / result.windowMs),
      loopBusy: results.map((result) => result.loopBusy),
      loopDelayP99Ms: results.map((result) => result.loopDelayP99Ms),
      coresAllowed: options.cpus === undefined ? availableParallelism() : coresIn(options.cpus),
      lateness,
    }),
  }
}

/** How many cores a list as taskset(1) takes it names: '0,2-3' is three. */
export function coresIn(cpus: string): number {
  let cores = 0
  for (const part of cpus.split(',')) {
    const [first, last = first] = part.split('-').map(Number)
    cores += last! - first! + 1
  }
  return cores
}

/** A process of the generator, and what it said last. */
class ClientProcess {
  readonly #child: ChildProcess
  readonly lost: Promise<never>
  #resolve: ((message: FromClient) => void) | undefined
  #reject: ((error: Error) => void) | undefined
  answered = 0
  failed = 0

  constructor(cpus?: string) {
    const script = fileURLToPath(new URL(`./client-process${extname(import.meta.url)}`, import.meta.url))
    const pinned = cpus !== undefined
    const command = pinned ? 'taskset' : process.execPath
    const args = pinned ? ['-c', cpus, process.execPath, script] : [script]
    this.#child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
    this.#child.on('message', (message: FromClient) => this.#hear(message))
    this.lost = new Promise((_, reject) => {
      const end = (why: string): void => {
        const error = new KryptonError('bench-failed', `a client process ended: ${why}`)
        this.#reject?.(error)
        reject(error)
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('exit', (code, signal) => end(`exit code ${code ?? signal}`))
    })
    // Whoever waits for the process sees the error; when nobody waits any more it has been ended by us.
    this.lost.catch(() => undefined)
  }

  async plan(plan: ClientPlan): Promise<void> {
    await this.#ask({ kind: 'plan', plan })
  }

  tell(message: ToClient): void {
    this.#child.send(message)
  }

  async stop(): Promise<ClientResult> {
    const answer = await this.#ask({ kind: 'stop' })
    if (answer.kind !== 'result') throw new KryptonError('bench-failed', 'a client process gave no result')
    return answer.result
  }

  end(): void {
    this.#child.kill()
  }

  async #ask(message: ToClient): Promise<FromClient> {
    const answer = new Promise<FromClient>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.tell(message)
    return answer
  }

  #hear(message: FromClient): void {
    switch (message.kind) {
      case 'progress':
        this.answered = message.answered
        this.failed = message.failed
        break
      case 'error':
        this.#reject?.(new KryptonError('bench-failed', `a client process says: ${message.message}`))
        break
      case 'connected':
      case 'result':
        this.#resolve?.(message)
        break
    }
  }
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  let total = 0
  for (const item of list) total += of(item)
  return total
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
