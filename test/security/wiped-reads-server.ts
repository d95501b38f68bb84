import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { wipeTraces } from '../../src/crypto/traces.ts'

// node wiped-reads-server.ts FILE OPTIONS: a TLS server with the certificate and key of FILE that wipes what it has read, and its stack, then
// says so. OPTIONS are SSL_OP_ bits.
const [file, options] = process.argv.slice(2)
const pem = readFileSync(file!)

const server = createServer({ cert: pem, key: pem, secureOptions: Number(options) }, (socket) => {
  socket.on('data', (chunk: Buffer) => {
    const { length } = chunk
    chunk.fill(0)
    setTimeout(() => {
      wipeTraces()
      socket.write(String(length))
    }, 20)
  })
  socket.on('error', () => socket.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(address.port)
})
