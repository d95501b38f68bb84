import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Column, idBytes } from '../../src/store/column.ts'
import { macInput, type Row, schema, type TableName, tableNames, tableOf } from '../../src/store/schema.ts'
import { rowInput } from '../../src/store/mac-input.ts'
import { createSection } from '../../src/store/sqlite/schema-sql.ts'
import { objectRow } from './rows.ts'

describe('the input of a row MAC', () => {
  test.each(tableNames)('of %s changes with every column but the MAC itself', (table) => {
    const row = rowOf(table)
    const input = Buffer.from(macInput(table, row))
    for (const [name, column] of Object.entries(tableOf(table).columns)) {
      const changed = macInput(table, { ...row, [name]: otherValue(column) })
      expect(input.equals(changed), name).toBe(name === 'mac')
      if (column.nullable) expect(input.equals(macInput(table, { ...row, [name]: null })), name).toBe(false)
    }
  })

  test('differs between tables with the same values', () => {
    const inputs = tableNames.map((table) => Buffer.from(macInput(table, rowOf(table))).toString('hex'))
    expect(new Set(inputs).size).toBe(tableNames.length)
  })

  test('tells null from empty and from zero, and one split of bytes from another', () => {
    const row = objectRow(1)
    const inputOf = (change: Partial<Row<'objects'>>) =>
      Buffer.from(macInput('objects', { ...row, ...change })).toString('hex')
    const [a, b] = [Buffer.from('ab'), Buffer.from('c')]
    const inputs = [
      inputOf({ activation_date: null, deactivation_date: 0 }),
      inputOf({ activation_date: 0, deactivation_date: null }),
      inputOf({ attributes: a, record: b }),
      inputOf({ attributes: Buffer.from('a'), record: Buffer.from('bc') }),
      inputOf({ sequence: -1 }),
      inputOf({ sequence: 2 ** 32 - 1 }),
      inputOf({ sequence: Number.MIN_SAFE_INTEGER }),
    ]
    expect(new Set(inputs).size).toBe(inputs.length)
  })

  test('is these bytes', () => {
    const row = {
      version: 1,
      key_id: Buffer.alloc(16, 0xaa),
      suite: 2,
      state: -1,
      created: 2 ** 40,
      record: Buffer.of(9),
      row_version: 1,
    }
    expect(Buffer.from(macInput('ivks', row)).toString('hex')).toBe(
      '000469766b73' +
        '04000000080000000000000001' +
        `0100000010${'aa'.repeat(16)}` +
        '04000000080000000000000002' +
        '0400000008ffffffffffffffff' +
        '04000000080000010000000000' +
        '020000000109' +
        '04000000080000000000000001',
    )
  })

  test('is the table and all parts one after another, whatever is in them and however long they are', () => {
    const columns = {
      one: { kind: 'bytes', nullable: true },
      number: { kind: 'integer', nullable: true },
      words: { kind: 'text', nullable: true },
      flag: { kind: 'flag', nullable: true },
    } as const
    const part = (kind: number, value: Buffer) => {
      const head = Buffer.from([kind, 0, 0, 0, 0])
      head.writeUInt32BE(value.byteLength, 1)
      return Buffer.concat([head, value])
    }
    const long = (value: bigint) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value)
      return bytes
    }
    const nothing = part(0, Buffer.alloc(0))
    fc.assert(
      fc.property(
        fc.record({
          one: fc.option(fc.uint8Array({ maxLength: 20_000, size: 'max' })),
          number: fc.option(fc.maxSafeInteger()),
          words: fc.option(fc.string({ unit: 'binary', maxLength: 3_000, size: 'max' })),
          flag: fc.option(fc.boolean()),
        }),
        (row) => {
          const expected = Buffer.concat([
            Buffer.from([0, 5]),
            Buffer.from('table'),
            row.one === null ? nothing : part(2, Buffer.from(row.one)),
            row.number === null ? nothing : part(4, long(BigInt(row.number))),
            row.words === null ? nothing : part(3, Buffer.from(row.words)),
            row.flag === null ? nothing : part(5, Buffer.of(row.flag ? 1 : 0)),
          ])
          expect(Buffer.compare(rowInput('table', columns, row), expected)).toBe(0)
        },
      ),
    )
  })

  test('refuses a row that lacks a column', () => {
    const { record: _record, ...lacking } = objectRow(1)
    // @ts-expect-error -- the compiler refuses it too
    expect(() => macInput('objects', lacking)).toThrow(TypeError)
  })
})

describe('the tables', () => {
  test.each(['keys', 'data'] as const)('of section %s have the columns of the schema, in its order', (section) => {
    const database = new DatabaseSync(':memory:')
    database.exec(createSection(section))
    for (const table of tableNames.filter((name) => schema[name].section === section)) {
      const columns = database.prepare(`PRAGMA table_info(${table})`).all()
      expect(columns.map(({ name }) => name)).toEqual(Object.keys(schema[table].columns))
    }
    database.close()
  })

  test('that are authenticated end with row_version and mac', () => {
    for (const table of tableNames) expect(Object.keys(schema[table].columns).slice(-2)).toEqual(['row_version', 'mac'])
  })

  test('begin their key with the tenant where there is one', () => {
    const keyed = tableNames.filter((table) => 'tenant' in schema[table].columns && table !== 'authorities')
    for (const table of keyed) expect(tableOf(table).key[0]).toBe('tenant')
  })
})

function rowOf<T extends TableName>(table: T): Row<T> {
  const values = Object.entries(tableOf(table).columns).map(([name, { kind }]) => [name, samples[kind][0]])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every column has a value of its kind
  return Object.fromEntries(values) as Row<T>
}

function otherValue({ kind }: Column): unknown {
  return samples[kind][1]
}

const samples = {
  id: [Buffer.alloc(idBytes, 1), Buffer.alloc(idBytes, 2)],
  bytes: [Buffer.of(1, 2), Buffer.of(1)],
  text: ['a', 'ä'],
  integer: [0, 1],
  flag: [false, true],
} as const
