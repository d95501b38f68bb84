import { text } from '../kinds.ts'
import { optional, optionalRepeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.13 */
export const GetAttributeListRequest = struct('Get Attribute List', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
})
export type GetAttributeListRequest = ValueOf<typeof GetAttributeListRequest>

export const GetAttributeListResponse = struct('Get Attribute List', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attributeNames: optionalRepeated(Tag.AttributeName, text),
})
export type GetAttributeListResponse = ValueOf<typeof GetAttributeListResponse>
