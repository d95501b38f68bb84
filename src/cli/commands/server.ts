import { existsSync, mkdtempSync, readdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isLoopbackHost, loadConfig, type Config, type ConfigFlag } from '../../config.ts'
import { systemClock } from '../../clock.ts'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Krypton, StartOptions } from '../../krypton.ts'
import { examples, withOutput, type AddCommand } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import { demoIdentity } from '../demo-identity.ts'
import { developmentScreen, type DevelopmentServer } from '../development-screen.ts'
import { makeDirectory } from '../directory.ts'
import type { IdentityFiles } from '../identity-files.ts'
import { whenLauncherEnds } from '../launcher.ts'
import { Output, type OutputFlags } from '../output.ts'
import { configFile } from './config.ts'

interface ServerCommandFlags extends OutputFlags {
  readonly dev?: boolean
  readonly devListenAnywhere?: boolean
  readonly config?: string
  readonly dir?: string
  readonly listen?: string
  readonly kmipPort?: string
  readonly httpsPort?: string
  readonly healthPort?: string
  readonly logLevel?: string
}

/** `krypton server`: runs the server until it is told to stop. */
export const addServerCommand: AddCommand = (program, terminal) => {
  withOutput(
    program
      .command('server')
      .description('run the server')
      .option('--dev', 'a development server: makes its own CA, keys and a client identity')
      .option('--config <file>', 'configuration file (default: KRYPTON_CONFIG, else krypton.yaml in the directory)')
      .option('--dir <directory>', 'directory of the instance; with --dev a fresh temporary one by default')
      .option('--listen <host>', 'address on which KMIP is served')
      .option('--kmip-port <number>', 'port of KMIP; 0 takes a free one')
      .option('--https-port <number>', 'port of KMIP over HTTPS; 0 takes a free one; --dev takes one by itself')
      .option('--health-port <number>', 'port of the health server; 0 takes a free one')
      .option('--log-level <level>', 'least severe line of the log')
      .option('--dev-listen-anywhere', 'let --dev listen on addresses that other machines reach'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton server --dev',
        'krypton server --dev --dir ./krypton-dev --kmip-port 0',
        'krypton server --config /var/lib/krypton/krypton.yaml',
      ),
    )
    .action(async (flags: ServerCommandFlags) => {
      const output = await Output.open(terminal, flags)
      if (flags.dev === true && flags.config !== undefined)
        throw new KryptonError('usage', '--dev brings its own settings: leave out --config, or run krypton init')
      const directory = flags.dev === true ? developmentDirectory(flags.dir) : flags.dir
      const { config, warnings } = await loadConfig({
        file: flags.dev === true ? undefined : configFile(flags.config, terminal, directory),
        environment: terminal.environment,
        flags: settingsOf(withHttps(flags, terminal.environment), directory),
      })
      for (const warning of warnings) output.talk(`krypton: warning: ${warning}\n`)
      if (flags.dev === true) await prepareDevelopment(flags, config, output)
      let files: IdentityFiles | undefined
      let krypton: Krypton | undefined
      let isToldToStop = false
      // Before there is a key in memory: who stops a server that is starting has it stopped as any other, not killed.
      const stop = (): void => {
        isToldToStop = true
        void krypton?.stop()
      }
      onStopSignal(stop)
      whenLauncherEnds(process.env, stop)
      krypton = await start(config, async ({ addresses }) => {
        if (flags.dev === true) files = await demoIdentity(addresses.admin, config.server.directory)
      })
      try {
        if (isToldToStop) return
        if (files === undefined) output.thing({ addresses: krypton.addresses, keys: krypton.keys })
        else greet(krypton, { directory: config.server.directory, files, isTemporary: flags.dir === undefined }, output)
        if ((await krypton.stopped) === 'fatal')
          throw new KryptonError('store-failed', 'the server stopped by itself: its log says why')
      } finally {
        await krypton.stop()
      }
    })
}

