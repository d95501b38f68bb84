import type { ErrorObject } from 'ajv'
import { namesBelow, settingAt, type LeafSchema } from './settings.ts'

/** A wrong setting in words: where, which, and what is allowed there. */
export interface Refusal {
  /** `kmip.port`, or the name that is not known with its section. */
  readonly path: string
  readonly reason: string
}

/** Turns a finding of the schema's check into words; never repeats more than 40 characters of the value. */
export function refusal(error: ErrorObject): Refusal {
  const section = dotted(error.instancePath)
  if (error.keyword === 'additionalProperties') {
    const name = String(error.params.additionalProperty)
    return { path: section === '' ? name : `${section}.${name}`, reason: unknownName(name, section) }
  }
  const setting = settingAt(section)
  if (setting === undefined)
    return { path: section, reason: `must be a section with settings: ${listed(namesBelow(section))}` }
  const isQuoted = setting.schema.type !== 'string' && /^(?:-?\d+|true|false)$/.test(String(error.data))
  const found =
    isQuoted && typeof error.data === 'string'
      ? `text, ${JSON.stringify(shown(error.data))}: leave out the quotes`
      : shown(error.data)
  return { path: section, reason: `must be ${allowed(setting.schema)}, it is ${found}` }
}

/** What a leaf accepts, in words. */
export function allowed(schema: LeafSchema): string {
  if (schema.enum !== undefined) return schema.enum.length === 1 ? `${schema.enum[0]}` : `one of ${listed(schema.enum)}`
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`
  if (schema.type === 'boolean') return 'true or false'
  if (schema.format === 'host') return 'an IP address or a host name'
  if (schema.pattern !== undefined) return `text of the form ${schema.pattern}`
  return schema.path === true ? 'the name of a file or directory' : 'text that is not empty'
}

/** Advice for a name that does not exist below `section`. */
export function unknownName(name: string, section: string): string {
  const names = namesBelow(section)
  if (names.length === 0) return `is not a setting: ${section} has none yet`
  const near = nearest(name, names)
  return near === undefined
    ? `is not a setting: allowed here are ${listed(names)}`
    : `is not a setting, did you mean ${near}?`
}

/** The name that a person most likely meant: one slip off, or two in a name of six letters or more; case is none. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = name.length < 6 ? 2 : 3
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Letters put in, left out, changed, or swapped with their neighbour, over at most 64 of each: names of settings are shorter. */
function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 64), right.slice(0, 64)]
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  let beforePrevious: number[] = []
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const one = swapped && row > 1 && column > 1 ? (beforePrevious[column - 2] ?? 0) + 1 : replaced
      current.push(Math.min(one, replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}

function dotted(instancePath: string): string {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}

function listed(names: readonly string[]): string {
  return names.join(', ')
}

function shown(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length} characters)` : text
}
