import { KryptonError } from '../errors.ts'
import { itemTypeName } from '../ttlv/item-type.ts'
import { TtlvReader } from '../ttlv/reader.ts'
import type { TtlvWriter } from '../ttlv/writer.ts'
import type { ItemType } from '../ttlv/item-type.ts'
import { compileStruct } from './struct-compiler.ts'
import { tagTable } from './tags.ts'
import type { Tag } from './tags.ts'
import { versionText } from './version.ts'
import type { KmipVersion } from './version.ts'

/**
 * A structure is described once: its fields in the specification's order, each with tag, kind and the versions that know it. From that
 * come its type, its reader and its writer. Both exist twice: compiled at load to straight-line code, which reads a structure whose
 * fields stand in order, and interpreted, which goes on where the compiled one meets anything else (a field out of order, twice, unknown,
 * too new) and stands in for it where code generation is forbidden.
 */
export function struct<F extends Fields>(
  name: string,
  fields: F,
  options: StructOptions<StructValue<F>> = {},
): Struct<StructValue<F>> {
  const description: Description = {
    name,
    fields: Object.entries(fields).map(([key, field]) => ({ ...field, key })),
    missing: options.missing ?? 'invalid-message',
    // the hook takes the value of these very fields
    finish: options.finish as ((value: unknown, reader: MessageReader) => unknown) | undefined,
  }
  description.fields.forEach(({ key, goesWith }, i) => {
    if (!/^[a-z][A-Za-z0-9]*$/.test(key)) throw new Error(`${name}.${key} is no field name`)
    const isAfter = goesWith === undefined || description.fields.slice(0, i).some((field) => field.key === goesWith)
    if (!isAfter) throw new Error(`${name}.${key} goes with no field before it`)
  })
  const interpreted = interpretedStruct(description)
  const compiled = compileStruct(description, resume, tooNewToSend)
  return { types: [structureType], name, description, interpreted, compiled, ...(compiled ?? interpreted) } as Struct<
    StructValue<F>
  >
}

/** Makes what is read where nothing but the first field stands, of this tag and type. undefined for a structure that begins otherwise, or needs more. */
export function ofFirstField(
  { description: { fields, finish }, compiled, interpreted }: Struct<unknown>,
  tag: Tag,
  type: ItemType,
): StructCodec['ofFirst'] | undefined {
  const [first, ...rest] = fields
  if (first?.tag !== tag || !first.kind.types.includes(type) || first.acceptedSince > 10 || isRepeated(first.presence))
    return undefined
  const needsMore = rest.some(({ presence }) => presence === 'required' || presence === 'oneOrMore')
  return needsMore || finish !== undefined ? undefined : (compiled ?? interpreted).ofFirst
}

/** A frame that is being read, with the version that decides what may stand in it. */
export class MessageReader extends TtlvReader {
  version: KmipVersion = 14
  /** The client speaks a later minor version: unknown fields are ignored (KMIP 1.4 section 11.1). */
  ignoreUnknown = false
  /** In a Locate filter no field of a structure is required (section 4.9). */
  partial = false
}

/** How the values of an item are read and written. `at` is the item's header; sizes are of the whole item, with header and padding. */
export interface Kind<T> {
  readonly types: readonly ItemType[]
  /** Given when every value has the same size. */
  readonly fixedSize?: number
  read(reader: MessageReader, at: number): T
  size(value: T, version: KmipVersion): number
  write(writer: TtlvWriter, tag: number, value: T, version: KmipVersion): void
  /** Methods of reader and writer that do the same: compiled code calls them without a step between. */
  readonly methods?: { readonly read: ReadMethod; readonly write: WriteMethod }
  /** False for a value that no version has a word for; without it there is none (`known-values.ts`). */
  known?(value: T): boolean
  /** False for a value that the version does not know: it is not sent. */
  visible?(value: T, version: KmipVersion): boolean
}

export type ReadMethod = 'integer' | 'unsigned' | 'boolean' | 'longInteger' | 'dateTime' | 'text' | 'value'
export type WriteMethod = 'word' | 'boolean' | 'longInteger' | 'dateTime' | 'text' | 'byteString'

export interface Struct<T> extends Kind<T> {
  readonly name: string
  readonly description: Description
  readonly interpreted: StructCodec
  /** undefined where code generation is forbidden. */
  readonly compiled: StructCodec | undefined
}

export type Presence = 'required' | 'optional' | 'repeated' | 'optionalRepeated' | 'oneOrMore'

