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

/** The instances of a name that has not just one of index 0, and those of a custom name. */
class Several {
  readonly instances: readonly Instance<unknown>[]

  constructor(instances: readonly Instance<unknown>[]) {
    this.instances = instances
  }
}

/**
 * The attributes of one object or of a template: the one form inside the server. Instances keep their index when others go
 * (KMIP 1.4 section 2.1.1). Values are not copied; a value read from a frame is replaced by the owner of the frame's copy (`clone`
 * of bytes is `decodeAttributes(encodeAttributes(...))`).
 *
 * Those of the specification stand at the place of their name in its order, most of them as their value alone: a Map of lists of instances, which this
 * took the place of, grew four times in a Create, and needed 2.6 times as long (`bench/micro/attributes.bench.ts`) and 3.6 KB more.
 */
export class Attributes {
  #values: unknown[] = noValues.slice()
  #custom: Map<string, Several> | undefined

  first<K extends AttributeName>(name: K): AttributeValues[K] | undefined {
    const held = this.#held(name)
    return (held instanceof Several ? held.instances[0]?.value : held) as AttributeValues[K] | undefined // put and add took it under this name
  }

  all<K extends AttributeName>(name: K): readonly Instance<AttributeValues[K]>[] {
    return this.instances(name) as readonly Instance<AttributeValues[K]>[] // as above
  }

  custom(name: string): readonly Instance<CustomValue>[] {
    return this.instances(name) as readonly Instance<CustomValue>[] // names of custom attributes are never in the table
  }

  /** Instances under any name, of the specification or custom. */
  instances(name: string): readonly Instance<unknown>[] {
    const held = this.#held(name)
    if (held === undefined) return none
    return held instanceof Several ? held.instances : [{ index: 0, value: held }]
  }

  has(name: string, index?: number): boolean {
    if (index === undefined) return this.#held(name) !== undefined
    return this.instances(name).some((instance) => instance.index === index)
  }

  /** Makes `value` the only instance. */
  set<K extends AttributeName>(name: K, value: AttributeValues[K]): void {
    this.#values[places.get(name)!] = value
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
    const index = (this.instances(name).at(-1)?.index ?? -1) + 1
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
    if (this.#held(name) === undefined) return this.#keep(name, [{ index, value }])
    const others = this.instances(name).filter((instance) => instance.index !== index)
    this.#keep(
      name,
      [...others, { index, value }].sort((a, b) => a.index - b.index),
    )
  }

  /** Removes one instance, or all of them; false if there was none. */
  remove(name: string, index?: number): boolean {
    const instances = this.instances(name)
    const rest = index === undefined ? [] : instances.filter((instance) => instance.index !== index)
    if (rest.length === instances.length) return false
    this.#keep(name, rest)
    return true
  }

  /** The names that are present: those of the specification in its order, then custom ones by name. */
  names(): readonly string[] {
    const names: string[] = []
    for (let place = 0; place < attributeNames.length; place++) {
      if (this.#values[place] !== undefined) names.push(attributeNames[place]!)
    }
    return this.#custom === undefined ? names : [...names, ...this.customNames()]
  }

  /** Calls `see` with each instance, in the order of `names` and of their indices. */
  visit(see: (name: string, index: number, value: unknown) => void): void {
    for (let place = 0; place < attributeNames.length; place++) {
      const held = this.#values[place]
      if (held === undefined) continue
      if (held instanceof Several)
        for (const { index, value } of held.instances) see(attributeNames[place]!, index, value)
      else see(attributeNames[place]!, 0, held)
    }
    for (const name of this.customNames()) {
      for (const { index, value } of this.instances(name)) see(name, index, value)
    }
  }

  /** The names of custom attributes, in their order. */
  customNames(): readonly string[] {
    return this.#custom === undefined ? none : [...this.#custom.keys()].sort()
  }

  /** A set of its own; the values themselves are shared. */
  clone(): Attributes {
    const copy = new Attributes()
    // Lists of instances are replaced, never changed.
    copy.#values = this.#values.slice()
    if (this.#custom !== undefined) copy.#custom = new Map(this.#custom)
    return copy
  }

  /** Undefined if there is no instance. */
  #held(name: string): unknown {
    const place = places.get(name)
    return place === undefined ? this.#custom?.get(name) : this.#values[place]
  }

  #keep(name: string, instances: readonly Instance<unknown>[]): void {
    const place = places.get(name)
    if (place !== undefined) {
      const [first] = instances
      const isPlain = instances.length === 1 && first!.index === 0
      this.#values[place] = isPlain ? first!.value : first && new Several(instances)
    } else if (instances.length > 0) {
      this.#custom ??= new Map()
      this.#custom.set(name, new Several(instances))
    } else {
      this.#custom?.delete(name)
      if (this.#custom?.size === 0) this.#custom = undefined
    }
  }
}

const none: readonly never[] = []
const noValues: readonly unknown[] = attributeNames.map(() => undefined)
const places: ReadonlyMap<string, number> = new Map(attributeNames.map((name, place) => [name, place]))

/** An Attribute Index is a TTLV Integer that is not negative. */
const attributeIndexMax = 0x7fffffff

/** Canonical bytes of a set of attributes for a record, without the instances of `isLeftOut`: equal sets give equal bytes, indices included. */
export function encodeAttributes(
  attributes: Attributes,
  isLeftOut?: (name: string, value: unknown) => boolean,
): Buffer {
  const wire: WireAttribute[] = []
  attributes.visit((name, index, value) => {
    if (isLeftOut?.(name, value) === true) return
    wire.push({ name, attributeName: attributeDefinition(name)?.attributeName ?? name, index, value })
  })
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
