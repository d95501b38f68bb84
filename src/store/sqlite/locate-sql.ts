import type { SQLInputValue } from 'node:sqlite'
import { limits } from '../../limits.ts'
import { PendingState } from '../locate-match.ts'
import { tableOf } from '../schema.ts'
import type { IndexedQuery, LocateQuery } from '../store.ts'
import { conditionSql, pageSql } from './schema-sql.ts'
import type { Statements } from './statements.ts'

/** A statement and its parameters. */
export interface Bound {
  readonly sql: string
  readonly parameters: readonly SQLInputValue[]
}

/**
 * The statement that answers `query` and costs what it finds: it walks an index in the order of the answer and stops with the page. With
 * tokens that is the list of the rarest one, and the others are looked up for each of its objects; without, the lists of each type and state
 * that there are, merged.
 */
export function locateStatement(query: LocateQuery, statements: Statements): Bound {
  const { tokens } = query
  return tokens === undefined || tokens.length === 0
    ? byTypeAndState(query, statements)
    : byTokens({ ...query, tokens }, statements)
}

/**
 * The statement that answers `indexed`: the list of the rarest token, in its own order. For one token, as a name is, it is a constant: putting
 * its text together, and hashing it to find the prepared statement, took a third as long as SQLite takes to answer it (bench cost, Locate).
 */
export function indexedStatement(query: IndexedQuery, statements: Statements): Bound {
  const { tenant, system, service, tokens, limit } = query
  if (tokens.length === 1) {
    const { attribute, token } = tokens[0]!
    return { sql: listOfOneToken, parameters: [tenant, system, service, attribute, token, limit] }
  }
  const [rarest, ...others] = rarestFirst(query, statements)
  const list = new Sql(listOfToken, tenant, system, service, rarest!.attribute, rarest!.token)
  addOthers(list, query, others)
  return list.add(listInOrder, limit)
}

function byTokens(query: LocateQuery & IndexedQuery, statements: Statements): Bound {
  const [rarest, ...others] = rarestFirst(query, statements)
  const list = new Sql(`SELECT ${objectColumns} FROM object_index AS listed`)
  list.add(`CROSS JOIN objects ON ${scopeOf('objects.')} AND objects.object = listed.object`, ...scope(query))
  list.add(
    `WHERE ${scopeOf('listed.')} AND listed.attribute = ? AND listed.token = ?`,
    ...scope(query),
    rarest!.attribute,
    rarest!.token,
  )
  addOthers(list, query, others)
  addAfter(list, query, 'listed.')
  if (query.objectType !== undefined) list.add('AND objects.object_type = ?', query.objectType)
  if (query.states !== undefined) addStates(list, query)
  return list.add(`ORDER BY listed.sequence, listed.object ${pageSql}`, query.limit, query.offset ?? 0)
}

function addOthers(list: Sql, query: Scope, others: IndexedQuery['tokens']): void {
  for (const { attribute, token } of others) {
    list.add(
      `AND EXISTS (SELECT 1 FROM object_index AS other WHERE ${scopeOf('other.')} AND other.attribute = ? AND other.token = ?`,
      ...scope(query),
      attribute,
      token,
    )
    list.add('AND other.sequence = listed.sequence AND other.object = listed.object)')
  }
}

/** `objects.state` is one of the asked ones, or a date that has passed makes it one. */
function addStates(list: Sql, { states = [], now }: LocateQuery): void {
  const { preActive, active, deactivated } = PendingState
  // One question for each: for IN with three or more SQLite builds a table, which takes longer than all the rest.
  list.add(`AND (${states.map(() => 'objects.state = ?').join(' OR ') || '0'}`, ...states)
  if (states.includes(active)) list.add(`OR (objects.state = ${preActive} AND objects.activation_date <= ?)`, now)
  if (states.includes(deactivated)) list.add(`OR (objects.state <= ${active} AND objects.deactivation_date <= ?)`, now)
  list.add(')')
}

function byTypeAndState(query: LocateQuery, statements: Statements): Bound {
  const lists = typesAndStates(query, statements).map(([type, state]) => {
    const list = new Sql(
      `SELECT sequence, object FROM objects WHERE ${scopeOf('')} AND object_type = ? AND state = ?`,
      ...scope(query),
      type,
      state,
    )
    addAfter(list, query, '')
    return list
  })
  lists.push(...dueLists(query))
  if (lists.length === 0) return new Sql(`SELECT ${objectColumns} FROM objects WHERE 0`)
  const merged = new Sql('SELECT sequence, object FROM (')
  lists.forEach((list, at) => merged.add(at === 0 ? list.sql : `UNION ALL ${list.sql}`, ...list.parameters))
  merged.add(`ORDER BY 1, 2 ${pageSql})`, query.limit, query.offset ?? 0)
  const page = new Sql(`SELECT ${objectColumns} FROM (${merged.sql}) AS listed`, ...merged.parameters)
  page.add(`CROSS JOIN objects ON ${scopeOf('objects.')} AND objects.object = listed.object`, ...scope(query))
  return page.add('ORDER BY listed.sequence, listed.object')
}

