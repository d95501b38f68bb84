import { bytes } from '../kinds.ts'
import { required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.28 */
export const PollRequest = struct(
  'Poll',
  { asynchronousCorrelationValue: required(Tag.AsynchronousCorrelationValue, bytes) },
  { missing: 'missing-data' },
)
export type PollRequest = ValueOf<typeof PollRequest>

/** A Poll has no payload of its own: it is answered as the operation is that it asks after. */
export const PollResponse = struct('Poll', {})