export interface Field<T, P extends Presence = Presence> {
  readonly tag: Tag
  readonly kind: Kind<T>
  readonly presence: P
  /** The first version that knows the field: it is sent from then on. */
  readonly since: KmipVersion
  /** The first version under which it is taken: earlier than `since` where real clients send it early. */
  readonly acceptedSince: KmipVersion
  /** An earlier field of the structure: where that has a value that the version does not know, neither is sent. */
  readonly goesWith: string | undefined
}

export interface FieldVersions {
  readonly since?: KmipVersion
  readonly acceptedSince?: KmipVersion
  readonly goesWith?: string
}

export const required = <T>(tag: Tag, kind: Kind<T>, versions?: FieldVersions) => field(tag, kind, 'required', versions)
export const optional = <T>(tag: Tag, kind: Kind<T>, versions?: FieldVersions) => field(tag, kind, 'optional', versions)
/** May be repeated; read as an array, empty when absent. */
export const repeated = <T>(tag: Tag, kind: Kind<T>, versions?: FieldVersions) => field(tag, kind, 'repeated', versions)
/** May be repeated; undefined when absent, so that a writer need not name it. */
export const optionalRepeated = <T>(tag: Tag, kind: Kind<T>, versions?: FieldVersions) =>
  field(tag, kind, 'optionalRepeated', versions)
export const oneOrMore = <T>(tag: Tag, kind: Kind<T>, versions?: FieldVersions) =>
  field(tag, kind, 'oneOrMore', versions)

export type ValueOf<S> = S extends Struct<infer T> ? T : never

export type Fields = Readonly<Record<string, Field<unknown>>>

export type StructValue<F extends Fields> = Flat<
  { readonly [K in keyof F as F[K]['presence'] extends OptionalPresence ? never : K]: FieldValue<F[K]> } & {
    readonly [K in keyof F as F[K]['presence'] extends OptionalPresence ? K : never]?: FieldValue<F[K]>
  }
>

export interface StructOptions<T> {
  /** What a required field that is absent means: Missing Data in a payload, Invalid Message elsewhere. */
  readonly missing?: 'missing-data' | 'invalid-message'
  /** Looks at what was read, and may put it in its canonical form. */
  readonly finish?: (value: T, reader: MessageReader) => T
}

export interface Description {
  readonly name: string
  readonly fields: readonly (Field<unknown> & { readonly key: string })[]
  readonly missing: 'missing-data' | 'invalid-message'
  readonly finish: ((value: unknown, reader: MessageReader) => unknown) | undefined
}

export interface StructCodec {
  read(reader: MessageReader, at: number): unknown
  /** What is read where nothing but the first field stands, with this value. */
  readonly ofFirst: (value: unknown) => unknown
  size(value: unknown, version: KmipVersion): number
  write(writer: TtlvWriter, tag: number, value: unknown, version: KmipVersion): void
}

/** Goes on reading a structure at `at`, with the values that were read before. */
export type Resume = (
  description: Description,
  reader: MessageReader,
  at: number,
  end: number,
  values: unknown[],
) => unknown

/** The error of a required value that the client's version does not know. */
export type TooNew = (description: Description, key: string, version: KmipVersion) => KryptonError

type OptionalPresence = 'optional' | 'optionalRepeated'
type FieldValue<F> = F extends Field<infer T, infer P> ? (P extends 'required' | 'optional' ? T : readonly T[]) : never
type Flat<T> = { [K in keyof T]: T[K] } & {}

const structureType = 0x01

function field<T, P extends Presence>(tag: Tag, kind: Kind<T>, presence: P, versions: FieldVersions = {}): Field<T, P> {
  const since = versions.since ?? 10
  return { tag, kind, presence, since, acceptedSince: versions.acceptedSince ?? since, goesWith: versions.goesWith }
}

function isRepeated(presence: Presence): boolean {
  return presence !== 'required' && presence !== 'optional'
}

function interpretedStruct(description: Description): StructCodec {
  return {
    read(reader, at) {
      return resume(description, reader, at + 8, reader.next(at), Array(description.fields.length).fill(undefined))
    },
    ofFirst(value) {
      return Object.fromEntries(
        description.fields.map(({ key, presence }, i) => [
          key,
          i === 0 ? value : presence === 'repeated' ? [] : undefined,
        ]),
      )
    },
    size(value, version) {
      let size = 8
      forEachSent(description, value as Record<string, unknown>, version, (kind, _tag, one) => {
        size += kind.size(one, version)
      })
      return size
    },
    write(writer, tag, value, version) {
      const start = writer.begin(tag)
      forEachSent(description, value as Record<string, unknown>, version, (kind, fieldTag, one) => {
        kind.write(writer, fieldTag, one, version)
      })
      writer.end(start)
    },
  }
}

