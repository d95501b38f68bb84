import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdminServices } from '../services.ts'

/** The server on which routes are put: fastify with types taken from the routes' schemas. */
export type AdminServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** One file of routes: puts them on the server, served by `services`. */
export type Routes = (server: AdminServer, services: AdminServices) => void
