import { dateTime, enumeration, text } from '../kinds.ts'
import { Certificate } from '../object.ts'
import { optional, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.24 */
export const ValidateRequest = struct('Validate', {
  certificates: repeated(Tag.Certificate, Certificate),
  uniqueIdentifiers: repeated(Tag.UniqueIdentifier, text),
  validityDate: optional(Tag.ValidityDate, dateTime),
})
export type ValidateRequest = ValueOf<typeof ValidateRequest>

export const ValidateResponse = struct('Validate', {
  validityIndicator: required(Tag.ValidityIndicator, enumeration('ValidityIndicator')),
})
export type ValidateResponse = ValueOf<typeof ValidateResponse>
