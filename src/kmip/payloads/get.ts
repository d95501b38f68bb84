import { KeyWrappingSpecification } from '../key-block.ts'
import { enumeration, text } from '../kinds.ts'
import { objectFields } from '../object.ts'
import { optional, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** What Get and Export ask with (KMIP 1.4 sections 4.11 and 4.40). */
export const servingFields = {
  uniqueIdentifier: optional(Tag.UniqueIdentifier, text),
  keyFormatType: optional(Tag.KeyFormatType, enumeration('KeyFormatType')),
  keyWrapType: optional(Tag.KeyWrapType, enumeration('KeyWrapType'), { since: 14 }),
  keyCompressionType: optional(Tag.KeyCompressionType, enumeration('KeyCompressionType')),
  keyWrappingSpecification: optional(Tag.KeyWrappingSpecification, KeyWrappingSpecification),
}

/** KMIP 1.4 section 4.11 */
export const GetRequest = struct('Get', servingFields)
export type GetRequest = ValueOf<typeof GetRequest>

/** Exactly one of the object fields is given. */
export const GetResponse = struct('Get', {
  objectType: required(Tag.ObjectType, enumeration('ObjectType')),
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  ...objectFields,
})
export type GetResponse = ValueOf<typeof GetResponse>
