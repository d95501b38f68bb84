import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadConfig, settings, type Config, type LoadedConfig } from '../../config.ts'
import { KryptonError } from '../../errors.ts'
import { examples, withOutput, type AddCommand } from '../command.ts'
import { Output, type OutputFlags } from '../output.ts'
import type { Terminal } from '../terminal.ts'

interface ConfigFlags extends OutputFlags {
  readonly config?: string
  readonly origin?: boolean
}

/** `krypton config`: checks and shows the settings that a server would start with. */
export const addConfigCommand: AddCommand = (program, terminal) => {
  const config = program.command('config').description('check and show the configuration')
  withOutput(
    config
      .command('check')
      .description('refuse what is wrong, with file, line and what is allowed')
      .option('--config <file>', fileHelp),
  )
    .addHelpText('after', examples('krypton config check --config krypton.yaml'))
    .action(async (flags: ConfigFlags) => {
      const output = await Output.open(terminal, flags)
      const file = configFile(flags.config, terminal)
      if (file === undefined)
        throw new KryptonError('usage', 'there is no krypton.yaml here to check: name a file with --config')
      const { warnings } = await loadConfig({ file, environment: terminal.environment })
      for (const warning of warnings) output.talk(`krypton: warning: ${warning}\n`)
      output.thing({ file: resolve(file), result: 'right' })
    })
  withOutput(
    config
      .command('print')
      .description('print every setting')
      .option('--config <file>', fileHelp)
      .option('--origin', 'and where each value came from, with the variable that would set it'),
  )
    .addHelpText(
      'after',
      examples('krypton config print --config krypton.yaml --origin', 'krypton config print -o yaml'),
    )
    .action(async (flags: ConfigFlags) => {
      const output = await Output.open(terminal, flags)
      const loaded = await load(flags, terminal)
      if (flags.origin !== true) return output.thing(loaded.config)
      output.list(withOrigins(loaded), { SETTING: 'setting', VALUE: 'value', ORIGIN: 'origin', VARIABLE: 'variable' })
    })
}

function load(flags: ConfigFlags, terminal: Terminal): Promise<LoadedConfig> {
  return loadConfig({ file: configFile(flags.config, terminal), environment: terminal.environment })
}

/**
 * The file to read: the flag, else KRYPTON_CONFIG, else krypton.yaml when it is there in `directory`, KRYPTON_DIR or the working
 * directory.
 */
export function configFile(flag: string | undefined, terminal: Terminal, directory?: string): string | undefined {
  const named = flag ?? terminal.environment['KRYPTON_CONFIG']
  if (named !== undefined) return named
  const usual = join(directory ?? terminal.environment['KRYPTON_DIR'] ?? '.', 'krypton.yaml')
  return existsSync(usual) ? usual : undefined
}

/** The configuration of the instance that these flags name, for a command that works on it without its server. */
export async function instanceConfig(
  { config: flag, dir }: { readonly config?: string; readonly dir?: string },
  terminal: Terminal,
): Promise<{ readonly config: Config; readonly file: string | undefined }> {
  const file = configFile(flag, terminal, dir)
  const flags = dir === undefined ? [] : [{ path: 'server.directory', flag: '--dir', value: dir }]
  const { config } = await loadConfig({ file, environment: terminal.environment, flags })
  return { config, file }
}

const fileHelp = 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml of KRYPTON_DIR)'

function withOrigins({ config, origins }: LoadedConfig): object[] {
  const values = new Map(
    Object.entries(config).flatMap(([section, value]: [string, unknown]): [string, unknown][] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([name, inner]: [string, unknown]) => [`${section}.${name}`, inner])
        : [[section, value]],
    ),
  )
  return settings.map(({ path, variable }) => {
    const origin = origins.get(path)
    const from = origin === undefined ? 'not set' : `${origin.kind}${origin.where === '' ? '' : ` ${origin.where}`}`
    return { setting: path, value: values.get(path), origin: from, variable }
  })
}
