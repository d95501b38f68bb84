import { auditEvent } from '../audit/audit-event.ts'
import { authorize } from '../auth/authorize.ts'
import type { Principal } from '../auth/principal.ts'
import { dateTime } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { isKryptonError, KryptonError } from '../errors.ts'
import type { Keystore } from '../keystore/keystore.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { UnitOfWork } from '../keystore/unit-of-work.ts'
import type { Mark } from '../keystore/unit-of-work.ts'
import { BatchErrorContinuationOption, ResultStatus } from '../kmip/enums.ts'
import type { RequestBatchItem, RequestMessage } from '../kmip/request-message.ts'
import { responseSize } from '../kmip/response-message.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import { limits } from '../limits.ts'
import { OperationContext, RefusalWithPayload } from './handler.ts'
import { handlerOf, operationName } from './index.ts'
import { failureOf } from './result.ts'

/** What the operations of a thread work with. */
export interface Services {
  readonly keystore: Keystore
  readonly clock: Clock
  readonly randomBytes: (count: number) => Buffer
  readonly serverVersion: string
  /** Is told of what goes wrong by our own fault; the client is not. */
  readonly onFault: (error: unknown) => void
}

/**
 * Executes the Batch Items of a request in their order (KMIP 1.4 sections 6.12, 6.13, 11.43). All that they change is one unit, durable before
 * the promise is kept; an item that fails takes back its own changes only. When another request was faster, this one is run again. An
 * option that is not served, or an answer larger than the client takes, refuses the whole request: nothing is done, and the
 * one item of the answer is the first one's. Without anything to wait for there is no promise.
 */
export function executeBatch(
  request: RequestMessage,
  principal: Principal,
  services: Services,
): MaybePromise<ResponseBatchItem[]> {
  const refusal = unservedOption(request)
  if (refusal !== undefined) return [failed(request.batchItems[0]!, refusal, services)]
  return new Execution(request, principal, services, 0).run()
}

function unservedOption({ requestHeader }: RequestMessage): KryptonError | undefined {
  if (requestHeader.asynchronousIndicator === true) {
    return new KryptonError('feature-not-supported', 'Leave out Asynchronous Indicator: every operation is synchronous')
  }
  if (requestHeader.batchErrorContinuationOption === BatchErrorContinuationOption.Undo) {
    return new KryptonError('feature-not-supported', 'Use Batch Error Continuation Option Stop or Continue')
  }
  return undefined
}

/** One run of a request, from the first item to the commit. */
class Execution {
  readonly #request: RequestMessage
  readonly #principal: Principal
  readonly #services: Services
  /** How often it was run before. */
  readonly #conflicts: number
  readonly #unit: UnitOfWork
  readonly #context: OperationContext
  readonly #answers: ResponseBatchItem[] = []
  #operation = 0

