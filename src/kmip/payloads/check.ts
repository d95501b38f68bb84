import { integer, interval, longInteger, text } from '../kinds.ts'
import { optional, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.10 */
export const CheckRequest = struct('Check', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  cryptographicUsageMask: optional(Tag.CryptographicUsageMask, integer),
  leaseTime: optional(Tag.LeaseTime, interval),
})
export type CheckRequest = ValueOf<typeof CheckRequest>

/** Without a Unique Identifier it is a refusal that shows what was refused. */
export const CheckResponse = struct('Check', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  usageLimitsCount: optional(Tag.UsageLimitsCount, longInteger),
  cryptographicUsageMask: optional(Tag.CryptographicUsageMask, integer),
  leaseTime: optional(Tag.LeaseTime, interval),
})
export type CheckResponse = ValueOf<typeof CheckResponse>
