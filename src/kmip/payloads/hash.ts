import { boolean, bytes } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.37. Data may be missing only in multi-part operation: the handler says. */
export const HashRequest = struct('Hash', {
  cryptographicParameters: required(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
})
export type HashRequest = ValueOf<typeof HashRequest>

export const HashResponse = struct('Hash', {
  data: optional(Tag.Data, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type HashResponse = ValueOf<typeof HashResponse>
