import { boolean, bytes, material, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.30. Data may be missing only in multi-part operation (from 1.3 on): the handler says. */
export const DecryptRequest = struct('Decrypt', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  data: optional(Tag.Data, bytes),
  ivCounterNonce: optional(Tag.IVCounterNonce, bytes),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
  initIndicator: optional(Tag.InitIndicator, boolean, { since: 13 }),
  finalIndicator: optional(Tag.FinalIndicator, boolean, { since: 13 }),
  authenticatedEncryptionAdditionalData: optional(Tag.AuthenticatedEncryptionAdditionalData, bytes, { since: 14 }),
  authenticatedEncryptionTag: optional(Tag.AuthenticatedEncryptionTag, bytes, { since: 14 }),
})
export type DecryptRequest = ValueOf<typeof DecryptRequest>

/** The data is a plaintext: the frame is wiped after it was sent. */
export const DecryptResponse = struct('Decrypt', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  data: optional(Tag.Data, material),
  correlationValue: optional(Tag.CorrelationValue, bytes, { since: 13 }),
})
export type DecryptResponse = ValueOf<typeof DecryptResponse>
