import { boolean, bytes, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.33. Data may be missing only in multi-part operation: the handler says. */
export const MacRequest = struct('MAC', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
})
export type MacRequest = ValueOf<typeof MacRequest>

export const MacResponse = struct('MAC', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  macData: optional(Tag.MACData, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type MacResponse = ValueOf<typeof MacResponse>
