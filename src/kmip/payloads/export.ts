import { WireAttribute } from '../attributes-1x.ts'
import { enumeration, text } from '../kinds.ts'
import { objectFields } from '../object.ts'
import { repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'
import { servingFields } from './get.ts'

/** KMIP 1.4 section 4.40 */
export const ExportRequest = struct('Export', servingFields)

/** No object field is given for what is destroyed and has no Key Block. */
export const ExportResponse = struct('Export', {
  objectType: required(Tag.ObjectType, enumeration('ObjectType')),
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
  attributes: repeated(Tag.Attribute, WireAttribute),
  ...objectFields,
})
export type ExportResponse = ValueOf<typeof ExportResponse>
