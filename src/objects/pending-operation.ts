import { Attributes } from '../kmip/attribute.ts'
import type { ObjectType, State } from '../kmip/enums.ts'
import { KeyForm, ManagedObject } from './managed-object.ts'

/**
 * An asynchronous operation (KMIP 1.4 sections 4.27, 4.28, 6.7 and 6.8), kept as an object of no Object Type: so its answer is wrapped, authenticated
 * and rotated as keys are. Its identifier is the Asynchronous Correlation Value. Nothing but Poll and Cancel sees one.
 */

/** What a row of the objects has as Object Type when it is one; no enumeration has a 0. */
export const pendingOperationType = 0 as ObjectType

/** Who asked for what. */
export interface Asked {
  /** 16 random bytes. */
  readonly correlationValue: Buffer
  readonly sequence: number
  readonly client: Buffer
  readonly operation: number
}

/** An operation that was asked for and has no answer yet: its record is to hold the request. */
export function newPendingOperation({ correlationValue, sequence, client, operation }: Asked): ManagedObject {
  const fields = {
    id: correlationValue,
    sequence,
    objectType: pendingOperationType,
    archived: false,
    state: waiting,
    activationDate: undefined,
    deactivationDate: undefined,
    algorithm: operation,
    lengthBits: 0,
    keyFormatType: 0,
    keyForm: KeyForm.Plain,
    dataType: 0,
    keyVersion: 0,
    blobVersion: 1,
    record: new Uint8Array(0),
    rowVersion: 0,
  }
  return new ManagedObject(fields, new Attributes(), { structure: client })
}

/** The operation as it is when it has an answer of that Result Status: its record, which was that of the request, is the answer's. */
export function answeredOperation(pending: ManagedObject, resultStatus: number): ManagedObject {
  return pending.with({ state: answered, dataType: resultStatus, blobVersion: pending.fields.blobVersion + 1 })
}

/** True if it was that client who asked. */
export function isAskedBy({ structure }: ManagedObject, client: Uint8Array): boolean {
  return structure !== undefined && Buffer.compare(structure, client) === 0
}

export function isAnswered({ fields }: ManagedObject): boolean {
  return fields.state === answered
}

/** The Result Status of its answer. */
export function resultStatusOf({ fields }: ManagedObject): number {
  return fields.dataType
}

export function operationOf({ fields }: ManagedObject): number {
  return fields.algorithm
}

/** When it was asked for, in seconds since 1970: sequences are microseconds. */
export function askedAt({ fields }: ManagedObject): number {
  return Math.floor(fields.sequence / 1_000_000)
}

// The column holds them beside the States of the specification, of which there are six: no search for any of those reads one.
const waiting = 14 as State
const answered = 15 as State