/** The heavy parts are loaded only by the commands that run a server: the others start in a tenth of the time. */
async function start(config: Config, prepare: StartOptions['prepare']): Promise<Krypton> {
  const [{ startKrypton }, { openLog }] = await Promise.all([
    import('../../krypton.ts'),
    import('../../telemetry/log.ts'),
  ])
  const log = openLog(config.log.level)
  // Told in our own words: Node would print whatever a library hung on the error. Leaving by exit runs what wipes keys.
  process.on('uncaughtException', (error) => {
    log.fatal('the server ends by an error that nobody caught', error)
    process.exit(ExitCode.Failed)
  })
  return startKrypton({ config, log, prepare })
}

async function prepareDevelopment(flags: ServerCommandFlags, config: Config, output: Output): Promise<void> {
  for (const host of [config.kmip.host, config.health.host])
    if (!isLoopbackHost(host) && flags.devListenAnywhere !== true)
      throw new KryptonError(
        'usage',
        `--dev listens on loopback only, ${host} is not: add --dev-listen-anywhere if other machines may reach this server, whose keys nobody should trust`,
      )
  if (existsSync(config.kmip.certificateFile)) return
  warnOfOtherFiles(config, output)
  const { initializeInstance } = await import('../../krypton.ts')
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', config.kmip.host])]
  await initializeInstance({ directory: config.server.directory, development: true, hosts, config })
}

/** What is there may be of a start that was cut short, or a log of whoever starts it. */
function warnOfOtherFiles({ server: { directory }, seal, store }: Config, output: Output): void {
  const found = readdirSync(directory)
  const isOwn = found.some((name) => [seal.keyFile, store.directory].includes(join(directory, name)))
  if (found.length === 0 || isOwn) return
  output.talk(
    `krypton: warning: ${directory} holds other files (${found[0]}): keys and databases are made beside them; another directory is named with --dir\n`,
  )
}

function greet(
  krypton: Krypton,
  made: Pick<DevelopmentServer, 'directory' | 'files' | 'isTemporary'>,
  output: Output,
): void {
  const { addresses, keys } = krypton
  const { directory, files } = made
  if (output.format === 'table') output.text(developmentScreen({ addresses, keys, ...made }))
  else output.thing({ addresses, keys, directory, files })
}

/**
 * The first signal drains, a second one ends the process at once. What comes right after the first is the same one once more: a process group
 * gets it, and the launcher, which an old Node keeps as our parent, hands it on.
 */
function onStopSignal(stop: () => void): void {
  let firstMs: number | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = systemClock.monotonic()
    if (firstMs === undefined) {
      firstMs = nowMs
      stop()
    } else if (nowMs - firstMs > limits.signalRepeatMs) {
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}

function developmentDirectory(directory: string | undefined): string {
  if (directory === undefined) return mkdtempSync(join(realpathSync(tmpdir()), 'krypton-dev-'))
  makeDirectory(directory, '--dir')
  return resolve(directory)
}

/** A development server shows all that there is: it serves HTTPS on a free port where nothing else is said. */
function withHttps(flags: ServerCommandFlags, environment: NodeJS.ProcessEnv): ServerCommandFlags {
  if (flags.dev !== true || environment['KRYPTON_KMIP_HTTPS_PORT'] !== undefined) return flags
  return { httpsPort: '0', ...flags }
}

function settingsOf(flags: ServerCommandFlags, directory: string | undefined): ConfigFlag[] {
  const given: [string, string, string | undefined][] = [
    ['server.directory', '--dir', directory],
    ['server.profile', '--dev', flags.dev === true ? 'development' : undefined],
    ['kmip.host', '--listen', flags.listen],
    ['kmip.port', '--kmip-port', flags.kmipPort],
    ['kmip.httpsPort', '--https-port', flags.httpsPort],
    ['health.port', '--health-port', flags.healthPort],
    ['log.level', '--log-level', flags.logLevel],
  ]
  return given.flatMap(([path, flag, value]) => (value === undefined ? [] : [{ path, flag, value }]))
}
