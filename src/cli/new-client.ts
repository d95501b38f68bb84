import type { AdminClient, IssuedClient, NewClient } from '../admin/client.ts'
import { KryptonError } from '../errors.ts'
import { newClientKey } from './client-key.ts'
import { writeIdentity, type IdentityFiles } from './identity-files.ts'

/** A client that the server knows and whose files are written. */
export interface WrittenClient {
  readonly issued: IssuedClient
  readonly files: IdentityFiles
}

/**
 * Adds a client and writes its identity into `directory`. Without `csr` the key is made here and never leaves: the server gets a
 * request for its certificate. A client whose files cannot be written is revoked. Throws what the server refuses, and
 * 'usage' for the files.
 */
export async function addClient(
  server: AdminClient,
  request: Omit<NewClient, 'csr'> & { readonly csr?: string },
  directory: string,
): Promise<WrittenClient> {
  const { csr, ...client } = request
  const key = csr === undefined ? newClientKey() : undefined
  try {
    const issued = await server.createClient({ ...client, csr: csr ?? key!.csr })
    try {
      return { issued, files: writeIdentity(directory, { ...issued, privateKeyPem: key?.privateKeyPem }) }
    } catch (cause) {
      await server.revokeClient(client.tenant, client.name)
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new KryptonError(
        'usage',
        `cannot write the files (${reason}), so the client ${client.name} was revoked: add one of another name, with another --out`,
        { cause },
      )
    }
  } finally {
    key?.privateKeyPem.fill(0)
  }
}
