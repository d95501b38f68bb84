import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { chmodSync } from 'node:fs'
import { KryptonError } from '../errors.ts'
import { limits } from '../limits.ts'
import { version } from '../version.ts'
import { noSuchRoute, problemOf } from './problem.ts'
import { routes } from './routes.ts'
import type { AdminServer } from './routes/route.ts'
import type { AdminServices } from './services.ts'
import { clearSocket } from './socket.ts'

/** A fault of ours, for the operator's log. Bodies are never passed. */
export type ReportFault = (message: string, error: unknown) => void

export interface AdminHttpServer {
  /** The Unix socket. */
  readonly socket: string
  /** Takes no more, finishes what runs, removes the socket. */
  close(): Promise<void>
}

/**
 * Serves the admin API on the Unix socket `socket`, which only this user may open (mode 0600): who can open it is the
 * administrator. Throws 'store-locked' when another server answers there.
 */
export async function startAdminServer(
  services: AdminServices,
  reportFault: ReportFault,
  socket: string,
): Promise<AdminHttpServer> {
  const server = await adminServer(services, reportFault)
  await clearSocket(socket)
  // The mask makes the socket private from its first moment: between listen and chmod nobody else gets in.
  const mask = process.umask(0o177)
  try {
    await server.listen({ path: socket })
  } finally {
    process.umask(mask)
  }
  chmodSync(socket, 0o600)
  return { socket, close: () => server.close() }
}

/** The routes without a socket: for tests and for the OpenAPI document. */
export async function adminServer(services: AdminServices, reportFault: ReportFault): Promise<AdminServer> {
  const server = Fastify({
    logger: false,
    bodyLimit: limits.adminBodyBytesMax,
    forceCloseConnections: 'idle',
    // Names that the schema does not know are refused, not dropped; types are checked, not converted.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500 && !(error instanceof KryptonError))
      reportFault('a request of the admin API failed', error)
    return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
  })
  server.setNotFoundHandler((request, reply) => {
    const problem = noSuchRoute(request.method, request.url)
    return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
  })
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Krypton administration', version, description: 'Served on the Unix socket of the instance.' },
    },
  })
  for (const add of routes) add(server, services)
  server.get('/v1/openapi.json', { schema: { hide: true } }, () => server.swagger())
  await server.ready()
  return server
}
