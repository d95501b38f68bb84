import { longInteger, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.18 */
export const GetUsageAllocationRequest = struct('Get Usage Allocation', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  usageLimitsCount: required(Tag.UsageLimitsCount, longInteger),
})
export type GetUsageAllocationRequest = ValueOf<typeof GetUsageAllocationRequest>

export const GetUsageAllocationResponse = struct('Get Usage Allocation', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
})
export type GetUsageAllocationResponse = ValueOf<typeof GetUsageAllocationResponse>
