import { KryptonError } from '../errors.ts'
import { TtlvWriter } from '../ttlv/writer.ts'
import { attributeDefinition, attributeNames, attributeTable } from './attribute-table.ts'
import type { AttributeName, AttributeValues } from './attribute-table.ts'
import { WireAttribute } from './attributes-1x.ts'
import type { CustomValue } from './custom-value.ts'
import { optionalRepeated, MessageReader, struct } from './struct.ts'
import { Tag } from './tags.ts'
import { newestVersion } from './version.ts'

export { attributeDefinition, attributeNames, attributeTable }
export { attributeByWireName, isCustomName } from './attribute-table.ts'
export type { AttributeDefinition, AttributeName, AttributeValues } from './attribute-table.ts'
export type { CustomValue } from './custom-value.ts'

export interface Instance<T> {
  readonly index: number
  readonly value: T
}

/**
 * The attributes of one object or of a template: the one form inside the server. Instances keep their index when others go
 * (KMIP 1.4 section 2.1.1). Values are not copied; a value read from a frame is replaced by the owner of the frame's copy (`clone`
 * of bytes is `decodeAttributes(encodeAttributes(...))`).
 */
export class Attributes {
  readonly #instances = new Map<string, Instance<unknown>[]>()

  first<K extends AttributeName>(name: K): AttributeValues[K] | undefined {
    return this.#instances.get(name)?.[0]?.value as AttributeValues[K] | undefined // put and add took it under this name
  }

  all<K extends AttributeName>(name: K): readonly Instance<AttributeValues[K]>[] {
    return (this.#instances.get(name) ?? []) as Instance<AttributeValues[K]>[] // as above
  }

  custom(name: string): readonly Instance<CustomValue>[] {
    return (this.#instances.get(name) ?? []) as Instance<CustomValue>[] // names of custom attributes are never in the table
  }

  /** Instances under any name, of the specification or custom. */
  instances(name: string): readonly Instance<unknown>[] {
    return this.#instances.get(name) ?? []
  }

  has(name: string, index?: number): boolean {
    const instances = this.#instances.get(name)
    return instances !== undefined && (index === undefined || instances.some((instance) => instance.index === index))
  }

  /** Makes `value` the only instance. */
  set<K extends AttributeName>(name: K, value: AttributeValues[K]): void {
    this.#instances.set(name, [{ index: 0, value }])
  }

  /** Adds an instance and returns its index: one more than the highest. @throws KryptonError index-out-of-bounds: there is none left */
  add<K extends AttributeName>(name: K, value: AttributeValues[K]): number {
    return this.addValue(name, value)
  }

  addCustom(name: string, value: CustomValue): number {
    return this.addValue(name, value)
  }

  /** `add` for a name and value that were read together, from one Attribute structure. */
  addValue(name: string, value: unknown): number {
    const index = (this.#instances.get(name)?.at(-1)?.index ?? -1) + 1
    if (index > attributeIndexMax) {
      throw new KryptonError(
        'index-out-of-bounds',
        'Delete the instance with the highest Attribute Index first: no index is left',
      )
    }
    this.putValue(name, index, value)
    return index
  }

  /** Replaces or makes the instance of that index. */
  put<K extends AttributeName>(name: K, index: number, value: AttributeValues[K]): void {
    this.putValue(name, index, value)
  }

  putCustom(name: string, index: number, value: CustomValue): void {
    this.putValue(name, index, value)
  }

  putValue(name: string, index: number, value: unknown): void {
    const before = this.#instances.get(name)
    if (before === undefined) return void this.#instances.set(name, [{ index, value }])
    const others = before.filter((instance) => instance.index !== index)
    this.#instances.set(
      name,
      [...others, { index, value }].sort((a, b) => a.index - b.index),
    )
  }

  /** Removes one instance, or all of them; false if there was none. */
  remove(name: string, index?: number): boolean {
    const instances = this.#instances.get(name)
    if (instances === undefined) return false
    const rest = index === undefined ? [] : instances.filter((instance) => instance.index !== index)
    if (rest.length === instances.length) return false
    if (rest.length === 0) this.#instances.delete(name)
    else this.#instances.set(name, rest)
    return true
  }

  /** The names that are present: those of the specification in its order, then custom ones by name. */
  names(): readonly string[] {
    const names = attributeNames.filter((name) => this.#instances.has(name))
    if (names.length === this.#instances.size) return names
    return [...names, ...this.customNames()]
  }

  /** The names of custom attributes, in their order. */
  customNames(): readonly string[] {
    return [...this.#instances.keys()].filter((name) => attributeDefinition(name) === undefined).sort()
  }

  /** A set of its own; the values themselves are shared. */
  clone(): Attributes {
    const copy = new Attributes()
    // Lists of instances are replaced, never changed.
    for (const [name, instances] of this.#instances) copy.#instances.set(name, instances)
    return copy
  }
}

/** An Attribute Index is a TTLV Integer that is not negative. */
const attributeIndexMax = 0x7fffffff

/** Canonical bytes of a set of attributes for a record, without those of `isLeftOut`: equal sets give equal bytes, indices included. */
export function encodeAttributes(attributes: Attributes, isLeftOut?: (name: string) => boolean): Buffer {
  const wire: WireAttribute[] = []
  for (const name of attributes.names()) {
    if (isLeftOut?.(name) === true) continue
    const attributeName = attributeDefinition(name)?.attributeName ?? name
    for (const { index, value } of attributes.instances(name)) wire.push({ name, attributeName, index, value })
  }
  const writer = new TtlvWriter(AttributeSet.size({ attributes: wire }, newestVersion))
  AttributeSet.write(writer, Tag.TemplateAttribute, { attributes: wire }, newestVersion)
  return writer.bytes
}

/**
 * Reads what `encodeAttributes` wrote. Byte strings among the values are views of `bytes`, which the caller leaves alone.
 * @throws KryptonError store-format: the bytes are not ours
 */
export function decodeAttributes(bytes: Uint8Array): Attributes {
  const attributes = new Attributes()
  try {
    const { attributes: wire = [] } = AttributeSet.read(new MessageReader(bytes), 0)
    for (const { name, index, value } of wire) attributes.putValue(name, index ?? 0, value)
  } catch (cause) {
    throw unreadableAttributes(cause)
  }
  return attributes
}

/** Of stored attributes that are not as `encodeAttributes` writes them. */
export function unreadableAttributes(cause: unknown): KryptonError {
  return new KryptonError('store-format', 'Restore the record from a backup: its attributes cannot be read', { cause })
}

/** Canonical bytes of one value: what index tokens are made of, and what equality of values means. */
export function encodeAttributeValue<K extends AttributeName>(name: K, value: AttributeValues[K]): Buffer
export function encodeAttributeValue(name: string, value: unknown): Buffer
export function encodeAttributeValue(name: string, value: unknown): Buffer {
  const wire = { attributes: [{ name, attributeName: attributeDefinition(name)?.attributeName ?? name, value }] }
  const writer = new TtlvWriter(AttributeSet.size(wire, newestVersion))
  AttributeSet.write(writer, Tag.TemplateAttribute, wire, newestVersion)
  return writer.bytes
}

const AttributeSet = struct('stored attributes', { attributes: optionalRepeated(Tag.Attribute, WireAttribute) })
