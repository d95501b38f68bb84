import { KryptonError } from '../errors.ts'
import { isHost } from './host.ts'
import { allowed } from './refusal.ts'
import type { Setting } from './settings.ts'

/**
 * A setting given as text, by a variable of the environment or a flag named `where`. Throws 'config-invalid' with what is
 * allowed.
 */
export function textValue(setting: Setting, text: string, where: string): string | number | boolean {
  const { schema } = setting
  if (schema.type === 'integer' && /^-?\d{1,15}$/.test(text)) {
    const value = Number(text)
    if (value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value)) return value
  }
  if (schema.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if (schema.type === 'string' && isAllowed(schema, text)) return text
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text
  const hint = /^(tcp|udp):\/\//.test(text)
    ? '; Kubernetes sets such variables for a service of this name: set enableServiceLinks: false'
    : ''
  throw new KryptonError(
    'config-invalid',
    `${where}: ${setting.path} must be ${allowed(schema)}, it is ${shown === '' ? 'empty' : shown}${hint}`,
  )
}

function isAllowed(schema: Setting['schema'], text: string): boolean {
  if (schema.enum !== undefined) return schema.enum.includes(text)
  if (schema.format === 'host') return isHost(text)
  if (schema.pattern !== undefined) return new RegExp(schema.pattern).test(text)
  return text.length > 0 && text.length <= 4096
}
