import type { LatencyHistogram } from './latency-histogram.ts'

/** What the generator says about itself. */
export interface GeneratorLoad {
  /** Cores that each process used. */
  readonly processCores: readonly number[]
  /** Share of the window in which each process's event loop was not waiting. */
  readonly loopBusy: readonly number[]
  /** How late each event loop came to its work, 99th percentile. */
  readonly loopDelayP99Ms: readonly number[]
  /** Cores that all processes together may use. */
  readonly coresAllowed: number
  /** How late requests left although a connection was free. */
  readonly lateness: LatencyHistogram
}

const coreMax = 0.9
const loopBusyMax = 0.95
const loopDelayMsMax = 20
const latenessMsMax = 5

/**
 * Why the figures say something about the generator instead of the server; empty when they are good. A closed loop whose
 * generator never waits measures the generator: whatever the server can do, it is not asked for more.
 */
export function whyInvalid(load: GeneratorLoad): string[] {
  const reasons: string[] = []
  const most = Math.max(...load.processCores)
  if (most > coreMax) reasons.push(`a generator process used ${percent(most)} of a core (at most ${percent(coreMax)})`)
  const all = load.processCores.reduce((sum, cores) => sum + cores, 0)
  if (load.processCores.length > 1 && all > coreMax * load.coresAllowed) {
    reasons.push(`the generator's processes used ${percent(all / load.coresAllowed)} of the cores they may run on`)
  }
  const busiest = Math.max(...load.loopBusy)
  if (busiest > loopBusyMax) reasons.push(`a generator's event loop was busy for ${percent(busiest)} of the time`)
  const delay = Math.max(...load.loopDelayP99Ms)
  if (delay > loopDelayMsMax) reasons.push(`a generator's event loop was ${delay.toFixed(1)} ms late (99th percentile)`)
  const lateness = load.lateness.percentile(99) / 1000
  if (lateness > latenessMsMax) {
    reasons.push(`requests left ${lateness.toFixed(1)} ms late with a connection free (99th percentile)`)
  }
  return reasons
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
