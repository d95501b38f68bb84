import { Type } from 'typebox'
import { JobAnswer, KeyBody, KeyQuery, KeyVersionAnswer, ProblemAnswer } from '../schemas.ts'
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
      const { key, tenant } = request.query
      return key === undefined ? services.listKeys(tenant) : services.showKey(key)
    },
  )
  const act = (path: string, summary: string, answer: (key: string) => ReturnType<typeof services.rotateKey>): void => {
    const schema = { summary, tags: ['keys'], body: KeyBody, response: { 202: JobAnswer, '4xx': ProblemAnswer } }
    server.post(path, { schema }, async (request, reply) => reply.code(202).send(await answer(request.body.key)))
  }
  act('/v1/keys/rotate', 'Rotate a key by a job', (key) => services.rotateKey(key))
  act('/v1/keys/compromise', 'Replace a key that somebody else may know, and all that is below it, by a job', (key) =>
    services.compromiseKey(key),
  )
}
