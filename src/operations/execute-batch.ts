import { auditEvent } from '../audit/audit-event.ts'
import type { Refusal, RefusalRecords } from '../audit/refusal-records.ts'
import { authorize } from '../auth/authorize.ts'
import type { Principal } from '../auth/principal.ts'
import { dateTime } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { CryptoWork } from '../crypto/crypto-work.ts'
import { type ErrorCode, isKryptonError, KryptonError } from '../errors.ts'
import type { Places } from '../keystore/change-queue.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { LoopTurn } from '../keystore/loop-turn.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import { ObjectGuard } from '../keystore/object-guard.ts'
import { UnitOfWork } from '../keystore/unit-of-work.ts'
import type { Auditor, Mark } from '../keystore/unit-of-work.ts'
import { BatchErrorContinuationOption, ResultStatus } from '../kmip/enums.ts'
import type { RequestBatchItem, RequestMessage } from '../kmip/request-message.ts'
import { responseSize, responseTooLarge } from '../kmip/response-message.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import { limits } from '../limits.ts'
import { parseUniqueIdentifier } from '../objects/unique-identifier.ts'
import type { CryptoPolicy } from '../objects/crypto-policy.ts'
import { executeTaken, isForLater, takeForLater } from './asynchronous.ts'
import type { Keep, Parts, Run } from './asynchronous.ts'
import { askedFor, failed, hasCriticalExtension, notUnderstood, succeeded, undone } from './batch-item.ts'
import { AnswerOfAnother, OperationContext } from './handler.ts'
import type { LateOperation, ServerFacts } from './handler.ts'
import { handlerOf, operationName } from './index.ts'
import { earlierThan, isUnderWay } from './request-order.ts'
import { anyServerCorrelationValue } from './server-correlation.ts'
import { LastingActs } from './lasting-acts.ts'
import type { Streams } from './streams.ts'
import type { UnfinishedAnswers } from './unfinished-answers.ts'

/** What the operations of a thread work with. */
export interface Services {
  readonly keystore: Keystore
  readonly clock: Clock
  readonly randomBytes: (count: number) => Buffer
  readonly cryptoWork: CryptoWork
  readonly policy: CryptoPolicy
  readonly streams: Streams
  readonly unfinishedAnswers: UnfinishedAnswers
  /** Where refusals leave their records. */
  readonly refusals: Pick<RefusalRecords, 'add'>
  readonly server: ServerFacts
  /**
   * Who the client is at this moment, for what is done when its request was answered long ago; `asker` is the one of `executeBatch`.
   * @throws KryptonError client-unknown
   */
  readonly identify: (asker: Asker | undefined, asked: Principal) => MaybePromise<Principal>
  /** Is told of what goes wrong by our own fault; the client is not. */
  readonly onFault: (error: unknown) => void
}

/**
 * Executes the Batch Items of a request in their order (KMIP 1.4 sections 6.12, 6.13, 11.43). All that they change is one unit, durable before
 * the promise is kept; an item that fails takes back its own changes only, or with the option Undo those of all before it. When another request was faster, or is changing the same
 * object, this one is run again after it. A long batch lets others on between its items. A critical Message Extension (6.16), or an answer
 * larger than the client takes, refuses the whole request: nothing is done, and the one item of the answer is that of the extension, or the first one's. So does the end of the
 * connection of `asker` while a batch is under way: nobody waits for it. A request sees what earlier ones of its `asker` have changed. Without anything to wait for there is no promise.
 */
export function executeBatch(
  request: RequestMessage,
  principal: Principal,
  services: Services,
  asker?: Asker,
): MaybePromise<ResponseBatchItem[]> {
  if (request.batchItems.length > 1) {
    const refused = request.batchItems.find(hasCriticalExtension)
    if (refused !== undefined) return [failed(refused, notUnderstood(), services.onFault)]
  }
  const before = asker && earlierThan(request, asker)
  const answers =
    before === undefined
      ? execute(request, principal, services, asker)
      : before.then(() => execute(request, principal, services, asker))
  if (asker !== undefined && answers instanceof Promise) isUnderWay(request, asker, answers)
  return answers
}

function execute(
  request: RequestMessage,
  principal: Principal,
  services: Services,
  asker: Asker | undefined,
): MaybePromise<ResponseBatchItem[]> {
  if (request.requestHeader.asynchronousIndicator === true && isForLater(request, principal)) {
    return executeLater(request, principal, services, asker)
  }
  return new Execution(request, principal, services, asker === undefined ? firstRun : { asker }).run()
}

/** Who waits for an answer, or does not any more. */
export interface Asker {
  readonly isGone: boolean
}

