import { CancellationResult, ResultStatus } from '../kmip/enums.ts'
import type { Operation } from '../kmip/enums.ts'
import { isAnswered, resultStatusOf } from '../objects/pending-operation.ts'
import { isOver, operationOfClient, remove } from './asynchronous.ts'
import type { Handler, OperationContext } from './handler.ts'

/** KMIP 1.4 sections 4.27 and 11.28. What has no answer yet is canceled, however far it is: what it has changed is not committed any more. */
export const cancel: Handler<typeof Operation.Cancel> = async (request, context) => {
  const { asynchronousCorrelationValue } = request
  const { lastingActs, unit } = context
  const act = () => cancellation(asynchronousCorrelationValue, context)
  const cancellationResult = await (lastingActs === undefined ? act() : lastingActs.once(request, unit, { act }))
  return { asynchronousCorrelationValue, cancellationResult }
}

async function cancellation(
  correlationValue: Uint8Array,
  { unit, principal, clock, now }: OperationContext,
): Promise<CancellationResult> {
  const { objects } = unit
  const pending = await operationOfClient(objects, correlationValue, principal.client)
  if (pending === undefined || isOver(pending, now)) return CancellationResult.Unavailable
  if (!isAnswered(pending)) {
    if (await remove(pending, 'Cancel', objects, principal, clock)) return CancellationResult.Canceled
    // It has just been answered, or canceled by somebody else.
    const answered = await operationOfClient(objects, correlationValue, principal.client)
    return answered === undefined ? CancellationResult.Unavailable : resultOf(resultStatusOf(answered))
  }
  return resultOf(resultStatusOf(pending))
}

function resultOf(resultStatus: number): CancellationResult {
  return resultStatus === ResultStatus.Success ? CancellationResult.Completed : CancellationResult.Failed
}
