import { TemplateAttribute, WireAttribute } from '../attributes-1x.ts'
import { enumeration, integer, text } from '../kinds.ts'
import { optional, optionalRepeated, repeated, struct } from '../struct.ts'
import type { Kind, ValueOf } from '../struct.ts'
import { Tag } from '../tags.ts'

/** In a filter no field of a structure is required (KMIP 1.4 section 4.9): values of such attributes may lack any of theirs. */
function filter<T>(kind: Kind<T>): Kind<T> {
  return {
    ...kind,
    read: (reader, at) => {
      reader.partial = true
      try {
        return kind.read(reader, at)
      } finally {
        reader.partial = false
      }
    },
  }
}

/**
 * KMIP 1.4 section 4.9. Offset Items came with 1.3, but libkmip sends it under 1.0; some clients wrap the filters in a Template-Attribute: they
 * are found among `attributes` like the others.
 */
export const LocateRequest = struct(
  'Locate',
  {
    maximumItems: optional(Tag.MaximumItems, integer),
    offsetItems: optional(Tag.OffsetItems, integer, { since: 13, acceptedSince: 10 }),
    storageStatusMask: optional(Tag.StorageStatusMask, integer),
    objectGroupMember: optional(Tag.ObjectGroupMember, enumeration('ObjectGroupMember'), { since: 11 }),
    attributes: repeated(Tag.Attribute, filter(WireAttribute)),
    templateAttribute: optional(Tag.TemplateAttribute, filter(TemplateAttribute)),
  },
  {
    finish: ({ templateAttribute, ...request }) =>
      templateAttribute === undefined
        ? { ...request, templateAttribute }
        : { ...request, attributes: unwrapped(request.attributes, templateAttribute), templateAttribute: undefined },
  },
)
export type LocateRequest = ValueOf<typeof LocateRequest>

/** Names in a Template-Attribute would be templates; in a filter they can only mean objects of that name. */
function unwrapped(attributes: readonly WireAttribute[], template: TemplateAttribute): WireAttribute[] {
  const names = template.names.map((value) => ({ name: 'name', attributeName: 'Name', value }))
  return [...attributes, ...names, ...template.attributes]
}

export const LocateResponse = struct('Locate', {
  locatedItems: optional(Tag.LocatedItems, integer, { since: 13 }),
  uniqueIdentifiers: optionalRepeated(Tag.UniqueIdentifier, text),
})
export type LocateResponse = ValueOf<typeof LocateResponse>
