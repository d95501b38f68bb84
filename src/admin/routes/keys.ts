import { Type } from 'typebox'
import {
  DestroyedAnswer,
  DestructionBody,
  ForeseenActBody,
  GrantAnswer,
  GrantBody,
  GrantPath,
  JobAnswer,
  KeyBody,
  KeyEffectAnswer,
  KeyQuery,
  KeyVersionAnswer,
  ProblemAnswer,
  RotationPeriodsAnswer,
  RotationPeriodsBody,
  TenantPath,
} from '../schemas.ts'
import type { Routes } from './route.ts'

/** The keys of the hierarchy, which are never handed out: their versions and states. */
export const keyRoutes: Routes = (server, services) => {
  server.get(
    '/v1/keys',
    {
      schema: {
        summary: 'Versions of the IVK, Tenant Keys and Service Keys; with `key`, of that one and what is under each',
        tags: ['keys'],
        querystring: KeyQuery,
        response: { 200: Type.Array(KeyVersionAnswer), '4xx': ProblemAnswer },
      },
    },
    (request) => {
      const { key, tenant, related } = request.query
      if (key === undefined) return services.listKeys(tenant)
      return related === undefined ? services.showKey(key) : services.relatedKeys(key, related)
    },
  )
  server.get(
    '/v1/tenants/:tenant/rotation',
    {
      schema: {
        summary: 'How often the keys of a tenant are rotated',
        tags: ['keys'],
        params: TenantPath,
        response: { 200: RotationPeriodsAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request) => ({ ...(await services.rotationPeriods(request.params.tenant)) }),
  )
  server.post(
    '/v1/tenants/:tenant/rotation',
    {
      schema: {
        summary: 'Give a tenant periods of its own',
        tags: ['keys'],
        params: TenantPath,
        body: RotationPeriodsBody,
        response: { 200: RotationPeriodsAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request) => ({ ...(await services.setRotationPeriods(request.params.tenant, request.body)) }),
  )
  const act = (path: string, summary: string, answer: (key: string) => ReturnType<typeof services.rotateKey>): void => {
    const schema = { summary, tags: ['keys'], body: KeyBody, response: { 202: JobAnswer, '4xx': ProblemAnswer } }
    server.post(path, { schema }, async (request, reply) => reply.code(202).send(await answer(request.body.key)))
  }
  act('/v1/keys/rotate', 'Rotate a key by a job', (key) => services.rotateKey(key))
  act('/v1/keys/compromise', 'Replace a key that somebody else may know, and all that is below it, by a job', (key) =>
    services.compromiseKey(key),
  )
  for (const [change, summary] of changes) {
    const response = { 200: Type.Array(KeyVersionAnswer), '4xx': ProblemAnswer }
    server.post(`/v1/keys/${change}`, { schema: { summary, tags: ['keys'], body: KeyBody, response } }, (request) =>
      change === 'announce' ? services.announceKey(request.body.key) : services.changeKey(request.body.key, change),
    )
  }
  server.get(
    '/v1/keys/break-glass',
    {
      schema: {
        summary: 'Grants that open what is under compromised keys',
        tags: ['keys'],
        response: { 200: Type.Array(GrantAnswer) },
      },
    },
    () => services.listGrants(),
  )
  server.post(
    '/v1/keys/break-glass',
    {
      schema: {
        summary: 'Open what is under compromised keys for a time',
        tags: ['keys'],
        body: GrantBody,
        response: { 201: GrantAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request, reply) => reply.code(201).send(await services.breakGlass(request.body)),
  )
  server.post(
    '/v1/keys/break-glass/:grant/end',
    {
      schema: {
        summary: 'End a grant before its time: done when every thread has confirmed it',
        tags: ['keys'],
        params: GrantPath,
        response: { 200: GrantAnswer, '4xx': ProblemAnswer },
      },
    },
    (request) => services.endGrant(request.params.grant),
  )
  server.post(
    '/v1/keys/foresee',
    {
      schema: {
        summary: 'What an act on a key would reach: versions of keys below it, objects, rows whose MACs are made anew',
        tags: ['keys'],
        body: ForeseenActBody,
        response: { 200: KeyEffectAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ body: { key, act } }) => ({ ...(await services.foreseeAct(key, act)) }),
  )
  server.post(
    '/v1/keys/destroy/foresee',
    {
      schema: {
        summary: 'What a destruction would take',
        tags: ['keys'],
        body: DestructionBody,
        response: { 200: DestroyedAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ body: { key, version } }) => {
      const foreseen = await services.foreseeDestruction(key, version)
      return { ...foreseen, backups: [...foreseen.backups] }
    },
  )
  server.post(
    '/v1/keys/destroy',
    {
      schema: {
        summary: 'Destroy the keys of a tenant, a system or a service by a job: nothing brings back what they wrap',
        tags: ['keys'],
        body: DestructionBody,
        response: { 202: JobAnswer, '4xx': ProblemAnswer },
      },
    },
    async ({ body: { key, version } }, reply) => reply.code(202).send(await services.destroyKey(key, version)),
  )
}

const changes = [
  ['announce', 'Make a key that is yet to be activated, with its system or service; one that is there stays as it is'],
  ['activate', 'Activate an announced key, once every thread has opened it'],
  ['suspend', 'Suspend a key: it opens what it holds and takes nothing new'],
  ['resume', 'Resume a suspended key'],
  ['deactivate', 'Deactivate a key for good: it opens what it holds and takes nothing new'],
] as const
