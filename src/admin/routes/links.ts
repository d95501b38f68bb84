import { Type } from 'typebox'
import {
  LinkAnswer,
  LinkBody,
  LinkEffectAnswer,
  LinkEffectQuery,
  ProblemAnswer,
  RecoveryBody,
  RecoveryEffectAnswer,
  RecoveryFileAnswer,
  SystemBody,
  TenantPath,
} from '../schemas.ts'
import { type LinkAct, linkActs } from '../services.ts'
import type { Routes } from './route.ts'

/** The links of a tenant's systems with keys of its own (L1): what its kill switch is made of. */
export const linkRoutes: Routes = (server, services) => {
  const response = { 200: LinkAnswer, '4xx': ProblemAnswer, '5xx': ProblemAnswer }
  const tags = ['links']
  server.get(
    '/v1/tenants/:tenant/links',
    {
      schema: {
        summary: 'The links of a tenant: mode, state, what is left of each lease, the last error',
        tags,
        params: TenantPath,
        response: { 200: Type.Array(LinkAnswer), '4xx': ProblemAnswer },
      },
    },
    async (request) => [...(await services.listLinks(request.params.tenant))],
  )
  for (const [path, summary, isSwitch] of [
    [
      'links',
      'Link a system with an L1: a new Tenant Key and Service Keys, and the objects wrapped anew, by a job',
      false,
    ],
    ['links/switch', 'Give a linked system another L1, in the same way', true],
  ] as const) {
    server.post(
      `/v1/tenants/:tenant/${path}`,
      { schema: { summary, tags, params: TenantPath, body: LinkBody, response } },
      async ({ params: { tenant }, body: { system, ...request } }) => ({
        ...(await services.link(tenant, system, request, isSwitch)),
      }),
    )
  }
  for (const act of linkActs) {
    const schema = { summary: summaries[act], tags, params: TenantPath, body: SystemBody, response }
    server.post(`/v1/tenants/:tenant/links/${act}`, { schema }, async ({ params: { tenant }, body: { system } }) => ({
      ...(await services.actOnLink(tenant, system, act)),
    }))
  }
  server.post(
    '/v1/tenants/:tenant/links/recovery-file',
    {
      schema: {
        summary: "The Tenant Keys of a linked system, sealed to a public key of its tenant's",
        tags,
        params: TenantPath,
        body: RecoveryBody,
        response: { 200: RecoveryFileAnswer, '4xx': ProblemAnswer, '5xx': ProblemAnswer },
      },
    },
    async ({ params: { tenant }, body: { system, publicKey } }) => {
      const { keys, ...file } = await services.recoveryFile(tenant, system, publicKey)
      return { ...file, keys: keys.map((key) => ({ ...key })) }
    },
  )
  server.post(
    '/v1/tenants/:tenant/links/recovery-file/foresee',
    {
      schema: {
        summary: 'What a recovery file would open, and for whom',
        tags,
        params: TenantPath,
        body: RecoveryBody,
        response: { 200: RecoveryEffectAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params: { tenant }, body: { system, publicKey } }) => ({
      ...(await services.foreseeRecoveryFile(tenant, system, publicKey)),
    }),
  )
  server.get(
    '/v1/tenants/:tenant/links/effect',
    {
      schema: {
        summary:
          'What is below the keys of a system: what an act on its link would touch; refused as the act before it asks an L1',
        tags,
        params: TenantPath,
        querystring: LinkEffectQuery,
        response: { 200: LinkEffectAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ params: { tenant }, query: { system, act } }) => ({ ...(await services.linkEffect(tenant, system, act)) }),
  )
}

const summaries: Readonly<Record<LinkAct, string>> = {
  check: 'Ask the L1 now',
  lock: 'End the use of everything below, in every thread, until it is enabled',
  disable: 'Let the keys below open what they hold and take nothing new, until it is enabled',
  enable: 'End a lock or a disable, and ask the L1',
  rotate: 'Have the link key wrapped by the version that the L1 has now',
  unlink: 'End the use of everything below, and let go of the credentials for the L1',
  detach: 'Move a system back to the keys of this server, by a job',
  repair: 'Make damaged rows of Tenant Keys anew from their copies, by the L1',
}
