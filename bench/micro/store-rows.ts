import { randomBytes } from 'node:crypto'
import type { Row } from '../../src/store/schema.ts'
import type { Unit } from '../../src/store/store.ts'

const [tenant, system, service] = [randomBytes(16), randomBytes(16), randomBytes(16)]

/** Whose objects these are. */
export const scope = { tenant, system, service }

let sequence = Date.now() * 1_000

/** What one Create of a named AES key writes: the object, its name's index row and an audit row, in the sizes that a server has. */
export function createUnit(): Unit & { readonly row: Row<'objects'> } {
  const object = randomBytes(16)
  const row: Row<'objects'> = {
    ...scope,
    object,
    sequence: ++sequence,
    object_type: 2,
    state: 1 + (sequence % 4),
    activation_date: null,
    deactivation_date: null,
    algorithm: 3,
    length_bits: 256,
    key_format_type: 1,
    data_type: 0,
    attributes: randomBytes(400),
    key_version: 1,
    blob_version: 1,
    record: randomBytes(110),
    row_version: 1,
    mac: randomBytes(36),
  }
  const index = { ...scope, attribute: 'name', token: randomBytes(20), sequence, object }
  const audit = {
    time: 1_700_000_000,
    tenant,
    actor: 'client:demo',
    operation: 'Create',
    object,
    result: 'success',
    detail: '',
  }
  return {
    section: 'data',
    changes: [
      { table: 'objects', kind: 'insert', row },
      { table: 'object_index', kind: 'insert', row: index },
    ],
    audit: [audit],
    row,
  }
}
