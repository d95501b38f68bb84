import { authorize } from '../auth/authorize.ts'
import { KryptonError } from '../errors.ts'
import { Operation, ResultStatus } from '../kmip/enums.ts'
import type { ObjectGuard } from '../keystore/object-guard.ts'
import type { UnitOfWork } from '../keystore/unit-of-work.ts'
import type { ResponseBatchItem } from '../kmip/response-message.ts'
import { isAnswered, operationOf } from '../objects/pending-operation.ts'
import { decodeAnswer, isLate, isOver, operationOfClient } from './asynchronous.ts'
import { AnswerOfAnother } from './handler.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 sections 4.28 and 11.29. What has its answer is answered with it, as often as it is asked for while that is kept; an operation of another
 * client is as one that never was. A client that may not ask for the operation any more, or see one of the objects that the answer names, is not told it.
 */
export const poll: Handler<typeof Operation.Poll> = async ({ asynchronousCorrelationValue }, context) => {
  const { unit, principal, now } = context
  const pending = await operationOfClient(unit.objects, asynchronousCorrelationValue, principal.client)
  if (pending === undefined || (isAnswered(pending) && isOver(pending, now))) {
    throw new KryptonError(
      'item-not-found',
      'Send the request again: no operation of this client has that Asynchronous Correlation Value, or its answer is gone',
    )
  }
  authorize(principal, operationOf(pending))
  if (isAnswered(pending)) {
    const answered = decodeAnswer(await unit.objects.openAnswer(pending))
    if (unit.guard !== undefined) await checkStillPermitted(answered, unit, unit.guard)
    throw new AnswerOfAnother(answered)
  }
  if (isOver(pending, now)) {
    throw new KryptonError('overloaded', 'Send the request again: the server did not get it done in time')
  }
  const answer = {
    operation: Operation.Poll,
    resultStatus: ResultStatus.OperationPending,
    asynchronousCorrelationValue,
  }
  // A server that was stopped meanwhile has not forgotten it.
  const taken = isLate(pending, now) ? await unit.objects.openAnswer(pending) : undefined
  throw new AnswerOfAnother(answer, taken && { taken, correlationValue: pending.fields.id })
}

/** The role of the client may have changed since: what it hides now is not named. */
async function checkStillPermitted(answer: ResponseBatchItem, unit: UnitOfWork, guard: ObjectGuard): Promise<void> {
  guard.operation = answer.operation!
  for (const [name, value] of Object.entries(answer.responsePayload ?? {})) {
    if (!/niqueIdentifiers?$/u.test(name)) continue
    for (const uniqueIdentifier of [value].flat() as (string | undefined)[]) {
      // Text Strings, by their names
      if (uniqueIdentifier !== undefined) await unit.getArchivedToo(uniqueIdentifier)
    }
  }
}
