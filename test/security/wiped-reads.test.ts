import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
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
 * Copies, in the memory of a server that wipes what it was given, of what its clients have sent it. Of the next record of each only the beginning
 * comes, with the end of the one before, so that OpenSSL holds a buffer to decrypt into: often the one in which it had the key.
 */
async function copiesLeft(secureOptions: number, file: string): Promise<string[]> {
  const server = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'wiped-reads-server.ts'),
    file,
    String(secureOptions),
  ])
  const [port] = await once(server.stdout, 'data')
  let isArmed = false
  const wire = createServer((client) => {
    const onward = connectTcp(Number(port), '127.0.0.1')
    let held: Buffer | undefined
    client.on('data', (chunk: Buffer) => {
      if (!isArmed) onward.write(chunk)
      else held = Buffer.concat([held ?? Buffer.alloc(0), chunk])
      if (held !== undefined && held.length > 5 && held.length > recordBytes(held) + 16)
        onward.write(held.subarray(0, recordBytes(held) + 16))
    })
    onward.pipe(client)
    for (const socket of [client, onward]) socket.on('error', () => socket.destroy())
  })
  const sockets: TLSSocket[] = []
  try {
    wire.listen(0, '127.0.0.1')
    await once(wire, 'listening')
    const { port: wirePort } = wire.address() as AddressInfo // it listens on a port
    const keys: KnownKey[] = []
    for (let i = 0; i < connections; i++) {
      const key: KnownKey = { kind: 'planted', name: `sent ${i}`, bytes: randomBytes(32) }
      keys.push(key)
      const socket = connect({ host: '127.0.0.1', port: wirePort, rejectUnauthorized: false })
      sockets.push(socket)
      isArmed = false
      await once(socket, 'secureConnect')
      socket.write('the handshake is over when this has come')
      await once(socket, 'data')
      isArmed = true
      // Of many lengths: which of them leave a copy is malloc's affair.
      socket.write(Buffer.concat([randomBytes(1000 + i * 350), key.bytes, randomBytes(100)]))
      socket.write(Buffer.alloc(4000))
      await once(socket, 'data')
    }
    const { copies } = await scan(keys, server.pid!, directory)
    return copies.map(({ key, where }) => `${key.name} in ${where}`)
  } finally {
    for (const socket of sockets) socket.destroy()
    wire.close()
    server.kill('SIGKILL')
  }
}

const connections = 24

/** Of the TLS record that begins there, with its header. */
function recordBytes(bytes: Buffer): number {
  return 5 + bytes.readUInt16BE(3)
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
