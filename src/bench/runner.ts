import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { EventLoopUtilization } from 'node:perf_hooks'
import { Lane, KeptLink, OneShotLink } from './lane.ts'
import type { LaneOwner } from './lane.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { Mode } from './modes.ts'
import { Pacer, paceOf } from './pacer.ts'
import type { LoadedObject, Scenario, ScenarioName } from './scenario.ts'
import { scenarios } from './scenario.ts'
import { connectionOptions } from './target.ts'
import type { Target } from './target.ts'

/** What one process of the generator does. */
export interface ClientPlan {
  readonly target: Target
  readonly scenario: ScenarioName
  readonly mode: Mode
  readonly connections: number
  /** Requests in flight on a connection; more than 1 only when pipelined. */
  readonly depth: number
  /** Tasks a second of this process: open loop. Closed loop when absent. */
  readonly tasksPerSecond?: number
  readonly objects: readonly LoadedObject[]
  /** At which object this process begins. */
  readonly seed: number
  /** A request that is not answered in this time is a failure, and its connection is cut. */
  readonly timeoutMs: number
  /** Work that the generator wastes at each answer; only the test of INVALID sets it. */
  readonly handicapMicroseconds?: number
}

/** Under this number the histograms keep what was never answered: the time waited until it was given up. */
export const noOperation = 0

/** What one process saw between `measure` and `stop`. Histograms travel as their counts, in microseconds. */
export interface ClientResult {
  readonly windowMs: number
  /** Answers that arrived in the window and were right. */
  readonly answered: number
  readonly tasksDone: number
  /** Latency by operation. */
  readonly latency: Readonly<Record<number, Float64Array>>
  readonly tasks: Float64Array
  /** How late requests left although a connection was free: the generator's own delay. Open loop only. */
  readonly lateness: Float64Array
  readonly failures: Readonly<Record<string, number>>
  /** Planned tasks that no connection was free for until the end. They are in the histogram with the time they waited so far. */
  readonly neverSent: number
  readonly cpuMs: number
  readonly loopBusy: number
  readonly loopDelayP99Ms: number
}

/** How long answers are waited for after the window. */
const drainMsMax = 2_000
const loopDelayResolutionMs = 5
/** Until the pacer's thread runs. */
const pacerStartMs = 50
/** The pacer's clock and ours agree to some microseconds; without slack a tick that comes early would be served at the next. */
const clockSlackMs = 0.02

/** One process's share of a load: its connections, its tasks and its histograms. */
export class Runner implements LaneOwner {
  readonly #plan: ClientPlan
  readonly #links: (KeptLink | OneShotLink)[] = []
  readonly #lanes: Lane[] = []
  readonly #freeLanes: Lane[] = []
  readonly #latency = new Map<number, LatencyHistogram>()
  readonly #tasks = new LatencyHistogram()
  readonly #lateness = new LatencyHistogram()
  readonly #loopDelay = monitorEventLoopDelay({ resolution: loopDelayResolutionMs })
  #failures = new Map<string, number>()
  /** Tasks that are due and have no free lane yet, by the time at which they were meant to start. */
  #due: number[] = []
  #dueHead = 0
  #pacer: Pacer | undefined
  #timeouts: NodeJS.Timeout | undefined
  #answered = 0
  #tasksDone = 0
  #windowStart = Infinity
  #windowEnd = Infinity
  #cpu = process.cpuUsage()
  #loop: EventLoopUtilization = performance.eventLoopUtilization()
  running = true
  #begun = false

  constructor(plan: ClientPlan) {
    this.#plan = plan
    const options = connectionOptions(plan.target)
    const scenario: Scenario = scenarios[plan.scenario]
    const depth = plan.mode === 'pipelined' ? plan.depth : 1
    for (let c = 0; c < plan.connections; c++) {
      const kept = plan.mode === 'connect-per-operation' ? undefined : new KeptLink(options, this)
      const link = kept ?? new OneShotLink(options, this)
      this.#links.push(link)
      for (let d = 0; d < depth; d++) {
        const seed = plan.seed + this.#lanes.length * 7
        const lane = new Lane(this, link, scenario.steps(plan.objects, seed))
        kept?.lanes.push(lane)
        this.#lanes.push(lane)
      }
    }
  }