async function executeLater(
  request: RequestMessage,
  principal: Principal,
  services: Services,
  asker: Asker | undefined,
): Promise<ResponseBatchItem[]> {
  const run = runOf(principal, services, asker)
  const pending = await takeForLater(request, principal, partsOf(principal, services), run)
  return pending ?? new Execution(request, principal, services).run()
}

function partsOf(principal: Principal, { clock, randomBytes, onFault, keystore }: Services): Parts {
  return { clock, randomBytes, onFault, objects: keystore.forPrincipal(principal) }
}

/**
 * Executes as who its client is then: it may have another role. A client that was revoked in between changes nothing, and one that is revoked while the
 * operation is under way neither.
 */
function runOf(principal: Principal, services: Services, asker: Asker | undefined): Run {
  return async (own, keep) => {
    const operation = own.batchItems[0]!.operation // isForLater
    const current = await stillKnown(principal, operation, services, asker)
    const keepIfKnown: Keep = async (unit, answers) => {
      await stillKnown(principal, operation, services, asker)
      await keep(unit, answers)
    }
    await new Execution(own, current, services, { keep: keepIfKnown }).run()
  }
}

/** @throws KryptonError client-unknown */
async function stillKnown(
  asked: Principal,
  operation: number,
  { identify, refusals }: Services,
  asker: Asker | undefined,
): Promise<Principal> {
  try {
    const current = await identify(asker, asked)
    const isSame = (['tenant', 'system', 'service', 'client'] as const).every((part) =>
      current[part].equals(asked[part]),
    )
    if (isSame) return current
    throw new KryptonError('client-unknown', 'the client was moved to another service')
  } catch (error) {
    if (isKryptonError(error, 'client-unknown')) {
      const { tenant, actor } = asked
      const code = 'authentication-not-successful'
      refusals.add({ tenant, actor, operation: operationName(operation), object: undefined, code })
    }
    throw error
  }
}

/** How a run of a request goes on from what was before it. */
interface RunOptions {
  /** How often it has lost a race. */
  readonly conflicts?: number
  /** The places that the run before has taken, and leaves. */
  readonly places?: Places
  /** Of an asynchronous operation: puts its answer into the unit. */
  readonly keep?: Keep
  /** Undefined where the answer is kept. */
  readonly asker?: Asker
  /** What the runs before have done for good. */
  readonly lastingActs?: LastingActs
}

const firstRun: RunOptions = {}

/** One run of a request, from the first item to the commit. */
class Execution {
  readonly #request: RequestMessage
  readonly #principal: Principal
  readonly #services: Services
  readonly #options: RunOptions
  /** Of a batch: a single item has nowhere to let others on. */
  readonly #turn: LoopTurn | undefined
  readonly #unit: UnitOfWork
  readonly #context: OperationContext
  readonly #answers: ResponseBatchItem[] = []
  #operation = 0
  #answerBytes = 0
  /** Of these the thread counts so many as unfinished. */
  #heldBytes = 0
  #hasSucceeded = false
  /** Told when the answers are: a run that is run again has refused nobody. */
  #refusals: Refusal[] | undefined
  /** Refuses the whole request. */
  #refusal: unknown

