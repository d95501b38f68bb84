import { KryptonError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { ask, dirFlag, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'

/** `krypton key`: the keys of the hierarchy. No command shows a key itself. */
export const addKeyCommand: AddCommand = (program, terminal) => {
  const key = program.command('key').description('keys of the hierarchy: the IVK, Tenant Keys (L2), Service Keys (L3)')
  withServer(
    key
      .command('list')
      .description('list the versions of the keys, with their states')
      .option('--tenant <name>', 'of this tenant alone'),
  )
    .addHelpText('after', examples('krypton key list', 'krypton key list --tenant acme -o json'))
    .action((flags: ServerFlags & { tenant?: string }) =>
      ask(terminal, flags, async (server, output) => output.list(await server.listKeys(flags.tenant), columns)),
    )
  withServer(key.command('show').description('the versions of a key and what is under each').argument('<key>', keyName))
    .addHelpText('after', examples('krypton key show ivk', 'krypton key show acme/default'))
    .action((name: string, flags: ServerFlags) => {
      checkKey(name)
      return ask(terminal, flags, async (server, output) =>
        output.list(await server.showKey(name), { ...columns, HOLDS: 'holds' }),
      )
    })
  withServer(
    key
      .command('rotate')
      .description('make a new version and wrap anew what hangs on the old one, while requests go on')
      .argument('<key>', keyName)
      .option('--dry-run', 'only count what would be wrapped anew'),
  )
    .addHelpText(
      'after',
      examples('krypton key rotate ivk', 'krypton key rotate acme/default/default', 'krypton key rotate integrity') +
        "\nintegrity is the system's own integrity key. The MasterKey: krypton operator rotate.\n",
    )
    .action((name: string, flags: ActFlags) => {
      checkKey(name)
      return ask(terminal, flags, async (server, output) => {
        if (flags.dryRun === true) return output.thing(await server.foreseeAct(name, 'rotate'))
        const job = await server.rotateKey(name)
        output.thing(job)
        output.talk(`Next: krypton job show ${job.id}${dirFlag(flags)}\n`)
      })
    })
  withServer(
    key
      .command('compromise')
      .description('replace a key that somebody else may know, and every key below it, down to the objects')
      .argument('<key>', keyName)
      .option('--dry-run', 'only count what would be replaced and moved'),
  )
    .addHelpText(
      'after',
      examples('krypton key compromise acme/default', 'krypton key compromise acme/default --dry-run'),
    )
    .action((name: string, flags: ActFlags) => {
      checkKey(name)
      return ask(terminal, flags, async (server, output) => {
        if (flags.dryRun === true) return output.thing(await server.foreseeAct(name, 'compromise'))
        const job = await server.compromiseKey(name)
        output.thing(job)
        output.talk(`Next: krypton job show ${job.id}${dirFlag(flags)}\n`)
      })
    })
  for (const [act, description] of changes) {
    const command = key
      .command(act)
      .description(description)
      .argument('<key>', 'TENANT/SYSTEM or TENANT/SYSTEM/SERVICE')
    // What is announced has nothing below it.
    if (act !== 'announce') command.option('--dry-run', 'only count what it is for')
    withServer(command)
      .addHelpText('after', examples(`krypton key ${act} acme/default/orders`))
      .action((name: string, flags: ActFlags) => {
        checkKey(name)
        return ask(terminal, flags, async (server, output) => {
          if (flags.dryRun === true && act !== 'announce') return output.thing(await server.foreseeAct(name, act))
          const versions = act === 'announce' ? await server.announceKey(name) : await server.changeKey(name, act)
          output.list(versions, columns)
        })
      })
  }
  for (const which of ['ancestors', 'descendants'] as const) {
    const description = `the keys ${which === 'ancestors' ? 'above' : 'below'} a key`
    withServer(key.command(which).description(description).argument('<key>', keyName))
      .addHelpText('after', examples(`krypton key ${which} acme/default`))
      .action((name: string, flags: ServerFlags) => {
        checkKey(name)
        return ask(terminal, flags, async (server, output) =>
          output.list(await server.relatedKeys(name, which), columns),
        )
      })
  }
  const glass = key.command('break-glass').description('open what is under compromised keys, for a time')
  withServer(
    glass
      .command('grant')
      .description('let clients open what they have under compromised keys; it ends by itself')
      .argument('<key>', 'TENANT/SYSTEM or TENANT/SYSTEM/SERVICE')
      .requiredOption('--minutes <number>', `for how long, ${limits.breakGlassMinutesMax} at most`)
      .requiredOption('--reason <text>', 'why, for the audit')
      .option('--dry-run', 'only count what it would open'),
  )
    .addHelpText(
      'after',
      examples('krypton key break-glass grant acme/default/orders --minutes 30 --reason "incident 4711"'),
    )
    .action((name: string, flags: ActFlags & { minutes: string; reason: string }) => {
      checkKey(name)
      const minutes = Number(flags.minutes)
      if (!/^[0-9]+$/.test(flags.minutes) || minutes < 1 || minutes > limits.breakGlassMinutesMax)
        throw new KryptonError('usage', `--minutes takes a number from 1 to ${limits.breakGlassMinutesMax}`)
      const grant = { key: name, minutes, reason: flags.reason }
      return ask(terminal, flags, async (server, output) =>
        output.thing(await (flags.dryRun === true ? server.foreseeAct(name, 'break-glass') : server.breakGlass(grant))),
      )
    })
  withServer(glass.command('list').description('the grants that are open, and until when'))
    .addHelpText('after', examples('krypton key break-glass list'))
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => output.list(await server.listGrants(), grantColumns)),
    )
  withServer(
    glass
      .command('end')
      .description('end a grant before its time: done when every thread has confirmed it')
      .argument('<id>', 'its identifier'),
  )
    .addHelpText('after', examples('krypton key break-glass end 0123456789abcdef0123456789abcdef'))
    .action((id: string, flags: ServerFlags) => {
      if (!/^[0-9a-f]{32}$/.test(id))
        throw new KryptonError(
          'usage',
          'a grant is named by its identifier, 32 hexadecimal digits: krypton key break-glass list shows it',
        )
      return ask(terminal, flags, async (server, output) => output.thing(await server.endGrant(id)))
    })
  withServer(
    key
      .command('destroy')
      .description('destroy keys for good: nobody can open any more what they wrap')
      .argument('<what>', 'TENANT, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE')
      .option('--only-version <number>', 'one version of the key of a service')
      .option('--dry-run', 'only count what would be lost')
      .option('--yes', 'do it: without this nothing is done'),
  )
    .addHelpText(
      'after',
      examples('krypton key destroy acme/default/orders --dry-run', 'krypton key destroy acme --yes'),
    )
    .action((name: string, flags: DestroyFlags) => {
      const version = flags.onlyVersion === undefined ? undefined : versionNumber(flags.onlyVersion)
      if ((flags.dryRun === true) === (flags.yes === true))
        throw new KryptonError('usage', 'say --dry-run to see what would be lost, or --yes to do it')
      return ask(terminal, flags, async (server, output) => {
        if (flags.dryRun === true) {
          const { backups, ...counts } = await server.foreseeDestruction(name, version)
          const remains = backups.map((backup) => `${backup.name} until ${backup.until}`)
          return output.thing({ ...counts, backups: output.format === 'table' ? remains : backups })
        }
        const job = await server.destroyKey(name, version)
        output.thing(job)
        output.talk(`Next: krypton job show ${job.id}${dirFlag(flags)}\n`)
      })
    })
}

