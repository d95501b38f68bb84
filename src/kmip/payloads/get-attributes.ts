import { WireAttribute } from '../attributes-1x.ts'
import { text } from '../kinds.ts'
import { optional, optionalRepeated, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.12. No names means all attributes. */
export const GetAttributesRequest = struct('Get Attributes', {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  attributeNames: repeated(Tag.AttributeName, text),
})
export type GetAttributesRequest = ValueOf<typeof GetAttributesRequest>

export const GetAttributesResponse = struct('Get Attributes', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attributes: optionalRepeated(Tag.Attribute, WireAttribute),
})
export type GetAttributesResponse = ValueOf<typeof GetAttributesResponse>