  constructor(request: RequestMessage, principal: Principal, services: Services, options: RunOptions = firstRun) {
    this.#request = request
    this.#principal = principal
    this.#services = services
    this.#options = options
    this.#turn =
      request.batchItems.length > 1 ? new LoopTurn(services.clock, principal.tenant.toString('latin1')) : undefined
    const { clock, keystore } = services
    const auditor: Auditor = (object) =>
      auditEvent({
        clock,
        tenant: principal.tenant,
        actor: principal.actor,
        operation: operationName(this.#operation),
        object,
        result: 'success',
      })
    const { objectRules } = principal
    const guard = objectRules === undefined ? undefined : new ObjectGuard(objectRules)
    this.#unit = new UnitOfWork(keystore.forPrincipal(principal), auditor, guard)
    this.#context = new OperationContext({
      unit: this.#unit,
      principal,
      version: request.version,
      now: dateTime(clock),
      randomBytes: services.randomBytes,
      cryptoWork: services.cryptoWork,
      policy: services.policy,
      streams: services.streams,
      clock,
      server: services.server,
      turn: this.#turn,
      lastingActs: this.#turn && (options.lastingActs ?? new LastingActs()),
    })
  }

  run(): MaybePromise<ResponseBatchItem[]> {
    const items =
      this.#turn?.othersWait === true ? this.#turn.next().then(() => this.#items(0, true)) : this.#items(0, true)
    const answers = items instanceof Promise ? items.then(() => this.#finish()) : this.#finish()
    // A single item has no answer before it ends.
    if (this.#turn === undefined || !(answers instanceof Promise)) return answers
    return answers.finally(() => this.#services.unfinishedAnswers.release(this.#client(), this.#heldBytes))
  }

  #client(): string {
    return this.#principal.client.toString('latin1')
  }

  /** `rested`: others have been let on just now. */
  #items(from: number, rested: boolean): MaybePromise<void> {
    const { batchItems } = this.#request
    for (let i = from; i < batchItems.length; i++) {
      if (i > 0 && this.#options.asker?.isGone === true) {
        this.#refusal = new KryptonError('overloaded', 'Keep the connection until the answer has come')
        return undefined
      }
      if (!(rested && i === from) && this.#turn?.isOver === true) {
        if (!this.#isHeld()) return undefined
        return this.#turn.next().then(() => this.#items(i, true))
      }
      const answer = this.#item(batchItems[i]!)
      if (answer instanceof Promise) {
        if (!this.#isHeld()) return answer.then(() => undefined)
        return answer.then((settled) => (this.#goesOn(settled) ? this.#items(i + 1, false) : undefined))
      }
      if (!this.#goesOn(answer)) return undefined
    }
    return undefined
  }

  /** Counts the answers so far, before others are let on. False when they are too many to wait with: that refuses the request. */
  #isHeld(): boolean {
    const bytes = this.#answerBytes - this.#heldBytes
    if (this.#turn === undefined || bytes <= 0) return true
    try {
      this.#services.unfinishedAnswers.hold(this.#client(), bytes)
      this.#heldBytes = this.#answerBytes
      return true
    } catch (error) {
      this.#refusal = error
      return false
    }
  }

  /** Takes an answer in; false when it ends the batch. */
  #goesOn(answer: ResponseBatchItem): boolean {
    this.#answers.push(answer)
    const isSuccess = answer.resultStatus === ResultStatus.Success
    this.#hasSucceeded ||= isSuccess
    if (this.#isSizedByEncoder()) return isSuccess
    try {
      this.#addSize(answer)
    } catch (error) {
      // The client cannot read it, or its version has no words for it.
      this.#refusal = error
      return false
    }
    if (isSuccess || answer.resultStatus === ResultStatus.OperationPending) return true
    const { batchErrorContinuationOption } = this.#request.requestHeader
    if (batchErrorContinuationOption === BatchErrorContinuationOption.Undo) this.#undo()
    return batchErrorContinuationOption === BatchErrorContinuationOption.Continue
  }

  /** Takes back all that was done before the failure, the last answer: nothing of it was written or has left. */
  #undo(): void {
    this.#unit.drop()
    for (let i = 0; i < this.#answers.length - 1; i++) this.#answers[i] = undone(this.#request.batchItems[i]!)
  }

  #item(item: RequestBatchItem): MaybePromise<ResponseBatchItem> {
    const mark = this.#unit.mark()
    this.#operation = item.operation
    if (this.#unit.guard !== undefined) this.#unit.guard.operation = item.operation
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
    if (hasCriticalExtension(item)) throw notUnderstood()
    const handler = handlerOf(item.operation)
    // Without a handler the codec has put an error into payloadError: it reads no payload that nobody serves.
    if (handler === undefined) throw new Error(`operation ${item.operation} was decoded but is not served`)
    return handler(item.requestPayload as never, this.#context) // the operation's own struct has read it
  }

  #failed(item: RequestBatchItem, error: unknown, mark: Mark): ResponseBatchItem {
    this.#unit.rollback(mark)
    if (isKryptonError(error)) this.#refused(item, error.code)
    else if (error instanceof AnswerOfAnother && error.late !== undefined) this.#executeLate(error.late)
    // What follows without an identifier was meant for the object that this item did not give.
    this.#context.idPlaceholder = undefined
    return failed(item, error, this.#services.onFault)
  }

  #executeLate({ taken, correlationValue }: LateOperation): void {
    const parts = partsOf(this.#principal, this.#services)
    const run = runOf(this.#principal, this.#services, this.#options.asker)
    executeTaken(taken, correlationValue, parts, run)
  }

  /** What was refused to this client, rather than wrong with what it sent. */
  #refused({ operation, requestPayload }: RequestBatchItem, code: ErrorCode): void {
    if (code !== 'item-not-found' && code !== 'permission-denied') return
    const { tenant, actor } = this.#principal
    const asked = askedFor(requestPayload) ?? this.#context.idPlaceholder
    const object = asked === undefined ? undefined : parseUniqueIdentifier(asked)
    this.#refusals ??= []
    this.#refusals.push({ tenant, actor, operation: operationName(operation), object, code })
  }

  /** The answers, for good. */
  #told(): ResponseBatchItem[] {
    this.#context.lastingActs?.end()
    if (this.#refusals !== undefined) for (const refusal of this.#refusals) this.#services.refusals.add(refusal)
    return this.#answers
  }

  #finish(): MaybePromise<ResponseBatchItem[]> {
    if (this.#options.keep !== undefined) return this.#finishKeeping(this.#options.keep)
    if (this.#refusal !== undefined) return this.#refuse(this.#refusal)
    if (!this.#unit.hasChanges) return this.#told()
    if (!this.#isHeld()) return this.#refuse(this.#refusal)
    return this.#write()
  }

  async #finishKeeping(keep: Keep): Promise<ResponseBatchItem[]> {
    const answers = this.#refusal === undefined ? this.#answers : this.#refuse(this.#refusal)
    try {
      await keep(this.#unit, answers)
    } catch (error) {
      this.#unit.drop()
      throw error
    }
    return this.#write()
  }

  #write(): MaybePromise<ResponseBatchItem[]> {
    const changed = this.#unit.changedStored()
    if (changed.length === 0 || this.#options.places?.covers(changed) === true) return this.#commit(undefined)
    // Another run than the one before, which changes other objects.
    this.#options.places?.leave()
    let places: Places
    try {
      places = this.#unit.objects.changes.enter(changed)
    } catch (error) {
      return this.#refuse(error)
    }
    if (places.turn === undefined) return this.#commit(places)
    this.#dropForAnother()
    // What was read is about to change: it is read again when that is done.
    return places.turn.then(() => this.#again(places)).finally(() => places.leave())
  }

  /** Leaves `places` when all is done. */
  #commit(places: Places | undefined): Promise<ResponseBatchItem[]> {
    return this.#unit.commit(this.#context.turn)!.then(
      () => {
        places?.leave()
        return this.#told()
      },
      async (error: unknown) => {
        try {
          return await this.#notCommitted(error, places ?? this.#options.places)
        } finally {
          places?.leave()
        }
      },
    )
  }

  #notCommitted(error: unknown, places: Places | undefined): MaybePromise<ResponseBatchItem[]> {
    if (isKryptonError(error, 'store-conflict') || isKryptonError(error, 'store-unique')) {
      this.#dropForAnother()
      return this.#again(places, error)
    }
    return this.#refuse(error)
  }

  /** Another run follows. */
  #dropForAnother(): void {
    const { lastingActs } = this.#context
    if (lastingActs === undefined) this.#unit.drop()
    else lastingActs.runAgain(() => this.#unit.drop())
  }

  /** Runs the request again, in its places. It was slower than another for `cause`, or has only waited. */
  #again(places: Places | undefined, cause?: unknown): MaybePromise<ResponseBatchItem[]> {
    // A run that had places and wants others has lost a race too.
    const conflicts =
      (this.#options.conflicts ?? 0) + (cause === undefined && this.#options.places === undefined ? 0 : 1)
    if (conflicts <= limits.conflictRetriesMax) {
      const { keep, asker } = this.#options
      const { lastingActs } = this.#context
      const options = { conflicts, places, keep, asker, lastingActs }
      return new Execution(this.#request, this.#principal, this.#services, options).run()
    }
    return this.#refuse(
      new KryptonError('overloaded', 'Send the request again: others kept changing the same objects', { cause }),
    )
  }

  #refuse(error: unknown): ResponseBatchItem[] {
    this.#unit.drop()
    this.#context.lastingActs?.end()
    return [failed(this.#request.batchItems[0]!, error, this.#services.onFault)]
  }

  /**
   * A request that changed nothing and set no size of its own has nothing to take back: the encoder, which sizes every answer anyway, refuses
   * one beyond the server's own bound.
   */
  #isSizedByEncoder(): boolean {
    const { batchItems, requestHeader } = this.#request
    return batchItems.length === 1 && requestHeader.maximumResponseSize === undefined && !this.#unit.hasChanges
  }

  /**
   * Counts an answer before anything is written: a client that cannot read them all finds nothing changed. Failures alone are never too
   * large: there is nothing smaller to say.
   */
  #addSize(answer: ResponseBatchItem): void {
    const { maximumResponseSize } = this.#request.requestHeader
    const bytesMax = Math.min(maximumResponseSize ?? limits.responseBytesMax, limits.responseBytesMax)
    this.#answerBytes += this.#sizeOf([answer])
    if (this.#answers.length > 1) this.#answerBytes -= this.#sizeOf([]) // the header counts once
    if (this.#answerBytes <= bytesMax || !this.#hasSucceeded) return
    throw responseTooLarge(this.#answerBytes, bytesMax)
  }

  /** Bytes of an answer of these items. */
  #sizeOf(batchItems: readonly ResponseBatchItem[]): number {
    const { version, requestHeader } = this.#request
    const { clientCorrelationValue } = requestHeader
    const serverCorrelationValue = clientCorrelationValue === undefined ? undefined : anyServerCorrelationValue
    return responseSize({ version, timeStamp: 0, clientCorrelationValue, serverCorrelationValue, batchItems })
  }
}
