import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Secret, secretFromBytes } from '../../src/crypto/secret.ts'
import type { ExternalKey } from '../../src/external-keys/external-key.ts'
import { openbao } from '../../src/external-keys/openbao.ts'
import { limits } from '../../src/limits.ts'
import { externalKeyContract } from '../contracts/external-key-contract.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { openBaoMissing, OpenBaoServer } from './openbao-server.ts'

if (openBaoMissing !== undefined) console.warn(openBaoMissing)

describe.skipIf(openBaoMissing !== undefined)('a key in a real OpenBao', () => {
  const folder = temporaryDirectory('openbao-key')
  let bao: OpenBaoServer
  let made = 0

  beforeAll(async () => {
    bao = await OpenBaoServer.start(join(folder, 'bao'))
  })
  afterAll(async () => {
    await bao.stop()
    removeDirectory(folder)
  })

  /** The policy of docs/operate/openbao.md, for each key whose name begins so. */
  const policy = [
    'path "transit/encrypt/krypton*" { capabilities = ["update"] }',
    'path "transit/decrypt/krypton*" { capabilities = ["update"] }',
    'path "transit/keys/krypton*" { capabilities = ["read"] }',
  ].join('\n')

  async function newKey(): Promise<string> {
    const name = `krypton-${++made}`
    await bao.admin('POST', `transit/keys/${name}`, { type: 'aes256-gcm96' })
    await bao.admin('POST', `transit/keys/${name}/config`, { deletion_allowed: true })
    return name
  }

  function open(key: string, settings: Record<string, string> = {}, credentials = bao.secretId): ExternalKey {
    const given = { address: bao.address, ca: bao.ca, roleId: bao.roleId, ...settings }
    return openbao.open({ key, settings: given, credentials: Buffer.from(credentials) })
  }

  const context = Buffer.from('context')
  const secret = secretFromBytes(Buffer.alloc(32, 7), 'object')
  const opens = async (key: ExternalKey, wrapped: Awaited<ReturnType<ExternalKey['wrap']>>): Promise<number> => {
    const opened: Secret = await key.unwrap(wrapped, context, 'wrapping')
    return opened.byteLength
  }
  const code = (expected: string): unknown => expect.objectContaining({ code: expected })

  describe('keeps the contract', () =>
    externalKeyContract(async () => {
      const name = await newKey()
      const change = (of: string) => () => bao.admin('POST', `transit/keys/${name}/${of}`)
      return {
        open: () => open(name),
        openAnother: async () => open(await newKey()),
        acts: {
          rotate: change('rotate'),
          disable: async () => {
            await bao.admin('DELETE', `transit/keys/${name}/soft-delete`)
            return change('soft-delete-restore')
          },
          deny: async () => {
            await bao.admin('POST', 'sys/policies/acl/krypton', {
              policy: 'path "nothing" { capabilities = ["read"] }',
            })
            return () => bao.admin('POST', 'sys/policies/acl/krypton', { policy })
          },
          silence: async () => {
            await bao.seal()
            return () => bao.unseal()
          },
          delete: () => bao.admin('DELETE', `transit/keys/${name}`),
        },
      }
    }))

  it('is disabled by min_decryption_version above the version that wrapped, and enabled by lowering it', async () => {
    const name = await newKey()
    const key = open(name)
    const wrapped = await key.wrap(secret, context)
    await bao.admin('POST', `transit/keys/${name}/rotate`)
    await bao.admin('POST', `transit/keys/${name}/config`, { min_decryption_version: 2 })
    await expect(opens(key, wrapped)).rejects.toEqual(code('external-key-disabled'))
    await bao.admin('POST', `transit/keys/${name}/config`, { min_decryption_version: 1 })
    expect(await opens(key, wrapped)).toBe(32)
    key.wipe()
  })

  it('that was deleted and made anew under its name opens nothing, nor the version that it has not got', async () => {
    const name = await newKey()
    const key = open(name)
    const first = await key.wrap(secret, context)
    await bao.admin('POST', `transit/keys/${name}/rotate`)
    const second = await key.wrap(secret, context)
    await bao.admin('DELETE', `transit/keys/${name}`)
    await bao.admin('POST', `transit/keys/${name}`, { type: 'aes256-gcm96' })
    await expect(opens(key, first)).rejects.toEqual(code('external-key-mismatch'))
    await expect(opens(key, second)).rejects.toEqual(code('external-key-not-found'))
    key.wipe()
  })

  it('is not made by a slip in its name, and is refused where it is of a type that binds nothing', async () => {
    const missing = open('krypton-slip')
    await expect(missing.wrap(secret, context)).rejects.toEqual(code('external-key-denied'))
    expect((await missing.status()).state).toBe('deleted')
    await bao.admin('POST', 'transit/keys/krypton-rsa', { type: 'rsa-2048' })
    for (const name of ['krypton-rsa', 'krypton-derived']) {
      await expect(open(name).wrap(secret, context)).rejects.toEqual(code('external-key-not-found'))
    }
    for (const type of ['xchacha20-poly1305', 'aes128-gcm96']) {
      await bao.admin('POST', `transit/keys/krypton-${type}`, { type })
      const key = open(`krypton-${type}`)
      expect(await opens(key, await key.wrap(secret, context))).toBe(32)
      key.wipe()
    }
  })

  it('is used through the end of tokens, by a new login; where the role was taken away it is denied', async () => {
    const role = 'auth/approle/role/krypton-short'
    await bao.admin('POST', role, { token_policies: 'krypton', token_ttl: '1s', token_max_ttl: '1s' })
    const { data: id } = await bao.admin('GET', `${role}/role-id`)
    const { data: made } = await bao.admin('POST', `${role}/secret-id`, {})
    const key = open(await newKey(), { roleId: String(Object(id).role_id) }, String(Object(made).secret_id))
    const wrapped = await key.wrap(secret, context)
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1100))
      expect(await opens(key, wrapped)).toBe(32)
    }
    // Revoked before its time: 403, one login, and on.
    await bao.admin('POST', 'sys/leases/revoke-prefix/auth/approle', {})
    expect(await opens(key, wrapped)).toBe(32)
    await bao.admin('DELETE', role)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    await expect(opens(key, wrapped)).rejects.toEqual(code('external-key-denied'))
    key.wipe()
  })

  it('is used by a certificate, and by a token that is kept alive', async () => {
    const name = await newKey()
    const byCertificate = open(name, { login: 'certificate', role: 'krypton' }, bao.clientPem)
    const wrapped = await byCertificate.wrap(secret, context)
    expect(await opens(byCertificate, wrapped)).toBe(32)
    byCertificate.wipe()
    const { auth } = await bao.admin('POST', 'auth/token/create', { policies: ['krypton'], period: '6s' })
    const byToken = open(name, { login: 'token' }, String(Object(auth).client_token))
    for (let i = 0; i < 8; i++) {
      expect(await opens(byToken, wrapped)).toBe(32)
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    byToken.wipe()
    await expect(open(name, { login: 'token' }, 'hvs.unknown').status()).rejects.toEqual(code('external-key-denied'))
    const stranger = open(name, { login: 'certificate', role: 'nobody' }, bao.clientPem)
    await expect(stranger.status()).rejects.toEqual(code('external-key-denied'))
  })

  it('comes back by itself after its server was killed', async () => {
    const key = open(await newKey())
    const wrapped = await key.wrap(secret, context)
    await bao.kill()
    await expect(opens(key, wrapped)).rejects.toEqual(code('external-key-unreachable'))
    await bao.back()
    expect(await opens(key, wrapped)).toBe(32)
    key.wipe()
  })

  it('is unreachable within its time when the network stalls in the middle of a call', async () => {
    const port = Number(new URL(bao.address).port)
    const sockets = new Set<Socket>()
    let isStalled = false
    const proxy = createServer((client) => {
      const onward = connect(port, '127.0.0.1')
      for (const [from, to] of [
        [client, onward],
        [onward, client],
      ] as const) {
        sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.on('data', (chunk) => void (isStalled || to.write(chunk)))
      }
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port: proxyPort } = proxy.address() as AddressInfo // it listens on a port
    const key = open(await newKey(), { address: `https://127.0.0.1:${proxyPort}` })
    const wrapped = await key.wrap(secret, context)
    isStalled = true
    const started = performance.now()
    // At once, as many as may come together: each has its end.
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => opens(key, wrapped)))
    expect(refused.map((each) => each.status === 'rejected' && each.reason)).toEqual(
      refused.map(() => code('external-key-unreachable')),
    )
    expect(performance.now() - started).toBeLessThan(limits.externalKeyMs * 4)
    isStalled = false
    expect(await opens(key, wrapped)).toBe(32)
    key.wipe()
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
})
