import type { Command } from 'commander'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { LinkAct, NewLink } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { ask, checkName, dirFlag, examples, gather, withServer, type ServerFlags } from '../command.ts'
import type { Terminal } from '../terminal.ts'

/** `krypton tenant link` and its like: the tenant's own key (L1) above the keys of a system, and its kill switch. */
export function addTenantLinkCommands(tenant: Command, terminal: Terminal): void {
  const system = (command: Command): Command =>
    withServer(command.argument('<name>', 'name of the tenant').option('--system <name>', 'its system', 'default'))
  for (const [name, description, isSwitch] of [
    ['link', 'put a key of the tenant (L1) above the keys of a system: new keys, and every object wrapped anew', false],
    ['switch', 'put another L1 above the keys of a linked system, in the same way', true],
  ] as const) {
    system(
      tenant
        .command(name)
        .description(description)
        .requiredOption('--provider <type>', 'kind of key service: openbao, or static on a development server')
        .requiredOption('--l1 <name>', 'name of the key there')
        .option(
          '--setting <name=value>',
          'setting of the provider, @FILE for what is in a file; may be repeated',
          gather,
          [],
        )
        .option('--credentials-file <file>', 'what authenticates the server there; - reads it from stdin')
        .option(
          '--mode <mode>',
          'strict, or available: keys are used for 24 hours while the L1 is out of reach',
          'strict',
        )
        .option(
          '--lease-seconds <seconds>',
          `${limits.leaseSecondsMin} to ${limits.leaseSecondsMax}`,
          String(limits.leaseSecondsDefault),
        )
        .option('--dry-run', 'only count what would be wrapped anew'),
    )
      .addHelpText(
        'after',
        `\nBackups that were made before escape the switch until they are deleted.\n${examples(
          `krypton tenant ${name} acme --provider openbao --l1 transit/krypton --setting address=https://bao.acme.example:8200 --setting ca=@bao-ca.pem --setting roleId=@role-id --credentials-file secret-id`,
          `krypton tenant ${name} acme --provider openbao --l1 transit/krypton --dry-run`,
        )}`,
      )
      .action((tenantName: string, flags: LinkFlags) => {
        checkNames(tenantName, flags)
        if (flags.dryRun === true)
          return ask(terminal, flags, async (server, output) =>
            output.thing(await server.linkEffect(tenantName, flags.system, name)),
          )
        const request = requestOf(flags)
        return ask(terminal, flags, async (server, output) => {
          output.thing(await server.link(tenantName, flags.system, request, isSwitch))
          output.talk(
            `Keys are made anew by a job: krypton job list${dirFlag(flags)}; a system that was unlinked has the keys that it had.\nBackups that were made before escape the switch until they are deleted.\n`,
          )
        })
      })
  }
  for (const [act, description] of acts) {
    system(tenant.command(act).description(description).option('--dry-run', 'only count what is below'))
      .addHelpText('after', examples(`krypton tenant ${act} acme`))
      .action((tenantName: string, flags: ActFlags) => {
        checkNames(tenantName, flags)
        return ask(terminal, flags, async (server, output) =>
          output.thing(
            await (flags.dryRun === true
              ? server.linkEffect(tenantName, flags.system, act)
              : server.actOnLink(tenantName, flags.system, act)),
          ),
        )
      })
  }
  system(
    tenant
      .command('recovery-file')
      .description("seal the Tenant Keys of a system to a public key of the tenant's: a way out without this server")
      .requiredOption('--recipient <file>', 'its RSA public key in PEM')
      .requiredOption('--out <file>', 'file to be made')
      .option('--dry-run', 'only count what it would open'),
  )
    .addHelpText('after', examples('krypton tenant recovery-file acme --recipient acme.pub.pem --out acme.recovery'))
    .action((tenantName: string, flags: ActFlags & { recipient: string; out: string }) => {
      checkNames(tenantName, flags)
      const publicKey = textIn(flags.recipient)
      if (existsSync(flags.out)) throw new KryptonError('usage', `${flags.out} exists: name a file that does not`)
      return ask(terminal, flags, async (server, output) => {
        if (flags.dryRun === true)
          return output.thing(await server.foreseeRecoveryFile(tenantName, flags.system, publicKey))
        const file = await server.recoveryFile(tenantName, flags.system, publicKey)
        writeFileSync(flags.out, `${JSON.stringify(file, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 })
        output.thing({ file: flags.out, recipient: file.recipient, keys: file.keys.length })
      })
    })
  withServer(
    tenant
      .command('links')
      .description('the links of a tenant, with what is left of each lease')
      .argument('<name>', 'name of the tenant'),
  )
    .addHelpText('after', examples('krypton tenant links acme'))
    .action((tenantName: string, flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => output.list(await server.listLinks(tenantName), columns)),
    )
}