function forEachSent(
  description: Description,
  value: Record<string, unknown>,
  version: KmipVersion,
  visit: (kind: Kind<unknown>, tag: number, one: unknown) => void,
): void {
  for (const { key, tag, kind, presence, since, goesWith } of description.fields) {
    const content = value[key]
    if (content === undefined || version < since) continue
    if (goesWith !== undefined && isHidden(description, goesWith, value, version)) continue
    if (isRepeated(presence)) {
      for (const one of content as readonly unknown[]) if (kind.visible?.(one, version) !== false) visit(kind, tag, one)
    } else if (kind.visible?.(content, version) !== false) {
      visit(kind, tag, content)
    } else if (presence === 'required') {
      throw tooNewToSend(description, key, version)
    }
  }
}

function isHidden({ fields }: Description, key: string, value: Record<string, unknown>, version: KmipVersion): boolean {
  const { kind } = fields.find((field) => field.key === key)!
  return value[key] !== undefined && kind.visible?.(value[key], version) === false
}

function tooNewToSend(description: Description, key: string, version: KmipVersion): KryptonError {
  return new KryptonError(
    'feature-not-supported',
    `Ask again with a newer KMIP version: KMIP ${versionText(version)} has no word for this ${key} of ${description.name}`,
  )
}

function resume(
  description: Description,
  reader: MessageReader,
  from: number,
  end: number,
  values: unknown[],
): unknown {
  const { fields } = description
  for (let at = from; at < end; at = reader.next(at)) {
    const head = reader.head(at)
    const tag = head >>> 8
    const type = head & 0xff
    const index = fieldIndex(fields, tag, type, reader.version)
    if (index === -1) {
      if (reader.ignoreUnknown) continue
      throw unknownField(description, tag, reader.version)
    }
    const { kind, presence } = fields[index]!
    if (!kind.types.includes(type as ItemType)) throw wrongType(description, tag, kind, type)
    if (isRepeated(presence)) {
      const list = values[index] as unknown[] | undefined
      const value = kind.read(reader, at)
      if (list === undefined || list.length === 0) values[index] = [value]
      else list.push(value)
    } else {
      if (values[index] !== undefined) {
        throw new KryptonError('invalid-message', `Send ${tagName(tag)} once in ${description.name}`)
      }
      values[index] = kind.read(reader, at)
    }
  }
  const value: Record<string, unknown> = {}
  for (let i = 0; i < fields.length; i++) {
    const { key, tag, presence } = fields[i]!
    const content = values[i]
    if (presence === 'repeated') value[key] = content ?? []
    else if (content === undefined && (presence === 'required' || presence === 'oneOrMore')) {
      if (!reader.partial) throw new KryptonError(description.missing, `Send ${tagName(tag)} in ${description.name}`)
      value[key] = undefined
    } else value[key] = content
  }
  return description.finish === undefined ? value : description.finish(value, reader)
}

/** Two fields may share a tag when their types differ (Key Value); else a wrong type is found by the tag alone. */
function fieldIndex(fields: Description['fields'], tag: number, type: number, version: KmipVersion): number {
  let index = -1
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    if (field.tag !== tag || version < field.acceptedSince) continue
    if (field.kind.types.includes(type as ItemType)) return i
    if (index === -1) index = i
  }
  return index
}

function unknownField(description: Description, tag: number, version: KmipVersion): KryptonError {
  const later = description.fields.find((field) => field.tag === tag)
  const why =
    later === undefined ? `it has no ${tagName(tag)}` : `${tagName(tag)} came with KMIP ${versionText(later.since)}`
  return new KryptonError(
    'invalid-field',
    `Send in ${description.name} only what KMIP ${versionText(version)} has there: ${why}`,
  )
}

function wrongType(description: Description, tag: number, kind: Kind<unknown>, type: number): KryptonError {
  const types = kind.types.map(itemTypeName).join(' or ')
  return new KryptonError(
    'invalid-message',
    `Send ${tagName(tag)} of ${description.name} as ${types}, not as ${itemTypeName(type)}`,
  )
}

function tagName(tag: number): string {
  return tagTable.get(tag)?.name ?? `tag ${tag.toString(16)}`
}
