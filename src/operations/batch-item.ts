import { KryptonError } from '../errors.ts'
import { ResultReason, ResultStatus } from '../kmip/enums.ts'
import type { RequestBatchItem } from '../kmip/request-message.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import { AnswerOfAnother, RefusalWithPayload } from './handler.ts'
import { failureOf } from './result.ts'

/** One Batch Item: what is looked at in a request's, and how each outcome is answered (KMIP 1.4 sections 6.15 and 6.16). */

/** The identifier in a payload, wherever the operation has it. */
export function askedFor(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined
  for (const [name, value] of Object.entries(payload)) {
    if (!name.endsWith('niqueIdentifier') && !name.endsWith('niqueIdentifiers')) continue
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first === 'string') return first
  }
  return undefined
}

/** One that is not understood refuses its item: none is known here (KMIP 1.4 section 6.16). */
export function hasCriticalExtension({ messageExtension }: RequestBatchItem): boolean {
  return messageExtension?.criticalityIndicator === true
}

/** The refusal of such an item. */
export function notUnderstood(): KryptonError {
  return new KryptonError('feature-not-supported', 'Send no critical Message Extension: none is known here')
}

/** The answer of an item that was done. */
export function succeeded(item: RequestBatchItem, responsePayload: unknown): ResponseBatchItem {
  return {
    operation: item.operation,
    uniqueBatchItemID: item.uniqueBatchItemID,
    resultStatus: ResultStatus.Success,
    responsePayload,
  }
}

/** The answer of an item whose changes were taken back. Reason and message are there for clients that ask every answer that is no success for both. */
export function undone(item: RequestBatchItem): ResponseBatchItem {
  return {
    operation: item.operation,
    uniqueBatchItemID: item.uniqueBatchItemID,
    resultStatus: ResultStatus.OperationUndone,
    resultReason: ResultReason.GeneralFailure,
    resultMessage: 'Undone, because a later operation of the request failed',
  }
}

/** The answer of an item that failed with `error`; `onFault` is told of what is a fault of ours. */
export function failed(item: RequestBatchItem, error: unknown, onFault: (error: unknown) => void): ResponseBatchItem {
  if (error instanceof AnswerOfAnother) return { ...error.answer, uniqueBatchItemID: item.uniqueBatchItemID }
  return {
    operation: item.operation,
    uniqueBatchItemID: item.uniqueBatchItemID,
    ...failureOf(error, onFault),
    responsePayload: error instanceof RefusalWithPayload ? error.payload : undefined,
  }
}