  constructor(request: RequestMessage, principal: Principal, services: Services, conflicts: number) {
    this.#request = request
    this.#principal = principal
    this.#services = services
    this.#conflicts = conflicts
    const { clock, keystore } = services
    this.#unit = new UnitOfWork(keystore.forPrincipal(principal), (object) =>
      auditEvent({
        clock,
        tenant: principal.tenant,
        actor: principal.actor,
        operation: operationName(this.#operation),
        object,
        result: 'success',
      }),
    )
    this.#context = new OperationContext({
      unit: this.#unit,
      principal,
      version: request.version,
      now: dateTime(clock),
      randomBytes: services.randomBytes,
      serverVersion: services.serverVersion,
    })
  }

  run(): MaybePromise<ResponseBatchItem[]> {
    const items = this.#items(0)
    return items instanceof Promise ? items.then(() => this.#finish()) : this.#finish()
  }

  #items(from: number): MaybePromise<void> {
    const { batchItems } = this.#request
    for (let i = from; i < batchItems.length; i++) {
      const answer = this.#item(batchItems[i]!)
      if (answer instanceof Promise) {
        return answer.then((settled) => (this.#goesOn(settled) ? this.#items(i + 1) : undefined))
      }
      if (!this.#goesOn(answer)) return undefined
    }
    return undefined
  }

  /** Takes an answer in; false when it ends the batch. */
  #goesOn(answer: ResponseBatchItem): boolean {
    this.#answers.push(answer)
    return (
      answer.resultStatus === ResultStatus.Success ||
      this.#request.requestHeader.batchErrorContinuationOption === BatchErrorContinuationOption.Continue
    )
  }

  #item(item: RequestBatchItem): MaybePromise<ResponseBatchItem> {
    const mark = this.#unit.mark()
    this.#operation = item.operation
    try {
      const payload = this.#handle(item)
      return payload instanceof Promise
        ? payload.then(
            (settled) => succeeded(item, settled),
            (error: unknown) => this.#failed(item, error, mark),
          )
        : succeeded(item, payload)
    } catch (error) {
      return this.#failed(item, error, mark)
    }
  }

  #handle(item: RequestBatchItem): MaybePromise<unknown> {
    authorize(this.#principal, item.operation)
    if (item.payloadError !== undefined) throw item.payloadError
    if (item.messageExtension?.criticalityIndicator === true) {
      throw new KryptonError('feature-not-supported', 'Send no critical Message Extension: none is known here')
    }
    const handler = handlerOf(item.operation)
    // Without a handler the codec has put an error into payloadError: it reads no payload that nobody serves.
    if (handler === undefined) throw new Error(`operation ${item.operation} was decoded but is not served`)
    return handler(item.requestPayload as never, this.#context) // the operation's own struct has read it
  }

  #failed(item: RequestBatchItem, error: unknown, mark: Mark): ResponseBatchItem {
    this.#unit.rollback(mark)
    // What follows without an identifier was meant for the object that this item did not give.
    this.#context.idPlaceholder = undefined
    return failed(item, error, this.#services)
  }

  #finish(): MaybePromise<ResponseBatchItem[]> {
    let refusal: unknown
    try {
      refusal = this.#tooLarge()
    } catch (error) {
      // It has no size because the client's version has no words for it.
      refusal = error
    }
    if (refusal !== undefined) return this.#refuse(refusal)
    const commit = this.#unit.commit()
    if (commit === undefined) return this.#answers
    return commit.then(
      () => this.#answers,
      (error: unknown) => this.#again(error),
    )
  }

  #again(error: unknown): MaybePromise<ResponseBatchItem[]> {
    const wasSlower = isKryptonError(error, 'store-conflict') || isKryptonError(error, 'store-unique')
    if (!wasSlower) return this.#refuse(error)
    if (this.#conflicts < limits.conflictRetriesMax) {
      this.#unit.drop()
      return new Execution(this.#request, this.#principal, this.#services, this.#conflicts + 1).run()
    }
    return this.#refuse(
      new KryptonError('overloaded', 'Send the request again: others kept changing the same objects', { cause: error }),
    )
  }

  #refuse(error: unknown): ResponseBatchItem[] {
    this.#unit.drop()
    return [failed(this.#request.batchItems[0]!, error, this.#services)]
  }

  /** Known before anything is written or done: a client that cannot read the answer finds nothing changed. */
  #tooLarge(): KryptonError | undefined {
    const { version, requestHeader } = this.#request
    const bytesMax = Math.min(requestHeader.maximumResponseSize ?? limits.responseBytesMax, limits.responseBytesMax)
    const size = responseSize({
      version,
      timeStamp: 0,
      clientCorrelationValue: requestHeader.clientCorrelationValue,
      batchItems: this.#answers,
    })
    if (size <= bytesMax || this.#answers.every(({ resultStatus }) => resultStatus !== ResultStatus.Success)) {
      return undefined
    }
    return new KryptonError(
      'response-too-large',
      `Ask for less, or allow more: the answer has ${size} bytes, Maximum Response Size is ${bytesMax}`,
    )
  }
}

function succeeded(item: RequestBatchItem, responsePayload: unknown): ResponseBatchItem {
  return {
    operation: item.operation,
    uniqueBatchItemID: item.uniqueBatchItemID,
    resultStatus: ResultStatus.Success,
    responsePayload,
  }
}

function failed(item: RequestBatchItem, error: unknown, { onFault }: Services): ResponseBatchItem {
  return {
    operation: item.operation,
    uniqueBatchItemID: item.uniqueBatchItemID,
    ...failureOf(error, onFault),
    responsePayload: error instanceof RefusalWithPayload ? error.payload : undefined,
  }
}
