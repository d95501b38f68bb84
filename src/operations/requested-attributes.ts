import { KryptonError } from '../errors.ts'
import type { AttributeName } from '../kmip/attribute.ts'
import type { TemplateAttribute, WireAttribute } from '../kmip/attributes-1x.ts'

/**
 * The attributes that a request wants for its new object.
 * @throws KryptonError item-not-found: it names templates, of which there are none (KMIP 1.4 section 11.2)
 */
export function requestedAttributes({ names, attributes }: TemplateAttribute): readonly WireAttribute[] {
  if (names.length === 0) return attributes
  throw new KryptonError('item-not-found', 'Send the attributes themselves: there are no Template objects')
}

/** The value of an attribute that is a number. */
export function requestedNumber(requested: readonly WireAttribute[], name: AttributeName): number | undefined {
  const value = requested.find((attribute) => attribute.name === name)?.value
  return typeof value === 'number' ? value : undefined
}
