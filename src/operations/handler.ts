import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { CryptoWork } from '../crypto/crypto-work.ts'
import type { ErrorCode } from '../errors.ts'
import { KryptonError } from '../errors.ts'
import type { LoopTurn } from '../keystore/loop-turn.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { UnitOfWork } from '../keystore/unit-of-work.ts'
import type { RequestPayload, ResponsePayload, ServedOperation } from '../kmip/payloads/index.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import type { KmipVersion } from '../kmip/version.ts'
import type { CryptoPolicy } from '../objects/crypto-policy.ts'
import type { LastingActs } from './lasting-acts.ts'
import type { Streams } from './streams.ts'

/**
 * Answers one Batch Item. It returns the payload, or throws a KryptonError, after which what it changed is taken back. Without anything
 * to wait for it returns no promise.
 */
export type Handler<O extends ServedOperation> = (
  request: RequestPayload<O>,
  context: OperationContext,
) => MaybePromise<ResponsePayload<O>>

/** What Query tells of the server that is none of its algorithms. */
export interface ServerFacts {
  readonly version: string
  /** Is there a port for KMIP over HTTPS? */
  readonly https: boolean
}

/** What a handler works with. One for each run of a request. */
export class OperationContext {
  /** What is read and changed: the objects of the principal's service. */
  readonly unit: UnitOfWork
  readonly principal: Principal
  readonly version: KmipVersion
  /** Seconds since 1970, the same for the whole request. */
  readonly now: number
  readonly randomBytes: (count: number) => Buffer
  /** Cryptography that may have to leave the event loop, on behalf of `owner`. */
  readonly cryptoWork: CryptoWork
  readonly policy: CryptoPolicy
  /** Operations that take their data in parts. */
  readonly streams: Streams
  readonly clock: Clock
  readonly server: ServerFacts
  /** Of a batch; a single item that acts beside its unit changes nothing in it, and is never run again. */
  readonly lastingActs: LastingActs | undefined
  /** Of whatever is long, a batch or an operation that makes many objects. */
  turn: LoopTurn | undefined
  /** The ID Placeholder (KMIP 1.4 section 4): the identifier that the items before gave. */
  idPlaceholder: string | undefined = undefined

  constructor(parts: OperationParts) {
    this.unit = parts.unit
    this.principal = parts.principal
    this.version = parts.version
    this.now = parts.now
    this.randomBytes = parts.randomBytes
    this.cryptoWork = parts.cryptoWork
    this.policy = parts.policy
    this.streams = parts.streams
    this.clock = parts.clock
    this.server = parts.server
    this.lastingActs = parts.lastingActs
    this.turn = parts.turn
  }

  /** Whose work this is, when there is too much: the tenant's. */
  get owner(): string {
    return this.principal.tenant.toString('latin1')
  }

  /** Who has begun what comes in parts. */
  get client(): string {
    return this.principal.client.toString('latin1')
  }

  /**
   * The identifier in a request, or the ID Placeholder when there is none. Clients use the placeholder whatever their batch
   * options say.
   * @throws KryptonError item-not-found
   */
  identifier(uniqueIdentifier: string | undefined): string {
    const identifier = uniqueIdentifier ?? this.idPlaceholder
    if (identifier !== undefined) return identifier
    throw new KryptonError(
      'item-not-found',
      'Send a Unique Identifier: no operation before this one in the request has given one',
    )
  }
}

/** What a run works with; `lastingActs` and `turn` are those of a batch. */
type OperationParts = Omit<
  OperationContext,
  'idPlaceholder' | 'identifier' | 'owner' | 'client' | 'lastingActs' | 'turn'
> &
  Partial<Pick<OperationContext, 'lastingActs' | 'turn'>>

/** A refusal whose answer carries a payload that says what was refused. */
export class RefusalWithPayload extends KryptonError {
  readonly payload: unknown

  constructor(code: ErrorCode, message: string, payload: unknown) {
    super(code, message)
    this.payload = payload
  }
}

export interface LateOperation {
  readonly taken: Buffer
  readonly correlationValue: Buffer
}

/** Thrown by whoever has no answer of its own: the Batch Item is answered as another operation was (4.28). */
export class AnswerOfAnother extends Error {
  readonly answer: ResponseBatchItem
  /** An asynchronous operation that is to be executed now, and its request. */
  readonly late: LateOperation | undefined

  constructor(answer: ResponseBatchItem, late?: LateOperation) {
    super('the answer of another operation')
    this.answer = answer
    this.late = late
  }
}