interface ActFlags extends ServerFlags {
  readonly system: string
  readonly dryRun?: boolean
}

interface LinkFlags extends ActFlags {
  readonly provider: string
  readonly l1: string
  readonly setting: readonly string[]
  readonly credentialsFile?: string
  readonly mode: string
  readonly leaseSeconds: string
}

const acts: readonly (readonly [LinkAct, string])[] = [
  ['lock', 'end the use of everything below the keys of a system at once, until it is enabled'],
  ['disable', 'let the keys of a system open what they hold and take nothing new, until it is enabled'],
  ['enable', 'end a lock or a disable, and ask the L1'],
  ['check', 'ask the L1 now: what its owner has switched off ends at once'],
  ['rotate', 'have the link key wrapped by the version that the L1 has now'],
  ['unlink', 'end the use of everything below, and let go of the credentials for the L1; link brings it back'],
  ['detach', 'move a system from its L1 back to the keys of the server'],
  [
    'repair',
    'make damaged rows of Tenant Keys anew from their copies, by the L1: they open only, until they are resumed',
  ],
]

const columns = {
  SYSTEM: 'system',
  PROVIDER: 'provider',
  KEY: 'key',
  MODE: 'mode',
  STATE: 'state',
  'LEASE LEFT': 'leaseLeft',
  RENEWED: 'renewed',
  'LAST ERROR': 'lastError',
}

function checkNames(tenant: string, { system }: ActFlags): void {
  checkName("the tenant's name", tenant)
  checkName("the system's name", system)
}

function requestOf({ provider, l1: key, setting, credentialsFile, mode, leaseSeconds }: LinkFlags): NewLink {
  if (mode !== 'strict' && mode !== 'available') throw new KryptonError('usage', '--mode takes strict or available')
  const seconds = Number(leaseSeconds)
  // The server says whether it takes as short a one.
  if (!Number.isInteger(seconds) || seconds < limits.leaseSecondsDevelopmentMin || seconds > limits.leaseSecondsMax)
    throw new KryptonError('usage', `--lease-seconds takes ${limits.leaseSecondsMin} to ${limits.leaseSecondsMax}`)
  return {
    provider,
    key,
    settings: Object.fromEntries(setting.map(settingOf)),
    mode,
    leaseSeconds: seconds,
    ...(credentialsFile === undefined ? {} : { credentials: credentialsIn(credentialsFile) }),
  }
}

function settingOf(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new KryptonError('usage', '--setting takes NAME=VALUE')
  const value = text.slice(at + 1)
  return [text.slice(0, at), value.startsWith('@') ? textIn(value.slice(1)) : value]
}

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new KryptonError('usage', `cannot read ${file}: name a file that is there`, { cause })
  }
}

/** In base64, as the admin API takes them. */
function credentialsIn(file: string): string {
  let bytes
  try {
    bytes = readFileSync(file === '-' ? 0 : file)
  } catch (cause) {
    throw new KryptonError('usage', `cannot read ${file}: name the file with the credentials of the server`, { cause })
  }
  try {
    return bytes.toString('base64')
  } finally {
    bytes.fill(0)
  }
}
