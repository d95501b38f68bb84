import { ClientAnswer, ClientPath, CredentialBody, ProblemAnswer } from '../schemas.ts'
import { clientAnswer } from './clients.ts'
import type { Routes } from './route.ts'

/** What a client sends besides its certificate. */
export const credentialRoutes: Routes = (server, services) => {
  server.post(
    '/v1/tenants/:tenant/clients/:client/credential',
    {
      schema: {
        summary: 'Ask a client for a credential with every request',
        tags: ['clients'],
        params: ClientPath,
        body: CredentialBody,
        response: { 200: ClientAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params, body }) => clientAnswer(await services.setCredential(params.tenant, params.client, body)),
  )
  server.post(
    '/v1/tenants/:tenant/clients/:client/credential/remove',
    {
      schema: {
        summary: 'Ask a client for its certificate alone',
        tags: ['clients'],
        params: ClientPath,
        response: { 200: ClientAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params }) => clientAnswer(await services.removeCredential(params.tenant, params.client)),
  )
}
