import { type Static, Type } from 'typebox'
import {
  ClientAnswer,
  ClientPath,
  ClientRoleBody,
  ProblemAnswer,
  RoleAnswer,
  RoleBody,
  RolePath,
  TenantPath,
} from '../schemas.ts'
import type { Role } from '../services.ts'
import { clientAnswer } from './clients.ts'
import type { Routes } from './route.ts'

/** What clients of a tenant may ask for, under a name. */
export const roleRoutes: Routes = (server, services) => {
  server.get(
    '/v1/tenants/:tenant/roles',
    {
      schema: {
        summary: 'List the roles of a tenant, those that every tenant has among them',
        tags: ['roles'],
        params: TenantPath,
        response: { 200: Type.Array(RoleAnswer), '4xx': ProblemAnswer },
      },
    },
    async ({ params }) => (await services.listRoles(params.tenant)).map(roleAnswer),
  )
  server.post(
    '/v1/tenants/:tenant/roles',
    {
      schema: {
        summary: 'Make a role',
        tags: ['roles'],
        params: TenantPath,
        body: RoleBody,
        response: { 201: RoleAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params, body }, reply) => reply.code(201).send(roleAnswer(await services.createRole(params.tenant, body))),
  )
  server.post(
    '/v1/tenants/:tenant/roles/:role/remove',
    {
      schema: {
        summary: 'Remove a role that no client has',
        tags: ['roles'],
        params: RolePath,
        response: { 200: RoleAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params }) => roleAnswer(await services.removeRole(params.tenant, params.role)),
  )
  server.post(
    '/v1/tenants/:tenant/clients/:client/role',
    {
      schema: {
        summary: 'Give a client another role, from its next request on',
        tags: ['roles'],
        params: ClientPath,
        body: ClientRoleBody,
        response: { 200: ClientAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params, body }) => clientAnswer(await services.setClientRole(params.tenant, params.client, body.role)),
  )
}

function roleAnswer({ name, builtIn, rules }: Role): Static<typeof RoleAnswer> {
  return {
    name,
    builtIn,
    rules: rules.map(({ operations, objectTypes, objectGroups }) => ({
      operations: [...operations],
      ...(objectTypes === undefined ? {} : { objectTypes: [...objectTypes] }),
      ...(objectGroups === undefined ? {} : { objectGroups: [...objectGroups] }),
    })),
  }
}
