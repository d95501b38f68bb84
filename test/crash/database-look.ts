import { DatabaseSync } from 'node:sqlite'
import { sectionPath } from '../../src/store/sqlite/section-file.ts'
import { uniqueIdentifierOf } from '../../src/objects/unique-identifier.ts'
import { isGone } from './key-changes.ts'
import type { KeyFact } from './key-ledger.ts'
import type { Violation } from './victim.ts'

/**
 * Looks into the files of a store for what no client would notice: damaged pages, objects that nobody made, objects whose index or audit
 * rows are not those of one whole change after another.
 */
export function lookIntoDatabase(directory: string, facts: Iterable<KeyFact>): Violation[] {
  const violations: Violation[] = []
  for (const section of ['keys', 'data'] as const) {
    const database = new DatabaseSync(sectionPath(directory, section), { readOnly: true })
    try {
      for (const row of database.prepare('PRAGMA integrity_check').all())
        if (row['integrity_check'] !== 'ok')
          violations.push(`damaged: ${section}.db: ${String(row['integrity_check'])}`)
      if (section === 'data') violations.push(...differences(database, facts))
    } finally {
      database.close()
    }
  }
  return violations
}

function differences(database: DatabaseSync, facts: Iterable<KeyFact>): Violation[] {
  const violations: Violation[] = []
  const names = countsOf(database, "SELECT object, COUNT(*) FROM object_index WHERE attribute = 'name' GROUP BY object")
  const audits = countsOf(database, "SELECT object, COUNT(*) FROM audit WHERE actor LIKE 'client:%' GROUP BY object")
  const objects = countsOf(database, 'SELECT object, COUNT(*) FROM objects GROUP BY object')
  for (const { identifier, acknowledged } of facts) {
    if (identifier === undefined || acknowledged === undefined) continue
    const expected = isGone(acknowledged.state) ? 0 : 1
    const found = names.get(identifier) ?? 0
    if (found !== expected)
      violations.push(`half-written: ${acknowledged.name}: ${found} rows for its Name, not ${expected}`)
    const audited = audits.get(identifier) ?? 0
    if (audited !== acknowledged.changes)
      violations.push(`half-written: ${acknowledged.name}: ${audited} audit rows for ${acknowledged.changes} changes`)
    objects.delete(identifier)
    audits.delete(identifier)
  }
  for (const identifier of objects.keys())
    violations.push(`half-written: ${identifier}: an object that no client finds by the Name it was made with`)
  for (const identifier of audits.keys())
    if (!objects.has(identifier)) violations.push(`half-written: ${identifier}: audit rows without object`)
  return violations
}

/** By identifier of the object. */
function countsOf(database: DatabaseSync, sql: string): Map<string, number> {
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  const counts = new Map<string, number>()
  for (const row of statement.all()) {
    // with arrays asked for, each row is one
    const [object, count] = row as unknown as [Uint8Array, number]
    counts.set(uniqueIdentifierOf(Buffer.from(object)), count)
  }
  return counts
}
