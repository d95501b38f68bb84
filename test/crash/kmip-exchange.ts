import { BatchErrorContinuationOption, ResultStatus } from '../../src/kmip/enums.ts'
import type { RequestPayload, ResponsePayload, ServedOperation } from '../../src/kmip/payloads/index.ts'
import { encodeRequest } from '../../src/kmip/request-message.ts'
import { decodeResponse, type ResponseBatchItem } from '../../src/kmip/response-message.ts'
import type { KmipClient } from '../support/kmip-client.ts'

/** One operation of a request. */
export interface Step {
  readonly operation: ServedOperation
  readonly requestPayload: unknown
}

export function step<O extends ServedOperation>(operation: O, requestPayload: RequestPayload<O>): Step {
  return { operation, requestPayload }
}

/** Sends `steps` as one request of KMIP 1.4 and resolves with their results in order. `whatever` goes on after a step that failed. */
export async function exchange(
  client: KmipClient,
  steps: readonly Step[],
  { whatever = false } = {},
): Promise<ResponseBatchItem[]> {
  const { Continue, Stop } = BatchErrorContinuationOption
  const request = encodeRequest({
    requestHeader: {
      protocolVersion: { protocolVersionMajor: 1, protocolVersionMinor: 4 },
      batchErrorContinuationOption: whatever ? Continue : Stop,
      batchCount: steps.length,
    },
    batchItems: steps.map((step, at) => ({ ...step, uniqueBatchItemID: Buffer.from([at]) })),
  })
  return [...decodeResponse(await client.send(request)).batchItems]
}

/** The payload of a step that succeeded, undefined of one that failed. */
export function payloadOf<O extends ServedOperation>(
  operation: O,
  item: ResponseBatchItem | undefined,
): ResponsePayload<O> | undefined {
  if (item?.resultStatus !== ResultStatus.Success || item.operation !== operation) return undefined
  return item.responsePayload as ResponsePayload<O> // the codec reads the payload of that operation
}

/** What the server says about a step that failed. */
export function refusalIn(items: readonly ResponseBatchItem[]): string | undefined {
  const failed = items.find(({ resultStatus }) => resultStatus !== ResultStatus.Success)
  return failed && (failed.resultMessage ?? 'no reason given')
}
