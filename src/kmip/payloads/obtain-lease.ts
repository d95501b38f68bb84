import { dateTime, interval, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.17 */
export const ObtainLeaseRequest = struct('Obtain Lease', { uniqueIdentifier: optional(Tag.UniqueIdentifier, text) })
export type ObtainLeaseRequest = ValueOf<typeof ObtainLeaseRequest>

export const ObtainLeaseResponse = struct('Obtain Lease', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  leaseTime: required(Tag.LeaseTime, interval),
  lastChangeDate: required(Tag.LastChangeDate, dateTime),
})
export type ObtainLeaseResponse = ValueOf<typeof ObtainLeaseResponse>
