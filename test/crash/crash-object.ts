import { createHash } from 'node:crypto'
import { macInput, type Row } from '../../src/store/schema.ts'
import type { Change, Unit } from '../../src/store/store.ts'
import { auditOf, nameRow, objectRow } from '../store/rows.ts'

/** The states that a load gives its objects. */
export const live = 2
export const destroyed = 5

/** The row of an object at a version: everything in it follows from these, so that a mixture of two versions is seen. */
export function rowAt(object: Buffer, version: number, state: number): Row<'objects'> {
  const text = `${object.toString('hex')} ${version} ${state}`
  const row = {
    ...objectRow(0),
    object,
    sequence: object.readUInt32BE(0),
    state,
    row_version: version,
    attributes: derived(`attributes ${text}`, 200 + (version % 7) * 100),
    record: state === destroyed ? Buffer.alloc(0) : derived(`record ${text}`, 110),
  }
  return { ...row, mac: createHash('sha256').update(macInput('objects', row)).digest() }
}

/** Version 1 of an object, with its name. */
export function creation(object: Buffer): Unit {
  const row = rowAt(object, 1, live)
  return unitOf('Create', row, [
    { table: 'objects', kind: 'insert', row },
    { table: 'object_index', kind: 'insert', row: nameRow(row) },
  ])
}

/** The next version of a live object. */
export function modification(object: Buffer, expectedVersion: number): Unit {
  const row = rowAt(object, expectedVersion + 1, live)
  return unitOf('ModifyAttribute', row, [{ table: 'objects', kind: 'update', row, expectedVersion }])
}

/** The last version of an object: without its record and its name. */
export function destruction(object: Buffer, expectedVersion: number): Unit {
  const row = rowAt(object, expectedVersion + 1, destroyed)
  return unitOf('Destroy', row, [
    { table: 'objects', kind: 'update', row, expectedVersion },
    { table: 'object_index', kind: 'delete', key: nameRow(row) },
  ])
}

function unitOf(operation: string, row: Row<'objects'>, changes: readonly Change[]): Unit {
  return { section: 'data', changes, audit: [{ ...auditOf(operation, row.object), detail: String(row.row_version) }] }
}

function derived(text: string, outputLength: number): Buffer {
  return createHash('shake256', { outputLength }).update(text).digest()
}
