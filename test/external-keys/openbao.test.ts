import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { generateSecret, type Secret } from '../../src/crypto/secret.ts'
import { credentialFile, heldCredential } from '../../src/external-keys/credential-source.ts'
import type { ExternalKey, ExternalKeyReference } from '../../src/external-keys/external-key.ts'
import { HttpsClient, lookupService } from '../../src/external-keys/https-client.ts'
import { openbao, openOpenBaoKey } from '../../src/external-keys/openbao.ts'
import { OpenBaoClient } from '../../src/external-keys/openbao-client.ts'
import { limits } from '../../src/limits.ts'
import { newAuthority } from '../support/certificates.ts'
import { removeDirectory, temporaryDirectory } from '../support/counterparts.ts'
import { answer, FakeOpenBao, refusal, type Reply } from './fake-openbao.ts'

const directory = temporaryDirectory('openbao')
afterAll(() => removeDirectory(directory))

const context = Buffer.from('lv(cluster) lv(tenant)')
const secret = generateSecret(32, 'object')
let server: FakeOpenBao
let key: ExternalKey

beforeAll(async () => {
  server = await FakeOpenBao.start()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.before = () => undefined
  server.tokens.clear()
  server.asked.length = 0
  server.leaseSeconds = 3600
  key = openbao.open(reference())
})
afterEach(() => key.wipe())

function reference(settings: Record<string, string> = {}, credentials = 'right'): ExternalKeyReference {
  const { address, authority } = server
  return {
    key: 'krypton',
    settings: { address, ca: authority.certificatePem, roleId: 'role', ...settings },
    credentials: Buffer.from(credentials),
  }
}

function bytesOf(opened: Secret): Buffer {
  const bytes = Buffer.alloc(opened.byteLength)
  opened.copyInto(bytes, 0)
  return bytes
}

const paths = (): string[] => server.asked.map(({ path }) => path)
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

