import { dateTime, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { RevocationReason } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.20 */
export const RevokeRequest = struct(
  'Revoke',
  {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
    revocationReason: required(Tag.RevocationReason, RevocationReason),
    compromiseOccurrenceDate: optional(Tag.CompromiseOccurrenceDate, dateTime),
  },
  { missing: 'missing-data' },
)
export type RevokeRequest = ValueOf<typeof RevokeRequest>

export const RevokeResponse = struct('Revoke', { uniqueIdentifier: required(Tag.UniqueIdentifier, text) })
export type RevokeResponse = ValueOf<typeof RevokeResponse>
