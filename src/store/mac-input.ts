import type { ColumnKind, Columns } from './column.ts'
import { type ChangeableTable, type Row, tableOf } from './schema.ts'

/**
 * The bytes that a row's MAC is over: u16 length ‖ the table's name, then every column but `mac`, in the schema's order. Each is
 * u8 kind ‖ u32 length ‖ value; null is kind 0 of length 0. Integers are 8 bytes, two's complement, flags one byte, text UTF-8; all
 * numbers big-endian. No column can be left out: the columns are the table's.
 */
export function macInput<T extends ChangeableTable>(table: T, row: Omit<Row<T>, 'mac'>): Uint8Array {
  return rowInput(table, tableOf(table).columns, row)
}

/** The same of a row of any table, by its name and columns. */
export function rowInput(table: string, columns: Columns, row: object): Uint8Array {
  const { head, names, kinds } = layouts.get(table) ?? makeLayout(table, columns)
  const values = row as Readonly<Record<string, unknown>> // every one of these columns
  let at = head.copy(scratch)
  for (let i = 0; i < names.length; i++) at = putPart(at, kinds[i]!, values[names[i]!])
  if (scratch.byteLength > usualBytes) return takeScratch(at)
  const input = Buffer.allocUnsafe(at)
  scratch.copy(input, 0, 0, at)
  return input
}

interface Layout {
  readonly head: Buffer
  readonly names: readonly string[]
  /** As numbers, in the order of the names. */
  readonly kinds: readonly number[]
}

function makeLayout(table: string, all: Columns): Layout {
  const head = Buffer.alloc(2 + Buffer.byteLength(table))
  head.writeUInt16BE(head.write(table, 2))
  const columns = Object.entries(all).filter(([name]) => name !== 'mac')
  const layout = {
    head,
    names: columns.map(([name]) => name),
    kinds: columns.map(([, { kind }]) => kindNumbers[kind]),
  }
  layouts.set(table, layout)
  return layout
}

/**
 * Puts a part into `scratch` and returns where it ends. Written in one go, without a size that is counted before, and without a call for each number and each identifier:
 * a third less time for an object's row (`bench/micro/store.bench.ts`), which every Create and every first Get of an object needs.
 */
function putPart(at: number, kind: number, value: unknown): number {
  const start = at + partHeadBytes
  if (typeof value === 'number') {
    haveRoom(start + 8)
    view.setInt32(start, Math.floor(value / 2 ** 32))
    view.setInt32(start + 4, value | 0) // the low 32 bits of any safe integer
    return putHead(at, kind, 8)
  }
  if (value === null) {
    haveRoom(start)
    return putHead(at, 0, 0)
  }
  if (value instanceof Uint8Array) {
    const size = value.byteLength
    haveRoom(start + size)
    if (size > shortBytes) scratch.set(value, start)
    else for (let i = 0; i < size; i++) scratch[start + i] = value[i]!
    return putHead(at, kind, size)
  }
  if (typeof value === 'string') {
    haveRoom(start + 3 * value.length)
    return putHead(at, kind, scratch.write(value, start))
  }
  if (typeof value !== 'boolean') throw new TypeError('a row lacks a column of its table')
  haveRoom(start + 1)
  scratch[start] = value ? 1 : 0
  return putHead(at, kind, 1)
}

/** Of a part whose value stands there. Returns where it ends. */
function putHead(at: number, kind: number, size: number): number {
  scratch[at] = kind
  view.setUint32(at + 1, size)
  return at + partHeadBytes + size
}

/** What has been put stays when `scratch` is replaced by a longer one. */
function haveRoom(bytes: number): void {
  if (bytes <= scratch.byteLength) return
  const before = scratch
  useScratch(2 * bytes)
  before.copy(scratch)
}

/** The first bytes of a long one, which is not kept: a thread that has seen a row of some MiB would have as much for ever. */
function takeScratch(bytes: number): Buffer {
  const input = scratch.subarray(0, bytes)
  useScratch(usualBytes)
  return input
}

function useScratch(bytes: number): void {
  scratch = Buffer.allocUnsafeSlow(bytes)
  view = new DataView(scratch.buffer, scratch.byteOffset, bytes)
}

/** A row without a large object. */
const usualBytes = 4096
/** The rows of this thread are put together here, one at a time. It holds nothing that the database does not. */
let scratch = Buffer.allocUnsafeSlow(usualBytes)
let view = new DataView(scratch.buffer, scratch.byteOffset, usualBytes)

/** Up to here a loop beats a call into C++. */
const shortBytes = 64

/** u8 kind ‖ u32 length. */
const partHeadBytes = 5

/** These numbers stand in MACs: they never change their meaning. */
const kindNumbers: Readonly<Record<ColumnKind, number>> = { id: 1, bytes: 2, text: 3, integer: 4, flag: 5 }

const layouts = new Map<string, Layout>()
