import { WireAttribute } from '../attributes-1x.ts'
import { text } from '../kinds.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.15 */
export const ModifyAttributeRequest = struct(
  'Modify Attribute',
  {
    uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
    attribute: required(Tag.Attribute, WireAttribute),
  },
  { missing: 'missing-data' },
)
export type ModifyAttributeRequest = ValueOf<typeof ModifyAttributeRequest>

export const ModifyAttributeResponse = struct('Modify Attribute', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attribute: required(Tag.Attribute, WireAttribute),
})
export type ModifyAttributeResponse = ValueOf<typeof ModifyAttributeResponse>
