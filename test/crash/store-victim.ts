import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Row, StoredAuditRow } from '../../src/store/schema.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { nameRow, scopeOf } from '../store/rows.ts'
import { destroyed, rowAt } from './crash-object.ts'
import { Ledger } from './ledger.ts'
import type { SystemCall } from './system-calls.ts'
import type { Acknowledgement, LoadOptions, RunningVictim, Trial, Victim, Violation } from './victim.ts'

/** The SQLite store in a process of its own, under a load that writes to it directly: no KMIP, no TLS, no keys. */
export const storeVictim: Victim = { name: 'SQLite store', deathsMax: 10, newTrial }

function newTrial(): Trial {
  const ledger = new Ledger()
  return {
    get changes() {
      return ledger.changes
    },
    start: (directory, options) => start(directory, ledger, options),
    verify: (directory) => verify(directory, ledger),
    acknowledgements,
    close: async () => undefined,
  }
}

function start(directory: string, ledger: Ledger, options: LoadOptions): RunningVictim {
  const [command, ...args]: readonly string[] = [
    ...(options.under ?? []),
    process.execPath,
    join(import.meta.dirname, 'store-load.ts'),
    directory,
    JSON.stringify(options),
  ]
  const child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it was asked for as a pipe, which the parent reads
  const pipe = child.stdio[3] as Readable
  const lines = createInterface({ input: pipe })
  const first = Promise.withResolvers<void>()
  let said = 0
  lines.on('line', (line) => {
    const [object, version, destroyed] = line.split(' ')
    // the last line of a killed process may be cut: then it was not said
    if (destroyed === undefined || object?.length !== 32) return
    said++
    ledger.acknowledge(object, { version: Number(version), destroyed: destroyed === '1' })
    first.resolve()
  })
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(() => first.resolve())
  return {
    working: first.promise,
    ended,
    signal: (signal) => child.kill(signal),
    async drained() {
      for (let before = -1; before !== said;) {
        before = said
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}

/** The load says `begin` once: what was synced before acknowledges nothing. Then each line is an acknowledgement. */
function acknowledgements(calls: readonly SystemCall[]): Acknowledgement[] {
  const said = calls.filter(({ text }) => text.startsWith('write(3<'))
  if (said[0]?.text.includes('"begin') !== true) throw new Error('the load did not say that it began')
  return said.slice(1).map(({ begunAt }, at) => ({ askedAt: said[at]!.begunAt, saidAt: begunAt }))
}

async function verify(directory: string, ledger: Ledger): Promise<Violation[]> {
  const onFatal = (error: Error) => {
    throw error
  }
  const store = await openSqliteStore({ directory, onFatal })
  try {
    const rows = new Map((await objectsOf(store)).map((row) => [row.object.toString('hex'), row]))
    return [...missing(ledger, rows), ...halfWritten(await auditsOf(store), rows), ...(await wronglyNamed(store, rows))]
  } finally {
    await store.close()
  }
}

/** What was acknowledged and is not there, or is older than acknowledged, or is back. */
function missing(ledger: Ledger, rows: ReadonlyMap<string, Row<'objects'>>): Violation[] {
  const violations: Violation[] = []
  for (const [object, fact] of ledger.facts) {
    const row = rows.get(object)
    if (row === undefined) violations.push(`lost: ${object}: acknowledged at version ${fact.version}`)
    else if (row.row_version < fact.version)
      violations.push(
        `${fact.destroyed ? 'back' : 'lost'}: ${object}: acknowledged at version ${fact.version}, found ${row.row_version}`,
      )
    else if (fact.destroyed && row.state !== destroyed) violations.push(`back: ${object}: destroyed, and there`)
  }
  return violations
}

/** Rows that are no version of their object, and rows whose audit rows are not one for each version. */
function halfWritten(audits: readonly StoredAuditRow[], rows: ReadonlyMap<string, Row<'objects'>>): Violation[] {
  const violations: Violation[] = []
  const versions = new Map<string, number>()
  for (const { object, detail } of audits) {
    const id = object!.toString('hex')
    const expected = (versions.get(id) ?? 0) + 1
    if (Number(detail) !== expected)
      violations.push(`half-written: ${id}: audit row of version ${detail} where ${expected} was next`)
    versions.set(id, expected)
    if (!rows.has(id)) violations.push(`half-written: ${id}: audit row without object`)
  }
  for (const [id, row] of rows) {
    if (!row.mac.every((byte, at) => byte === rowAt(row.object, row.row_version, row.state).mac[at]))
      violations.push(`half-written: ${id}: a mixture of versions`)
    if (versions.get(id) !== row.row_version)
      violations.push(`half-written: ${id}: version ${row.row_version} with ${versions.get(id) ?? 0} audit rows`)
  }
  return violations
}

/** A live object is found by its name, a destroyed one is not. */
async function wronglyNamed(store: Store, rows: ReadonlyMap<string, Row<'objects'>>): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const [id, row] of rows) {
    const found = await store.locate({ ...scopeOf(), tokens: [nameRow(row)], now: 0, limit: 2 })
    if (found.length !== (row.state === destroyed ? 0 : 1))
      violations.push(`half-written: ${id}: in state ${row.state}, found ${found.length} times by its name`)
  }
  return violations
}

async function objectsOf(store: Store): Promise<Row<'objects'>[]> {
  const rows: Row<'objects'>[] = []
  for (;;) {
    const page = await store.locate({ ...scopeOf(), now: 0, limit: 1_000, after: rows.at(-1) })
    if (page.length === 0) return rows
    rows.push(...page)
  }
}

async function auditsOf(store: Store): Promise<StoredAuditRow[]> {
  const rows: StoredAuditRow[] = []
  for (;;) {
    const page = await store.audit('data', rows.at(-1)?.sequence ?? 0, 1_000)
    if (page.length === 0) return rows
    rows.push(...page)
  }
}
