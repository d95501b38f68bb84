import { KryptonError } from '../../errors.ts'
import { WireAttribute } from '../attributes-1x.ts'
import { boolean, enumeration, text } from '../kinds.ts'
import { objectFields, objectsIn } from '../object.ts'
import { optional, repeated, required, struct } from '../struct.ts'
import type { ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** KMIP 1.4 section 4.41. Exactly one of the object fields is there: it says what type the object is of. */
export const ImportRequest = struct(
  'Import',
  {
    uniqueIdentifier: required(Tag.UniqueIdentifier, text),
    replaceExisting: optional(Tag.ReplaceExisting, boolean),
    keyWrapType: optional(Tag.KeyWrapType, enumeration('KeyWrapType')),
    attributes: repeated(Tag.Attribute, WireAttribute),
    ...objectFields,
  },
  {
    missing: 'missing-data',
    finish: (request) => {
      const objects = objectsIn(request)
      if (objects.length === 0) throw new KryptonError('missing-data', 'Send the object to import')
      if (objects.length > 1) throw new KryptonError('invalid-message', 'Send one object in an Import')
      return request
    },
  },
)
export type ImportRequest = ValueOf<typeof ImportRequest>

export const ImportResponse = struct('Import', {
  uniqueIdentifier: required(Tag.UniqueIdentifier, text),
})
export type ImportResponse = ValueOf<typeof ImportResponse>
