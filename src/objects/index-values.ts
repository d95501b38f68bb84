import { encodeAttributeValue } from '../kmip/attribute.ts'
import type { AttributeName, Attributes } from '../kmip/attribute.ts'
import type { WireAttribute } from '../kmip/attributes-1x.ts'
import type { CustomValue } from '../kmip/attribute.ts'
import type { ManagedObject } from './managed-object.ts'
import { isDestroyed } from './state.ts'

/** A value that Locate finds by index: the attribute's name inside the server, and what its token is made of. */
export interface IndexValue {
  readonly attribute: string
  readonly bytes: Buffer
}

/**
 * What of an object is indexed: Name, Alternative Name, Object Group, X.509 Certificate Identifier and custom attributes, each value once. Of a name it is the text,
 * whatever its type: so a filter that gives no type finds it, and one text is one name of a service. A destroyed object
 * lets go of its Names: they may be given to another.
 */
export function indexValuesOf(object: ManagedObject): ReadonlyMap<string, IndexValue> {
  let values: Map<string, IndexValue> | undefined
  const { attributes } = object
  for (const name of indexedNamesOf(attributes)) {
    if (name === 'name' && isDestroyed(object.fields.state)) continue
    for (const { value } of attributes.instances(name)) {
      const bytes = indexBytes(name, value)
      if (bytes === undefined) continue
      values ??= new Map()
      values.set(`${name}\0${bytes.toString('latin1')}`, { attribute: name, bytes })
    }
  }
  return values ?? noValues
}

const noValues: ReadonlyMap<string, IndexValue> = new Map()

/** True if the index has all of these for the object, as it stands in its row. */
export function isIndexedByAll({ attributes, fields }: ManagedObject, values: readonly IndexValue[]): boolean {
  return values.every(
    ({ attribute, bytes }) =>
      !(attribute === 'name' && isDestroyed(fields.state)) &&
      // Only names that are indexed come here.
      attributes
        .instances(attribute as AttributeName)
        .some(({ value }) => indexBytes(attribute, value)?.equals(bytes) === true),
  )
}

/** The values that a filter's matches have in the index; undefined for a filter that the index cannot answer. */
export function indexValueOf(filter: WireAttribute): IndexValue | undefined {
  // A filter may name a part of it, and the index holds the whole.
  const isWhole = filter.name !== 'x509CertificateIdentifier'
  const bytes = isWhole ? indexBytes(filter.name, filter.value) : undefined
  return bytes === undefined ? undefined : { attribute: filter.name, bytes }
}

/** True if two sets of attributes have the very same values to index, without encoding them: most changes touch none. */
export function sameIndexedValues(before: Attributes, after: Attributes): boolean {
  const names = indexedNamesOf(before)
  const others = after.customNames().filter((name) => !before.has(name))
  for (const name of others.length === 0 ? names : [...names, ...others]) {
    const own = before.instances(name)
    const other = after.instances(name)
    if (own.length !== other.length || own.some(({ value }, i) => value !== other[i]!.value)) return false
  }
  return true
}

function indexBytes(name: string, value: unknown): Buffer | undefined {
  if (name === 'name') return textBytes((value as { nameValue?: string }).nameValue) // read under this name, as are those below
  if (name === 'alternativeName') return textBytes((value as { alternativeNameValue?: string }).alternativeNameValue)
  if (name === 'objectGroup') return textBytes(value as string)
  if (name === 'x509CertificateIdentifier') return encodeAttributeValue(name, value as never)
  return isCustom(name) ? encodeAttributeValue(name as never, value as CustomValue as never) : undefined
}

function isCustom(name: string): boolean {
  return name.startsWith('x-') || name.startsWith('y-')
}

function textBytes(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'utf8')
}

/** Names under which the attributes may have something to index. */
function indexedNamesOf(attributes: Attributes): readonly string[] {
  const customNames = attributes.customNames()
  return customNames.length === 0 ? indexedNames : [...indexedNames, ...customNames]
}

/** Attributes of the specification that are indexed, in its order; custom ones all are. */
const indexedNames = ['name', 'x509CertificateIdentifier', 'objectGroup', 'alternativeName'] satisfies AttributeName[]
