import { availableParallelism } from 'node:os'
import { checkAnswer } from './answer.ts'
import { Connection } from './connection.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { LoadOptions, LoadResult } from './generator.ts'
import { loadObjects } from './load-objects.ts'
import { get } from './messages.ts'
import { scenarios } from './scenario.ts'
import { Operation } from './tags.ts'
import { connectionOptions } from './target.ts'
import { whyInvalid } from './validity.ts'

export type FleetOptions = Pick<LoadOptions, 'target' | 'connections' | 'seconds' | 'timeoutMs' | 'onWindow'>

/**
 * All clients of a fleet at once, as after a restart of the server: each opens a connection, asks for a key and keeps the connection until
 * the last has its answer; then all are cut and come again, until `seconds` are over, once at least. Latency is the time from the moment
 * at which all began to a client's answer. The clients run in this process. Throws when the server lets the object not be made.
 */
export async function reconnectFleet(options: FleetOptions): Promise<LoadResult> {
  const [object] = await loadObjects(options.target, scenarios.get, 1)
  const request = { bytes: get(object!.identifier), operation: Operation.Get, identifier: object!.identifier }
  const connecting = connectionOptions(options.target)
  const latency = new LatencyHistogram()
  const rounds = new LatencyHistogram()
  const failures: Record<string, number> = {}
  const [cpu, loop, start] = [process.cpuUsage(), performance.eventLoopUtilization(), performance.now()]
  options.onWindow?.('start')
  do {
    const began = performance.now()
    const open: Connection[] = []
    const clients = Array.from({ length: options.connections }, () => {
      return new Promise<string | undefined>((resolve) => {
        const timeout = setTimeout(() => resolve(`no answer within ${options.timeoutMs} ms`), options.timeoutMs)
        const end = (failure?: string): void => {
          clearTimeout(timeout)
          resolve(failure)
        }
        const connection = new Connection(connecting, {
          ready: () => connection.send(request.bytes),
          answer: (frame) => {
            const checked = checkAnswer(frame, request)
            if (typeof checked === 'string') return end(checked)
            latency.record((performance.now() - began) * 1000)
            end()
          },
          closed: (reason) => end(reason),
        })
        open.push(connection)
      })
    })
    for (const failure of await Promise.all(clients)) {
      if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1
    }
    rounds.record((performance.now() - began) * 1000)
    for (const connection of open) connection.abort()
  } while (performance.now() - start < options.seconds * 1000)
  options.onWindow?.('end')
  const ms = performance.now() - start
  const used = process.cpuUsage(cpu)
  const cores = (used.user + used.system) / 1000 / ms
  const loopBusy = performance.eventLoopUtilization(loop).utilization
  return {
    scenario: 'fleet-reconnect',
    mode: 'connect-per-operation',
    loop: 'closed',
    connections: options.connections,
    depth: 1,
    processes: 1,
    seconds: Math.round(ms / 10) / 100,
    answered: latency.total,
    requestsPerSecond: Math.round((latency.total * 1000) / ms),
    tasksPerSecond: Math.round((rounds.total * 10_000) / ms) / 10,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures,
    latency: latency.summary(),
    histogram: latency.steps(),
    latencyByOperation: { 'connect and Get': latency.summary() },
    taskLatency: rounds.summary(),
    neverSent: 0,
    generator: {
      cores: Math.round(cores * 100) / 100,
      cpuMicrosecondsPerRequest: latency.total === 0 ? 0 : Math.round((cores * ms * 1000) / latency.total),
      loopBusy: Math.round(loopBusy * 100) / 100,
      loopDelayP99Ms: 0,
      latenessP99Ms: 0,
    },
    invalid: whyInvalid({
      processCores: [cores],
      loopBusy: [loopBusy],
      // The clients' own handshakes make the loop late by design: how much of a core they take says whether they were the bottleneck.
      loopDelayP99Ms: [0],
      coresAllowed: availableParallelism(),
      lateness: new LatencyHistogram(),
    }),
  }
}
