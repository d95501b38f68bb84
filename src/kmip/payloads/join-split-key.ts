import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { enumeration, text } from '../kinds.ts'
import { optional, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.39 */
export const JoinSplitKeyRequest = struct(
  'Join Split Key',
  {
    objectType: required(Tag.ObjectType, enumeration('ObjectType')),
    uniqueIdentifiers: repeated(Tag.UniqueIdentifier, text),
    secretDataType: optional(Tag.SecretDataType, enumeration('SecretDataType')),
    templateAttribute: optional(Tag.TemplateAttribute, TemplateAttribute),
  },
  { missing: 'missing-data' },
)
export type JoinSplitKeyRequest = ValueOf<typeof JoinSplitKeyRequest>

export const JoinSplitKeyResponse = struct('Join Split Key', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type JoinSplitKeyResponse = ValueOf<typeof JoinSplitKeyResponse>
