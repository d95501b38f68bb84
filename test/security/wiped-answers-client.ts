import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { openbao } from '../../src/external-keys/openbao.ts'

// node wiped-answers-client.ts FILE: opens what an outside key wrapped, some times; has another answer of it by undici, and wipes what undici gives of it; says so and
// waits. FILE is JSON.
interface Task {
  readonly settings: Readonly<Record<string, string>>
  readonly wrapped: { readonly keyId: string; readonly mechanism: string; readonly ciphertext: string }
  readonly context: string
  readonly byUndici: { readonly token: string; readonly body: string }
}

const { settings, wrapped, context, byUndici } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Task

const key = openbao.open({ key: 'krypton', settings, credentials: Buffer.from('right') })
const { mechanism } = wrapped
const [keyId, ciphertext] = [Buffer.from(wrapped.keyId, 'hex'), Buffer.from(wrapped.ciphertext, 'hex')]
for (let i = 0; i < 3; i++) await key.unwrap({ keyId, mechanism, ciphertext }, Buffer.from(context), 'wrapping')

const answer = await request(`${settings['address']}/v1/transit/decrypt/krypton`, {
  dispatcher: new Agent({ connect: { ca: settings['ca'] } }),
  method: 'POST',
  headers: { 'x-vault-token': byUndici.token },
  body: byUndici.body,
})
for await (const chunk of answer.body) (chunk as Buffer).fill(0) // no encoding was asked for
process.stdout.write('done')
setInterval(() => undefined, 1000)
