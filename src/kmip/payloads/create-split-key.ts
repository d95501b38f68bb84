import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { bigInteger, enumeration, integer, text } from '../kinds.ts'
import { oneOrMore, optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.38 */
export const CreateSplitKeyRequest = struct(
  'Create Split Key',
  {
    objectType: required(Tag.ObjectType, enumeration('ObjectType')),
    uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
    splitKeyParts: required(Tag.SplitKeyParts, integer),
    splitKeyThreshold: required(Tag.SplitKeyThreshold, integer),
    splitKeyMethod: required(Tag.SplitKeyMethod, enumeration('SplitKeyMethod')),
    primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
    templateAttribute: required(Tag.TemplateAttribute, TemplateAttribute),
  },
  { missing: 'missing-data' },
)
export type CreateSplitKeyRequest = ValueOf<typeof CreateSplitKeyRequest>

export const CreateSplitKeyResponse = struct('Create Split Key', {
  uniqueIdentifiers: oneOrMore(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type CreateSplitKeyResponse = ValueOf<typeof CreateSplitKeyResponse>
