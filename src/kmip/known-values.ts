import type { Kind, Struct } from './struct.ts'

/**
 * True if the specification has a word for every enumeration value in `value`, or leaves it to extensions (8XXXXXXX). The codec reads any number, since
 * what a value may mean in its place is not the codec's to say; who keeps one asks here.
 */
export function isKnown(kind: Kind<unknown>, value: unknown): boolean {
  if (kind.known !== undefined) return kind.known(value)
  if (!isStruct(kind)) return true
  return kind.description.fields.every((field) => {
    const content = (value as Readonly<Record<string, unknown>>)[field.key] // a struct has read it
    if (content === undefined) return true
    return (Array.isArray(content) ? content : [content]).every((one) => isKnown(field.kind, one))
  })
}

function isStruct(kind: Kind<unknown>): kind is Struct<unknown> {
  return 'description' in kind
}
