import { Type, type Static } from 'typebox'
import { ClientAnswer, ClientBody, ClientPath, CreatedClientAnswer, ProblemAnswer, TenantPath } from '../schemas.ts'
import type { Client } from '../services.ts'
import type { Routes } from './route.ts'

/** Who may talk KMIP for a tenant. */
export const clientRoutes: Routes = (server, services) => {
  server.get(
    '/v1/tenants/:tenant/clients',
    {
      schema: {
        summary: 'List the clients of a tenant',
        tags: ['clients'],
        params: TenantPath,
        response: { 200: Type.Array(ClientAnswer), '4xx': ProblemAnswer },
      },
    },
    async (request) => (await services.listClients(request.params.tenant)).map(clientAnswer),
  )
  server.post(
    '/v1/tenants/:tenant/clients',
    {
      schema: {
        summary: 'Add a client: a certificate for its key',
        tags: ['clients'],
        params: TenantPath,
        body: ClientBody,
        response: { 201: CreatedClientAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request, reply) => {
      const { system = 'default', service = 'default', ...body } = request.body
      const created = await services.createClient({ tenant: request.params.tenant, system, service, ...body })
      const { certificatePem, caPem, notAfter, kmip } = created
      const client = clientAnswer(created.client)
      return reply.code(201).send({ client, certificatePem, caPem, notAfter, kmip: { ...kmip } })
    },
  )
  server.post(
    '/v1/tenants/:tenant/clients/:client/revoke',
    {
      schema: {
        summary: 'Revoke a client: from its next request on, it is nobody',
        tags: ['clients'],
        params: ClientPath,
        response: { 200: ClientAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request) => clientAnswer(await services.revokeClient(request.params.tenant, request.params.client)),
  )
}

/** A client as an answer shows it. */
export function clientAnswer({ operations, ...client }: Client): Static<typeof ClientAnswer> {
  return operations === undefined ? client : { ...client, operations: [...operations] }
}
