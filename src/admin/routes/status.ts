import { version } from '../../version.ts'
import { FindingsAnswer, StatusAnswer, VersionAnswer } from '../schemas.ts'
import type { Routes } from './route.ts'

/** What the server is and how it is. */
export const statusRoutes: Routes = (server, services) => {
  server.get(
    '/v1/status',
    { schema: { summary: 'State of the server', tags: ['server'], response: { 200: StatusAnswer } } },
    async () => {
      const { refused, warnings, certificate, ...status } = await services.status()
      const { names, notAfter } = certificate
      return {
        ...status,
        certificate: { names: [...names], notAfter },
        refused: [...refused],
        warnings: [...warnings],
      }
    },
  )
  server.get(
    '/v1/doctor',
    { schema: { summary: 'How well secrets are kept', tags: ['server'], response: { 200: FindingsAnswer } } },
    async () => [...(await services.findings())],
  )
  server.get(
    '/v1/version',
    { schema: { summary: 'Version of the server', tags: ['server'], response: { 200: VersionAnswer } } },
    () => ({ version, node: process.version }),
  )
}
