import { existsSync } from 'node:fs'
import { AdminClient } from '../admin/client.ts'
import { KryptonError } from '../errors.ts'
import { identityFiles, writeIdentity, type IdentityFiles } from './identity-files.ts'

/**
 * The client `demo` of the tenant `demo` of a development server, made through its admin socket on the first start; its
 * four files lie in `directory` and are reused. Throws 'already-exists' when the client is there and its files are gone.
 */
export async function demoIdentity(socket: string, directory: string): Promise<IdentityFiles> {
  const files = identityFiles(directory)
  if (existsSync(files.certificate) && existsSync(files.bundle)) return files
  const server = new AdminClient(socket)
  try {
    const tenants = await server.listTenants()
    if (!tenants.some(({ name }) => name === demo)) await server.createTenant(demo)
    const clients = await server.listClients(demo)
    if (clients.some(({ name }) => name === demo))
      throw new KryptonError(
        'already-exists',
        `the client demo exists, but ${files.bundle} is gone: put it back or start with another --dir`,
      )
    return writeIdentity(
      directory,
      await server.createClient({ tenant: demo, system: 'default', service: 'default', name: demo }),
    )
  } finally {
    await server.close()
  }
}

const demo = 'demo'
