import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Unit } from '../../src/store/store.ts'
import { scopeOf } from '../store/rows.ts'
import { creation, destruction, live, modification } from './crash-object.ts'
import type { LoadOptions } from './victim.ts'

/**
 * The process that is killed: it creates, changes and destroys objects in the store of a directory, and writes a line for each change
 * that was acknowledged.
 */
const directory = process.argv[2]!
const { defect, clients, changes = Number.POSITIVE_INFINITY }: LoadOptions = JSON.parse(process.argv[3]!)

/** The pipe to the harness. */
const acknowledgements = 3

const onFatal = (error: Error) => {
  throw error
}
const store = await openSqliteStore({ directory, onFatal }, { synchronousOff: defect === 'does-not-sync' })
/** Objects that no request is at work on, with their version. */
const idle = store
  .locate({ ...scopeOf(), states: [live], now: 0, limit: 500 })
  .map((row) => ({ object: row.object, version: row.row_version }))

// for a tracer: what is synced from here on is for acknowledgements
say('begin\n')
let begun = 0
await Promise.all(Array.from({ length: clients }, () => work()))
await store.close()

async function work(): Promise<void> {
  while (begun++ < changes) {
    const chosen = Math.random() < 0.5 ? takeIdle() : undefined
    if (chosen === undefined) {
      const object = randomBytes(16)
      await change(creation(object), object, 1, false)
      idle.push({ object, version: 1 })
    } else if (Math.random() < 0.5) {
      await change(destruction(chosen.object, chosen.version), chosen.object, chosen.version + 1, true)
    } else {
      await change(modification(chosen.object, chosen.version), chosen.object, chosen.version + 1, false)
      idle.push({ object: chosen.object, version: chosen.version + 1 })
    }
  }
}

function takeIdle() {
  return idle.splice(Math.floor(Math.random() * idle.length), 1)[0]
}

async function change(unit: Unit, object: Buffer, version: number, destroyed: boolean): Promise<void> {
  const line = `${object.toString('hex')} ${version} ${destroyed ? 1 : 0}\n`
  const written = defect === 'writes-in-two' ? inTwo(unit) : store.commit(unit)
  if (defect === 'acknowledges-early') say(line)
  await written
  if (defect !== 'acknowledges-early') say(line)
}

async function inTwo(unit: Unit): Promise<void> {
  await store.commit({ ...unit, audit: [] })
  await store.commit({ ...unit, changes: [] })
}

/** Written at once and whole: what the harness reads was said before the process died. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(acknowledgements, line)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}
