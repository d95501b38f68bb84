import { auditEvent } from '../audit/audit-event.ts'
import type { Principal } from '../auth/principal.ts'
import { dateTime } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { ObjectsOfService } from '../keystore/objects-of-service.ts'
import { UnitOfWork } from '../keystore/unit-of-work.ts'
import { Operation, ResultStatus } from '../kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../kmip/request-message.ts'
import type { RequestMessage } from '../kmip/request-message.ts'
import { decodeResponse, encodeResponse } from '../kmip/response-message.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { limits } from '../limits.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { answeredOperation, askedAt, isAnswered, isAskedBy, newPendingOperation } from '../objects/pending-operation.ts'
import { operationName } from './index.ts'

/**
 * Asynchronous operations (KMIP 1.4 sections 6.7, 6.8). One that is taken is written down before its client hears of it; its answer is written in the
 * unit of what it changes. So it happens whole and once, or not at all: whoever cancels takes the row away, and the unit no longer fits.
 */

/** Executes a request; `keep` puts the answer into the unit before that is committed, whatever the answer is. */
export type Run = (request: RequestMessage, keep: Keep) => Promise<unknown>
export type Keep = (unit: UnitOfWork, answers: readonly ResponseBatchItem[]) => Promise<void>

export interface Parts {
  readonly clock: Clock
  readonly randomBytes: (count: number) => Buffer
  readonly objects: ObjectsOfService
  readonly onFault: (error: unknown) => void
}

/** The operations that may take long, or wait for others, and whose answers hold no key. Those of a batch are executed at once, one after the other. */
const asynchronousOperations: ReadonlySet<number> = new Set([
  Operation.Locate,
  Operation.CreateKeyPair,
  Operation.ReKeyKeyPair,
  Operation.DeriveKey,
  Operation.Archive,
  Operation.Recover,
])

/** May this request be answered later, when its client asks for that? The server chooses (6.8). */
export function isForLater({ batchItems: [item, ...more] }: RequestMessage, principal: Principal): boolean {
  return (
    more.length === 0 &&
    asynchronousOperations.has(item!.operation) &&
    // What is refused is refused at once.
    principal.allows(item!.operation) &&
    item!.payloadError === undefined &&
    item!.messageExtension?.criticalityIndicator !== true
  )
}

/**
 * Takes a request for later: its answer is Operation Pending with the Asynchronous Correlation Value. undefined when the service has as many as it may
 * have: then it is executed at once.
 */
export async function takeForLater(
  request: RequestMessage,
  principal: Principal,
  parts: Parts,
  run: Run,
): Promise<ResponseBatchItem[] | undefined> {
  const { objects, clock } = parts
  const item = request.batchItems[0]! // isForLater
  if (!(await hasRoom(objects, principal, parts))) return undefined
  const correlationValue = parts.randomBytes(16)
  const { client } = principal
  const sequence = objects.nextSequence()
  const unit = new UnitOfWork(objects, (object) =>
    auditEvent({
      clock,
      tenant: principal.tenant,
      actor: principal.actor,
      operation: `Asynchronous${operationName(item.operation)}`,
      object,
      result: 'success',
    }),
  )
  // What was read is views of a frame that is not there for so long. A password has been looked at, and is not kept.
  const { authentication: _, asynchronousIndicator: __, ...requestHeader } = request.requestHeader
  const own = encodeRequest({ ...request, requestHeader })
  await unit.create(newPendingOperation({ correlationValue, sequence, client, operation: item.operation }), own)
  await unit.commit()
  setTimeout(() => executeTaken(own, correlationValue, parts, run), limits.asynchronousDelayMs).unref()
  return [
    {
      operation: item.operation,
      uniqueBatchItemID: item.uniqueBatchItemID,
      resultStatus: ResultStatus.OperationPending,
      asynchronousCorrelationValue: correlationValue,
    },
  ]
}

/** Those that this thread is executing. */
const underWay = new Set<string>()

