import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { removeDirectory, sleep, temporaryDirectory } from '../../support/counterparts.ts'
import { harnessFlags } from '../../support/harness-flags.ts'
import type { KnownKey } from './key-forms.ts'
import { dumpCore, makeShowPages, whyNoCore } from './core-file.ts'
import { type Copy, hierarchyOf, scan } from './scan.ts'
import { ServerUnderScan } from './server-under-scan.ts'
import { work } from './workload.ts'

const flags = harnessFlags({
  help: `
npm run test:memory-scan -- [--operations N] [--native required|off]

Runs a server of production, lets clients work, then looks for its keys in its memory, a core file and heap snapshots, while it idles and
again at its end. Exit status: 0 no copy outside locked pages, 1 there is one, 2 the run proves nothing: a planted key was not found. With
'off' it counts what JavaScript leaves and fails for a void run only. The scan itself runs as root, by sudo where the harness does not.

npm run test:memory-scan -- --operations 400`,
  numbers: { operations: 10_000 },
  texts: { native: ['required', 'off'] },
})
const native = flags.native === 'off' ? 'off' : 'required'
const directory = temporaryDirectory('memory-scan')
const instance = join(directory, 'instance')
const planted: KnownKey = { kind: 'planted', name: 'planted', bytes: randomBytes(32) }
const operationsBeforeEnd = 200
/** In these the planted key is put into memory. */
const allForms: readonly string[] = ['raw', 'hex', 'base64', 'AES key schedule']
let copiesTotal = 0
let isVoid = false

process.exitCode = await main().finally(() => removeDirectory(directory))

async function main(): Promise<number> {
  await ServerUnderScan.makeInstance(instance)
  const keys = await theLongRun()
  await theLockedPages(keys)
  await theBadEnds(keys)
  if (isVoid) return 2
  console.log(`${copiesTotal} copies`)
  return native === 'off' || copiesTotal === 0 ? 0 : 1
}

/** Many operations, a second of quiet and a collection; then memory and snapshots, and the memory at the end that SIGTERM brings. */
async function theLongRun(): Promise<readonly KnownKey[]> {
  const server = await ServerUnderScan.start(instance, native)
  try {
    const { operations, keys: clientKeys } = await work(await server.client('scan'), flags.operations)
    console.log(`native ${native}: ${operations} operations`)
    await sleep(1_000)
    await server.order({ kind: 'collect' })
    await server.order({ kind: 'plant', key: planted.bytes.toString('hex') })
    const keys = [...(await hierarchyOf(instance, directory)), ...clientKeys]
    await look('memory of the idle server', keys, server.pid)
    await lookAtSnapshots(server, keys)
    await server.stopAndHold()
    await look('memory at the end, after SIGTERM', keys, server.pid)
    console.log(`the server ended with ${await server.release()}`)
    return keys
  } catch (error) {
    await server.kill()
    throw error
  }
}

/** The same instance again, with its locked pages open to the scan: a core file leaves them out, and at the end nothing is in them. */
async function theLockedPages(known: readonly KnownKey[]): Promise<void> {
  const library = await makeShowPages(directory)
  if (library === undefined)
    return console.log('locked pages and core file were not looked at: there is no compiler here')
  const ending = await ServerUnderScan.start(instance, native, { library })
  try {
    const { keys } = await work(ending.target('scan'), operationsBeforeEnd)
    await ending.order({ kind: 'plant', key: planted.bytes.toString('hex') })
    await ending.stopAndHold()
    await look('memory at the end, locked pages too', [...known, ...keys], ending.pid, { lockedToo: true })
    await ending.release()
  } finally {
    await ending.kill()
  }
  const missing = whyNoCore()
  if (missing !== undefined) return console.log(`no core file was looked at: ${missing}`)
  const dumping = await ServerUnderScan.start(instance, native, { library })
  try {
    const { keys } = await work(dumping.target('scan'), operationsBeforeEnd)
    await sleep(1_000)
    await dumping.order({ kind: 'collect' })
    await dumping.order({ kind: 'plant', key: planted.bytes.toString('hex') })
    const all = [...known, ...keys]
    const inside = await look('memory of the idle server, its locked pages open', all, dumping.pid)
    if (native === 'required' && inside === 0) isVoid = true
    const core = await dumpCore(dumping, directory)
    await look('core file', all, core)
    rmSync(core)
  } finally {
    await dumping.kill()
  }
}