  /** Opens the connections that are kept. Throws with the first reason when one cannot be opened. */
  async connect(): Promise<void> {
    if (this.#plan.mode === 'connect-per-operation') {
      this.#freeLanes.push(...this.#lanes)
      return
    }
    for (const link of this.#links) if (link instanceof KeptLink) link.open()
    const deadline = performance.now() + this.#plan.timeoutMs
    while (this.#freeLanes.length < this.#lanes.length) {
      const [reason] = this.#failures.keys()
      if (reason !== undefined || performance.now() > deadline) {
        this.#close()
        throw new Error(reason ?? `no TLS connection within ${this.#plan.timeoutMs} ms`)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Starts the load; what happens before `measure` is warm-up. */
  begin(): void {
    this.#begun = true
    this.#timeouts = setInterval(() => this.#cutSlowRequests(), 100)
    const lanes = this.#freeLanes.splice(0)
    if (this.#plan.tasksPerSecond === undefined) {
      for (const lane of lanes) this.free(lane)
      return
    }
    this.#freeLanes.push(...lanes)
    const pace = paceOf(this.#plan.tasksPerSecond)
    let planned = performance.now() + pacerStartMs
    let owed = 0
    this.#pacer = new Pacer(planned, pace.tickMs, () => {
      const now = performance.now()
      for (; planned <= now + clockSlackMs; planned += pace.tickMs) {
        for (owed += pace.perTick; owed >= 1; owed--) this.#plannedAt(planned)
      }
    })
  }

  /** From here on it counts. */
  measure(): void {
    for (const histogram of this.#latency.values()) histogram.reset()
    this.#tasks.reset()
    this.#lateness.reset()
    this.#failures = new Map()
    this.#answered = 0
    this.#tasksDone = 0
    this.#loopDelay.enable()
    this.#loopDelay.reset()
    this.#cpu = process.cpuUsage()
    this.#loop = performance.eventLoopUtilization()
    this.#windowStart = performance.now()
  }

  get progress(): { answered: number; failed: number } {
    let failed = 0
    for (const count of this.#failures.values()) failed += count
    return { answered: this.#answered, failed }
  }

  /** Ends the window, waits a moment for what is under way, closes everything. */
  async stop(): Promise<ClientResult> {
    this.#windowEnd = performance.now()
    const answered = this.#answered
    const tasksDone = this.#tasksDone
    const cpu = process.cpuUsage(this.#cpu)
    const loopBusy = performance.eventLoopUtilization(this.#loop).utilization
    // The histogram holds the whole distance between two looks; what exceeds the distance that was asked for is the delay.
    const loopDelayP99Ms = Math.max(0, this.#loopDelay.percentile(99) / 1e6 - loopDelayResolutionMs)
    this.#loopDelay.disable()
    await this.#pacer?.stop()
    // Planned tasks keep their turn for a moment; a closed loop has none waiting and ends with the answers under way.
    const drainEnd = this.#windowEnd + drainMsMax
    while (performance.now() < drainEnd && (this.#dueCount > 0 || this.#lanes.some((lane) => lane.busy))) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    this.running = false
    const end = performance.now()
    for (const intended of this.#due.slice(this.#dueHead)) {
      if (!this.#inWindow(intended)) continue
      this.#tasks.record((end - intended) * 1000)
      this.#histogramOf(noOperation).record((end - intended) * 1000)
    }
    for (const lane of this.#lanes) lane.lose('no answer by the end of the run')
    this.#close()
    return {
      windowMs: this.#windowEnd - this.#windowStart,
      answered,
      tasksDone,
      latency: Object.fromEntries([...this.#latency].map(([operation, { counts }]) => [operation, counts])),
      tasks: this.#tasks.counts,
      lateness: this.#lateness.counts,
      failures: Object.fromEntries(this.#failures),
      neverSent: this.#dueCount,
      cpuMs: (cpu.user + cpu.system) / 1000,
      loopBusy,
      loopDelayP99Ms,
    }
  }

  free(lane: Lane): void {
    if (!this.running) return
    if (!this.#begun) {
      this.#freeLanes.push(lane)
      return
    }
    const now = performance.now()
    if (this.#plan.tasksPerSecond === undefined) {
      if (now < this.#windowEnd && lane.ready) lane.start(now, now)
      return
    }
    if (this.#dueCount === 0 || !lane.ready) this.#freeLanes.push(lane)
    else lane.start(this.#takeDue(), now)
  }

  answered(operation: number, intended: number, now: number): void {
    this.#waste()
    this.#answered++
    if (!this.#inWindow(intended)) return
    this.#histogramOf(operation).record((now - intended) * 1000)
  }

  taskDone(intended: number, now: number): void {
    this.#tasksDone++
    if (this.#inWindow(intended)) this.#tasks.record((now - intended) * 1000)
  }

  failed(reason: string): void {
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1)
  }

  unanswered(reason: string, intended: number): void {
    this.failed(reason)
    if (this.#inWindow(intended)) this.#histogramOf(noOperation).record((performance.now() - intended) * 1000)
  }

  #histogramOf(operation: number): LatencyHistogram {
    let histogram = this.#latency.get(operation)
    if (!histogram) this.#latency.set(operation, (histogram = new LatencyHistogram()))
    return histogram
  }

  #inWindow(intended: number): boolean {
    return intended >= this.#windowStart && intended < this.#windowEnd
  }

  #plannedAt(planned: number): void {
    let lane = this.#freeLanes.pop()
    while (lane && !lane.ready) lane = this.#freeLanes.pop()
    if (!lane) {
      this.#due.push(planned)
      return
    }
    const now = performance.now()
    if (this.#inWindow(planned)) this.#lateness.record((now - planned) * 1000)
    lane.start(planned, now)
  }

  get #dueCount(): number {
    return this.#due.length - this.#dueHead
  }

  #takeDue(): number {
    const planned = this.#due[this.#dueHead++]!
    if (this.#dueHead === this.#due.length) {
      this.#due = []
      this.#dueHead = 0
    }
    return planned
  }

  #cutSlowRequests(): void {
    const latest = performance.now() - this.#plan.timeoutMs
    for (const lane of this.#lanes) {
      if (lane.busy && lane.sentAt < latest) lane.giveUp(`no answer within ${this.#plan.timeoutMs} ms`)
    }
  }

  #waste(): void {
    const microseconds = this.#plan.handicapMicroseconds
    if (microseconds === undefined) return
    const end = performance.now() + microseconds / 1000
    while (performance.now() < end);
  }

  #close(): void {
    clearInterval(this.#timeouts)
    this.running = false
    for (const link of this.#links) link.close()
  }
}