describe('a key in OpenBao', () => {
  it('opens what it wrapped for its context, by a call each time, with one login', async () => {
    const wrapped = await key.wrap(secret, context)
    expect(Buffer.from(wrapped.keyId).toString()).toBe('transit/krypton:v1')
    for (let i = 0; i < 2; i++) expect(bytesOf(await key.unwrap(wrapped, context, 'object'))).toEqual(bytesOf(secret))
    expect(paths()).toEqual([
      'auth/approle/login',
      'transit/encrypt/krypton',
      'transit/decrypt/krypton',
      'transit/decrypt/krypton',
    ])
    expect(server.asked[1]!.body['associated_data']).toBe(context.toString('base64'))
    expect(server.asked.every(({ connection }) => connection === server.asked[0]!.connection)).toBe(true)
    expect(await key.status()).toEqual({ state: 'enabled', keyId: wrapped.keyId })
  })

  it('never sends the secret, only a key of its own for each record', async () => {
    const first = await key.wrap(secret, context)
    const second = await key.wrap(secret, context)
    const sent = server.asked.flatMap(({ body }) => body['plaintext'] ?? [])
    expect(new Set([...sent, bytesOf(secret).toString('base64')]).size).toBe(3)
    expect(Buffer.from(first.ciphertext).equals(second.ciphertext)).toBe(false)
    // A key of a class that never leaves its slot is wrapped too.
    await key.wrap(generateSecret(48, 'wrapping'), context)
  })

  it('does not open with any byte changed, for another context, under another key or mechanism named', async () => {
    const wrapped = await key.wrap(secret, context)
    for (let i = 0; i < wrapped.ciphertext.byteLength; i++) {
      const ciphertext = Buffer.from(wrapped.ciphertext)
      ciphertext[i]! ^= 1
      await expect(key.unwrap({ ...wrapped, ciphertext }, context, 'object'), `byte ${i}`).rejects.toThrow(
        code('external-key-mismatch'),
      )
    }
    for (const length of [0, 7, 8, 100, wrapped.ciphertext.byteLength - 1]) {
      const ciphertext = wrapped.ciphertext.subarray(0, length)
      await expect(key.unwrap({ ...wrapped, ciphertext }, context, 'object')).rejects.toThrow(
        code('external-key-mismatch'),
      )
    }
    const mismatch = code('external-key-mismatch')
    await expect(key.unwrap(wrapped, Buffer.from('another'), 'object')).rejects.toThrow(mismatch)
    for (const keyId of ['transit/krypton:v2', 'transit/other:v1', 'transit/krypton:v1x', '']) {
      await expect(key.unwrap({ ...wrapped, keyId: Buffer.from(keyId) }, context, 'object')).rejects.toThrow(mismatch)
    }
    await expect(key.unwrap({ ...wrapped, mechanism: 'another' }, context, 'object')).rejects.toThrow(mismatch)
  })

  it('is told when it answers with another key than it wrapped', async () => {
    const wrapped = await key.wrap(secret, context)
    const others: unknown[] = ['A'.repeat(42) + 'E=', 'AAAA', '']
    for (const plaintext of others) {
      server.before = ({ path }) => (path.includes('/decrypt/') ? answer({ data: { plaintext } }) : undefined)
      await expect(key.unwrap(wrapped, context, 'object')).rejects.toThrow(code('external-key-mismatch'))
    }
  })

  const refusals: [string, Reply, string][] = [
    [
      'a version that was switched off',
      refusal(400, 'ciphertext or signature version is disallowed by policy (too old)'),
      'external-key-disabled',
    ],
    ['a key that is soft-deleted', refusal(400, 'refusing to use soft-deleted key'), 'external-key-disabled'],
    ['a key that is gone', refusal(400, 'encryption key not found'), 'external-key-not-found'],
    ['a version that is gone', refusal(400, 'invalid ciphertext: version is too new'), 'external-key-not-found'],
    [
      'an engine that is gone',
      refusal(404, 'no handler for route "x". route entry not found.'),
      'external-key-not-found',
    ],
    [
      'a key of another type',
      refusal(400, "'[0].associated_data' provided for non-AEAD cipher suite rsa-2048"),
      'external-key-not-found',
    ],
    ['a derived key', refusal(400, "missing 'context' for key derivation; the key"), 'external-key-not-found'],
    ['a policy that forbids', refusal(403, '1 error occurred:\n\t* permission denied\n\n'), 'external-key-denied'],
    ['a quota', refusal(429, 'rate limit quota exceeded'), 'external-key-throttled'],
    ['a sealed server', refusal(503, 'Vault is sealed'), 'external-key-unreachable'],
    ['a fault', refusal(500, 'internal error'), 'external-key-unreachable'],
    ['words that nobody knows', refusal(400, 'SECRET of the provider'), 'external-key-unreachable'],
    [
      'a redirect',
      (response) => void response.writeHead(307, { location: 'https://localhost/' }).end(),
      'external-key-unreachable',
    ],
    [
      'what is no JSON',
      (response) => void response.writeHead(200).end('<html>SECRET</html>'),
      'external-key-unreachable',
    ],
    [
      'no JSON with 404',
      (response) => void response.writeHead(404).end('<html>SECRET</html>'),
      'external-key-unreachable',
    ],
    ['JSON without what was asked for', answer({ data: { x: 'SECRET' } }), 'external-key-unreachable'],
    ['nothing', (response) => void response.destroy(), 'external-key-unreachable'],
    [
      'half an answer',
      (response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
      'external-key-unreachable',
    ],
    [
      'more than it may',
      (response) => void response.writeHead(200).end(Buffer.alloc(limits.httpsAnswerBytesMax + 1, 32)),
      'external-key-unreachable',
    ],
  ]
  it.each(refusals)('refuses %s', async (_what, reply, expected) => {
    const wrapped = await key.wrap(secret, context)
    server.before = ({ path }) => (path.startsWith('transit/') ? reply : undefined)
    for (const act of [() => key.unwrap(wrapped, context, 'object'), () => key.wrap(secret, context)]) {
      const error: unknown = await act().catch((refused: unknown) => refused)
      expect(error).toMatchObject({ code: expected })
      expect(String(error)).not.toContain('SECRET')
    }
    // And when that is over it works again.
    server.before = () => undefined
    expect(bytesOf(await key.unwrap(wrapped, context, 'object'))).toEqual(bytesOf(secret))
  })

  it('says of a key that it is switched off, gone, or not to be seen', async () => {
    const told = (reply: Reply): void => {
      server.before = ({ path }) => (path === 'transit/keys/krypton' ? reply : undefined)
    }
    told(answer({ data: { latest_version: 3, soft_deleted: true } }))
    expect(await key.status()).toEqual({ state: 'disabled', keyId: Buffer.from('transit/krypton:v3') })
    told(refusal(404))
    expect(await key.status()).toEqual({ state: 'deleted', keyId: undefined })
    told(refusal(403, 'permission denied'))
    await expect(key.status()).rejects.toThrow(code('external-key-denied'))
    told(answer({}))
    await expect(key.status()).rejects.toThrow(code('external-key-unreachable'))
  })
})

describe('the login', () => {
  it('is made again once when a token is refused, and once for all who wait', async () => {
    const wrapped = await key.wrap(secret, context)
    server.tokens.clear()
    server.asked.length = 0
    await Promise.all(Array.from({ length: 5 }, () => key.unwrap(wrapped, context, 'object')))
    expect(paths().filter((path) => path.endsWith('login'))).toHaveLength(1)
  })

  it('is made again before a token ends', async () => {
    server.leaseSeconds = 1
    const wrapped = await key.wrap(secret, context)
    await new Promise((resolve) => setTimeout(resolve, 850))
    await key.unwrap(wrapped, context, 'object')
    expect(paths()).toEqual([
      'auth/approle/login',
      'transit/encrypt/krypton',
      'auth/approle/login',
      'transit/decrypt/krypton',
    ])
  })

  it('that is refused is told as denied; of a sealed server as unreachable', async () => {
    const wrong = openbao.open(reference({}, 'wrong'))
    await expect(wrong.status()).rejects.toThrow(code('external-key-denied'))
    server.before = () => refusal(503, 'Vault is sealed')
    await expect(wrong.status()).rejects.toThrow(code('external-key-unreachable'))
    wrong.wipe()
  })

  it('by a token renews it while it lives, and takes another one that stands in its file', async () => {
    const file = join(directory, 'token')
    writeFileSync(file, 'first\n', { mode: 0o600 })
    server.tokens.add('first')
    server.leaseSeconds = 0.2
    const { address, authority } = server
    const client = new OpenBaoClient({
      address,
      ca: heldCredential(Buffer.from(authority.certificatePem)),
      namespace: 'team/a',
      login: { method: 'token', token: credentialFile(file, { secret: true }) },
    })
    const read = () => client.call('GET', 'transit/keys/krypton')
    expect((await read()).status).toBe(200)
    expect(server.asked[0]).toMatchObject({ token: 'first', namespace: 'team/a' })
    await expect.poll(() => paths().filter((path) => path === 'auth/token/renew-self').length).toBeGreaterThan(2)
    server.tokens.clear()
    await expect(read()).rejects.toThrow(code('external-key-denied'))
    server.tokens.add('second')
    writeFileSync(file, 'second')
    expect((await read()).status).toBe(200)
    // What cannot be read says so, when it is needed.
    server.tokens.clear()
    chmodSync(file, 0o604)
    await expect(read()).rejects.toThrow(/everybody may read the credential/)
    writeFileSync(file, 'two lines\nof text')
    chmodSync(file, 0o600)
    await expect(read()).rejects.toThrow(/not one line of text/)
    rmSync(file)
    await expect(read()).rejects.toMatchObject({
      code: 'external-key-unreachable',
      message: expect.stringContaining(file),
    })
    client.wipe()
    await expect(read()).rejects.toThrow(/after it was let go/)
  })
})

describe('the connection', () => {
  it('is made anew when the other side has closed it, without a refusal', async () => {
    const wrapped = await key.wrap(secret, context)
    server.cut()
    expect(bytesOf(await key.unwrap(wrapped, context, 'object'))).toEqual(bytesOf(secret))
    // Closed in the moment in which it is used again.
    const kept = server.asked.at(-1)!.connection
    server.before = ({ connection }) =>
      connection === kept ? (response) => void response.socket?.destroy() : undefined
    expect(bytesOf(await key.unwrap(wrapped, context, 'object'))).toEqual(bytesOf(secret))
  })

  it('believes the given authorities alone', async () => {
    const stranger = openbao.open(reference({ ca: (await newAuthority()).certificatePem }))
    await expect(stranger.status()).rejects.toMatchObject({
      code: 'external-key-unreachable',
      message: expect.stringMatching(/cannot be reached: [A-Z_]*(CERT|SIGNATURE)/),
    })
    stranger.wipe()
  })

  it('ends with the time for the whole call, whatever the other side does', async () => {
    const { address, authority } = server
    const slow = openOpenBaoKey({
      address,
      ca: heldCredential(Buffer.from(authority.certificatePem)),
      namespace: undefined,
      mount: 'transit',
      key: 'krypton',
      login: {
        method: 'approle',
        mount: 'approle',
        roleId: heldCredential(Buffer.from('role')),
        secretId: heldCredential(Buffer.from('right')),
      },
      callMs: 300,
    })
    server.before = ({ path }) =>
      path.startsWith('transit/') ? (response) => void response.writeHead(200).write('{') : undefined
    await expect(slow.status()).rejects.toMatchObject({
      code: 'external-key-unreachable',
      message: expect.stringContaining('no answer within 300 ms'),
    })
    slow.wipe()
  })

  it('is made by a name too, whose certificate must have it', async () => {
    const named = openbao.open(reference({ address: server.address.replace('127.0.0.1', 'localhost') }))
    expect((await named.status()).state).toBe('enabled')
    named.wipe()
  })

  it('leads to no address at which no service is', async () => {
    const ca = Buffer.from(server.authority.certificatePem)
    for (const host of ['169.254.169.254', '[fe80::1]', '0.0.0.0', '[::]', '224.0.0.1', '[::ffff:169.254.169.254]']) {
      const open = () => new HttpsClient({ origin: new URL(`https://${host}:8200`), ca })
      expect(open, host).toThrow(code('config-invalid'))
    }
    new HttpsClient({ origin: new URL('https://[::1]:8200'), ca }).close()
    // A name that leads there: what the system's resolver gives for it is looked at.
    const addressesOf = (name: string, all: boolean): Promise<unknown> =>
      new Promise((resolve, reject) => {
        lookupService(name, { all }, (error, found) => (error === null ? resolve(found) : reject(error)))
      })
    await expect(addressesOf('169.254.169.254', true)).rejects.toThrow(/leads to a link-local/)
    await expect(addressesOf('name.invalid', true)).rejects.toMatchObject({ syscall: 'getaddrinfo' })
    expect([await addressesOf('127.0.0.1', false), await addressesOf('127.0.0.1', true)]).toEqual([
      '127.0.0.1',
      [{ address: '127.0.0.1', family: 4 }],
    ])
  })
})

describe('settings that cannot be meant so', () => {
  it.each([
    [{ address: 'http://127.0.0.1:8200' }, 'right', /https:\/\/HOST:PORT/],
    [{ address: 'https://127.0.0.1:8200/v1' }, 'right', /https:\/\/HOST:PORT/],
    [{ ca: 'no certificate' }, 'right', /ca must be PEM/],
    [{ namespace: 'a b' }, 'right', /the namespace must be/],
    [{ loginMount: 'a?b' }, 'right', /the mount of the login must be/],
    [{ roleId: '' }, 'right', /needs the setting roleId/],
    [{ login: 'password' }, 'right', /must be approle, token or certificate/],
    [{ login: 'certificate' }, 'right', /PEM of a certificate and its key/],
    [{ tokenFile: 'x' }, 'right', /tokenFile is no setting of openbao/],
    [{}, '', /needs its credentials/],
  ])('%j with credentials %j are refused', (settings, credentials, words) => {
    const open = () => openbao.open(reference(settings, credentials))
    expect(open).toThrow(words)
    expect(open).toThrow(code('invalid-field'))
  })

  it('and names of keys too; two that differ have another identity', () => {
    for (const name of ['../sys/krypton', 'a//krypton', '/krypton', 'a?b', 'transit/', 'transit/a b', '']) {
      expect(() => openbao.open({ ...reference(), key: name }), name).toThrow(
        /the (mount of Transit|name of the key) must be/,
      )
    }
    const id = ({ key = 'transit/krypton', ...settings }: Record<string, string>): string => {
      const opened = openbao.open({ ...reference(settings), key })
      opened.wipe()
      return Buffer.from(opened.configurationId).toString('hex')
    }
    const changes: Record<string, string>[] = [
      {},
      { key: 'other/krypton' },
      { key: 'other' },
      { namespace: 'other' },
      { address: 'https://o:8200' },
    ]
    const ids = changes.map(id)
    expect(new Set(ids).size).toBe(5)
    expect(id({ key: 'krypton' })).toBe(ids[0])
    // Not part of which key it is: how we are known there.
    expect(id({ roleId: 'line-of-a-file\n' })).toBe(ids[0])
  })
})