/** An error that nobody catches, and a start that fails after the root was opened: the port is taken by the first server. */
async function theBadEnds(known: readonly KnownKey[]): Promise<void> {
  const thrown = await ServerUnderScan.start(instance, native)
  try {
    const { keys } = await work(thrown.target('scan'), operationsBeforeEnd)
    await thrown.order({ kind: 'plant', key: planted.bytes.toString('hex') })
    await thrown.order({ kind: 'throw' })
    await thrown.untilHeld()
    await look('memory at the end, after an uncaught error', [...known, ...keys], thrown.pid)
    console.log(`the server ended with ${await thrown.release()}`)
  } finally {
    await thrown.kill()
  }
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  // A TCP server that listens has an address with a port.
  const { port } = taken.address() as AddressInfo
  const failed = await ServerUnderScan.startInVain(instance, native, { flags: ['--kmip-port', String(port)] })
  try {
    await look('memory at the end, after a start that failed', known, failed.pid, { planted: [] })
    console.log(`the server ended with ${await failed.release()}`)
  } finally {
    await failed.kill()
    taken.close()
  }
}

async function lookAtSnapshots(server: ServerUnderScan, keys: readonly KnownKey[]): Promise<void> {
  const snapshots = join(directory, 'snapshots')
  mkdirSync(snapshots)
  await server.order({ kind: 'snapshot', directory: snapshots })
  await sleep(2_000)
  // A snapshot holds texts and no bytes.
  for (const name of readdirSync(snapshots))
    await look(`heap snapshot, ${name}`, keys, join(snapshots, name), { planted: ['hex', 'base64'] })
  rmSync(snapshots, { recursive: true })
}

interface LookOptions {
  /** Forms in which the planted key must be found. */
  readonly planted?: readonly string[]
  /** Copies in locked pages count too. */
  readonly lockedToo?: boolean
}

/** Scans, tells what was found, and checks that the planted key was. Returns how many copies lie in locked pages. */
async function look(
  what: string,
  keys: readonly KnownKey[],
  target: number | string,
  { planted: needed = allForms, lockedToo = false }: LookOptions = {},
): Promise<number> {
  const { bytes, mappings, secretMappings, copies } = await scan([...keys, planted], target, directory)
  const ofPlanted = copies.filter(({ key }) => key.kind === 'planted')
  const ofKeys = copies.filter(({ key }) => key.kind !== 'planted')
  const inside = ofKeys.filter(({ locked }) => locked).length
  const counted = ofKeys.filter(({ locked }) => lockedToo || !locked)
  copiesTotal += counted.length
  const count = (kind: string): number => counted.filter(({ key }) => key.kind === kind).length
  const places = mappings > 0 ? `, ${mappings} mappings, ${secretMappings} of memfd_secret` : ''
  console.log(
    `${what}: ${Math.round(bytes / 2 ** 20)} MiB${places}; ${keys.length} keys; copies ${lockedToo ? 'anywhere' : 'outside locked pages'}: ` +
      `${count('root')} of the hierarchy, ${count('object')} of objects; in locked pages ${inside}; planted: ${formsFound(ofPlanted).join(', ')}`,
  )
  for (const line of summary(counted)) console.log(`  ${line}`)
  const missed = needed.filter((form) => !formsFound(ofPlanted).includes(form))
  if (missed.length > 0) {
    isVoid = true
    console.log(`void: the planted key was not found as ${missed.join(', ')} in: ${what}`)
  }
  return inside
}

function formsFound(copies: readonly Copy[]): string[] {
  return allForms.filter((form) => copies.some((copy) => copy.form.startsWith(form)))
}

/** Alike copies in one line: what they are of, in which form, in which kind of memory, and one place. */
function summary(copies: readonly Copy[]): string[] {
  const groups = Map.groupBy(
    copies,
    ({ key, form, where }) => `${key.kind}: ${key.name}, ${form}, ${where.replace(/ at [0-9a-f]+$/, '')}`,
  )
  return [...groups].map(([name, alike]) => `${alike.length} x ${name}, ${alike[0]!.where.replace(/^.* at/, 'at')}`)
}
