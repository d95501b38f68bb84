import { ask, checkName, dirFlag, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'

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
}
