import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { bytes, enumeration, integer, text } from '../kinds.ts'
import { optional, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { CryptographicParameters } from '../structures.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.6, Tables 182 and 183 */
export const DerivationParameters = struct('Derivation Parameters', {
  cryptographicParameters: optional(Tag.CryptographicParameters, CryptographicParameters),
  initializationVector: optional(Tag.InitializationVector, bytes),
  derivationData: optional(Tag.DerivationData, bytes),
  salt: optional(Tag.Salt, bytes),
  iterationCount: optional(Tag.IterationCount, integer),
})
export type DerivationParameters = ValueOf<typeof DerivationParameters>

/** KMIP 1.4 section 4.6 */
export const DeriveKeyRequest = struct('Derive Key', {
  objectType: required(Tag.ObjectType, enumeration('ObjectType')),
  uniqueIdentifiers: repeated(Tag.UniqueIdentifier, text),
  derivationMethod: required(Tag.DerivationMethod, enumeration('DerivationMethod')),
  derivationParameters: required(Tag.DerivationParameters, DerivationParameters),
  templateAttribute: required(Tag.TemplateAttribute, TemplateAttribute),
})
export type DeriveKeyRequest = ValueOf<typeof DeriveKeyRequest>

export const DeriveKeyResponse = struct('Derive Key', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type DeriveKeyResponse = ValueOf<typeof DeriveKeyResponse>
