import { lookup } from 'node:dns/promises'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { isLoopbackHost, loadConfig, settings, type ConfigFlag } from '../../config.ts'
import { KryptonError } from '../../errors.ts'
import { examples, gather, withOutput, type AddCommand } from '../command.ts'
import { makeOwnDirectory } from '../directory.ts'
import { Output, type OutputFlags } from '../output.ts'
import { checkHosts } from './server-certificate.ts'
import { shellWord } from '../../shell-word.ts'

interface InitFlags extends OutputFlags {
  readonly dir: string
  readonly host: string[]
  readonly listen?: string
  readonly kmipPort?: string
  readonly healthPort?: string
  readonly anchor?: string
  readonly set: string[]
  readonly native?: string
}

/** `krypton init`: makes an instance: configuration, seal key, root, CA and the server's certificate. */
export const addInitCommand: AddCommand = (program, terminal) => {
  withOutput(
    program
      .command('init')
      .description('make an instance: configuration, seal key, root of keys, CA, certificate of the server')
      .requiredOption('--dir <directory>', 'directory of the instance, empty or not there yet')
      .option('--host <name>', 'name or address in the certificate of the server; may be repeated', gather, [])
      .option('--listen <host>', 'address on which KMIP is served')
      .option('--kmip-port <number>', 'port of KMIP')
      .option('--health-port <number>', 'port of the health server')
      .option(
        '--anchor <file>',
        'file on another volume that tells a database from an older one that is put back, or openbao with its settings by --set',
      )
      .option('--set <setting=value>', 'any other setting of the configuration; may be repeated', gather, [])
      .option('--native <use>', 'required (keys in locked memory, by the addon), auto or off (default: required)'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton init --dir /var/lib/krypton --host kms.example.com --listen 0.0.0.0',
        'krypton init --dir /var/lib/krypton --host kms.example.com --anchor /mnt/other/krypton.anchor',
        'krypton init --dir /var/lib/krypton --anchor openbao --set anchor.address=https://bao.example.com:8200 --set anchor.path=krypton/anchor ...',
      ) +
        '\nKeep a copy of seal.key in a safe place that is not the backup of the data: without it no key opens again.\n',
    )
    .action(async (flags: InitFlags) => {
      const output = await Output.open(terminal, flags)
      const directory = resolve(flags.dir)
      const file = join(directory, 'krypton.yaml')
      if (existsSync(file))
        throw new KryptonError(
          'already-exists',
          `${file} exists: this directory holds an instance, name another with --dir`,
        )
      checkHosts(flags.host)
      const chosen = chosenSettings(flags)
      const { config } = await loadConfig({
        environment: terminal.environment,
        flags: [{ path: 'server.directory', flag: '--dir', value: directory }, ...chosen],
      })
      if (flags.listen !== undefined) await checkListen(flags.listen)
      makeOwnDirectory(directory, '--dir')
      const { initializeInstance } = await import('../../krypton.ts')
      const hosts = [...new Set([...flags.host, config.kmip.host, 'localhost', '127.0.0.1', '::1'].filter(isNameable))]
      const { cluster, verifier, epoch, names, files } = await initializeInstance({
        directory,
        development: false,
        hosts,
        config,
      })
      writeFileSync(file, configText(chosen, config.native, { cluster, verifier, epoch }), { flag: 'wx' })
      chmodSync(file, 0o644)
      output.thing({ directory, cluster, verifier, epoch, names, files: [file, ...files] })
      output.talk(
        '\nKeep a copy of seal.key apart from every backup of the data. The three pins stand in krypton.yaml: a store with' +
          ` another root does not start.\n${onlyLoopback(hosts) ? loopbackHint : ''}Next: krypton server --config ${shellWord(file)}\n`,
      )
    })
}

/** 0.0.0.0 and :: are places to listen on, not names by which a client calls. */
function isNameable(host: string): boolean {
  return host !== '0.0.0.0' && host !== '::'
}

/** A name that nobody knows is a slip of the hand; what it stands for is looked at when the server starts. */
async function checkListen(host: string): Promise<void> {
  try {
    await lookup(host)
  } catch (cause) {
    throw new KryptonError(
      'usage',
      `--listen ${host} is no address: give one of this machine, or 0.0.0.0 for all of them`,
      { cause },
    )
  }
}

function onlyLoopback(hosts: readonly string[]): boolean {
  return hosts.every(isLoopbackHost)
}

const loopbackHint =
  "The server's certificate names this machine alone: for clients elsewhere, krypton server-certificate renew --host NAME\n"

function chosenSettings(flags: InitFlags): ConfigFlag[] {
  const anchor = flags.anchor === 'openbao' || flags.anchor === undefined ? flags.anchor : 'file'
  const given: [string, string, string | undefined][] = [
    ['kmip.host', '--listen', flags.listen],
    ['kmip.port', '--kmip-port', flags.kmipPort],
    ['health.port', '--health-port', flags.healthPort],
    ['anchor.type', '--anchor', anchor],
    ['anchor.file', '--anchor', anchor === 'file' ? resolve(String(flags.anchor)) : undefined],
    ['native', '--native', flags.native],
  ]
  const chosen = given.flatMap(([path, flag, value]) => (value === undefined ? [] : [{ path, flag, value }]))
  return [...chosen, ...flags.set.map(setting)]
}

/** The names of files are taken from where the command is run. */
function setting(text: string): ConfigFlag {
  const path = text.slice(0, Math.max(0, text.indexOf('=')))
  const value = text.slice(path.length + 1)
  const known = settings.find((candidate) => candidate.path === path)
  if (known === undefined || ownOfInit.has(path)) {
    throw new KryptonError(
      'usage',
      `--set ${text}: give a setting that init does not choose itself and its value, as in log.level=debug; krypton config print has the names`,
    )
  }
  return { path, flag: '--set', value: known.schema.path === true ? resolve(value) : value }
}

/** The file holds what was chosen, who holds keys, and the pins; everything else keeps following the defaults of the version that runs. */
function configText(
  chosen: readonly ConfigFlag[],
  native: string,
  pins: { cluster: string; verifier: string; epoch: number },
): string {
  const sections: Record<string, Record<string, string | number | boolean>> = {}
  for (const { path, value } of chosen) {
    const [section = '', name] = path.split('.')
    if (name === undefined) continue
    sections[section] = { ...sections[section], [name]: typed(path, value) }
  }
  const head = '# Settings of this instance. `krypton config print --origin` shows all of them with their defaults.\n'
  return head + stringify({ version: 1, ...sections, native, seal: { ...sections['seal'], ...pins } })
}

/** As YAML has it. */
function typed(path: string, value: string): string | number | boolean {
  const type = settings.find((candidate) => candidate.path === path)?.schema.type
  return type === 'integer' ? Number(value) : type === 'boolean' ? value === 'true' : value
}

const ownOfInit = new Set(['version', 'server.directory', 'native', 'seal.cluster', 'seal.verifier', 'seal.epoch'])
