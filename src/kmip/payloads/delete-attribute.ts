import { WireAttribute } from '../attributes-1x.ts'
import { integer, text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.16 */
export const DeleteAttributeRequest = struct(
  'Delete Attribute',
  {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
    attributeName: required(Tag.AttributeName, text),
    attributeIndex: optional(Tag.AttributeIndex, integer),
  },
  { missing: 'missing-data' },
)
export type DeleteAttributeRequest = ValueOf<typeof DeleteAttributeRequest>

export const DeleteAttributeResponse = struct('Delete Attribute', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attribute: required(Tag.Attribute, WireAttribute),
})
export type DeleteAttributeResponse = ValueOf<typeof DeleteAttributeResponse>
