import { KryptonError } from '../../errors.ts'
import { ask, checkName, dirFlag, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'
import { addTenantLinkCommands } from './tenant-link.ts'

/** `krypton tenant`: the customers, each with keys of its own. */
export const addTenantCommand: AddCommand = (program, terminal) => {
  const tenant = program.command('tenant').description('customers, each with keys of its own')
  withServer(
    tenant.command('add').description('add a tenant and make its keys').argument('<name>', 'name of the tenant'),
  )
    .addHelpText('after', examples('krypton tenant add acme --dir /var/lib/krypton'))
    .action((name: string, flags: ServerFlags) => {
      checkName("the tenant's name", name)
      return ask(terminal, flags, async (server, output) => {
        output.thing(await server.createTenant(name))
        output.talk(`Next: krypton client add NAME --tenant ${name} --out DIRECTORY${dirFlag(flags)}\n`)
      })
    })
  withServer(tenant.command('list').description('list the tenants'))
    .addHelpText('after', examples('krypton tenant list -o json'))
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => {
        output.list(await server.listTenants(), { NAME: 'name', STATE: 'state', CREATED: 'created', ID: 'id' })
      }),
    )
  withServer(
    tenant
      .command('rotation')
      .description('how often the keys of a tenant are rotated; with days, set it')
      .argument('<name>', 'name of the tenant')
      .option('--tenant-key-days <days>', 'period of its Tenant Keys (L2), 1 to 365')
      .option('--service-key-days <days>', 'period of its Service Keys (L3), 1 to 365'),
  )
    .addHelpText('after', examples('krypton tenant rotation acme', 'krypton tenant rotation acme --service-key-days 7'))
    .action((name: string, flags: RotationFlags) => {
      const periods = {
        ...days('tenantKeyDays', '--tenant-key-days', flags.tenantKeyDays),
        ...days('serviceKeyDays', '--service-key-days', flags.serviceKeyDays),
      }
      return ask(terminal, flags, async (server, output) => {
        const isSet = Object.keys(periods).length > 0
        output.thing(await (isSet ? server.setRotationPeriods(name, periods) : server.rotationPeriods(name)))
      })
    })
  addTenantLinkCommands(tenant, terminal)
}

interface RotationFlags extends ServerFlags {
  readonly tenantKeyDays?: string
  readonly serviceKeyDays?: string
}

/** A period by its name, where the flag is given. */
function days(name: string, flag: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {}
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 365)
    throw new KryptonError('usage', `${flag} takes a whole number of days from 1 to 365`)
  return { [name]: value }
}
