import { checkValue, type Column, type Columns } from '../column.ts'
import { type AuditRow, auditColumns, type ChangeableTable, type Section, tableNames, tableOf } from '../schema.ts'
import type { Change, Unit } from '../store.ts'
import type { Values } from '../row-key.ts'

/**
 * Units as bytes of their own, to be handed to the writer's thread in one piece. A structured clone of the rows would copy the
 * whole pool behind every small Buffer, other requests' bytes included, and takes longer (`bench/micro/store.bench.ts`); so does a piece for
 * each unit. The form lives as long as the message: it is no format.
 */
export class UnitsEncoder {
  #buffer: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(startBytes)
  #offset = 0
  #count = 0

  /** Units that were added since the last `take`. */
  get count(): number {
    return this.#count
  }

  /** Throws a TypeError when a row is not one of its table; then nothing was added. */
  add(unit: Unit): void {
    const start = this.#offset
    this.#makeRoom(4 + sizeOf(unit))
    try {
      this.#offset += 4
      this.#unit(unit)
    } catch (error) {
      this.#offset = start
      throw error
    }
    this.#buffer.writeUInt32LE(this.#offset - start - 4, start)
    this.#count++
  }

  /** What was added, in a buffer that nobody else has. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#buffer.buffer.slice(0, this.#offset))
    this.#offset = 0
    this.#count = 0
    if (this.#buffer.byteLength > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(startBytes)
    return bytes
  }

  #makeRoom(bytes: number): void {
    const needed = this.#offset + bytes
    if (needed <= this.#buffer.byteLength) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.byteLength * 2))
    larger.set(this.#buffer.subarray(0, this.#offset))
    this.#buffer = larger
  }

  #unit(unit: Unit): void {
    this.#byte(unit.section === 'keys' ? 0 : 1)
    this.#number(unit.changes.length)
    for (const change of unit.changes) {
      const table = tableOf(change.table)
      this.#byte(tableList.indexOf(change.table))
      this.#byte(kindList.indexOf(change.kind))
      this.#number(change.kind === 'insert' ? noVersion : (change.expectedVersion ?? noVersion))
      if (change.kind === 'delete') this.#values(keyColumns(change.table), change.key)
      else this.#values(table.columns, change.row)
    }
    this.#number(unit.audit.length)
    for (const row of unit.audit) this.#values(auditRowColumns, row)
  }

  #byte(value: number): void {
    this.#buffer[this.#offset++] = value
  }

  /** Any safe integer is exact in a double. */
  #number(value: number): void {
    this.#offset = this.#buffer.writeDoubleLE(value, this.#offset)
  }

  #values(columns: Columns, values: Values): void {
    for (const name in columns) this.#value(name, columns[name]!, values[name])
  }

  #value(name: string, column: Column, value: unknown): void {
    checkValue(name, column, value)
    this.#byte(value === null ? 0 : 1)
    if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'boolean') this.#byte(value ? 1 : 0)
    else if (typeof value === 'string') {
      const length = this.#buffer.write(value, this.#offset + 4)
      this.#offset = this.#buffer.writeUInt32LE(length, this.#offset) + length
    } else if (value instanceof Uint8Array) {
      this.#offset = this.#buffer.writeUInt32LE(value.byteLength, this.#offset)
      this.#buffer.set(value, this.#offset)
      this.#offset += value.byteLength
    }
  }
}

/** What a `UnitsEncoder` was given, in that order, each to be decoded by itself. */
export function separateUnits(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const units: Uint8Array[] = []
  for (let at = 0; at < bytes.byteLength;) {
    const start = at + 4
    at = start + view.getUint32(at, true)
    units.push(bytes.subarray(start, at))
  }
  return units
}

/** The unit in one of `separateUnits`; its bytes are views of `bytes`. */
export function decodeUnit(bytes: Uint8Array): Unit {
  const decoder = new Decoder(bytes)
  const section: Section = decoder.byte() === 0 ? 'keys' : 'data'
  const changes: Change[] = []
  for (let left = decoder.number(); left > 0; left--) {
    const table = tableList[decoder.byte()]!
    const kind = kindList[decoder.byte()]!
    const version = decoder.number()
    const expectedVersion = version === noVersion ? undefined : version
    const values = decoder.values(kind === 'delete' ? keyColumns(table) : tableOf(table).columns)
    const change =
      kind === 'delete' ? { table, kind, key: values, expectedVersion } : { table, kind, row: values, expectedVersion }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a UnitsEncoder took it from a Change
    changes.push(change as unknown as Change)
  }
  const audit: AuditRow[] = []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a UnitsEncoder took it from an AuditRow
  for (let left = decoder.number(); left > 0; left--) audit.push(decoder.values(auditRowColumns) as unknown as AuditRow)
  return { section, changes, audit }
}

/** The columns of an audit row as it is written. */
export const auditRowColumns: Columns = Object.fromEntries(
  Object.entries(auditColumns).filter(([name]) => name !== 'sequence'),
)

class Decoder {
  readonly #buffer: Buffer
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(): number {
    return this.#buffer[this.#offset++]!
  }

  number(): number {
    this.#offset += 8
    return this.#buffer.readDoubleLE(this.#offset - 8)
  }

  values(columns: Columns): Values {
    const values: Record<string, unknown> = {}
    for (const name in columns) values[name] = this.#value(columns[name]!)
    return values
  }

  #value(column: Column): unknown {
    if (this.byte() === 0) return null
    if (column.kind === 'integer') return this.number()
    if (column.kind === 'flag') return this.byte() === 1
    const start = this.#offset + 4
    this.#offset = start + this.#buffer.readUInt32LE(this.#offset)
    return column.kind === 'text'
      ? this.#buffer.toString('utf8', start, this.#offset)
      : this.#buffer.subarray(start, this.#offset)
  }
}

/** Not less than what the unit takes: ten bytes bound what stands around a value, three those of a character. */
function sizeOf(unit: Unit): number {
  let size = 17
  for (const change of unit.changes) size += 10 + sizeOfValues(change.kind === 'delete' ? change.key : change.row)
  for (const row of unit.audit) size += sizeOfValues(row)
  return size
}

function sizeOfValues(values: object): number {
  let size = 0
  for (const value of Object.values(values)) {
    size += 10 + (value instanceof Uint8Array ? value.byteLength : typeof value === 'string' ? value.length * 3 : 0)
  }
  return size
}

function keyColumns(table: ChangeableTable): Columns {
  let columns = keyColumnsOf.get(table)
  if (columns === undefined) {
    const { columns: all, key } = tableOf(table)
    columns = Object.fromEntries(key.map((name) => [name, all[name]!]))
    keyColumnsOf.set(table, columns)
  }
  return columns
}

/** A turn's units of a busy thread: 64 Creates. */
const startBytes = 64 * 1024
/** What is kept for the next turn: one large object does not keep its room for ever. */
const keptBytesMax = 1024 * 1024
const noVersion = -1
const kindList = ['insert', 'update', 'delete'] as const
const tableList: readonly ChangeableTable[] = [...tableNames, 'object_index']
const keyColumnsOf = new Map<ChangeableTable, Columns>()
