import { WireAttribute } from '../attributes-1x.ts'
import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.14 */
export const AddAttributeRequest = struct(
  'Add Attribute',
  {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
    attribute: required(Tag.Attribute, WireAttribute),
  },
  { missing: 'missing-data' },
)
export type AddAttributeRequest = ValueOf<typeof AddAttributeRequest>

export const AddAttributeResponse = struct('Add Attribute', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attribute: required(Tag.Attribute, WireAttribute),
})
export type AddAttributeResponse = ValueOf<typeof AddAttributeResponse>
