import { readFileSync } from 'node:fs'
import { startServer } from '../support/start-server.ts'
import { firstSlowNumber } from './fast-clients.ts'
import type { ServerReport, ServerStarted } from './messages.ts'

/*
 * The real listener with real TLS and identity in a process of its own; what it answers is long, so that clients that do not read are felt.
 * With `--no-timeouts` it is a listener that never looks at a clock: the run must find that out before it believes anything.
 */
const answerBytes = 16 * 1024
const never = Infinity
const unlimited = {
  handshakeMs: never,
  firstByteMs: never,
  frameMs: never,
  frameGraceMs: never,
  writeMs: never,
  idleMs: never,
}

const answered = new Map<number, number>()

const server = await startServer({
  limits: process.argv.includes('--no-timeouts') ? unlimited : {},
  answer: (frame) => {
    const number = frame.readUInt32BE(8)
    if (number >= firstSlowNumber) answered.set(number, Date.now())
    const bytes = Buffer.alloc(answerBytes)
    bytes.writeUInt32BE(0x42007b01, 0)
    bytes.writeUInt32BE(answerBytes - 8, 4)
    frame.copy(bytes, 8, 8, Math.min(frame.length, 16))
    return { bytes, sensitive: false }
  },
})

const identities = [server.client]
for (const name of ['slow-1', 'slow-2', 'slow-3']) identities.push(await server.addClient({ tenant: 'demo', name }))

const started: ServerStarted = {
  port: server.port,
  ca: server.authority.certificatePem,
  identities: identities.map(({ cert, key }) => ({ cert, key })),
}
process.send!(started)

process.on('message', (message) => {
  if (message === 'stop') {
    void server.stop().then(() => process.disconnect())
    return
  }
  const status = readFileSync('/proc/self/status', 'latin1')
  const report: ServerReport = {
    residentPeakBytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024,
    answered: [...answered],
  }
  process.send!(report)
})
