import { AnswerTemplateAttribute, TemplateAttribute } from '../attributes-1x.ts'
import { interval, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.4 */
export const ReKeyRequest = struct('Re-key', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  offset: optional(Tag.Offset, interval),
  templateAttribute: optional(Tag.TemplateAttribute, TemplateAttribute),
})
export type ReKeyRequest = ValueOf<typeof ReKeyRequest>

export const ReKeyResponse = struct('Re-key', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  templateAttribute: optional(Tag.TemplateAttribute, AnswerTemplateAttribute),
})
export type ReKeyResponse = ValueOf<typeof ReKeyResponse>