/** Executes an operation that was taken, unless this thread is at it already. Two threads may: the unit of one of them does not fit any more. */
export function executeTaken(taken: Buffer, correlationValue: Buffer, parts: Parts, run: Run): void {
  const key = correlationValue.toString('latin1')
  if (underWay.has(key)) {
    taken.fill(0)
    return
  }
  underWay.add(key)
  void execute(decodeRequest(taken), correlationValue, parts, run).finally(() => {
    underWay.delete(key)
    taken.fill(0)
  })
}

async function execute(
  request: RequestMessage,
  correlationValue: Buffer,
  { objects, onFault }: Parts,
  run: Run,
): Promise<void> {
  const keep: Keep = async (unit, answers) => {
    const pending = await objects.pendingOperation(correlationValue)
    if (pending === undefined || isAnswered(pending)) {
      throw new KryptonError('item-not-found', 'the operation was canceled, or executed elsewhere')
    }
    const answered = answeredOperation(pending, answers[0]!.resultStatus)
    const keys = await objects.serviceKeys()
    const record = objects.sealAnswer(keys, answered, encodeAnswer(request.version, answers[0]!))
    unit.updateAnswered(pending, answered.with({ keyVersion: keys.activeVersion, record }))
  }
  try {
    await run(request, keep)
  } catch (error) {
    // What the store says now it has said to others: the client's Poll tells it in the end.
    if (!isKryptonError(error)) onFault(error)
  }
}

/** Takes away what is too old to be asked after; then there is room, or there are too many. */
async function hasRoom(objects: ObjectsOfService, principal: Principal, { clock }: Parts): Promise<boolean> {
  const now = dateTime(clock)
  const all = await objects.pendingOperations(limits.asynchronousPerServiceMax)
  const old = all.filter((pending) => isOver(pending, now))
  await Promise.all(old.map(async (pending) => remove(pending, 'AsynchronousEnd', objects, principal, clock)))
  const kept = all.filter((pending) => !isOver(pending, now))
  const own = kept.filter((pending) => isAskedBy(pending, principal.client))
  return kept.length < limits.asynchronousPerServiceMax && own.length < limits.asynchronousPerClientMax
}

/** True if nobody can ask after it any more, or if it ought to have been answered by now. */
export function isOver(pending: ManagedObject, now: number): boolean {
  const seconds = isAnswered(pending) ? limits.asynchronousAnswerSeconds : limits.asynchronousSeconds
  return now >= askedAt(pending) + seconds
}

/** The operation of that Asynchronous Correlation Value, if it is this client's. */
export async function operationOfClient(
  objects: ObjectsOfService,
  correlationValue: Uint8Array,
  client: Uint8Array,
): Promise<ManagedObject | undefined> {
  if (correlationValue.byteLength !== 16) return undefined
  const pending = await objects.pendingOperation(Buffer.from(correlationValue))
  return pending !== undefined && isAskedBy(pending, client) ? pending : undefined
}

/** Takes an operation away, for what the audit is told; false when it has changed meanwhile. */
export async function remove(
  pending: ManagedObject,
  operation: string,
  objects: ObjectsOfService,
  { tenant, actor }: Principal,
  clock: Clock,
): Promise<boolean> {
  const { id, rowVersion } = pending.fields
  const audit = auditEvent({ clock, tenant, actor, operation, object: id, result: 'success' })
  const key = { ...objects.scope, object: id }
  try {
    await objects.commit({
      section: 'data',
      changes: [{ table: 'objects', kind: 'delete', key, expectedVersion: rowVersion }],
      audit: [audit],
    })
    return true
  } catch (error) {
    if (isKryptonError(error, 'store-conflict')) return false
    throw error
  }
}

/** An answer as it is kept: a Response Message of its version. */
function encodeAnswer(version: KmipVersion, answer: ResponseBatchItem): Buffer {
  return encodeResponse({ version, timeStamp: 0, batchItems: [{ ...answer, uniqueBatchItemID: undefined }] }).bytes
}

/** True for an operation that ought to be done by now: the thread that took it may have ended, and whoever is asked after it executes it. */
export function isLate(pending: ManagedObject, now: number): boolean {
  return now >= askedAt(pending) + limits.asynchronousLateSeconds
}

export function decodeAnswer(kept: Buffer): ResponseBatchItem {
  return decodeResponse(kept).batchItems[0]!
}
