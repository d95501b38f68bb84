import { availableParallelism } from 'node:os'
import { runLoad } from '../src/bench/generator.ts'
import type { LoadOptions, LoadResult } from '../src/bench/generator.ts'
import { cpuBetween, machineBusyMs, processTreeCpu } from './process-cpu.ts'
import type { TreeCpu } from './process-cpu.ts'
import type { BenchServer } from './servers/server.ts'

/** One window of load on a server, with the CPU time that it cost the server. */
export interface Window {
  readonly load: LoadResult
  readonly serverMicrosecondsPerRequest: number
  /** Cores that the server used: near 1 when it was saturated. */
  readonly serverCores: number
  /** Cores that anybody else on the machine used: neither the server nor the bench. */
  readonly othersCores: number
}

/** The cores of the generator: all but the server's. */
export const generatorCpus = availableParallelism() > 1 ? `1-${availableParallelism() - 1}` : '0'

/** A load without what the window itself decides; `cpus` are those of the generator, all but the server's when absent. */
export type WindowLoad = Omit<LoadOptions, 'target' | 'onWindow'>

/** Runs the load and reads the server's CPU time at both ends of the window. */
export async function measureWindow(server: BenchServer, options: WindowLoad): Promise<Window> {
  const look = (): { server: TreeCpu; machine: number; own: number; time: number } => {
    const own = process.cpuUsage()
    return {
      server: processTreeCpu(server.pid),
      machine: machineBusyMs(),
      own: (own.user + own.system) / 1000,
      time: performance.now(),
    }
  }
  let start = look()
  let end = start
  const load = await runLoad({
    cpus: generatorCpus,
    ...options,
    target: server.target,
    onWindow: (edge) => {
      if (edge === 'start') start = look()
      else end = look()
    },
  })
  const ms = end.time - start.time
  const serverMs = cpuBetween(start.server, end.server)
  const othersMs = end.machine - start.machine - serverMs - (end.own - start.own) - load.generator.cores * ms
  return {
    load,
    serverMicrosecondsPerRequest: (serverMs * 1000) / load.answered,
    serverCores: serverMs / ms,
    othersCores: Math.max(0, othersMs / ms),
  }
}

/**
 * Load that is not counted, before the first window of a kind: a server that has just started runs uncompiled code for some
 * ten thousand requests, and no server in use does.
 */
export async function warmUp(server: BenchServer, options: WindowLoad, seconds: number): Promise<void> {
  await measureWindow(server, { ...options, seconds, warmupSeconds: 0 })
}
