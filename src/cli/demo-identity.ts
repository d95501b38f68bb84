import { existsSync } from 'node:fs'
import { AdminClient } from '../admin/client.ts'
import { KryptonError } from '../errors.ts'
import { identityFiles, type IdentityFiles } from './identity-files.ts'
import { addClient } from './new-client.ts'

/**
 * The client `demo` of the tenant `demo` of a development server, made through its admin socket on the first start; its
 * four files lie in `directory` and are reused. Throws 'already-exists' when the client is there and its files are gone.
 */
export async function demoIdentity(socket: string, directory: string): Promise<IdentityFiles> {
  const files = identityFiles(directory)
  const own = [files.certificate, files.key, files.bundle]
  const there = own.filter((file) => existsSync(file))
  if (there.length === own.length) return files
  const server = new AdminClient(socket)
  try {
    const tenants = await server.listTenants()
    if (!tenants.some(({ name }) => name === demo)) await server.createTenant(demo)
    const clients = await server.listClients(demo)
    if (there.length > 0 || clients.some(({ name }) => name === demo))
      throw new KryptonError(
        'already-exists',
        `${own.find((file) => !there.includes(file))} of the client demo is gone: put it back or start with another --dir`,
      )
    return (await addClient(server, { tenant: demo, system: 'default', service: 'default', name: demo }, directory))
      .files
  } finally {
    await server.close()
  }
}

const demo = 'demo'
