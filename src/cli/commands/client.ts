import { readFileSync } from 'node:fs'
import { KryptonError } from '../../errors.ts'
import { ask, checkName, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { refuseExistingIdentity, writeIdentity } from '../identity-files.ts'
import { allSnippets } from '../snippets/index.ts'

interface AddFlags extends ServerFlags {
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly allow?: string
  readonly out: string
  readonly csr?: string
}

interface TenantFlags extends ServerFlags {
  readonly tenant: string
}

/** `krypton client`: who may talk KMIP for a tenant. */
export const addClientCommand: AddCommand = (program, terminal) => {
  const client = program.command('client').description('who may talk KMIP for a tenant')
  withServer(
    client
      .command('add')
      .description('add a client and write its certificate and key')
      .argument('<name>', 'name of the client')
      .requiredOption('--tenant <name>', 'tenant that it belongs to')
      .option('--system <name>', 'system of the tenant, made when it is missing', 'default')
      .option('--service <name>', 'service whose keys it shares, made when it is missing', 'default')
      .option('--allow <operations>', 'KMIP operations that it may use, with commas (default: all)')
      .requiredOption('--out <directory>', 'directory for ca.pem, client.pem, client.key, client-bundle.pem')
      .option('--csr <file>', 'certificate request (PEM) of a key that stays where it is'),
  )
    .addHelpText(
      'after',
      examples(
        'krypton client add orders --tenant acme --out ./orders',
        'krypton client add reports --tenant acme --allow get,locate --out ./reports',
        'krypton client add orders --tenant acme --csr orders.csr --out ./orders',
      ),
    )
    .action((name: string, flags: AddFlags) => {
      for (const [what, value] of Object.entries({
        client: name,
        tenant: flags.tenant,
        system: flags.system,
        service: flags.service,
      }))
        checkName(`the ${what}'s name`, value)
      refuseExistingIdentity(flags.out)
      const { tenant, system, service } = flags
      const operations = flags.allow === undefined ? undefined : operationNames(flags.allow)
      const csr = flags.csr === undefined ? undefined : requestText(flags.csr)
      return ask(terminal, flags, async (server, output) => {
        const created = await server.createClient({ tenant, system, service, name, operations, csr })
        const files = writeIdentity(flags.out, created)
        const { ca, certificate, key, bundle } = files
        const written = created.privateKeyPem === undefined ? { ca, certificate } : { ca, certificate, key, bundle }
        output.thing({ ...created.client, notAfter: created.notAfter, files: written })
        if (created.privateKeyPem === undefined)
          output.talk(
            'The key stays where it is: where a snippet names client-bundle.pem, put client.pem and the key in one file.\n',
          )
        output.talk(`\n${allSnippets({ ...created.kmip, files })}`)
      })
    })
  withServer(
    client.command('list').description('list the clients of a tenant').requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client list --tenant acme'))
    .action((flags: TenantFlags) =>
      ask(terminal, flags, async (server, output) => {
        output.list(await server.listClients(flags.tenant), {
          NAME: 'name',
          SYSTEM: 'system',
          SERVICE: 'service',
          STATE: 'state',
          OPERATIONS: 'operations',
          CREATED: 'created',
        })
      }),
    )
  withServer(
    client
      .command('revoke')
      .description('end what a client may do, on its open connections too')
      .argument('<name>', 'name of the client')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client revoke orders --tenant acme'))
    .action((name: string, flags: TenantFlags) =>
      ask(terminal, flags, async (server, output) => output.thing(await server.revokeClient(flags.tenant, name))),
    )
}

function operationNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === ''))
    throw new KryptonError('usage', '--allow takes names of KMIP operations with commas between, such as get,locate')
  return names
}

function requestText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new KryptonError('usage', `cannot read the certificate request ${file}: check its name`, { cause })
  }
}
