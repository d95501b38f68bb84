import type { Role, RoleRule } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { ask, checkName, examples, gather, withServer, type AddCommand, type ServerFlags } from '../command.ts'

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

const ruleForm =
  'operations or roles, with commas; then, where it is about some objects only, types=... and groups=... (may be repeated)'

/** `get,locate types=symmetric-key groups=cards,wallets` */
function ruleOf(text: string): RoleRule {
  const [operations, ...others] = text.trim().split(/\s+/)
  const rule: { -readonly [K in keyof RoleRule]: RoleRule[K] } = { operations: listOf(operations ?? '', text) }
  for (const other of others) {
    const at = other.indexOf('=')
    const [name, list] = [other.slice(0, at), other.slice(at + 1)]
    if (name === 'types' && rule.objectTypes === undefined) rule.objectTypes = listOf(list, text)
    else if (name === 'groups' && rule.objectGroups === undefined) rule.objectGroups = listOf(list, text)
    else throw noRule(text)
  }
  return rule
}

function listOf(list: string, rule: string): string[] {
  const names = list.split(',')
  if (names.some((name) => name === '')) throw noRule(rule)
  return names
}

function noRule(text: string): KryptonError {
  return new KryptonError(
    'usage',
    `--rule takes ${ruleForm}, such as 'get,locate types=symmetric-key groups=cards', not '${text.slice(0, 60)}'`,
  )
}

/** For people: a rule as it is given. */
function shown({ name, rules }: Role): { name: string; rules: string } {
  const texts = rules.map(({ operations, objectTypes, objectGroups }) =>
    [
      operations.join(','),
      objectTypes && `types=${objectTypes.join(',')}`,
      objectGroups && `groups=${objectGroups.join(',')}`,
    ]
      .filter((part) => part !== undefined)
      .join(' '),
  )
  return { name, rules: texts.join('; ') }
}
