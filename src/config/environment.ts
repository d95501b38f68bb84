import { KryptonError } from '../errors.ts'
import { nearest } from './refusal.ts'
import { namesBelow, settings, type Setting } from './settings.ts'

/** What the environment says of the settings. */
export interface EnvironmentSettings {
  /** As text. */
  readonly given: readonly [Setting, string][]
  /** Variables that look like ours and are none. */
  readonly unknown: readonly string[]
}

/**
 * The settings that the environment gives. A variable that starts like a section (`KRYPTON_KMIP_`) and is none of its settings is
 * refused with the likely name; another one that starts with `KRYPTON_` is told as unknown.
 */
export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): EnvironmentSettings {
  const given: [Setting, string][] = []
  const unknown: string[] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith('KRYPTON_') || setByKubernetes.test(variable)) continue
    const setting = byVariable.get(variable)
    const prefix = sectionPrefixes.find((start) => variable.startsWith(start))
    if (setting !== undefined) given.push([setting, text])
    else if (prefix !== undefined)
      throw new KryptonError('config-invalid', `${variable} is not a setting${advice(variable, prefix)}`)
    else if (!otherVariables.has(variable)) unknown.push(variable)
  }
  return { given, unknown }
}

/** The section is right, so only what follows it is compared. */
function advice(variable: string, prefix: string): string {
  const names = [...byVariable.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
  const near = nearest(variable.slice(prefix.length), names)
  return near === undefined
    ? `: allowed here are ${names.map((name) => prefix + name).join(', ')}`
    : `, did you mean ${prefix}${near}?`
}

/** What the commands and the tests read besides the settings. */
const otherVariables = new Set([
  'KRYPTON_DIR',
  'KRYPTON_CONFIG',
  'KRYPTON_OUTPUT',
  'KRYPTON_COMMAND',
  'KRYPTON_LAUNCHER_PIPE',
  'KRYPTON_SHARED',
  'KRYPTON_COUNTERPARTS',
])

const byVariable = new Map(
  settings.flatMap((setting): [string, Setting][] =>
    setting.variable === undefined ? [] : [[setting.variable, setting]],
  ),
)

const sectionPrefixes = namesBelow('')
  .filter((name) => namesBelow(name).length > 0)
  .map((name) => `KRYPTON_${name.toUpperCase()}_`)

/** What Kubernetes puts into every container for a service called `krypton-…`: not written by the operator. */
const setByKubernetes = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)|^KRYPTON_PORT$/