interface ActFlags extends ServerFlags {
  readonly dryRun?: boolean
}

interface DestroyFlags extends ActFlags {
  readonly onlyVersion?: string
  readonly yes?: boolean
}

const changes = [
  ['announce', 'make a key that is yet to be activated, with its system or service; one that is there stays as it is'],
  ['activate', 'let an announced key take what is new, once every thread has opened it'],
  ['suspend', 'halt a key: it opens what it holds and takes nothing new, until it is resumed'],
  ['resume', 'end the suspension of a key'],
  ['deactivate', 'end what a key takes for good; what it holds it still opens'],
] as const

function versionNumber(text: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text))
    throw new KryptonError('usage', '--only-version takes the number of a version: krypton key list shows them')
  return Number(text)
}

const keyName = 'ivk, integrity, integrity:TENANT, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE'

const grantColumns = {
  ID: 'id',
  KEY: 'key',
  UNTIL: 'expires',
  BY: 'actor',
  REASON: 'reason',
}

const columns = {
  KEY: 'key',
  LEVEL: 'level',
  VERSION: 'version',
  STATE: 'state',
  PROCESSING: 'processing',
  'WRAPPED BY': 'parentVersion',
  CREATED: 'created',
  ROTATES: 'rotates',
  EXPIRES: 'expires',
}

function checkKey(name: string): void {
  if (!/^(ivk|integrity(:[A-Za-z0-9._-]{1,64})?|[A-Za-z0-9._-]{1,64}(\/[A-Za-z0-9._-]{1,64}){1,2})$/.test(name))
    throw new KryptonError('usage', `a key is named by ${keyName}: krypton key list shows them`)
}
