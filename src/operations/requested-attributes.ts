import type { AttributeName } from '../kmip/attribute.ts'
import type { TemplateAttribute, WireAttribute } from '../kmip/attributes-1x.ts'

/** The attributes that a request wants for its new object. Those of templates that it names are among them (`with-templates.ts`). */
export function requestedAttributes({ names, attributes }: TemplateAttribute): readonly WireAttribute[] {
  if (names.length > 0) throw new Error('the templates of a request were not looked up')
  return attributes
}

/** The value of an attribute that is a number. */
export function requestedNumber(requested: readonly WireAttribute[], name: AttributeName): number | undefined {
  const value = requested.find((attribute) => attribute.name === name)?.value
  return typeof value === 'number' ? value : undefined
}
