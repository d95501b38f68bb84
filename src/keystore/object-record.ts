import type { ObjectContext, Scope, Unauthenticated } from '../hierarchy/key-chain.ts'
import { ManagedObject } from '../objects/managed-object.ts'
import type { ObjectFields } from '../objects/managed-object.ts'
import { liveStates } from '../objects/state.ts'
import type { Row } from '../store/schema.ts'

/** The row of an object as it is to be written, as that version of it. */
export function rowOf(scope: Scope, object: ManagedObject, rowVersion: number): Unauthenticated<'objects'> {
  const { fields } = object
  return {
    tenant: scope.tenant,
    system: scope.system,
    service: scope.service,
    object: fields.id,
    sequence: fields.sequence,
    object_type: fields.objectType,
    state: storedState(fields.state, fields.archived),
    activation_date: fields.activationDate ?? null,
    deactivation_date: fields.deactivationDate ?? null,
    algorithm: fields.algorithm,
    length_bits: fields.lengthBits,
    key_format_type: fields.keyFormatType + fields.keyForm * keyFormUnit,
    data_type: fields.dataType,
    attributes: object.encodedAttributes,
    key_version: fields.keyVersion,
    blob_version: fields.blobVersion,
    record: fields.record,
    row_version: rowVersion,
  }
}

/** The object in a row whose MAC was verified: what it says was written here. */
export function objectOf(row: Row<'objects'>): ManagedObject {
  const fields: ObjectFields = {
    id: row.object,
    sequence: row.sequence,
    objectType: row.object_type as ObjectFields['objectType'], // only these are written
    archived: row.state >= archivedUnit,
    state: (row.state % archivedUnit) as ObjectFields['state'], // as above
    activationDate: row.activation_date ?? undefined,
    deactivationDate: row.deactivation_date ?? undefined,
    algorithm: row.algorithm,
    lengthBits: row.length_bits,
    keyFormatType: row.key_format_type % keyFormUnit,
    keyForm: Math.floor(row.key_format_type / keyFormUnit) as ObjectFields['keyForm'], // as above
    dataType: row.data_type,
    keyVersion: row.key_version,
    blobVersion: row.blob_version,
    record: row.record,
    rowVersion: row.row_version,
  }
  return new ManagedObject(fields, row.attributes)
}

/** The column `state`: States are small numbers, those of archived objects stand above them. So no search for others reads one. */
function storedState(state: ObjectFields['state'], archived: boolean): number {
  return archived ? state + archivedUnit : state
}

/** What the column may be for objects in these states. The state of an archived one may have been changed by a date since: any is asked for. */
export function storedStates(
  states: readonly ObjectFields['state'][],
  { onLine, archival }: { readonly onLine: boolean; readonly archival: boolean },
): readonly number[] {
  const archived = archival ? liveStates.map((state) => storedState(state, true)) : []
  return onLine ? [...states, ...archived] : archived
}

const archivedUnit = 0x10

/** Key Format Types are numbers of 32 bits: above them stands what the record holds. */
const keyFormUnit = 0x1_0000_0000

/** What an object's record is bound to, besides where the object lives. */
export function recordContext({ fields }: ManagedObject): ObjectContext {
  return {
    object: fields.id,
    // A key that replaces another has an identifier of its own (KMIP 1.4 section 4.4); where an Import replaces it, blobVersion counts.
    objectVersion: 1,
    objectType: fields.objectType,
    algorithm: fields.algorithm,
    lengthBits: fields.lengthBits,
    blobVersion: fields.blobVersion,
  }
}
