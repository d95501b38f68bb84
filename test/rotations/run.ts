import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyOf } from '../../src/store/schema.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { harnessFlags } from '../support/harness-flags.ts'
import { defects } from './defects.ts'
import { destroySubtrees } from './destructions.ts'
import { type KillOutcome, Kills, points } from './kills.ts'
import { linesOf, shownElsewhere, tableOf } from './table.ts'
import { tamper } from './tampering.ts'
import { masterKey, rotateUnderLoad } from './under-load.ts'

const { ivk, l2, l3, rate, threads, cycles, flips, subtrees, state, json } = harnessFlags({
  help: `
npm run test:hierarchy -- [--ivk N] [--l2 N] [--l3 N] [--rate R] [--threads T] [--cycles N] [--flips N] [--subtrees N]
                          [--state DIRECTORY] [--json]

Rotates the keys of a whole server while clients ask it at a steady rate: no request may fail, every key must be what it was, nothing may
be left under an old version. Then kills rotations at every named step and at any moment, --cycles times, and looks at what they left
before and after they were finished. Then destroys --subtrees random subtrees as their dry runs foresee, tampers with every column of
every row, and flips --flips bits in the files of stores. What is planted must be found first. With --state a campaign that was broken off
goes on.

npm run test:hierarchy -- --ivk 5 --l2 2 --l3 1 --rate 300 --cycles 8 --flips 2000`,
  numbers: { ivk: 100, l2: 20, l3: 5, rate: 1000, threads: 2, cycles: 300, flips: 100_000, subtrees: 1000 },
  texts: { state: [] },
  switches: ['json'],
})

let ok = true
// With --json the table alone is data.
const say = (line: string): void => void (json ? process.stderr : process.stdout).write(`${line}\n`)
const found = (what: string, faults: readonly string[]): void => {
  say(`planted '${what}': ${faults.length === 0 ? 'NOT FOUND' : `found: ${faults[0]}`}`)
  if (faults.length === 0) ok = false
}

for (const defect of defects) {
  const rotations = ['ivk', 'demo/default/default', 'ivk'].map((key) => ({ key, count: 1 }))
  found(defect, (await rotateUnderLoad({ threads: threads, connections: 10, rate: 200, rotations, defect })).faults)
}
await findPlantedLosses()
found('an object more than the dry run foresaw', (await destroySubtrees(12, (objects) => objects + 1)).wrong)

const outcome = await rotateUnderLoad({
  threads: threads,
  connections: 40,
  rate: rate,
  rotations: [
    { key: 'ivk', count: ivk },
    { key: 'demo/default', count: l2 },
    { key: 'demo/default/default', count: l3 },
    { key: 'integrity', count: l3 },
    { key: 'integrity:demo', count: l3 },
    { key: masterKey, count: l3 },
  ],
})
for (const fault of outcome.faults.slice(0, 20)) say(`fault: ${fault}`)
if (outcome.faults.length > 0) ok = false
const kills = await killRotations()
const destroyed = await destroySubtrees(subtrees)
for (const line of destroyed.wrong.slice(0, 20)) say(`wrong: ${line}`)
if (destroyed.wrong.length > 0) ok = false
const tampered = await tamper(flips, state)
found('an object that opens to another key', tampered.planted === undefined ? [] : [tampered.planted])
for (const line of tampered.faults.slice(0, 20)) say(`wrong: ${line}`)
if (!tampered.ok) ok = false
const rows = [...tableOf({ load: outcome, kills, destroyed, tampered }), ...shownElsewhere]
if (json) process.stdout.write(`${JSON.stringify({ ok, rows })}\n`)
for (const line of linesOf(rows)) say(line)
say(ok ? 'hierarchy: ok' : 'hierarchy: FAILED')
process.exit(ok ? 0 : 1)

/** What the look after a kill must tell: a rotation that was never finished, an object under another key, a deleted version that is back. */
async function findPlantedLosses(): Promise<void> {
  const directory = temporaryDirectory('rotations-planted')
  const kills = new Kills(directory)
  await kills.prepare()
  const unfinished = await kills.cycle('active', { level: 'l3', nth: 1, spoil: async () => undefined })
  found(
    'a rotation that is not taken up again',
    unfinished.filter((line) => line.includes('left: ')),
  )
  const lost = await kills.cycle('active', {
    level: 'l3',
    nth: 1,
    spoil: async ({ store, chain }) => {
      const [row] = store.scan('objects', undefined, 1)
      const key: KeyOf<'objects'> = row!
      const { mac: _, ...old } = store.get('objects', key)!
      const spoiled = {
        ...old,
        record: Buffer.from(old.record).fill(0, old.record.byteLength - 1),
        row_version: old.row_version + 1,
      }
      const keys = await chain.tenant(old.tenant)
      await store.commit({
        section: 'data',
        changes: [
          {
            table: 'objects',
            kind: 'update',
            row: { ...spoiled, mac: keys.macRow('objects', spoiled) },
            expectedVersion: old.row_version,
          },
        ],
        audit: [],
      })
    },
  })
  found(
    'an object whose record is spoiled',
    lost.filter((line) => line.includes('lost: ')),
  )
  removeDirectory(directory)
}

/** Kills until there were so many cycles; what was done before a break is counted. */
async function killRotations(): Promise<KillOutcome> {
  const directory = state ?? temporaryDirectory('rotations-killed')
  mkdirSync(directory, { recursive: true })
  const stateFile = join(directory, 'progress.json')
  // What this very function has written.
  const before = existsSync(stateFile) ? (JSON.parse(readFileSync(stateFile, 'utf8')) as KillOutcome) : undefined
  const kills = new Kills(join(directory, 'store'))
  Object.assign(kills.killed, before?.killed)
  const wrong = [...(before?.wrong ?? [])]
  await kills.prepare()
  for (let cycle = before?.cycles ?? 0; cycle < cycles; cycle++) {
    const lines = await kills.cycle(points[cycle % points.length]!)
    for (const line of lines.slice(0, 5)) say(`wrong: ${line}`)
    wrong.push(...lines)
    const progress: KillOutcome = { cycles: cycle + 1, killed: kills.killed, wrong }
    writeFileSync(stateFile, JSON.stringify(progress))
  }
  if (wrong.length > 0) ok = false
  if (state === undefined) removeDirectory(directory)
  return { cycles: cycles, killed: kills.killed, wrong }
}
