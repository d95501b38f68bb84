import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { LocateQuery } from '../../src/store/store.ts'
import { indexedStatement, locateStatement } from '../../src/store/sqlite/locate-sql.ts'
import { createSection } from '../../src/store/sqlite/schema-sql.ts'
import { SectionWriter } from '../../src/store/sqlite/section-writer.ts'
import { Statements } from '../../src/store/sqlite/statements.ts'
import { idOf, insertObject, nameRow, objectRow, scopeOf, unitOf } from './rows.ts'

const database = new DatabaseSync(':memory:')
database.exec(createSection('data'))
const statements = new Statements(database)
const rows = Array.from({ length: 40 }, (_, n) => ({ ...objectRow(n), object_type: 2 + (n % 2), state: 1 + (n % 6) }))
new SectionWriter(database, 'data').commit(rows.map((row) => unitOf(insertObject(row))))

const [name, group] = [nameRow(rows[0]!), { attribute: 'objectGroup', token: Buffer.of(1) }]
const after = { sequence: 5, object: idOf(5) }
const queries: Record<string, Partial<LocateQuery>> = {
  'for everything': {},
  'after a place': { after },
  'by type': { objectType: 2 },
  'by state': { states: [5] },
  'by type and state': { objectType: 2, states: [5, 6], after },
  'by states that dates bring about': { states: [2, 3], after },
  'by type and such states': { states: [2, 3], objectType: 2 },
  'by a token': { tokens: [name] },
  'by a token, after a place': { tokens: [name], after },
  'by tokens, type and states': { tokens: [name, group], objectType: 2, states: [2, 3] },
}

describe('a search', () => {
  test.each(Object.entries(queries))('%s goes by indexes only', (_, query) => {
    const plan = planOf({ ...scopeOf(), now: 50, limit: 10, ...query })
    expect(plan.filter((step) => /\bSCAN (objects|object_index|listed AS|other)/u.test(step))).toEqual([])
    for (const step of plan.filter((step) => step.includes('SEARCH')))
      expect(step).toMatch(/tenant=\? AND system=\? AND service=\? AND /u)
  })

  test.each([
    'for everything',
    'by type',
    'by state',
    'after a place',
    'by a token',
    'by a token, after a place',
    'by tokens, type and states',
  ])('%s reads its page in the order of the answer, without sorting what it does not return', (what) => {
    const plan = planOf({ ...scopeOf(), now: 50, limit: 10, ...queries[what] })
    expect(plan.filter((step) => step.includes('TEMP B-TREE'))).toEqual([])
  })
})

test('a page costs the same among 20,000 objects as among 500', () => {
  const [few, many] = [filled(500), filled(20_000)]
  const group = { attribute: 'objectGroup', token: Buffer.of(1) }
  const asked: Partial<LocateQuery>[] = [
    {},
    { states: [5] },
    { objectType: 2 },
    { states: [2, 3] },
    { tokens: [group] },
    { tokens: [group], objectType: 3 },
  ]
  for (const query of asked) {
    const times = [few, many].map((statements) =>
      medianMs(() => page(statements, { ...scopeOf(), now: 50, limit: 10, ...query })),
    )
    // reading them all would cost forty times as much
    expect(times[1]! / times[0]!, JSON.stringify(query)).toBeLessThan(8)
  }
})

test('a name is found, and its uniqueness checked, by the primary key of the index rows', () => {
  const indexes = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'object_index' AND sql IS NOT NULL")
    .all()
  expect(indexes).toEqual([])
  expect(planOf({ ...scopeOf(), now: 0, limit: 1, tokens: [name] })[0]).toContain('PRIMARY KEY')
})

test('no statement is planned anew because of a number of its page', () => {
  const queries: LocateQuery[] = [
    { ...scopeOf(), now: 0, limit: 1, tokens: [name] },
    { ...scopeOf(), now: 0, limit: 1, objectType: 2, states: [1, 2] },
  ]
  for (const query of queries) {
    expect(locateStatement(query, statements).sql).toContain('LIMIT ? + 0')
    expect(locateStatement(query, statements).sql).not.toMatch(/(LIMIT|OFFSET) \?(?! \+ 0)/)
  }
  expect(indexedStatement({ ...scopeOf(), limit: 1, tokens: [name] }, statements).sql).toContain('LIMIT ? + 0')
})

/** A section with so many objects, all of one group. */
function filled(count: number): Statements {
  const database = new DatabaseSync(':memory:')
  database.exec(createSection('data'))
  const writer = new SectionWriter(database, 'data')
  const units = Array.from({ length: count }, (_, n) => {
    const row = { ...objectRow(n), object_type: 2 + (n % 2), state: 1 + (n % 6) }
    return unitOf([
      ...insertObject(row),
      {
        table: 'object_index',
        kind: 'insert',
        row: { ...nameRow(row), attribute: 'objectGroup', token: Buffer.of(1) },
      },
    ])
  })
  writer.commit(units)
  return new Statements(database)
}

function page(statements: Statements, query: LocateQuery): void {
  const { sql, parameters } = locateStatement(query, statements)
  const values: SQLInputValue[] = [...parameters]
  expect(statements.of(sql).all(...values)).toHaveLength(10)
}

function medianMs(call: () => void): number {
  const times = Array.from({ length: 31 }, () => {
    const start = performance.now()
    call()
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[15]!
}

function planOf(query: LocateQuery): string[] {
  const { sql, parameters } = locateStatement(query, statements)
  const values: SQLInputValue[] = [...parameters]
  return database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...values)
    .map(({ detail }) => String(detail))
}
