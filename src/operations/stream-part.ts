import { dateTime } from '../clock.ts'
import { ownCopy } from '../crypto/own-buffer.ts'
import { KryptonError } from '../errors.ts'
import { next } from '../keystore/maybe-promise.ts'
import type { MaybePromise } from '../keystore/maybe-promise.ts'
import type { CryptographicParameters } from '../kmip/structures.ts'
import type { ManagedObject } from '../objects/managed-object.ts'
import { checkUse } from '../objects/usage.ts'
import type { Use } from '../objects/usage.ts'
import { checkKeyValuePresent } from './cipher-request.ts'
import type { OperationContext } from './handler.ts'
import type { PartAnswer, StreamPlace, StreamWork } from './streams.ts'
import { allocatePartUsage, allocateUsage } from './usage-allocation.ts'

/** What of a request says which part of its data it is. */
export interface PartRequest {
  readonly uniqueIdentifier?: string
  readonly cryptographicParameters?: CryptographicParameters
  readonly data?: Uint8Array
  readonly correlationValue?: Uint8Array
  readonly initIndicator?: boolean
  readonly finalIndicator?: boolean
}

/** What a first part has made: the work, and what its end has to know again. */
export interface Begun {
  readonly work: StreamWork
  readonly memo?: unknown
}

export interface AnsweredPart extends PartAnswer {
  /** To be sent with every answer but the last. */
  readonly correlationValue: Buffer | undefined
}

export interface KeyPart {
  readonly operation: number
  readonly use: Use
  /** MAC Data or Signature Data. */
  readonly expected?: Uint8Array
  /** Makes the work over a key that may be used so. */
  readonly begin: (object: ManagedObject) => MaybePromise<Begun>
}

/** False for a cryptographic operation that comes whole (KMIP 1.4 section 4): it says nothing of parts, or that the first is the last. */
export function comesInParts({ correlationValue, initIndicator, finalIndicator }: PartRequest): boolean {
  return correlationValue !== undefined || (initIndicator ?? false) !== (finalIndicator ?? false)
}

/**
 * A part of an operation with a key. The key is looked at with each: when it may not be used so any more, the operation has ended. So it has
 * when its part fails, or is undone with the request that it came in.
 */
export function partWithKey(
  request: PartRequest,
  context: OperationContext,
  { operation, use, expected, begin }: KeyPart,
): MaybePromise<AnsweredPart & { readonly object: ManagedObject }> {
  const isFirst = isFirstPart(request)
  return next(context.unit.get(context.identifier(request.uniqueIdentifier)), (object) => {
    const place = { client: context.client, operation, object: object.uniqueIdentifier }
    const answer = isFirst ? first(object, place) : later(object, place)
    return next(answer, (answered) => ({ ...answered, object }))
  })

  function first(object: ManagedObject, place: StreamPlace): MaybePromise<AnsweredPart> {
    checkUse(object, use, context.now)
    checkKeyValuePresent(object)
    if (use.protects) allocateUsage(object, request.data?.byteLength ?? 0, context)
    const recheck = () =>
      next(context.unit.objects.get(object.uniqueIdentifier), (current) => {
        if (current === undefined) throw new KryptonError('item-not-found', 'The key is gone')
        checkUse(current, use, dateTime(context.clock))
        return next(context.unit.objects.serviceKeys(), () => undefined)
      })
    return next(begin(object), (begun) => {
      if (use.protects) protecting(begun)
      return firstPart(request, context, { place, begun, recheck, expected })
    })
  }

  function protecting({ work }: Begun): void {
    try {
      context.unit.objects.checkProtects()
    } catch (error) {
      work.wipe()
      throw error
    }
  }

  function later(object: ManagedObject, place: StreamPlace): MaybePromise<AnsweredPart> {
    const end = () => context.streams.end(place, request.correlationValue!) // it is not the first part
    return orElse(() => {
      checkUse(object, use, context.now)
      // Keys that have been taken from the server are not used on because a cipher holds one.
      return next(context.unit.objects.serviceKeys(), ({ lease }) => {
        if (use.protects && lease !== undefined) context.unit.objects.checkProtects(lease)
        const count = () =>
          use.protects ? allocatePartUsage(object, request.data?.byteLength ?? 0, context) : undefined
        return laterPart(request, context, { place, expected, count })
      })
    }, end)
  }
}

