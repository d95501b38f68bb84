import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { enumeration, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.1 */
export const CreateRequest = struct(
  'Create',
  {
    objectType: required(Tag.ObjectType, enumeration('ObjectType')),
    templateAttribute: required(Tag.TemplateAttribute, TemplateAttribute),
  },
  { missing: 'missing-data' },
)
export type CreateRequest = ValueOf<typeof CreateRequest>

export const CreateResponse = struct('Create', {
  objectType: required(Tag.ObjectType, enumeration('ObjectType')),
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type CreateResponse = ValueOf<typeof CreateResponse>
