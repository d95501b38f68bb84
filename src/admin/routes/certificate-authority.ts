import {
  CertificateAuthorityAnswer,
  CertificateAuthorityBody,
  ProblemAnswer,
  ServiceQuery,
  TenantPath,
  UsedCertificateAuthorityBody,
} from '../schemas.ts'
import type { ServiceName } from '../services.ts'
import type { Routes } from './route.ts'

const path = '/v1/tenants/:tenant/certificate-authority'
const schema = {
  tags: ['certificates'],
  params: TenantPath,
  querystring: ServiceQuery,
  response: { 200: CertificateAuthorityAnswer, '4xx': ProblemAnswer },
}

/** What signs for Certify in a service of a tenant. */
export const certificateAuthorityRoutes: Routes = (server, services) => {
  server.get(
    path,
    { schema: { ...schema, summary: 'Show the certificate authority of a service' } },
    async ({ params, query }) => ({ ...(await services.certificateAuthority(serviceOf(params, query))) }),
  )
  server.post(
    path,
    { schema: { ...schema, summary: 'Make the certificate authority of a service', body: CertificateAuthorityBody } },
    async ({ params, query, body }) => ({
      ...(await services.createCertificateAuthority(serviceOf(params, query), body)),
    }),
  )
  server.post(
    `${path}/use`,
    {
      schema: {
        ...schema,
        summary: 'Name a key of the service its certificate authority',
        body: UsedCertificateAuthorityBody,
      },
    },
    async ({ params, query, body }) => ({
      ...(await services.useCertificateAuthority(serviceOf(params, query), body)),
    }),
  )
}

function serviceOf(
  { tenant }: { readonly tenant: string },
  { system = 'default', service = 'default' }: { readonly system?: string; readonly service?: string },
): ServiceName {
  return { tenant, system, service }
}
