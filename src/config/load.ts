import { dirname, join, resolve, sep } from 'node:path'
import { KryptonError } from '../errors.ts'
import { environmentSettings } from './environment.ts'
import type { Origin } from './origin.ts'
import type { Config } from './schema.ts'
import { settingAt, settings } from './settings.ts'
import { textValue } from './text-value.ts'

/** Where settings are looked for, weakest first: defaults, the file, the environment, the flags. */
export interface ConfigSources {
  readonly file?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly flags?: readonly ConfigFlag[]
}

/** A flag of the command line that sets `path`; `flag` names it in messages (`--kmip-port`). */
export interface ConfigFlag {
  readonly path: string
  readonly flag: string
  readonly value: string
}

export interface LoadedConfig {
  readonly config: Config
  /** Where each setting's value came from, by path. */
  readonly origins: ReadonlyMap<string, Origin>
  /** What is not wrong, but perhaps not meant. */
  readonly warnings: readonly string[]
}

/**
 * All settings, with every path absolute: `server.directory` is taken from the directory of the file (or from the working
 * directory when a variable or flag gives it), every other path from `server.directory`. Throws 'config-invalid' for
 * whatever is wrong, with its place and what is allowed.
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const values = new Map<string, unknown>()
  const origins = new Map<string, Origin>()
  const set = (path: string, value: unknown, origin: Origin): void => {
    values.set(path, value)
    origins.set(path, origin)
  }
  for (const { path, schema } of settings)
    if (schema.default !== undefined) set(path, schema.default, { kind: 'default', where: '' })
  const file = sources.file === undefined ? undefined : resolve(sources.file)
  if (sources.file !== undefined) {
    // Who has no file needs neither a parser of YAML nor a check of what it says.
    const { readConfigFile } = await import('./config-file.ts')
    for (const [path, { value, where }] of readConfigFile(sources.file)) set(path, value, { kind: 'file', where })
  }
  const { given, unknown } = environmentSettings(sources.environment ?? {})
  for (const [setting, text] of given) {
    const where = setting.variable ?? setting.path
    set(setting.path, textValue(setting, text, where), { kind: 'environment', where })
  }
  for (const { path, flag, value } of sources.flags ?? []) {
    const setting = settingAt(path)
    if (setting === undefined) throw new Error(`${flag} sets ${path}, which is no setting`)
    set(path, textValue(setting, value, flag), { kind: 'flag', where: flag })
  }
  // KEYS 9: in production keys are in locked memory unless somebody says otherwise.
  if (origins.get('native')?.kind === 'default' && values.get('server.profile') === 'production')
    values.set('native', 'required')
  resolvePaths(values, origins, file)
  // The cast holds because every value was checked against its line of the schema, and every line has a default or is optional.
  const config = nested(values) as Config
  checkTogether(config, origins)
  const warnings = unknown.map((variable) => `the variable ${variable} is not a setting and changes nothing`)
  return { config, origins, warnings }
}

function resolvePaths(values: Map<string, unknown>, origins: ReadonlyMap<string, Origin>, file?: string): void {
  const kind = origins.get('server.directory')?.kind
  const fromFile = file !== undefined && (kind === 'file' || kind === 'default')
  const directory = resolve(fromFile ? dirname(file) : '.', String(values.get('server.directory')))
  values.set('server.directory', directory)
  for (const { path, schema } of settings)
    if (schema.path === true && path !== 'server.directory' && values.has(path))
      values.set(path, resolve(directory, String(values.get(path))))
}

function nested(values: ReadonlyMap<string, unknown>): object {
  const sections = new Map<string, Map<string, unknown>>([['audit', new Map()]])
  const config = new Map<string, unknown>()
  for (const { path } of settings) {
    const [section = '', name] = path.split('.')
    if (!values.has(path)) continue
    if (name === undefined) config.set(section, values.get(path))
    else sections.set(section, (sections.get(section) ?? new Map<string, unknown>()).set(name, values.get(path)))
  }
  for (const [section, entries] of sections) config.set(section, Object.fromEntries(entries))
  return Object.fromEntries(config)
}

/** What no single setting can tell by itself. */
function checkTogether(config: Config, origins: ReadonlyMap<string, Origin>): void {
  const at = (path: string): string => {
    const origin = origins.get(path)
    return origin === undefined || origin.where === '' ? path : `${origin.where}: ${path}`
  }
  const pins = (['cluster', 'verifier', 'epoch'] as const).filter((name) => config.seal[name] !== undefined)
  if (pins.length > 0 && pins.length < 3)
    throw new KryptonError(
      'config-invalid',
      `${at(`seal.${pins[0]}`)} needs the other pins too: seal.cluster, seal.verifier and seal.epoch go together, as init printed them`,
    )
  checkAnchor(config, at)
  const { kmip, health, seal, store } = config
  // By names; the server looks at where links lead.
  if (seal.keyFile.startsWith(join(store.directory, sep)))
    throw new KryptonError(
      'config-invalid',
      `${at('seal.keyFile')} lies in store.directory: choose another place, a copy of the data must not bring its key`,
    )
  if (health.enabled && health.port !== 0 && health.port === kmip.port && health.host === kmip.host)
    throw new KryptonError(
      'config-invalid',
      `${at('health.port')} must be another port than kmip.port, both are ${kmip.port}`,
    )
  if (kmip.tlsProfile === 'kmip-1.x-interop' && config.crypto.profile === 'approved')
    throw new KryptonError(
      'config-invalid',
      `${at('kmip.tlsProfile')} has suites that crypto.profile approved forbids: choose one of the two`,
    )
  if (kmip.httpsPort !== undefined && kmip.httpsPort !== 0) {
    const other =
      kmip.httpsPort === kmip.port
        ? 'kmip.port'
        : health.enabled && kmip.httpsPort === health.port && health.host === kmip.host
          ? 'health.port'
          : undefined
    if (other !== undefined)
      throw new KryptonError(
        'config-invalid',
        `${at('kmip.httpsPort')} must be another port than ${other}, both are ${kmip.httpsPort}`,
      )
  }
  if (Buffer.byteLength(config.admin.socket) > socketPathBytesMax)
    throw new KryptonError(
      'config-invalid',
      `${at('admin.socket')} is longer than the ${socketPathBytesMax} bytes that a Unix socket's name may have: choose a shorter directory`,
    )
}

/** What each kind of anchor needs. */
function checkAnchor({ anchor }: Config, at: (path: string) => string): void {
  if (anchor.type === 'file' && anchor.file === undefined)
    throw new KryptonError('config-invalid', `${at('anchor.type')} is file: name it, on another volume, in anchor.file`)
  if (anchor.type !== 'openbao') return
  const needed = ['address', 'caFile', 'path', ...filesOfLogin[anchor.login]] as const
  const missing = needed.filter((name) => anchor[name] === undefined)
  if (missing.length > 0)
    throw new KryptonError(
      'config-invalid',
      `${at('anchor.type')} is openbao and its login ${anchor.login}: set ${missing.map((name) => `anchor.${name}`).join(', ')}`,
    )
}

const filesOfLogin = {
  approle: ['roleIdFile', 'secretIdFile'],
  token: ['tokenFile'],
  certificate: ['certificateFile', 'keyFile'],
} as const satisfies Record<Config['anchor']['login'], readonly (keyof Config['anchor'])[]>

/** sockaddr_un on Linux holds 108 bytes with the final zero; Node cuts a longer name short without a word. */
const socketPathBytesMax = 107