/** A part of an operation without a key. */
export function partWithoutKey(
  request: PartRequest,
  context: OperationContext,
  operation: number,
  begin: () => Begun,
): MaybePromise<AnsweredPart> {
  const place = { client: context.client, operation, object: '' }
  if (!isFirstPart(request)) return laterPart(request, context, { place })
  return firstPart(request, context, { place, begun: begin(), recheck: () => undefined, expected: undefined })
}

function firstPart(
  { data, cryptographicParameters }: PartRequest,
  { streams, unit, owner: tenant }: OperationContext,
  parts: {
    readonly place: StreamPlace
    readonly begun: Begun
    readonly recheck: () => MaybePromise<void>
    readonly expected: Uint8Array | undefined
  },
): MaybePromise<AnsweredPart> {
  const { place, begun, recheck, expected } = parts
  const parameters = parametersText(cryptographicParameters)
  const { work, memo } = begun
  const correlationValue = streams.begin({ ...place, tenant, work, memo, parameters, recheck })
  unit.whenDropped(() => streams.end(place, correlationValue))
  const part = { ...place, correlationValue, data, parameters, expected, isFinal: false }
  return next(streams.part(part), (answer) => ({ ...answer, correlationValue }))
}

/** `count` counts the part, before it is fed to its stream: neither can be taken back. */
function laterPart(
  request: PartRequest,
  { streams, unit, lastingActs }: OperationContext,
  parts: {
    readonly place: StreamPlace
    readonly expected?: Uint8Array | undefined
    readonly count?: () => MaybePromise<void>
  },
): MaybePromise<AnsweredPart> {
  const { data, cryptographicParameters, correlationValue, finalIndicator = false } = request
  const { place, expected, count } = parts
  const own = Buffer.from(correlationValue!) // it is not the first part
  const parameters = parametersText(cryptographicParameters)
  const part = { ...place, correlationValue: own, data, parameters, expected, isFinal: finalIndicator }
  const act = () => next(count?.(), () => streams.part(part))
  const end = () => streams.end(place, own)
  const answered = (answer: PartAnswer) => ({ ...answer, correlationValue: finalIndicator ? undefined : own })
  if (lastingActs === undefined) {
    unit.whenDropped(end)
    return next(act(), answered)
  }
  // The answer's own copy is wiped with it, and another run may need one more.
  const fed = lastingActs.once(request, unit, { act, end, forget: (answer) => answer.data?.fill(0) })
  return next(fed, (answer) => answered({ ...answer, data: answer.data && ownCopy(answer.data) }))
}

/**
 * True for the part that begins. "Data is always required except when either Init Indicator or Final Indicator is true" (section 4).
 * @throws KryptonError invalid-message, missing-data
 */
function isFirstPart({ correlationValue, initIndicator = false, finalIndicator = false, data }: PartRequest): boolean {
  if (correlationValue === undefined) {
    if (initIndicator) return true
    throw new KryptonError('invalid-message', 'Send Final Indicator with the Correlation Value of the first answer')
  }
  if (initIndicator) {
    throw new KryptonError('invalid-message', 'Send Init Indicator without a Correlation Value: the answer gives one')
  }
  if (data === undefined && !finalIndicator) throw new KryptonError('missing-data', 'Send Data, or Final Indicator')
  return false
}

/** What begins an operation is not sent again with its later parts. @throws KryptonError invalid-field */
export function checkFirstOnly(request: PartRequest, ...fields: unknown[]): void {
  if (request.correlationValue === undefined || fields.every((field) => field === undefined)) return
  throw new KryptonError(
    'invalid-field',
    'Send IV/Counter/Nonce, Additional Data and Tag with the first part alone: they hold for all of them',
  )
}

function parametersText(parameters: CryptographicParameters | undefined): string | undefined {
  return parameters && JSON.stringify(parameters)
}

/** Runs `run`, and `end` when it fails, now or later. */
function orElse<T>(run: () => MaybePromise<T>, end: () => void): MaybePromise<T> {
  const fail = (error: unknown): never => {
    end()
    throw error
  }
  try {
    const result = run()
    return result instanceof Promise ? result.catch(fail) : result
  } catch (error) {
    return fail(error)
  }
}
