import { boolean, bytes, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.31. Which of Data and Digested Data is there, and whether one is, the handler says. */
export const SignRequest = struct('Sign', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  digestedData: optional(Tag.DigestedData, bytes, { since: 14 }),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
})
export type SignRequest = ValueOf<typeof SignRequest>

export const SignResponse = struct('Sign', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  signatureData: optional(Tag.SignatureData, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type SignResponse = ValueOf<typeof SignResponse>
