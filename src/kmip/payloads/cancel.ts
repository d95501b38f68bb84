import { bytes, enumeration } from '../kinds.ts'
import { required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.27 */
export const CancelRequest = struct(
  'Cancel',
  { asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, bytes) },
  { missing: 'missing-data' },
)
export type CancelRequest = ValueOf<typeof CancelRequest>

export const CancelResponse = struct('Cancel', {
  asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, bytes),
  cancellationResult: required(Tag.CancellationResult, enumeration('CancellationResult')),
})
export type CancelResponse = ValueOf<typeof CancelResponse>
