import { boolean, bytes, enumeration, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.34. Data and MAC Data may be missing only in multi-part operation: the handler says. */
export const MacVerifyRequest = struct('MAC Verify', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  macData: optional(Tag.MACData, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
})
export type MacVerifyRequest = ValueOf<typeof MacVerifyRequest>

export const MacVerifyResponse = struct('MAC Verify', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  validityIndicator: required(Tag.ValidityIndicator, enumeration('ValidityIndicator')),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type MacVerifyResponse = ValueOf<typeof MacVerifyResponse>
