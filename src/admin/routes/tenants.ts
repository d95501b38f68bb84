import { Type } from 'typebox'
import { ProblemAnswer, TenantAnswer, TenantBody } from '../schemas.ts'
import type { Routes } from './route.ts'

/** The customers. */
export const tenantRoutes: Routes = (server, services) => {
  server.get(
    '/v1/tenants',
    { schema: { summary: 'List tenants', tags: ['tenants'], response: { 200: Type.Array(TenantAnswer) } } },
    () => services.listTenants(),
  )
  server.post(
    '/v1/tenants',
    {
      schema: {
        summary: 'Add a tenant with its own keys',
        tags: ['tenants'],
        body: TenantBody,
        response: { 201: TenantAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request, reply) => reply.code(201).send(await services.createTenant(request.body.name)),
  )
}
