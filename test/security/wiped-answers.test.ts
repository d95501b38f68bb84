import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { nativeAddon } from '../../src/crypto/native.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { secretFromBytes } from '../../src/crypto/secret.ts'
import type { ExternallyWrapped } from '../../src/external-keys/external-key.ts'
import { openbao } from '../../src/external-keys/openbao.ts'
import { FakeOpenBao } from '../external-keys/fake-openbao.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import type { KnownKey } from './memory-scan/key-forms.ts'
import { scan } from './memory-scan/scan.ts'

const directory = temporaryDirectory('wiped-answers')
let server: FakeOpenBao
beforeAll(async () => {
  server = await FakeOpenBao.start()
})
afterAll(async () => {
  await server.stop()
  removeDirectory(directory)
})

interface Wrapping {
  readonly wrapped: ExternallyWrapped
  /** What was sent to be wrapped, and is answered. */
  readonly answered: Buffer
  readonly token: string
  readonly associatedData: string
}

async function wrap(settings: Record<string, string>, secret: Buffer, context: string): Promise<Wrapping> {
  const key = openbao.open({ key: 'krypton', settings, credentials: Buffer.from('right') })
  const wrapped = await key.wrap(secretFromBytes(secret, 'object'), Buffer.from(context))
  key.wipe()
  const { token, body } = server.asked.findLast(({ path }) => path === 'transit/encrypt/krypton')!
  const answered = Buffer.from(body['plaintext']!, 'base64')
  return { wrapped, answered, token: token!, associatedData: body['associated_data']! }
}

// Without the addon nobody wipes the stack, and secrets are in memory of JavaScript's.
it.skipIf(nativeAddon() === undefined)(
  'nothing stays in memory of a key that OpenBao has answered; undici leaves it where nobody can wipe it',
  async () => {
    const settings = { address: server.address, ca: server.authority.certificatePem, roleId: 'role' }
    const context = 'context'
    const secret = randomBytes(32)
    const own = await wrap(settings, secret, context)
    const other = await wrap(settings, randomBytes(32), context)
    const outside = Buffer.from(other.wrapped.ciphertext)
    const text = outside.subarray(8, 8 + outside.readUInt16BE(6)).toString('latin1')
    const { mechanism } = own.wrapped
    const [keyId, ciphertext] = [own.wrapped.keyId, own.wrapped.ciphertext].map((bytes) =>
      Buffer.from(bytes).toString('hex'),
    )
    const task = {
      settings,
      wrapped: { keyId, mechanism, ciphertext },
      context,
      byUndici: {
        token: other.token,
        body: JSON.stringify({ ciphertext: text, associated_data: other.associatedData }),
      },
    }
    const file = join(directory, 'task.json')
    writeFileSync(file, JSON.stringify(task), { mode: 0o600 })
    const script = join(import.meta.dirname, 'wiped-answers-client.ts')
    const client = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file])
    client.stderr.pipe(process.stderr)
    try {
      await once(client.stdout, 'data')
      const keys: KnownKey[] = [
        { kind: 'planted', name: 'answered', bytes: own.answered },
        { kind: 'planted', name: 'opened', bytes: secret },
        { kind: 'planted', name: 'answered to undici', bytes: other.answered },
      ]
      const { copies } = await scan(keys, client.pid!, directory)
      const found = copies.filter(({ locked }) => !locked)
      const [byUndici, byUs] = [found.filter(({ key }) => key === keys[2]), found.filter(({ key }) => key !== keys[2])]
      expect(byUs.map(({ key, form, where }) => `${key.name}, ${form}, in ${where}`)).toEqual([])
      expect(byUndici.length).toBeGreaterThan(0)
    } finally {
      client.kill('SIGKILL')
    }
  },
)
