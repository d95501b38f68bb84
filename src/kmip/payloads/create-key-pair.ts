import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.2 */
export const CreateKeyPairRequest = struct('Create Key Pair', {
  commonTemplateAttribute: optional(Tag.CommonTemplateAttribute, TemplateAttribute),
  privateKeyTemplateAttribute: optional(Tag.PrivateKeyTemplateAttribute, TemplateAttribute),
  publicKeyTemplateAttribute: optional(Tag.PublicKeyTemplateAttribute, TemplateAttribute),
})
export type CreateKeyPairRequest = ValueOf<typeof CreateKeyPairRequest>

export const CreateKeyPairResponse = struct('Create Key Pair', {
  privateKeyUniqueIdentifier: required(Tag.PrivateKeyUniqueIdentifier, text),
  publicKeyUniqueIdentifier: required(Tag.PublicKeyUniqueIdentifier, text),
  privateKeyTemplateAttribute: optional(Tag.PrivateKeyTemplateAttribute, AnswerTemplateAttribute),
  publicKeyTemplateAttribute: optional(Tag.PublicKeyTemplateAttribute, AnswerTemplateAttribute),
})
export type CreateKeyPairResponse = ValueOf<typeof CreateKeyPairResponse>
