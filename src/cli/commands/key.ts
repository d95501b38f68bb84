import { KryptonError } from '../../errors.ts'
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
      .argument('<key>', keyName),
  )
    .addHelpText('after', examples('krypton key rotate ivk', 'krypton key rotate acme/default/default'))
    .action((name: string, flags: ServerFlags) => {
      checkKey(name)
      return ask(terminal, flags, async (server, output) => {
        const job = await server.rotateKey(name)
        output.thing(job)
        output.talk(`Next: krypton job show ${job.id}${dirFlag(flags)}\n`)
      })
    })
  withServer(
    key
      .command('compromise')
      .description('replace a key that somebody else may know, and every key below it, down to the objects')
      .argument('<key>', keyName),
  )
    .addHelpText('after', examples('krypton key compromise acme/default'))
    .action((name: string, flags: ServerFlags) => {
      checkKey(name)
      return ask(terminal, flags, async (server, output) => {
        const job = await server.compromiseKey(name)
        output.thing(job)
        output.talk(`Next: krypton job show ${job.id}${dirFlag(flags)}\n`)
      })
    })
}

const keyName = 'ivk, TENANT/SYSTEM or TENANT/SYSTEM/SERVICE'

const columns = {
  KEY: 'key',
  LEVEL: 'level',
  VERSION: 'version',
  STATE: 'state',
  'WRAPPED BY': 'parentVersion',
  CREATED: 'created',
  ROTATES: 'rotates',
}

function checkKey(name: string): void {
  if (!/^(ivk|[A-Za-z0-9._-]{1,64}(\/[A-Za-z0-9._-]{1,64}){1,2})$/.test(name))
    throw new KryptonError('usage', `a key is named by ${keyName}: krypton key list shows them`)
}
