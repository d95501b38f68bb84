import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { ColumnKind, Columns } from '../../src/store/column.ts'
import { auditColumns, tableNames, tableOf } from '../../src/store/schema.ts'
import { boundBy, compiled, interpreted, type ValueSink, type ValueSource } from '../../src/store/sqlite/column-code.ts'

const tables: [string, Columns][] = [
  ...[...tableNames, 'object_index' as const].map((name): [string, Columns] => [name, tableOf(name).columns]),
  ['audit', auditColumns],
]

const valuesOfKind: Readonly<Record<ColumnKind, readonly unknown[]>> = {
  id: [Buffer.alloc(16, 7)],
  bytes: [Buffer.alloc(0), new Uint8Array([1, 2, 3])],
  text: ['', 'a name', '\u{1F511} of many bytes'],
  integer: [0, -1, Number.MAX_SAFE_INTEGER],
  flag: [true, false],
}
const wrongOfKind: Readonly<Record<ColumnKind, readonly unknown[]>> = {
  id: [Buffer.alloc(15), 'a', undefined],
  bytes: ['a', 1, undefined],
  text: [1, Buffer.alloc(1), undefined],
  integer: [0.5, Number.NaN, 2 ** 60, '1', undefined],
  flag: [1, 'true', undefined],
}

/** What was written, in order. */
class Tape implements ValueSink, ValueSource {
  readonly values: unknown[] = []
  byte(value?: number): number {
    return this.#put(value)
  }
  number(value?: number): number {
    return this.#put(value)
  }
  text(value?: string): string {
    return this.#put(value)
  }
  bytes(value?: Uint8Array): Uint8Array {
    return this.#put(value)
  }
  #put<T>(value: T | undefined): T {
    if (value !== undefined) this.values.push(value)
    return value ?? (this.values.shift() as T)
  }
}

/** Rows that have every value of every column once, and null where there may be none. */
function* rowsOf(columns: Columns): Iterable<Record<string, unknown>> {
  const some = Object.fromEntries(Object.entries(columns).map(([name, { kind }]) => [name, valuesOfKind[kind][0]]))
  yield some
  for (const [name, { kind, nullable }] of Object.entries(columns)) {
    for (const value of nullable ? [...valuesOfKind[kind], null] : valuesOfKind[kind]) yield { ...some, [name]: value }
  }
}

describe.each(tables)('rows of %s', (_, columns) => {
  const codes = [compiled(columns)!, interpreted(columns)] as const

  test('are the same by code that is compiled and by code that is not', () => {
    for (const row of rowsOf(columns)) {
      const written = codes.map((code) => {
        const tape = new Tape()
        code.write(tape, row)
        return tape.values
      })
      expect(written[0]).toEqual(written[1])
      for (const code of codes) {
        const tape = new Tape()
        code.write(tape, row)
        expect(code.read(tape)).toEqual(row)
        expect(code.size(row)).toBeGreaterThanOrEqual(bytesOf(written[0]!))
      }
    }
  })

  test('are refused by both where a value is none of its column', () => {
    const [row] = rowsOf(columns)
    for (const [name, { kind, nullable }] of Object.entries(columns)) {
      for (const wrong of nullable ? wrongOfKind[kind] : [...wrongOfKind[kind], null]) {
        for (const code of codes) {
          expect(() => code.write(new Tape(), { ...row, [name]: wrong }), `${name} ${String(wrong)}`).toThrow(TypeError)
        }
      }
    }
  })
})

test('names that no schema gives become no code', () => {
  expect(() => compiled({ 'a;b': { kind: 'integer', nullable: false } })).toThrow('no schema gives')
  expect(() => boundBy(['a', 'b = 1'])).toThrow('no schema gives')
})

test('values are bound by their names, flags as numbers', () => {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE t (a INTEGER, b BLOB, c TEXT) STRICT')
  const row = { c: 'text', b: new Uint8Array([1]), a: true, other: 1 }
  boundBy(['a', 'b', 'c']).run(database.prepare('INSERT INTO t VALUES (?, ?, ?)'), row)
  const found = boundBy(['c']).get(database.prepare('SELECT a, b FROM t WHERE c = ?'), row)
  expect(found).toEqual({ a: 1, b: new Uint8Array([1]) })
  database.close()
})

/** As `UnitsEncoder` writes them, at the most. */
function bytesOf(values: readonly unknown[]): number {
  let size = 0
  for (const value of values) {
    if (typeof value === 'number') size += value === 0 || value === 1 ? 1 : 8
    else if (typeof value === 'string') size += 4 + Buffer.byteLength(value)
    else if (value instanceof Uint8Array) size += 4 + value.byteLength
  }
  return size
}
