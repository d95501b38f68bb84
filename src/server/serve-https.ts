import type { Duplex } from 'node:stream'
import { limits } from '../limits.ts'
import { unreadable } from './http-problem.ts'
import { HttpsConnection } from './https-connection.ts'
import type { ServeConnection } from './served-connection.ts'

/**
 * HTTP/1.1 on the connections of a listener, read by Node's own parser. TLS, identity and time are the listener's and the connection's: a
 * socket comes to the parser when its client is known, and Node's timeouts are off.
 */
export function serveHttps(): ServeConnection {
  const connections = new WeakMap<Duplex, HttpsConnection>()
  // Not by an import, which calls every getter of the module: that of WebSocket loads a client of HTTP, 18 ms and 14 MB for each thread.
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer({
    maxHeaderSize: limits.httpHeaderBytesMax,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  })
  server.on('request', (request, response) => connections.get(request.socket)?.take(request, response))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    connections.get(socket)?.refuse(unreadable(error.code))
  })
  return (socket, peer, around) =>
    new HttpsConnection(socket, peer, around, (connection) => {
      connections.set(socket, connection)
      server.emit('connection', socket)
    })
}
