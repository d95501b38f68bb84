import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { macInput } from '../../src/store/schema.ts'
import { Reader } from '../../src/store/sqlite/reader.ts'
import { openForWriting } from '../../src/store/sqlite/section-file.ts'
import { SectionWriter } from '../../src/store/sqlite/section-writer.ts'
import { decodeUnit, separateUnits, UnitsEncoder } from '../../src/store/sqlite/unit-codec.ts'
import { createUnit, scope } from './store-rows.ts'
import { type Case, keep, type RatioGoal } from './suite.ts'

const directory = mkdtempSync(join(tmpdir(), 'bench-store-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

openForWriting(directory, 'keys').close()
const writer = new SectionWriter(openForWriting(directory, 'data'), 'data')
const reader = new Reader(directory)

/** Objects that are there: enough that a search of all of them would show. */
const units = Array.from({ length: 20_000 }, () => createUnit())
for (let at = 0; at < units.length; at += 500) writer.commit(units.slice(at, at + 500))

const { row } = units[10_000]!
const token = nameOf(units[10_000]!)
const encoder = new UnitsEncoder()
const encoded = separateUnits(encode(1))[0]!

function encode(count: number): Uint8Array {
  for (let at = 0; at < count; at++) encoder.add(units[at]!)
  return encoder.take()
}

export const name = 'store'

export const cases: readonly Case[] = [
  { name: 'MAC input of an object', fn: () => keep(macInput('objects', row)) },
  { name: 'unit of a Create to bytes', fn: () => keep(encode(1)) },
  { name: 'units of 32 Creates to bytes', fn: () => keep(encode(32)), batch: 32 },
  { name: 'unit of a Create from bytes', fn: () => keep(decodeUnit(encoded)) },
  { name: 'the same by structured clone', fn: () => keep(structuredClone(units[0]!)) },
  { name: 'get of an object', fn: () => keep(reader.get('objects', row)) },
  { name: 'Locate by name', fn: () => keep(reader.locate({ ...scope, tokens: [token], now: 0, limit: 10 })) },
  { name: 'Locate of 10 by state', fn: () => keep(reader.locate({ ...scope, states: [2], now: 0, limit: 10 })) },
  { name: 'durable Create, alone', fn: () => keep(writer.commit([createUnit()])) },
  { name: 'durable Create, 10 in a transaction', fn: () => commit(10), batch: 10 },
  { name: 'durable Create, 100 in a transaction', fn: () => commit(100), batch: 100 },
]

export const goals: readonly RatioGoal[] = [
  {
    name: 'bytes beside structured clone',
    slow: 'the same by structured clone',
    fast: 'unit of a Create to bytes',
    atLeast: 1,
  },
  {
    name: 'a group of 100 beside one',
    slow: 'durable Create, alone',
    fast: 'durable Create, 100 in a transaction',
    atLeast: 3,
  },
]

function commit(count: number): void {
  keep(writer.commit(Array.from({ length: count }, () => createUnit())))
}

function nameOf({ changes }: ReturnType<typeof createUnit>) {
  const change = changes[1]
  if (change?.table !== 'object_index' || change.kind !== 'insert') throw new Error('the second change is the name')
  return change.row
}
