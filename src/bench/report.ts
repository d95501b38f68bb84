import type { LatencySummary } from './latency-histogram.ts'
import type { Part } from './play.ts'

/** The result for people: a block for each part, and one line a part where there are several. */
export function describe(parts: readonly Part[]): string {
  return `${parts.map((part) => describePart(part)).join('\n')}${parts.length > 1 ? `\n${overview(parts)}` : ''}`
}

function describePart({ name, load }: Part): string {
  const lines = [
    '',
    `${name}: ${load.mode}, ${load.connections} connections, ${load.processes} processes, ${load.loop} loop` +
      (load.rate === undefined ? '' : ` at ${load.rate} tasks/s`),
    `${load.requestsPerSecond} requests/s, ${load.tasksPerSecond} tasks/s over ${load.seconds} s; ${load.failed} failed`,
    `latency in µs${load.loop === 'open' ? ', from the time each request was meant to leave' : ''}:`,
    row('', ['p50', 'p90', 'p99', 'p99.9', 'max']),
    latencyRow('all requests', load.latency),
    ...Object.entries(load.latencyByOperation).map(([operation, summary]) => latencyRow(operation, summary)),
    latencyRow('tasks', load.taskLatency),
    ...Object.entries(load.failures).map(([reason, count]) => `failed ${count} times: ${reason}`),
    ...(load.neverSent > 0 ? [`${load.neverSent} planned tasks found no free connection until the end`] : []),
    `generator: ${load.generator.cores} cores, ${load.generator.cpuMicrosecondsPerRequest} µs a request, event loop busy ${Math.round(load.generator.loopBusy * 100)} %`,
    ...load.invalid.map((reason) => `INVALID: ${reason}`),
    '',
  ]
  return lines.join('\n')
}

function overview(parts: readonly Part[]): string {
  const width = Math.max(...parts.map(({ name }) => name.length))
  const line = (name: string, values: readonly string[]): string =>
    `${name.padEnd(width)}${values.map((value) => value.padStart(13)).join('')}\n`
  return (
    line('', ['requests/s', 'p50 µs', 'p99 µs', 'p99.9 µs', 'failed', '']) +
    parts
      .map(({ name, load }) =>
        line(name, [
          String(load.requestsPerSecond),
          ...[load.latency.p50, load.latency.p99, load.latency.p999].map((value) => value.toFixed(0)),
          String(load.failed),
          load.invalid.length > 0 ? 'INVALID' : '',
        ]),
      )
      .join('')
  )
}

function latencyRow(name: string, latency: LatencySummary): string {
  return row(
    name,
    [latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map((value) => value.toFixed(0)),
  )
}

function row(name: string, values: readonly string[]): string {
  return `  ${name.padEnd(18)}${values.map((value) => value.padStart(10)).join('')}`
}
