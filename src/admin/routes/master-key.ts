import { EpochAnswer, EpochEffectAnswer, ProblemAnswer } from '../schemas.ts'
import type { Routes } from './route.ts'

/** The MasterKey, under the seal: its epochs. */
export const masterKeyRoutes: Routes = (server, services) => {
  server.post(
    '/v1/master-key/rotate/foresee',
    {
      schema: {
        summary: 'What a new epoch of the MasterKey would touch',
        tags: ['keys'],
        response: { 200: EpochEffectAnswer, '4xx': ProblemAnswer },
      },
    },
    async () => {
      const effect = await services.foreseeEpoch()
      return { ...effect, backups: [...effect.backups] }
    },
  )
  server.post(
    '/v1/master-key/rotate',
    {
      schema: {
        summary: 'Begin a new epoch of the MasterKey: the configuration is to pin what is answered',
        tags: ['keys'],
        response: { 200: EpochAnswer, '4xx': ProblemAnswer },
      },
    },
    async () => ({ ...(await services.rotateMasterKey()) }),
  )
}
