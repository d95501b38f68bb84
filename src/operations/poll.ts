import { KryptonError } from '../errors.ts'
import { Operation, ResultStatus } from '../kmip/enums.ts'
import { isAnswered } from '../objects/pending-operation.ts'
import { decodeAnswer, isLate, isOver, operationOfClient } from './asynchronous.ts'
import { AnswerOfAnother } from './handler.ts'
import type { Handler } from './handler.ts'

/**
 * KMIP 1.4 sections 4.28 and 11.29. What has its answer is answered with it, as often as it is asked for while that is kept; an operation of another
 * client is as one that never was.
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
  if (isAnswered(pending)) throw new AnswerOfAnother(decodeAnswer(await unit.objects.openAnswer(pending)))
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