/** What is stored in another state but may have passed into an asked one: few objects, found by the indexes of their dates, then sorted. */
function dueLists(query: LocateQuery): Sql[] {
  const { states = [], now, objectType } = query
  const { preActive, active, deactivated } = PendingState
  if (query.states === undefined) return []
  const lists: Sql[] = []
  const add = (index: 'object_activation' | 'object_deactivation', date: string): Sql => {
    const { where } = tableOf('objects').indexes[index]!
    const list = new Sql(
      `SELECT sequence, object FROM objects INDEXED BY ${index} WHERE ${scopeOf('')} AND ${conditionSql(where!)} AND ${date} <= ?`,
      ...scope(query),
      now,
    )
    addAfter(list, query, '')
    if (objectType !== undefined) list.add('AND object_type = ?', objectType)
    list.add(`AND state NOT IN (${states.map(() => '?').join(', ')})`, ...states)
    lists.push(list)
    return list
  }
  if (states.includes(active)) add('object_activation', 'activation_date')
  if (states.includes(deactivated)) {
    const list = add('object_deactivation', 'deactivation_date')
    if (states.includes(active)) list.add(`AND NOT (state = ${preActive} AND coalesce(activation_date <= ?, 0))`, now)
  }
  return lists
}

/**
 * The pairs of type and state that the service has objects of and the query allows: each costs two look-ups, whatever it holds. (One
 * look-up by `(object_type, state) > (?, ?)` would walk every object of the pair: SQLite seeks such a pair by >= and filters.)
 */
function typesAndStates(query: LocateQuery, statements: Statements): [number, number][] {
  const within = statements.of(`${selectPair} AND object_type = ? AND state > ? ORDER BY state LIMIT 1`)
  const beyond = statements.of(`${selectPair} AND object_type > ? ORDER BY object_type, state LIMIT 1`)
  const pairs: [number, number][] = []
  let type = query.objectType ?? -1
  let state = -1
  for (;;) {
    let found: unknown = within.get(...scope(query), type, state)
    if (found === undefined && query.objectType === undefined) found = beyond.get(...scope(query), type)
    if (!Array.isArray(found)) return pairs
    type = Number(found[0])
    state = Number(found[1])
    if (query.states === undefined || query.states.includes(state)) pairs.push([type, state])
  }
}

/** The asked tokens, that of the shortest list first; lists are counted up to a bound only. */
function rarestFirst(query: IndexedQuery, statements: Statements) {
  const { tokens } = query
  if (tokens.length === 1) return tokens
  const count = statements.of(
    `SELECT count(*) FROM (SELECT 1 FROM object_index WHERE ${scopeOf('')} AND attribute = ? AND token = ? LIMIT ${limits.storeProbeMax})`,
  )
  const counted = tokens.map((asked) => {
    const found: unknown = count.get(...scope(query), asked.attribute, asked.token)
    return { asked, count: Array.isArray(found) ? Number(found[0]) : 0 }
  })
  return counted.sort((a, b) => a.count - b.count).map(({ asked }) => asked)
}

function addAfter(list: Sql, { after }: LocateQuery, prefix: string): void {
  if (after !== undefined) list.add(`AND (${prefix}sequence, ${prefix}object) > (?, ?)`, after.sequence, after.object)
}

function scopeOf(prefix: string): string {
  return `${prefix}tenant = ? AND ${prefix}system = ? AND ${prefix}service = ?`
}

type Scope = Pick<LocateQuery, 'tenant' | 'system' | 'service'>

function scope({ tenant, system, service }: Scope): SQLInputValue[] {
  return [tenant, system, service]
}

/** A statement that grows together with its parameters. */
class Sql implements Bound {
  sql: string
  readonly parameters: SQLInputValue[]

  constructor(sql: string, ...parameters: SQLInputValue[]) {
    this.sql = sql
    this.parameters = parameters
  }

  add(sql: string, ...parameters: SQLInputValue[]): this {
    this.sql += ` ${sql}`
    for (const parameter of parameters) this.parameters.push(parameter)
    return this
  }
}

const listOfToken = `SELECT listed.object FROM object_index AS listed WHERE ${scopeOf('listed.')} AND listed.attribute = ? AND listed.token = ?`
const listInOrder = 'ORDER BY listed.sequence, listed.object LIMIT ? + 0'
const listOfOneToken = `${listOfToken} ${listInOrder}`

const selectPair = `SELECT object_type, state FROM objects WHERE ${scopeOf('')}`

const objectColumns = Object.keys(tableOf('objects').columns)
  .map((column) => `objects.${column}`)
  .join(', ')
