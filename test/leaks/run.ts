import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Operation } from '../../src/kmip/enums.ts'
import { creation } from '../coherence/key-life.ts'
import type { ResponseBatchItem } from '../../src/kmip/response-message.ts'
import { exchange, payloadOf, refusalIn, type Step, step } from '../crash/kmip-exchange.ts'
import { KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { harnessFlags } from '../support/harness-flags.ts'
import { KmipClient, type KmipClientOptions } from '../support/kmip-client.ts'
import { keptByNode } from './bare-server.ts'
import { type Leak, leaks } from './watched-server.ts'
import { type Reading, readWhenQuiet } from './reading.ts'

const { cycles, json } = harnessFlags({
  help: `
npm run test:leaks -- [--cycles N] [--json]

Clients connect to a whole server, get a key and close, N times in all: afterwards it holds as many descriptors, threads and slots as
before, give or take what comes and goes, and no more memory than a bare TLS server of the same Node keeps of as many connections. A leak
that is planted must be found first, each kind.

npm run test:leaks -- --cycles 1000`,
  numbers: { cycles: 50_000 },
  switches: ['json'],
})

const connectionsAtOnce = 8
const attemptsMax = 5
/** Until the server's code is compiled and its heap has found its size. */
const warmUpCycles = 2_000
const plantedCycles = 1_000
/** Of the bare TLS server: enough to tell what it keeps of each. */
const bareCycles = 1_000
/** Of descriptors, threads and slots so many may be open at any moment: the look itself has a connection. */
const comeAndGo = 5
/** What a heap may grow by without anything being kept. A connection that is kept is 50 KiB: half of those of the short form would be seen. */
const residentMiBMax = 24

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
let ok = true
for (const leak of leaks) {
  const { faults } = await connectAgainAndAgain(plantedCycles, { leak })
  const found = faults.filter((fault) => fault.startsWith(leak))
  process.stderr.write(`planted leak of ${leak}: ${found.length === 0 ? 'NOT FOUND' : `found: ${found[0]}`}\n`)
  if (found.length === 0) ok = false
}
const bareKiBEach = await inDirectory((directory) => keptByNode(directory, bareCycles))
const { before, after, faults } = await connectAgainAndAgain(cycles, { allowedKiBEach: bareKiBEach })
for (const fault of faults) process.stderr.write(`fault: ${fault}\n`)
if (faults.length > 0) ok = false
if (json) process.stdout.write(`${JSON.stringify({ ok, cycles, before, after, bareKiBEach, faults })}\n`)
else {
  process.stdout.write(`${cycles} connections     before     after\n`)
  for (const name of ['descriptors', 'threads', 'slots', 'residentMiB'] as const)
    process.stdout.write(
      `${name.padEnd(20)} ${before[name].toFixed(0).padStart(6)} ${after[name].toFixed(0).padStart(9)}\n`,
    )
  process.stdout.write(`a bare TLS server of this Node keeps ${bareKiBEach.toFixed(1)} KiB of each\n`)
  process.stdout.write(ok ? 'leaks: ok\n' : 'leaks: FAILED\n')
}
process.exit(ok ? 0 : 1)

async function connectAgainAndAgain(
  count: number,
  { leak, allowedKiBEach = 0 }: { leak?: Leak; allowedKiBEach?: number } = {},
): Promise<{ before: Reading; after: Reading; faults: string[] }> {
  return inDirectory(async (directory) => {
    const watched = { NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'watched-server.ts')).href}` }
    const env = leak === undefined ? watched : { ...watched, LEAK: leak }
    const server = await KryptonServer.start(directory, { env })
    try {
      const { port, demo } = server
      const [ca, cert, key] = [demo.caFile, demo.certFile, demo.keyFile].map((file) => readFileSync(file))
      const options = { port, ca: ca!, cert, key }
      const identifier = await createKey(options)
      await getOverAndOver(options, identifier, leak === undefined ? warmUpCycles : 200)
      const before = await readWhenQuiet(server)
      await getOverAndOver(options, identifier, count)
      const after = await readWhenQuiet(server)
      return { before, after, faults: leftBehind(before, after, (allowedKiBEach * count) / 1024) }
    } finally {
      await server.stop()
    }
  })
}

async function inDirectory<T>(act: (directory: string) => Promise<T>): Promise<T> {
  const directory = temporaryDirectory('leaks')
  try {
    return await act(directory)
  } finally {
    removeDirectory(directory)
  }
}

async function createKey(options: KmipClientOptions): Promise<string> {
  const items = await answerTo(options, creation('leaks'))
  const created = payloadOf(Operation.Create, items[0])
  if (created === undefined) throw new Error(`Create: ${refusalIn(items)}`)
  return created.uniqueIdentifier
}

/** Each time on a connection of its own. Throws at the first answer that is no key. */
async function getOverAndOver(options: KmipClientOptions, uniqueIdentifier: string, count: number): Promise<void> {
  let left = count
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const items = await answerTo(options, step(Operation.Get, { uniqueIdentifier }))
      if (payloadOf(Operation.Get, items[0]) === undefined) throw new Error(`Get: ${refusalIn(items)}`)
    }
  }
  await Promise.all(Array.from({ length: connectionsAtOnce }, work))
}

/** On a machine that stands still handshakes run out of time: such a connection is made once more, and is one more that must leave nothing. */
async function answerTo(options: KmipClientOptions, question: Step): Promise<ResponseBatchItem[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const client = await KmipClient.connect(options)
      const items = await exchange(client, [question])
      await client.close()
      return items
    } catch (error) {
      if (attempt === attemptsMax) throw error
    }
  }
}

function leftBehind(before: Reading, after: Reading, allowedMiB: number): string[] {
  const faults: string[] = []
  for (const name of ['descriptors', 'threads', 'slots'] as const)
    if (after[name] > before[name] + comeAndGo) faults.push(`${name}: ${before[name]} before, ${after[name]} after`)
  const grown = after.residentMiB - before.residentMiB - allowedMiB
  if (grown > residentMiBMax)
    faults.push(`memory: ${grown.toFixed(0)} MiB more than before, and than Node keeps by itself`)
  return faults
}
