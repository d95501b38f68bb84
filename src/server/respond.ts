import type { Authenticator, Peer } from '../auth/authenticate.ts'
import type { CredentialCheck } from '../auth/credential-check.ts'
import type { Principal } from '../auth/principal.ts'
import { type Clock, dateTime } from '../clock.ts'
import { isKryptonError } from '../errors.ts'
import { ResultStatus } from '../kmip/enums.ts'
import { answerVersion, decodeRequest, type RequestMessage } from '../kmip/request-message.ts'
import { encodeResponse, type ResponseBatchItem } from '../kmip/response-message.ts'
import type { KmipVersion } from '../kmip/version.ts'
import { newServerCorrelationValue } from '../operations/server-correlation.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { Log } from '../telemetry/log.ts'
import type { Answer, MaybePromise } from './answer.ts'

/** What answers a request: who asks, what is done, and how a failure is put in KMIP's words. */
export interface RespondParts {
  readonly authenticator: Authenticator
  readonly credentials: CredentialCheck
  /** `operations/execute-batch.ts`, with the services of this thread. */
  readonly executeBatch: (
    request: RequestMessage,
    principal: Principal,
    peer: Peer,
  ) => MaybePromise<ResponseBatchItem[]>
  /** `operations/result.ts`: status, reason and message of a refusal; a fault of ours has told its own log. */
  readonly failureOf: (error: unknown) => ResponseBatchItem
  readonly clock: Clock
  readonly counters: Counters
  readonly log: Log
}

/**
 * The path of a request: frame → who asks → decode → execute → encode → answer. Who asks comes first: of a frame from somebody
 * unknown not a byte is parsed. What is at hand is answered at once; a promise is returned only where something has to be waited for.
 * @throws KryptonError client-unknown
 */
export function respond(frame: Buffer, peer: Peer, parts: RespondParts): MaybePromise<Answer> {
  const principal = parts.authenticator.authenticate(peer)
  return principal instanceof Promise
    ? principal.then((known) => answer(frame, peer, known, parts))
    : answer(frame, peer, principal, parts)
}

function answer(frame: Buffer, peer: Peer, principal: Principal, parts: RespondParts): MaybePromise<Answer> {
  let request: RequestMessage
  try {
    request = decodeRequest(frame)
  } catch (error) {
    return refuseMessage(frame, error, parts)
  }
  if (principal.refusal !== undefined) return encode(request, [parts.failureOf(principal.refusal)], parts)
  if (principal.credential === undefined) return perform(request, peer, principal, parts)
  return parts.credentials.check(request.requestHeader.authentication, peer, principal).then(
    () => perform(request, peer, principal, parts),
    (error: unknown) => encode(request, [parts.failureOf(error)], parts),
  )
}

function perform(request: RequestMessage, peer: Peer, principal: Principal, parts: RespondParts): MaybePromise<Answer> {
  let items: MaybePromise<ResponseBatchItem[]>
  try {
    items = parts.executeBatch(request, principal, peer)
  } catch (error) {
    return encode(request, [parts.failureOf(error)], parts)
  }
  return items instanceof Promise
    ? items.then(
        (settled) => encode(request, settled, parts),
        (error: unknown) => encode(request, [parts.failureOf(error)], parts),
      )
    : encode(request, items, parts)
}

function encode(request: RequestMessage, batchItems: readonly ResponseBatchItem[], parts: RespondParts): Answer {
  for (const item of batchItems) {
    const { operation = 0, resultStatus } = item
    parts.counters.operation(operation, resultStatus === ResultStatus.Success || resultStatus === pending)
  }
  const { version, requestHeader } = request
  const { clientCorrelationValue } = requestHeader
  const response = {
    version,
    timeStamp: dateTime(parts.clock),
    clientCorrelationValue,
    serverCorrelationValue:
      clientCorrelationValue === undefined ? undefined : correlated(clientCorrelationValue, parts),
    batchItems,
  }
  try {
    return encodeResponse(response)
  } catch (error) {
    if (!isKryptonError(error)) parts.log.error('an answer could not be written', error)
    return encodeResponse({ ...response, batchItems: [parts.failureOf(error)] })
  }
}

/** The value that an answer is found by in the log, beside what the client calls its request (6.18, 6.19). */
function correlated(clientCorrelationValue: string, { log }: RespondParts): string {
  const serverCorrelationValue = newServerCorrelationValue()
  log.debug('answered', { serverCorrelationValue, clientCorrelationValue: clientCorrelationValue.slice(0, 64) })
  return serverCorrelationValue
}

const pending = ResultStatus.OperationPending

/** A message that cannot be read: the rest of the stream can, unless its frame is broken. */
function refuseMessage(frame: Buffer, error: unknown, parts: RespondParts): Answer {
  if (!isKryptonError(error)) parts.log.error('a request could not be decoded', error)
  const close = !isKryptonError(error) || error.code.startsWith('frame-')
  return { ...refusal(answerVersion(frame), error, parts), close }
}

/** An answer of one Batch Item that says what is wrong with the whole message. */
export function refusal(
  version: KmipVersion,
  error: unknown,
  { failureOf, clock }: Pick<RespondParts, 'failureOf' | 'clock'>,
): Answer {
  return encodeResponse({ version, timeStamp: dateTime(clock), batchItems: [failureOf(error)] })
}
