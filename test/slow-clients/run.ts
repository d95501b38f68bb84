import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FastClients } from './fast-clients.ts'
import type { ServerReport, ServerStarted } from './messages.ts'
import { type SlowKind, slowKinds } from './slow-client.ts'
import type { SlowOrder, SlowReport } from './slow-process.ts'
import { harnessFlags } from '../support/harness-flags.ts'

const residentBytesMax = 1e9
const p99RatioGoal = 2
const fastClientCount = 8
const baselineMs = 3_000

const flags = harnessFlags({
  help: `
npm run slow-clients -- [--clients N] [--kind KIND] [--cut-within SECONDS]

For each way to be slow: so many slow clients (5000 unless told) beside 8 fast ones on the real listener. All slow ones must be cut within
15 s and the server must stay under 1 GB; the fast clients' p99 beside them is reported as a multiple of what it was before. A listener
without timeouts must fail the same check, or the check is worth nothing: three clients of it are watched beside. Each slow client is a
file descriptor here and one in the server: ulimit -n. --cut-within gives a machine that stands still for seconds at a time more than 15:
being cut at all is what CI asks. Kinds: ${Object.keys(slowKinds).join(', ')}.

npm run slow-clients -- --clients 250 --kind 'never reads'`,
  numbers: { clients: 5000, 'cut-within': 15 },
  texts: { kind: Object.keys(slowKinds) },
})
const clientCount = flags.clients
const cutMsMax = flags['cut-within'] * 1000
/** Beyond what is allowed, because a flood is slow only when the kernel's buffers are full. */
const patienceMs = 3 * cutMsMax
const openFilesMax = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
if (openFilesMax < clientCount + 200) {
  process.stderr.write(`ulimit -n is ${openFilesMax}: raise it to ${clientCount + 200} or take fewer --clients\n`)
  process.exit(2)
}

// It waits for longer than anybody may live, and does nothing meanwhile.
const control = findPlantedDefect()
let ok = true
for (const kind of Object.keys(slowKinds)) {
  if (flags.kind !== undefined && flags.kind !== kind) continue
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a literal are those of its type
  if (!(await runKind(kind as SlowKind))) ok = false
}
const controlFound = await control
process.stdout.write(`control, no timeouts: ${controlFound ? 'found' : 'NOT FOUND'}\n`)
if (!controlFound) ok = false
process.stdout.write(ok ? 'slow clients: ok\n' : 'slow clients: FAILED\n')
process.exitCode = ok ? 0 : 1

/** A few clients of the cheapest kind against a listener that cuts nobody: they must be seen to live. */
async function findPlantedDefect(): Promise<boolean> {
  const { child, server } = await startServerProcess(['--no-timeouts'])
  const report = await slowClients(
    { server, kind: 'silent after TLS', count: 3, patienceMs: cutMsMax + 1_000 },
    () => undefined,
  )
  await stop(child)
  return report.connected === 3 && report.cut.length === 0
}

async function runKind(kind: SlowKind): Promise<boolean> {
  const { child, server } = await startServerProcess([])
  const fast = await FastClients.start(server, fastClientCount)
  await new Promise((resolve) => setTimeout(resolve, baselineMs))
  fast.take()
  await new Promise((resolve) => setTimeout(resolve, baselineMs))
  const before = fast.take()
  let connecting = before
  const onConnected = (): void => {
    connecting = fast.take()
  }
  const report = await slowClients({ server, kind, count: clientCount, patienceMs }, onConnected)
  const beside = fast.take()
  const { residentPeakBytes, answered } = await askServer(child)
  await fast.stop()
  await stop(child)
  const allCut = report.connected + report.refused === clientCount && report.cut.length === report.connected
  const longestMs = longest(report, new Map(answered))
  const inTime = longestMs <= cutMsMax
  const inMemory = residentPeakBytes <= residentBytesMax
  const ratio = beside.p99Ms / before.p99Ms
  process.stdout.write(
    `${kind}: ${report.connected} connected, ${report.refused} refused, ${report.cut.length} cut, longest ${(longestMs / 1000).toFixed(1)} s` +
      ` · fast p99 ${before.p99Ms.toFixed(2)} ms before, ${connecting.p99Ms.toFixed(2)} while they connect, ${beside.p99Ms.toFixed(2)} beside them (${ratio.toFixed(1)} ×${ratio > p99RatioGoal ? ', over the goal of 2 ×' : ''})` +
      ` · server ${(residentPeakBytes / 1e6).toFixed(0)} MB · ${allCut && inTime && inMemory ? 'ok' : 'FAILED'}\n`,
  )
  return allCut && inTime && inMemory
}

/**
 * How long the longest was suffered: since it connected, or since the server last answered it. For as long as the kernel takes the answers of
 * one that does not read, it is a client with much to do.
 */
function longest(report: SlowReport, answered: ReadonlyMap<number, number>): number {
  const suffered = report.cut.map(
    ({ number, connectedAtMs, cutAtMs }) => cutAtMs - Math.max(connectedAtMs, answered.get(number) ?? 0),
  )
  return suffered.reduce((most, milliseconds) => Math.max(most, milliseconds), 0)
}

async function startServerProcess(flags: string[]): Promise<{ child: ChildProcess; server: ServerStarted }> {
  const child = fork(fileURLToPath(new URL('server-process.ts', import.meta.url)), flags, { stdio: 'inherit' })
  return { child, server: await answerOf<ServerStarted>(child) }
}

async function slowClients(order: SlowOrder, onConnected: () => void): Promise<SlowReport> {
  const child = fork(fileURLToPath(new URL('slow-process.ts', import.meta.url)), { stdio: 'inherit' })
  child.send(order)
  await answerOf<'connected'>(child)
  onConnected()
  const report = await answerOf<SlowReport>(child)
  child.disconnect()
  return report
}

async function askServer(child: ChildProcess): Promise<ServerReport> {
  child.send('report')
  return answerOf<ServerReport>(child)
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.send('stop')
  await gone
}

/** The next message of a process of this folder; its type is what that process sends. */
function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      child.off('exit', onExit)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are in this folder
      resolve(message as T)
    })
    const onExit = (): void => reject(new Error('a process of this run ended early'))
    child.once('exit', onExit)
  })
}
