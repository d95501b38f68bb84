import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, expect, it } from 'vitest'
import { nativeAddon } from '../../src/crypto/native.ts'
import { cleansePlaintext } from '../../src/server/listener.ts'
import { identityOf, newAuthority } from '../support/certificates.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import type { KnownKey } from './memory-scan/key-forms.ts'
import { scan } from './memory-scan/scan.ts'

const directory = temporaryDirectory('wiped-reads')
afterAll(() => removeDirectory(directory))

/**
 * Copies, in the memory of a server that wipes what it was given, of what a client has sent it. Of the client's next record only the beginning
 * has come, so OpenSSL holds a buffer to decrypt into: the one in which it had the key.
 */
async function copiesLeft(secureOptions: number, file: string): Promise<string[]> {
  const server = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'wiped-reads-server.ts'),
    file,
    String(secureOptions),
  ])
  const [port] = await once(server.stdout, 'data')
  let isCut = false
  const wire = createServer((client) => {
    const onward = connectTcp(Number(port), '127.0.0.1')
    client.on('data', (chunk: Buffer) => onward.write(isCut ? chunk.subarray(0, 16) : chunk))
    onward.pipe(client)
    for (const socket of [client, onward]) socket.on('error', () => socket.destroy())
  })
  try {
    wire.listen(0, '127.0.0.1')
    await once(wire, 'listening')
    const { port: wirePort } = wire.address() as AddressInfo // it listens on a port
    const key: KnownKey = { kind: 'planted', name: 'sent', bytes: randomBytes(32) }
    const socket = connect({ host: '127.0.0.1', port: wirePort, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.write(Buffer.concat([randomBytes(4000), key.bytes, randomBytes(200)]))
    await once(socket, 'data')
    isCut = true
    socket.write(Buffer.alloc(4000))
    await setTimeout(200)
    const { copies } = await scan([key], server.pid!, directory)
    socket.destroy()
    return copies.map(({ where }) => where)
  } finally {
    wire.close()
    server.kill('SIGKILL')
  }
}

// Without the addon nobody wipes the stack, on which Node too has a copy.
it.skipIf(nativeAddon() === undefined)(
  'SSL_OP_CLEANSE_PLAINTEXT wipes what OpenSSL has decrypted: without it copies stay',
  async () => {
    const authority = await newAuthority()
    const { cert, key } = identityOf(await authority.issueServer(['127.0.0.1'], new Date()))
    const file = join(directory, 'server.pem')
    writeFileSync(file, cert + key, { mode: 0o600 })
    expect((await copiesLeft(0, file)).length).toBeGreaterThan(0)
    expect(await copiesLeft(cleansePlaintext, file)).toEqual([])
  },
)
