import type { StatementSync } from 'node:sqlite'
import { checkValue, type Column, type ColumnKind, type Columns, idBytes } from '../column.ts'
import type { Values } from '../row-key.ts'
import { parameters } from './statements.ts'

/** Where encoded values go: see `UnitsEncoder`. */
export interface ValueSink {
  byte(value: number): void
  number(value: number): void
  text(value: string): void
  bytes(value: Uint8Array): void
}

/** Where they come from. */
export interface ValueSource {
  byte(): number
  number(): number
  text(): string
  bytes(): Uint8Array
}

/** What is done with the values of some columns, in their order. */
export interface ColumnsCode {
  /** Throws a TypeError when a value is not one of its column. */
  write(sink: ValueSink, values: Values): void
  read(source: ValueSource): Values
  /** Not less than what `write` takes: ten bytes bound what stands around a value, three those of a character. */
  size(values: Values): number
}

/**
 * Straight-line code for a list of columns: rows that it reads all have one shape, and nobody asks for a column by a name that varies. The interpreter that it took the place of
 * needed twice the time (bench/micro/store.bench.ts). Only names of our own schema enter the code. Where Node forbids code generation (--disallow-code-generation-from-strings) the
 * same is interpreted.
 */
export function codeOf(columns: Columns): ColumnsCode {
  let code = codes.get(columns)
  if (code === undefined) codes.set(columns, (code = compiled(columns) ?? interpreted(columns)))
  return code
}

const codes = new WeakMap<Columns, ColumnsCode>()

/** Exported for tests: what stands in where code may not be generated. */
export function interpreted(columns: Columns): ColumnsCode {
  const entries = Object.entries(columns)
  return {
    write: (sink, values) => {
      for (const [name, column] of entries) writeValue(sink, name, column, values[name])
    },
    read: (source) => Object.fromEntries(entries.map(([name, column]) => [name, readValue(source, column)])),
    size: (values) => entries.reduce((size, [name]) => size + 10 + lengthOf(values[name]), 0),
  }
}

/** Undefined where Node forbids it. */
export function compiled(columns: Columns): ColumnsCode | undefined {
  const names = Object.keys(columns)
  checkNames(names)
  const kindOf = (name: string): ColumnKind => columns[name]!.kind
  const write = names.map(
    (name) => `v = o.${name}; ${checks[kindOf(name)]} || check('${name}', columns.${name}, v);
      if (v === null) s.byte(0); else { s.byte(1); ${writes[kindOf(name)]} }`,
  )
  const read = names.map((name) => `${name}: s.byte() === 0 ? null : ${reads[kindOf(name)]}`)
  const size = names.map((name) => `v = o.${name}; n += ${sizes[kindOf(name)]};`)
  const body = `'use strict'; return {
    write(s, o) { let v; ${write.join('\n')} },
    read(s) { return { ${read.join(', ')} } },
    size(o) { let v, n = 0; ${size.join('\n')} return n },
  }`
  return built(body, ['check', 'columns'], [checkValue, columns]) as ColumnsCode | undefined
}

/** Runs a statement with values taken by name. */
export interface Bound {
  run(statement: StatementSync, values: Values): void
  /** The first row, where there is one. */
  get(statement: StatementSync, values: Values): unknown
}

/** Code that binds the values of these columns, in this order, to the parameters of a statement; SQLite has no flags but numbers. */
export function boundBy(names: readonly string[]): Bound {
  checkNames(names)
  const values = names.map((name) => `typeof (v = o.${name}) === 'boolean' ? +v : v`).join(', ')
  const body = `'use strict'; return {
    run(s, o) { let v; s.run(${values}) },
    get(s, o) { let v; return s.get(${values}) },
  }`
  return (
    (built(body) as Bound | undefined) ?? {
      run: (statement, row) => void statement.run(...parameters(names, row)),
      get: (statement, row) => statement.get(...parameters(names, row)),
    }
  )
}

/** What the body of a function returns; undefined where Node forbids code generation. */
function built(body: string, parameters: readonly string[] = [], values: readonly unknown[] = []): unknown {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- the point of this file, see `codeOf`
    const build = new Function(...parameters, body) as (...values: readonly unknown[]) => unknown
    return build(...values)
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

/** Names become code. */
function checkNames(names: readonly string[]): void {
  if (names.some((name) => !/^[a-z_]+$/.test(name))) throw new Error('a column has a name that no schema gives')
}

/** True of nearly every value of that kind; `checkValue` looks at the others. */
const checks: Readonly<Record<ColumnKind, string>> = {
  id: `v instanceof Uint8Array && v.length === ${idBytes}`,
  bytes: 'v instanceof Uint8Array',
  text: "typeof v === 'string'",
  integer: 'Number.isSafeInteger(v)',
  flag: "typeof v === 'boolean'",
}
const writes: Readonly<Record<ColumnKind, string>> = {
  id: 's.bytes(v)',
  bytes: 's.bytes(v)',
  text: 's.text(v)',
  integer: 's.number(v)',
  flag: 's.byte(v ? 1 : 0)',
}
const reads: Readonly<Record<ColumnKind, string>> = {
  id: 's.bytes()',
  bytes: 's.bytes()',
  text: 's.text()',
  integer: 's.number()',
  flag: 's.byte() === 1',
}
const sizes: Readonly<Record<ColumnKind, string>> = {
  id: `${10 + idBytes}`,
  bytes: '10 + (v instanceof Uint8Array ? v.length : 0)',
  text: "10 + (typeof v === 'string' ? v.length * 3 : 0)",
  integer: '10',
  flag: '10',
}

function writeValue(sink: ValueSink, name: string, column: Column, value: unknown): void {
  checkValue(name, column, value)
  sink.byte(value === null ? 0 : 1)
  if (typeof value === 'number') sink.number(value)
  else if (typeof value === 'boolean') sink.byte(value ? 1 : 0)
  else if (typeof value === 'string') sink.text(value)
  else if (value instanceof Uint8Array) sink.bytes(value)
}

function readValue(source: ValueSource, { kind }: Column): unknown {
  if (source.byte() === 0) return null
  if (kind === 'integer') return source.number()
  if (kind === 'flag') return source.byte() === 1
  return kind === 'text' ? source.text() : source.bytes()
}

function lengthOf(value: unknown): number {
  return value instanceof Uint8Array ? value.byteLength : typeof value === 'string' ? value.length * 3 : 0
}
