import { boolean, bytes, enumeration, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.32. */
export const SignatureVerifyRequest = struct('Signature Verify', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  digestedData: optional(Tag.DigestedData, bytes, { since: 14 }),
  signatureData: optional(Tag.SignatureData, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
})
export type SignatureVerifyRequest = ValueOf<typeof SignatureVerifyRequest>

/** No algorithm that is served recovers data from a signature. */
export const SignatureVerifyResponse = struct('Signature Verify', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  validityIndicator: required(Tag.ValidityIndicator, enumeration('ValidityIndicator')),
  data: optional(Tag.Data, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type SignatureVerifyResponse = ValueOf<typeof SignatureVerifyResponse>
