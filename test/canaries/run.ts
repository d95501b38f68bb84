import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KryptonServer } from '../integration/krypton-server.ts'
import { removeDirectory, sleep, temporaryDirectory } from '../support/counterparts.ts'
import { patternsOf } from './canary.ts'
import type { Canary } from './canary.ts'
import { Drive, visibleName } from './drive.ts'
import { filesBelow, search } from './search.ts'
import type { Evidence, Hit } from './search.ts'

/**
 * `npm run canaries`: runs a server with secrets that are new in each run, drives it through what clients do and get wrong, and
 * then looks for those secrets in everything that left it: log, answers, metrics, commands, database, diagnostic report.
 * Exit code 0 when none is found; 1 on a hit; 2 when the run proves nothing, since a planted secret was not found either.
 */
const directory = temporaryDirectory('canaries')

/** Files whose content is the secret itself, or the harness's own copy of it. */
const secretFiles = new Set([
  'seal.key',
  'ca.key',
  'server.key',
  'client.key',
  'client-bundle.pem',
  'frame.bin',
  'request.csr',
])

process.exitCode = await main().finally(() => removeDirectory(directory))

async function main(): Promise<number> {
  const instance = join(directory, 'instance')
  const reports = join(directory, 'reports')
  mkdirSync(reports)
  process.env['NODE_OPTIONS'] = `--report-on-signal --report-directory=${reports}`
  const server = await KryptonServer.start(instance, { args: ['--log-level', 'debug'] })
  delete process.env['NODE_OPTIONS']
  let drive: Drive
  let evidence: Evidence[]
  try {
    drive = new Drive(server, await server.addClient('driver', 'canaries'))
    await drive.everything()
    await diagnosticReport(server, reports)
    evidence = [...drive.evidence, ...filesBelow(directory, secretFiles), ...process_(server)]
  } finally {
    await server.stop()
  }
  // Once more after the end: the last lines of the log, and the database after its write-ahead log was folded in.
  evidence.push(...filesBelow(instance, secretFiles), { where: 'log', bytes: Buffer.from(server.process.stderr) })
  evidence.push({ where: 'standard output', bytes: Buffer.from(server.process.stdout) })

  const bytes = evidence.reduce((sum, { bytes }) => sum + bytes.length, 0)
  console.log(`${drive.canaries.length} secrets, ${evidence.length} pieces of evidence, ${bytes} bytes`)
  const missed = [...plantedButMissed(drive.canaries), ...notRead(evidence)]
  for (const problem of missed) console.error(`void: ${problem}`)
  if (missed.length > 0) return 2
  console.log('every planted secret was found in every form')
  const hits = search(drive.canaries, evidence)
  for (const hit of hits) console.error(`leak: ${described(hit)}`)
  console.log(`${hits.length} hits`)
  return hits.length === 0 ? 0 : 1
}

/** Node's own diagnostic report, as an operator would take it. */
async function diagnosticReport(server: KryptonServer, reports: string): Promise<void> {
  process.kill(server.process.pid, 'SIGUSR2')
  for (let waited = 0; waited < 10_000; waited += 50) {
    const [file] = readdirSync(reports)
    if (file !== undefined && readFileSync(join(reports, file), 'utf8').trimEnd().endsWith('}')) return
    await sleep(50)
  }
  throw new Error('no diagnostic report was written')
}

/** What other processes of the machine see of the server. */
function process_(server: KryptonServer): Evidence[] {
  return ['cmdline', 'environ', 'status'].flatMap((name) => {
    const where = `/proc/${server.process.pid}/${name}`
    try {
      return [{ where, bytes: readFileSync(where) }]
    } catch (error) {
      // A process that is not dumpable shows its environment to root alone.
      if (error instanceof Error && 'code' in error && error.code === 'EACCES') return []
      throw error
    }
  })
}

/** Plants each form of each canary in a file of its own kind and looks for it with the search that the run uses. */
function plantedButMissed(canaries: readonly Canary[]): string[] {
  const planted = join(directory, 'planted')
  mkdirSync(planted)
  try {
    return canaries.flatMap((canary) => {
      const patterns = patternsOf(canary)
      for (const [index, { bytes }] of patterns.entries()) {
        writeFileSync(
          join(planted, `${index}.log`),
          Buffer.concat([Buffer.from('{"msg":"'), bytes, Buffer.from('"}\n')]),
        )
      }
      const found = new Set(search([canary], filesBelow(planted, secretFiles)).map(({ form, where }) => form + where))
      const missed = patterns.filter(({ form }, index) => !found.has(form + join(planted, `${index}.log`)))
      for (const name of readdirSync(planted)) rmSync(join(planted, name))
      return missed.map(({ form }) => `${canary.name} as ${form} was planted and not found`)
    })
  } finally {
    rmSync(planted, { recursive: true })
  }
}

/** What must be in the evidence when it is the real one. */
function notRead(evidence: readonly Evidence[]): string[] {
  const has = (where: RegExp, what: string): boolean =>
    evidence.some((piece) => where.test(piece.where) && piece.bytes.includes(what))
  return [
    ...(has(/data\.db/, visibleName) ? [] : ['the name of an object is not in the database that was searched']),
    ...(has(/\/reports\//, 'javascriptHeap') ? [] : ['no diagnostic report was searched']),
    ...(has(/^\/metrics$/, 'krypton') ? [] : ['no metrics were searched']),
    ...(has(/^log$/, '"level"') ? [] : ['no log was searched']),
  ]
}

function described({ canary, form, where, offset }: Hit): string {
  return `${canary} as ${form} in ${where} at ${offset}`
}
