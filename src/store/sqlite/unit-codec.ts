import type { Columns } from '../column.ts'
import { type AuditRow, auditColumns, type ChangeableTable, type Section, tableNames, tableOf } from '../schema.ts'
import type { Change, Unit } from '../store.ts'
import { codeOf, type ValueSink, type ValueSource } from './column-code.ts'

/**
 * Units as bytes of their own, to be handed to the writer's thread in one piece. A structured clone of the rows would copy the
 * whole pool behind every small Buffer, other requests' bytes included, and takes longer (`bench/micro/store.bench.ts`); so does a piece for
 * each unit. The form lives as long as the message: it is no format.
 */
export class UnitsEncoder {
  readonly #sink = new Sink()
  #count = 0

  /** Units that were added since the last `take`. */
  get count(): number {
    return this.#count
  }

  /** Throws a TypeError when a row is not one of its table; then nothing was added. */
  add(unit: Unit): void {
    const start = this.#sink.begin(4 + sizeOf(unit))
    try {
      this.#unit(unit)
    } catch (error) {
      this.#sink.back(start)
      throw error
    }
    this.#sink.end(start)
    this.#count++
  }

  /** What was added, in a buffer that nobody else has. */
  take(): Uint8Array<ArrayBuffer> {
    this.#count = 0
    return this.#sink.take()
  }

  #unit(unit: Unit): void {
    const sink = this.#sink
    sink.byte(unit.section === 'data' ? 1 : unit.erasure === 'later' ? 2 : 0)
    sink.number(unit.changes.length)
    for (const change of unit.changes) {
      sink.byte(tableList.indexOf(change.table))
      sink.byte(kindList.indexOf(change.kind))
      sink.number(change.kind === 'insert' ? noVersion : (change.expectedVersion ?? noVersion))
      codeOf(columnsOf(change)).write(sink, change.kind === 'delete' ? change.key : change.row)
    }
    sink.number(unit.audit.length)
    for (const row of unit.audit) codeOf(auditRowColumns).write(sink, row)
  }
}

/** Units one after another, each behind its length of 4 bytes. */
class Sink implements ValueSink {
  #buffer: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(startBytes)
  #offset = 0

  /** Makes room for a unit and its length; returns where it starts. */
  begin(bytes: number): number {
    const start = this.#offset
    const needed = start + bytes
    if (needed > this.#buffer.byteLength) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.byteLength * 2))
      larger.set(this.#buffer.subarray(0, start))
      this.#buffer = larger
    }
    this.#offset += 4
    return start
  }

  end(start: number): void {
    this.#buffer.writeUInt32LE(this.#offset - start - 4, start)
  }

  back(start: number): void {
    this.#offset = start
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#buffer.buffer.slice(0, this.#offset))
    this.#offset = 0
    if (this.#buffer.byteLength > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(startBytes)
    return bytes
  }

  byte(value: number): void {
    this.#buffer[this.#offset++] = value
  }

  /** Any safe integer is exact in a double. */
  number(value: number): void {
    this.#offset = this.#buffer.writeDoubleLE(value, this.#offset)
  }

  text(value: string): void {
    const length = this.#buffer.write(value, this.#offset + 4)
    this.#offset = this.#buffer.writeUInt32LE(length, this.#offset) + length
  }

  bytes(value: Uint8Array): void {
    this.#offset = this.#buffer.writeUInt32LE(value.byteLength, this.#offset)
    this.#buffer.set(value, this.#offset)
    this.#offset += value.byteLength
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
  const head = decoder.byte()
  const section: Section = head === 1 ? 'data' : 'keys'
  const changes: Change[] = []
  for (let left = decoder.number(); left > 0; left--) {
    const table = tableList[decoder.byte()]!
    const kind = kindList[decoder.byte()]!
    const version = decoder.number()
    const expectedVersion = version === noVersion ? undefined : version
    const values = codeOf(kind === 'delete' ? keyColumns(table) : tableOf(table).columns).read(decoder)
    const change =
      kind === 'delete' ? { table, kind, key: values, expectedVersion } : { table, kind, row: values, expectedVersion }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a UnitsEncoder took it from a Change
    changes.push(change as unknown as Change)
  }
  const audit: AuditRow[] = []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a UnitsEncoder took it from an AuditRow
  for (let left = decoder.number(); left > 0; left--)
    audit.push(codeOf(auditRowColumns).read(decoder) as unknown as AuditRow)
  return head === 2 ? { section, changes, audit, erasure: 'later' } : { section, changes, audit }
}

/** The columns of an audit row as it is written. */
export const auditRowColumns: Columns = Object.fromEntries(
  Object.entries(auditColumns).filter(([name]) => name !== 'sequence'),
)

class Decoder implements ValueSource {
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

  text(): string {
    const start = this.#skip()
    return this.#buffer.toString('utf8', start, this.#offset)
  }

  bytes(): Uint8Array {
    const start = this.#skip()
    return this.#buffer.subarray(start, this.#offset)
  }

  /** Goes behind a value of a length of its own; returns where it starts. */
  #skip(): number {
    const start = this.#offset + 4
    this.#offset = start + this.#buffer.readUInt32LE(this.#offset)
    return start
  }
}

/** Not less than what the unit takes. */
function sizeOf(unit: Unit): number {
  let size = 17
  for (const change of unit.changes)
    size += 10 + codeOf(columnsOf(change)).size(change.kind === 'delete' ? change.key : change.row)
  for (const row of unit.audit) size += codeOf(auditRowColumns).size(row)
  return size
}

function columnsOf({ table, kind }: Change): Columns {
  return kind === 'delete' ? keyColumns(table) : tableOf(table).columns
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
