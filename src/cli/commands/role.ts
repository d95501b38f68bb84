import type { Role } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { ask, checkName, examples, gather, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { ruleForm, ruleOf, textOfRule } from '../role-rule.ts'

interface RoleFlags extends ServerFlags {
  readonly tenant: string
}

interface AddFlags extends RoleFlags {
  readonly rule: readonly string[]
}

/** `krypton role`: what clients of a tenant may ask for, under a name. */
export const addRoleCommand: AddCommand = (program, terminal) => {
  const role = program.command('role').description('what clients may ask for, under a name')
  withServer(
    role
      .command('add')
      .description('make a role of a tenant')
      .argument('<name>', 'name of the role')
      .requiredOption('--tenant <name>', 'the tenant')
      .requiredOption('--rule <rule>', ruleForm, gather, []),
  )
    .addHelpText(
      'after',
      examples(
        'krypton role add backup --tenant acme --rule locate,get,get-attributes',
        "krypton role add cards --tenant acme --rule 'user types=symmetric-key groups=cards' --rule 'locate'",
        `krypton role add wallets --tenant acme --rule 'user groups="blue wallets","Ann, Bob & Co"'`,
      ),
    )
    .action((name: string, flags: AddFlags) => {
      checkName("the role's name", name)
      const rules = flags.rule.map(ruleOf)
      return ask(terminal, flags, async (server, output) => {
        const made = await server.createRole(flags.tenant, { name, rules })
        output.thing(output.format === 'table' ? shown(made) : made)
      })
    })
  withServer(
    role
      .command('list')
      .description('list the roles of a tenant, those that every tenant has among them')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton role list --tenant acme'))
    .action((flags: RoleFlags) =>
      ask(terminal, flags, async (server, output) => {
        const roles = await server.listRoles(flags.tenant)
        output.list(output.format === 'table' ? roles.map(shown) : roles, { NAME: 'name', RULES: 'rules' })
      }),
    )
  withServer(
    role
      .command('show')
      .description('show the rules of a role as they are given')
      .argument('<name>', 'name of the role')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton role show cards --tenant acme'))
    .action((name: string, flags: RoleFlags) =>
      ask(terminal, flags, async (server, output) => {
        const found = (await server.listRoles(flags.tenant)).find((one) => one.name === name)
        if (found === undefined) throw new KryptonError('not-found', `there is no role ${name} in this tenant`)
        output.thing(output.format === 'table' ? shown(found) : found)
      }),
    )
  withServer(
    role
      .command('remove')
      .description('remove a role that no client has')
      .argument('<name>', 'name of the role')
      .requiredOption('--tenant <name>', 'the tenant'),
  )
    .addHelpText('after', examples('krypton role remove backup --tenant acme'))
    .action((name: string, flags: RoleFlags) =>
      ask(terminal, flags, async (server, output) => {
        const removed = await server.removeRole(flags.tenant, name)
        output.thing(output.format === 'table' ? shown(removed) : removed)
      }),
    )
}

/** For people: rules as they are given. */
function shown({ name, rules }: Role): { name: string; rules: string } {
  return { name, rules: rules.map(textOfRule).join('; ') }
}
