import { Command, InvalidArgumentError, Option } from 'commander'
import { runLoad } from './generator.ts'
import type { LoadOptions, LoadResult, Progress } from './generator.ts'
import type { LatencySummary } from './latency-histogram.ts'
import { modes } from './runner.ts'
import type { Mode } from './runner.ts'
import { isScenarioName, scenarioNames, scenarios } from './scenario.ts'

/** Exit code of a run whose figures say nothing about the server. */
const invalidExitCode = 3
/** Exit code of a run with failed requests. */
const failedExitCode = 1

interface Flags {
  host: string
  port: number
  cert: string
  key: string
  ca: string
  insecure?: true
  tls?: '1.2' | '1.3'
  scenario: string
  mode: Mode
  connections: number
  depth: number
  processes: number
  rate?: number
  duration: number
  warmup: number
  objects: number
  timeout: number
  cpus?: string
  clean?: true
  json?: true
}

const examples = `
Scenarios:
${Object.values(scenarios)
  .map(({ name, about }) => `  ${name.padEnd(18)} ${about}`)
  .join('\n')}

Exit codes: 0 good, ${failedExitCode} some requests failed, 2 wrong usage or no run, ${invalidExitCode} INVALID: the generator was the bottleneck.

Examples:
  What MongoDB's drivers do to a server, a connection for each message:
    npm run bench -- load --host kms.example.org --cert c.pem --key k.pem --ca ca.pem --scenario mongodb-classic --mode connect-per-operation
  How fast it answers at 5,000 Gets a second, whether it stalls or not:
    npm run bench -- load --host kms.example.org --cert c.pem --key k.pem --ca ca.pem --scenario get --rate 5000 --duration 30 --json
  How much it can do at most, by two processes:
    npm run bench -- load --host kms.example.org --cert c.pem --key k.pem --ca ca.pem --scenario decrypt --connections 64 --processes 2
`

/** `load`: the generator by itself, against any KMIP server. */
export function loadCommand(): Command {
  return new Command('load')
    .description("send what MongoDB's clients send to any KMIP server, and measure how it answers")
    .requiredOption('--host <host>', 'name or address of the server', '127.0.0.1')
    .option('--port <port>', 'its KMIP port', number, 5696)
    .requiredOption('--cert <file>', 'client certificate, PEM')
    .requiredOption('--key <file>', "the certificate's private key, PEM")
    .requiredOption('--ca <file>', "certificate of the server's CA, PEM")
    .option('--insecure', "do not check the server's certificate")
    .addOption(new Option('--tls <version>', 'only this version of TLS').choices(['1.2', '1.3']))
    .addOption(new Option('--scenario <name>', 'what is sent').choices(scenarioNames).default('get'))
    .addOption(new Option('--mode <mode>', 'how connections are used').choices([...modes]).default('persistent'))
    .option('--connections <n>', 'connections, or clients that connect for each request', number, 16)
    .option('--depth <n>', 'requests in flight on a connection, when pipelined', number, 8)
    .option('--processes <n>', 'client processes, which share the connections', number, 1)
    .option('--rate <n>', 'open loop: begin so many tasks a second, come what may (closed loop without it)', number)
    .option('--duration <seconds>', 'how long it counts', number, 10)
    .option('--warmup <seconds>', 'how long it runs before', number, 1)
    .option('--objects <n>', 'objects made before the clock starts', number, 100)
    .option('--timeout <ms>', 'after this a request has failed', number, 10_000)
    .option('--cpus <list>', 'cores of the client processes, as for taskset')
    .option('--clean', 'destroy the objects made before, at the end')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(async (flags: Flags) => {
      const result = await runLoad(optionsOf(flags))
      process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : describe(result))
      if (result.invalid.length > 0) process.exitCode = invalidExitCode
      else if (result.failed > 0) process.exitCode = failedExitCode
    })
}

function optionsOf(flags: Flags): LoadOptions {
  if (!isScenarioName(flags.scenario)) throw new Error(`there is no scenario ${flags.scenario}`)
  return {
    target: {
      host: flags.host,
      port: flags.port,
      certFile: flags.cert,
      keyFile: flags.key,
      caFile: flags.ca,
      insecure: flags.insecure,
      tls: flags.tls,
    },
    scenario: flags.scenario,
    mode: flags.mode,
    connections: flags.connections,
    depth: flags.depth,
    processes: Math.min(flags.processes, flags.connections),
    rate: flags.rate,
    seconds: flags.duration,
    warmupSeconds: flags.warmup,
    objects: flags.objects,
    timeoutMs: flags.timeout,
    cpus: flags.cpus,
    clean: flags.clean,
    onProgress: showProgress,
  }
}

/** One line on stderr, written over itself on a terminal. */
export function showProgress({ elapsedSeconds, answered, failed }: Progress): void {
  const line = `${elapsedSeconds.toFixed(0)} s: ${answered} answered, ${failed} failed, ${Math.round(answered / elapsedSeconds)} requests/s`
  process.stderr.write(process.stderr.isTTY ? `\r${line}\x1b[K` : `${line}\n`)
}

/** The result for people. */
export function describe(result: LoadResult): string {
  const lines = [
    '',
    `${result.scenario}, ${result.mode}, ${result.connections} connections, ${result.processes} processes, ${result.loop} loop` +
      (result.rate === undefined ? '' : ` at ${result.rate} tasks/s`),
    `${result.requestsPerSecond} requests/s, ${result.tasksPerSecond} tasks/s over ${result.seconds} s; ${result.failed} failed`,
    `latency in µs${result.loop === 'open' ? ', from the time each request was meant to leave' : ''}:`,
    row('', ['p50', 'p90', 'p99', 'p99.9', 'max']),
    latencyRow('all requests', result.latency),
    ...Object.entries(result.latencyByOperation).map(([name, summary]) => latencyRow(name, summary)),
    latencyRow('tasks', result.taskLatency),
    ...Object.entries(result.failures).map(([reason, count]) => `failed ${count} times: ${reason}`),
    ...(result.neverSent > 0 ? [`${result.neverSent} planned tasks found no free connection until the end`] : []),
    `generator: ${result.generator.cores} cores, ${result.generator.cpuMicrosecondsPerRequest} µs a request, event loop busy ${Math.round(result.generator.loopBusy * 100)} %`,
    ...result.invalid.map((reason) => `INVALID: ${reason}`),
    '',
  ]
  return lines.join('\n')
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

function number(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('It must be a number, 0 or more.')
  return value
}
