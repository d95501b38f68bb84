import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createServer } from 'node:tls'
import { itemBytes, uint32 } from '../../src/bench/ttlv.ts'

/*
 * The bare TLS echo, E: mutual TLS 1.3 by node:tls as it is, frames cut by their length, one write and one record of a fixed answer for each.
 * What a server in Node cannot be cheaper than. A process of its own, so that it runs on the server's core:
 *   node bench/load/echo.ts --cert server.pem --key server.key --ca ca.pem --answer HEX [--port 0]
 * prints {"port": N} when it listens.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
    answer: { type: 'string' },
  },
})
const answer = Buffer.from(values.answer!, 'hex')

const server = createServer(
  {
    cert: readFileSync(values.cert!),
    key: readFileSync(values.key!),
    ca: readFileSync(values.ca!),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    noDelay: true,
  },
  (socket) => {
    // Node would join queued writes into one record; the server never does, since its frames are wiped one by one.
    Object.defineProperty(socket, '_writev', { value: undefined })
    let rest: Buffer | undefined
    socket.on('data', (chunk: Buffer) => {
      const buffer = rest ? Buffer.concat([rest, chunk]) : chunk
      let at = 0
      while (buffer.length - at >= 8) {
        const size = itemBytes(uint32(buffer, at + 4))
        if (at + size > buffer.length) break
        socket.write(answer)
        at += size
      }
      rest = at < buffer.length ? buffer.subarray(at) : undefined
    })
    // A client that cuts its connection ends its own conversation and nothing else.
    socket.on('error', () => socket.destroy())
  },
)
server.listen(Number(values.port), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined })}\n`)
})
