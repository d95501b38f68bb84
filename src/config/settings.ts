import { configSchema } from './schema.ts'

/** One setting: a leaf of the schema. */
export interface Setting {
  /** `kmip.port`. */
  readonly path: string
  /** `KRYPTON_KMIP_PORT`; undefined for what no variable sets. */
  readonly variable?: string
  readonly schema: LeafSchema
}

/** What the checks and `config print` need of a leaf's JSON schema. */
export interface LeafSchema {
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description: string
  readonly default?: string | number | boolean
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  /** `host`: an IP address or a host name. */
  readonly format?: 'host'
  /** True for what only the file says about itself. */
  readonly fileOnly?: boolean
  /** True for names of files: they are made absolute. */
  readonly path?: boolean
}

interface SectionSchema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, SectionSchema | LeafSchema>>
}

/** Every setting, in the order of the schema. */
export const settings: readonly Setting[] = [...leaves(plainSchema(), [])]

/** The setting at `path`, or undefined. */
export function settingAt(path: string): Setting | undefined {
  return byPath.get(path)
}

/** The schema as JSON that demands nothing: a file may leave out whatever has a default. */
export function fileSchema(): object {
  return withoutRequired(plainSchema())
}

/** Names allowed below a section's path (`''` is the top), for messages. */
export function namesBelow(path: string): readonly string[] {
  let schema: SectionSchema | LeafSchema | undefined = plainSchema()
  for (const name of path === '' ? [] : path.split('.'))
    schema = schema?.type === 'object' ? schema.properties[name] : undefined
  return schema?.type === 'object' ? Object.keys(schema.properties) : []
}

/** The cast holds because schema.ts builds sections from Type.Object and leaves from the kinds that LeafSchema names. */
function plainSchema(): SectionSchema {
  return configSchema as unknown as SectionSchema
}

function* leaves(schema: SectionSchema, path: readonly string[]): Generator<Setting> {
  for (const [name, child] of Object.entries(schema.properties)) {
    const at = [...path, name]
    if (child.type === 'object') yield* leaves(child, at)
    else yield { path: at.join('.'), variable: child.fileOnly === true ? undefined : variableName(at), schema: child }
  }
}

function variableName(path: readonly string[]): string {
  return ['krypton', ...path].map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')
}

function withoutRequired(schema: SectionSchema): object {
  const properties = Object.entries(schema.properties).map(([name, child]) => [
    name,
    child.type === 'object' ? withoutRequired(child) : child,
  ])
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) }
}

const byPath = new Map(settings.map((setting) => [setting.path, setting]))
