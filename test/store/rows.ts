import { createHash, randomBytes } from 'node:crypto'
import type { AuditRow, KeyOf, Row } from '../../src/store/schema.ts'
import type { Change, Unit } from '../../src/store/store.ts'

/** Rows for tests: the same number gives the same row. */

/** 16 bytes made from a number, spread like random ones. */
export function idOf(n: number): Buffer {
  return createHash('sha256').update(`id ${n}`).digest().subarray(0, 16)
}

export function bytesOf(length: number): Buffer {
  return randomBytes(length)
}

export function scopeOf() {
  return { tenant: idOf(1_001), system: idOf(1_002), service: idOf(1_003) }
}

export function objectRow(n: number): Row<'objects'> {
  return {
    ...scopeOf(),
    object: idOf(n),
    sequence: n,
    object_type: 2,
    state: 1,
    activation_date: null,
    deactivation_date: null,
    algorithm: 3,
    length_bits: 256,
    key_format_type: 1,
    data_type: 0,
    attributes: fixedBytes(n, 250),
    key_version: 1,
    blob_version: 1,
    record: fixedBytes(n + 1, 110),
    row_version: 1,
    mac: fixedBytes(n + 2, 36),
  }
}

export function keyOfObject({ tenant, system, service, object }: Row<'objects'>): KeyOf<'objects'> {
  return { tenant, system, service, object }
}

/** The index row of an object's only name. */
export function nameRow({ tenant, system, service, sequence, object }: Row<'objects'>): Row<'object_index'> {
  return { tenant, system, service, attribute: 'name', token: object, sequence, object }
}

/** An object with its name. */
export function insertObject(row: Row<'objects'>): Change[] {
  return [
    { table: 'objects', kind: 'insert', row },
    { table: 'object_index', kind: 'insert', row: nameRow(row) },
  ]
}

export function tenantRow(n: number): Row<'tenants'> {
  return {
    tenant: idOf(n),
    name: `tenant-${n}`,
    state: 1,
    created: 1_700_000_000,
    row_version: 1,
    mac: fixedBytes(n, 36),
  }
}

export function clientRow(n: number): Row<'clients'> {
  return {
    ...scopeOf(),
    client: idOf(n),
    name: `client-${n}`,
    issuer_key_hash: fixedBytes(n, 32),
    leaf_key_hash: fixedBytes(n + 1, 32),
    operations: fixedBytes(n, 8),
    state: 1,
    created: 1_700_000_000,
    revoked: null,
    row_version: 1,
    mac: fixedBytes(n, 36),
  }
}

export function auditOf(operation: string, object: Buffer | null = null): AuditRow {
  return {
    time: 1_700_000_000,
    tenant: scopeOf().tenant,
    actor: 'client:demo',
    operation,
    object,
    result: 'success',
    detail: '',
  }
}

export function unitOf(changes: readonly Change[]): Unit {
  return { section: 'data', changes, audit: [] }
}

function fixedBytes(seed: number, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(`bytes ${seed}`).digest()
}
