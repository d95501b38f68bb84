import { Type } from 'typebox'
import { JobAnswer, JobPath, ProblemAnswer } from '../schemas.ts'
import type { Routes } from './route.ts'

/** Long acts of the server: rotations, and what they re-wrap. */
export const jobRoutes: Routes = (server, services) => {
  server.get(
    '/v1/jobs',
    { schema: { summary: 'List jobs, the newest first', tags: ['jobs'], response: { 200: Type.Array(JobAnswer) } } },
    () => services.listJobs(),
  )
  server.post(
    '/v1/scrub',
    { schema: { summary: 'Look at every row by a job', tags: ['jobs'], response: { 202: JobAnswer } } },
    async (_request, reply) => reply.code(202).send(await services.scrub()),
  )
  server.get(
    '/v1/jobs/:job',
    {
      schema: {
        summary: 'A job and how far it has come',
        tags: ['jobs'],
        params: JobPath,
        response: { 200: JobAnswer, '4xx': ProblemAnswer },
      },
    },
    (request) => services.showJob(request.params.job),
  )
  server.post(
    '/v1/jobs/:job/cancel',
    {
      schema: {
        summary: 'Cancel a job: what it has done so far stays',
        tags: ['jobs'],
        params: JobPath,
        response: { 200: JobAnswer, '4xx': ProblemAnswer },
      },
    },
    (request) => services.cancelJob(request.params.job),
  )
}
