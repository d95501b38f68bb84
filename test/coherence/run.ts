import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Identity, KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { harnessFlags } from '../support/harness-flags.ts'
import type { KmipClientOptions } from '../support/kmip-client.ts'
import { Hammer, hammerWhileRevoked } from './hammer.ts'
import { defects, type StaleDefect } from './stale-server.ts'

const {
  changes: changeCount,
  threads,
  connections,
} = harnessFlags({
  help: `
npm run coherence -- [--changes N] [--threads T] [--connections C]

A whole server with several listener threads; connections on all of them change keys and ask for them. After a change was acknowledged
nobody may be answered from the state before it, and after a client was revoked none of its connections may be served. Servers whose
threads are told of changes too late, or never, must be found out first.

npm run coherence -- --changes 5000`,
  numbers: { changes: 20_000, threads: 3, connections: 24 },
})
const plantedChanges = Math.min(changeCount, 2_000)

let ok = true
for (const defect of defects) {
  const { stale } = await hammer(defect === 'trust-not-told' ? 0 : plantedChanges, defect)
  process.stdout.write(`planted '${defect}': ${stale.length === 0 ? 'NOT FOUND' : `found: ${stale[0]}`}\n`)
  if (stale.length === 0) ok = false
}
const { stale, acknowledged, answers } = await hammer(changeCount)
for (const line of stale.slice(0, 10)) process.stdout.write(`stale: ${line}\n`)
if (stale.length > 0) ok = false
process.stdout.write(
  `${threads} threads, ${connections} connections: ${acknowledged} changes acknowledged, ${answers} answers beside them, ${stale.length} stale\n`,
)
process.stdout.write(ok ? 'coherence: ok\n' : 'coherence: FAILED\n')
process.exitCode = ok ? 0 : 1

async function hammer(changes: number, defect?: StaleDefect) {
  const directory = temporaryDirectory('coherence')
  const staleServer = pathToFileURL(join(import.meta.dirname, 'stale-server.ts')).href
  const planted = defect && { NODE_OPTIONS: `--import=${staleServer}`, COHERENCE_DEFECT: defect }
  const server = await KryptonServer.start(directory, {
    env: { KRYPTON_SERVER_THREADS: String(threads), ...planted },
  })
  try {
    const keys = await Hammer.connect(optionsOf(server, server.demo), connections, changes)
    await keys.run()
    // What is found with keys need not be found with clients.
    const served = keys.stale.length > 0 ? [] : await leave(server)
    return { stale: [...keys.stale, ...served], acknowledged: keys.acknowledged, answers: keys.answers }
  } finally {
    await server.stop()
    removeDirectory(directory)
  }
}

async function leave(server: KryptonServer): Promise<string[]> {
  const leaver = optionsOf(server, await server.addClient('leaver', 'coherence'))
  return hammerWhileRevoked(leaver, connections, () => server.revokeClient('leaver', 'coherence'))
}

function optionsOf({ port }: KryptonServer, { caFile, certFile, keyFile }: Identity): KmipClientOptions {
  return { port, ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) }
}
