import { Command, Option } from 'commander'
import { existsSync, writeFileSync } from 'node:fs'
import { arch, availableParallelism } from 'node:os'
import { KryptonError } from '../errors.ts'
import {
  checkWritable,
  connections,
  cores,
  count,
  depth,
  host,
  listOfConnections,
  milliseconds,
  port,
  processes,
  rate,
  seconds,
  someSeconds,
} from './flag-values.ts'
import type { Progress } from './generator.ts'
import { modes } from './modes.ts'
import type { Mode } from './modes.ts'
import { page } from './page.ts'
import { isPlayName, play, playNames, playTable } from './play.ts'
import { describe } from './report.ts'
import { checkTarget } from './target.ts'
import type { Target } from './target.ts'

interface Flags {
  host: string
  port: number
  cert: string[]
  certKey: string[]
  ca: string
  insecure?: true
  tls?: '1.2' | '1.3'
  scenario: string
  mode?: Mode
  connections?: number
  sweep?: number[]
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
  html?: string
}

/** Where the results go: data is for programs, talk for people. */
export interface Writer {
  readonly writeData: (text: string) => void
  readonly writeTalk: (text: string) => void
}

/**
 * The load generator as a command, under the name by which it is called. Its action throws 'usage' for what cannot be run, 'bench-failed' when
 * requests failed and 'bench-invalid' when the figures are those of the generator; the results are printed before.
 */
export function loadCommand(name: string, called: string, { writeData, writeTalk }: Writer): Command {
  return new Command(name)
    .description('send what KMIP clients send to any server, and measure how it answers')
    .option('--host <host>', 'name or address of the server', host, '127.0.0.1')
    .option('--port <port>', 'its KMIP port', port, 5696)
    .requiredOption('--cert <file>', 'client certificate, PEM; repeated for clients of other tenants', gather)
    .requiredOption('--cert-key <file>', "the certificate's private key, PEM; repeated in the same order", gather)
    .requiredOption('--ca <file>', "certificate of the server's CA, PEM")
    .option('--insecure', "do not check the server's certificate")
    .addOption(new Option('--tls <version>', 'only this version of TLS').choices(['1.2', '1.3']))
    .addOption(new Option('--scenario <name>', 'what is sent').choices(playNames).default('get'))
    .addOption(new Option('--mode <mode>', "how connections are used (default: the scenario's)").choices([...modes]))
    .option(
      '--connections <n>',
      "connections, or clients that connect for each request (default: the scenario's)",
      connections,
    )
    .option('--sweep <list>', 'numbers of connections, measured one after the other: 1,4,16,64', listOfConnections)
    .option('--depth <n>', 'requests in flight on a connection, when pipelined', depth, 8)
    .option('--processes <n>', 'client processes, which share the connections', processes, 1)
    .option('--rate <n>', 'open loop: begin so many tasks a second, come what may (closed loop without it)', rate)
    .option('--duration <seconds>', 'how long it counts', someSeconds, 10)
    .option('--warmup <seconds>', 'how long it runs before', seconds, 1)
    .option('--objects <n>', 'objects made before the clock starts', count, 100)
    .option('--timeout <ms>', 'after this a request has failed', milliseconds, 10_000)
    .option('--cpus <list>', 'cores of the client processes, as for taskset', cores)
    .option('--clean', 'destroy the objects made before, at the end')
    .option('--json', 'print the result as JSON')
    .option('--html <file>', 'write the result as a page with pictures as well')
    .addHelpText('after', helpOf(called))
    .action(async (flags: Flags) => {
      const { scenario } = flags
      if (!isPlayName(scenario)) throw new KryptonError('usage', `there is no scenario ${scenario}`)
      if (flags.html !== undefined) checkWritable('--html', flags.html)
      const progress = ({ elapsedSeconds, answered, failed }: Progress): void =>
        writeTalk(
          `${elapsedSeconds.toFixed(0)} s: ${answered} answered, ${failed} failed, ${Math.round(answered / elapsedSeconds)} requests/s\n`,
        )
      const parts = await play(scenario, {
        ...flags,
        targets: targetsOf(flags),
        seconds: flags.duration,
        warmupSeconds: flags.warmup,
        timeoutMs: flags.timeout,
        onProgress: progress,
      })
      writeData(flags.json ? `${JSON.stringify(parts, null, 2)}\n` : describe(parts))
      if (flags.html !== undefined) {
        const about = [
          `KMIP server ${flags.host}:${flags.port}, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
          `Generator: Node ${process.version} on ${arch()}, ${availableParallelism()} cores. Its own share, some 10 to 20 µs a request, is in every latency.`,
        ]
        writePage(flags.html, page({ title: `krypton bench: ${scenario}`, about }, parts))
        writeTalk(`page: ${flags.html}\n`)
      }
      if (parts.some(({ load }) => load.failed > 0))
        throw new KryptonError('bench-failed', 'some requests failed: the reasons stand above')
      if (parts.some(({ load }) => load.invalid.length > 0))
        throw new KryptonError(
          'bench-invalid',
          'INVALID: the generator was the bottleneck, so the figures say little about the server: use more --processes, other --cpus, fewer connections or a lower --rate',
        )
    })
}

/** It was looked at before the run, but disks fill up. */
function writePage(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    const { message } = cause as Error // what a file system throws is one
    throw new KryptonError('bench-failed', `the page could not be written (${message}): the figures stand above`, {
      cause,
    })
  }
}

function targetsOf(flags: Flags): Target[] {
  if (flags.cert.length !== flags.certKey.length)
    throw new KryptonError(
      'usage',
      `${flags.cert.length} --cert and ${flags.certKey.length} --cert-key: give one --cert-key for each --cert`,
    )
  for (const file of [...flags.cert, ...flags.certKey, flags.ca])
    if (!existsSync(file)) throw new KryptonError('usage', `${file} is not there: give a file in PEM form`)
  const targets = flags.cert.map((certFile, index) => ({
    host: flags.host,
    port: flags.port,
    certFile,
    keyFile: flags.certKey[index]!,
    caFile: flags.ca,
    insecure: flags.insecure,
    tls: flags.tls,
  }))
  targets.forEach(checkTarget)
  return targets
}

function helpOf(called: string): string {
  const identity = '--host kms.example.org --cert client.pem --cert-key client.key --ca ca.pem'
  return `
Scenarios:
${playTable.map(([name, about]) => `  ${name.padEnd(18)} ${about}`).join('\n')}

Examples:
  $ ${called} ${identity} --scenario mongodb-csfle
  $ ${called} ${identity} --scenario get --rate 5000 --duration 30
  $ ${called} ${identity} --scenario decrypt --sweep 1,4,16,64 --html decrypt.html
  $ ${called} ${identity} --cert b.pem --cert-key b.key --scenario noisy-neighbour
The first is what MongoDB's drivers do, a connection for each message; the second shows stalls; the third throughput against connections, as a page;
the last what one tenant feels of another.

A run is INVALID when the generator was the bottleneck. Failed requests and an INVALID run end with an exit code that is not 0.
`
}

function gather(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
