import { readFileSync } from 'node:fs'
import type { Client } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { ask, checkName, dirFlag, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { bundleAdvice, prepareIdentity, withKeyOfOwner } from '../identity-files.ts'
import { addClient } from '../new-client.ts'
import { addCredentialCommand } from './client-credential.ts'
import { snippetNamed, snippetNames } from '../snippets/index.ts'
import { shellWord } from '../../shell-word.ts'

interface AddFlags extends ServerFlags {
  readonly tenant: string
  readonly system: string
  readonly service: string
  readonly allow?: string
  readonly role?: string
  readonly out: string
  readonly csr?: string
  readonly snippet?: string
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
      .option('--role <name>', 'role that says what it may ask for: krypton role list shows them (default: all)')
      .option('--allow <operations>', 'KMIP operations that it may use, with commas, in the place of a role')
      .requiredOption('--out <directory>', 'directory for ca.pem, client.pem, client.key, client-bundle.pem')
      .option('--csr <file>', 'certificate request (PEM) of a key that stays where it is')
      .option('--snippet <product>', `what to paste for one of: ${snippetNames}`),
  )
    .addHelpText(
      'after',
      examples(
        'krypton client add orders --tenant acme --out ./orders',
        'krypton client add orders --tenant acme --out ./orders --snippet mongodb-python',
        'krypton client add reports --tenant acme --role reader --out ./reports',
        'krypton client add batch --tenant acme --allow get,locate --out ./batch',
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
      const snippet = flags.snippet === undefined ? undefined : snippetNamed(flags.snippet)
      const { tenant, system, service } = flags
      if (flags.role !== undefined && flags.allow !== undefined)
        throw new KryptonError('usage', 'name a role with --role or operations with --allow, not both')
      if (flags.role !== undefined) checkName("the role's name", flags.role)
      const { role } = flags
      const operations = flags.allow === undefined ? undefined : operationNames(flags.allow)
      const csr = flags.csr === undefined ? undefined : requestText(flags.csr)
      const takeBack = prepareIdentity(flags.out, csr !== undefined)
      return ask(terminal, flags, async (server, output) => {
        const request = { tenant, system, service, name, operations, role, csr }
        const { issued, files } = await addClient(server, request, flags.out)
        const { ca, certificate, key, bundle } = files
        const written = csr === undefined ? { ca, certificate, key, bundle } : { ca, certificate }
        const client = output.format === 'table' ? shown(issued.client) : issued.client
        output.thing({ ...client, endpoint: issued.kmip, files: written })
        const used = csr === undefined ? files : withKeyOfOwner(files)
        if (csr !== undefined) output.talk(bundleAdvice(used))
        if (snippet !== undefined)
          output.talk(`\n── ${snippet.title}\n\n${snippet.text({ ...issued.kmip, files: used })}`)
        else
          output.talk(
            `\nNext, what to paste for a product: krypton snippet PRODUCT --files ${shellWord(flags.out)}${dirFlag(flags)}\nPRODUCT is one of ${snippetNames}.\n`,
          )
      }).catch((error: unknown) => {
        takeBack()
        throw error
      })
    })
  withServer(
    client.command('list').description('list the clients of a tenant').requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client list --tenant acme'))
    .action((flags: TenantFlags) =>
      ask(terminal, flags, async (server, output) => {
        const clients = await server.listClients(flags.tenant)
        output.list(output.format === 'table' ? clients.map(shown) : clients, {
          NAME: 'name',
          SYSTEM: 'system',
          SERVICE: 'service',
          STATE: 'state',
          ROLE: 'role',
          CREDENTIAL: 'credential',
          OPERATIONS: 'operations',
          CREATED: 'created',
          'CERTIFICATE UNTIL': 'certificateUntil',
        })
      }),
    )
  withServer(
    client
      .command('show')
      .description('show a client and what it may ask for')
      .argument('<name>', 'name of the client')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client show orders --tenant acme'))
    .action((name: string, flags: TenantFlags) =>
      ask(terminal, flags, async (server, output) => {
        const found = (await server.listClients(flags.tenant)).find((known) => known.name === name)
        if (found === undefined)
          throw new KryptonError(
            'not-found',
            `there is no client ${name} in this tenant: krypton client list shows them`,
          )
        output.thing(output.format === 'table' ? shown(found) : found)
      }),
    )
  withServer(
    client
      .command('role')
      .description('give a client another role, from its next request on')
      .argument('<name>', 'name of the client')
      .argument('<role>', 'name of the role')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton client role orders user --tenant acme'))
    .action((name: string, role: string, flags: TenantFlags) => {
      checkName("the role's name", role)
      return ask(terminal, flags, async (server, output) => {
        const changed = await server.setClientRole(flags.tenant, name, role)
        output.thing(output.format === 'table' ? shown(changed) : changed)
      })
    })
  addCredentialCommand(client, terminal)
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

/** For people: who may everything is said to, in so many words. */
function shown(client: Client): object {
  const { role = '', operations = role === '' ? 'all' : `of ${role}` } = client
  return { ...client, role, operations }
}

function operationNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === ''))
    throw new KryptonError('usage', '--allow takes names of KMIP operations with commas between, such as get,locate')
  return names
}

function requestText(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new KryptonError('usage', `cannot read the certificate request ${file}: check its name`, { cause })
  }
  if (text.trim() === '')
    throw new KryptonError('usage', `${file} is empty: it must hold a certificate request, PKCS #10 in PEM`)
  return text
}
