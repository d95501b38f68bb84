import { KryptonError } from '../errors.ts'
import { nearest } from './refusal.ts'
import { namesBelow, settings, type Setting } from './settings.ts'

/**
 * The settings that the environment gives, as text. A variable that starts like a section (`KRYPTON_KMIP_`) and is none of
 * its settings is refused with the likely name; other variables are none of our business.
 */
export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): [Setting, string][] {
  const given: [Setting, string][] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith('KRYPTON_')) continue
    const setting = byVariable.get(variable)
    if (setting !== undefined) given.push([setting, text])
    else if (sectionPrefixes.some((prefix) => variable.startsWith(prefix)) && !setByKubernetes.test(variable)) {
      const near = nearest(variable, [...byVariable.keys()])
      throw new KryptonError(
        'config-invalid',
        `${variable} is not a setting${near === undefined ? ': run krypton config print --origin for their names' : `, did you mean ${near}?`}`,
      )
    }
  }
  return given
}

const byVariable = new Map(
  settings.flatMap((setting): [string, Setting][] =>
    setting.variable === undefined ? [] : [[setting.variable, setting]],
  ),
)

const sectionPrefixes = namesBelow('')
  .filter((name) => namesBelow(name).length > 0)
  .map((name) => `KRYPTON_${name.toUpperCase()}_`)

/** What Kubernetes puts into every container for a service called `krypton-…`: not written by the operator. */
const setByKubernetes = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)/
