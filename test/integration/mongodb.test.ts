import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import { removeDirectory, sleep, temporaryDirectory } from '../support/counterparts.ts'
import { Application, KeyVault, mongodbPython } from '../support/mongodb.ts'
import type { Provider } from '../support/mongodb.ts'
import { renew, stranger, validFor } from './certificate.ts'
import { exchangeOnce } from './kmip-connection.ts'
import { about, createKey, identifierOf, registerSecret, revokeKey, succeeded } from './kmip-messages.ts'
import { KryptonServer } from './krypton-server.ts'
import type { Identity } from './krypton-server.ts'

const directory = temporaryDirectory('mongodb')
let server: KryptonServer
let vault: KeyVault
let application: Application
let clients = 0

interface MasterKey {
  readonly keyId: string
  readonly provider: string
  readonly delegated?: boolean
}

beforeAll(async () => {
  await mongodbPython()
  vault = await KeyVault.start()
  server = await KryptonServer.start(directory)
  application = await Application.start(vault)
})

afterAll(async () => {
  await application?.stop()
  await server?.stop()
  await vault?.stop()
  removeDirectory(directory)
})

/** A new ClientEncryption: nothing in its cache, so that it must ask the server. */
async function fresh(providers?: Record<string, Provider>): Promise<string> {
  const name = `client-${clients++}`
  await application.open(name, providers ?? { kmip: server.provider() })
  return name
}

async function newDataKey(client: string, masterKey: object = {}, provider = 'kmip'): Promise<string> {
  return await application.well('createDataKey', { client, provider, masterKey })
}

async function encrypted(client: string, key: string, value: string): Promise<string> {
  return await application.well('encrypt', { client, key, value })
}

async function decrypted(client: string, value: string): Promise<string> {
  return await application.well('decrypt', { client, value })
}

async function masterKeyOf(key: string): Promise<MasterKey> {
  return await application.well('masterKey', { key })
}

/** Ends the use of a key encryption key with the reason. */
async function revoke(identifier: string, reason?: number): Promise<void> {
  succeeded(await exchangeOnce(server.target(), revokeKey(identifier, reason)))
}

const kinds = [
  ['classic', {}],
  ['delegated', { delegated: true }],
] as const

describe.each(kinds)('a %s data key', (kind, options) => {
  it('is made, and what it encrypts is read by a client that has nothing cached', async () => {
    const client = await fresh()
    const key = await newDataKey(client, options)
    const value = await encrypted(client, key, `hello ${kind}`)
    expect(await decrypted(await fresh(), value)).toBe(`hello ${kind}`)
    const { keyId, delegated } = await masterKeyOf(key)
    expect(keyId).not.toBe('')
    expect(delegated ?? false).toBe(kind === 'delegated')
  })

  it('is made under a KEK that is named', async () => {
    const client = await fresh()
    const { keyId } = await masterKeyOf(await newDataKey(client, options))
    const key = await newDataKey(client, { ...options, keyId })
    expect((await masterKeyOf(key)).keyId).toBe(keyId)
    const value = await encrypted(client, key, 'under a named KEK')
    expect(await decrypted(await fresh(), value)).toBe('under a named KEK')
  })

  it('is wrapped anew by another KEK, and what it encrypted before is still read', async () => {
    const client = await fresh()
    const key = await newDataKey(client, options)
    const value = await encrypted(client, key, 'before the rewrap')
    const before = await masterKeyOf(key)
    expect(await application.well('rewrap', { client: await fresh(), keys: [key], masterKey: options })).toBe(1)
    const after = await masterKeyOf(key)
    expect(after.keyId).not.toBe(before.keyId)
    expect(await decrypted(await fresh(), value)).toBe('before the rewrap')
  })

  it('opens no more when its KEK is destroyed, and the person reads why', async () => {
    const client = await fresh()
    const key = await newDataKey(client, options)
    const value = await encrypted(client, key, 'gone with its key')
    const { keyId } = await masterKeyOf(key)
    await revoke(keyId)
    succeeded(await exchangeOnce(server.target(), about(Operation.Destroy, keyId)))
    const message = await application.refused('decrypt', { client: await fresh(), value })
    expect(message).toMatch(
      /Result Status \(1\): Operation Failed\. Result Reason \(\d+\): .*Result Message: .*destroyed/i,
    )
  })

  it('opens after the server was stopped and started again', async () => {
    const client = await fresh()
    const key = await newDataKey(client, options)
    const value = await encrypted(client, key, 'across a restart')
    await server.stop()
    server = await server.restart()
    expect(await decrypted(await fresh(), value)).toBe('across a restart')
    expect(await decrypted(client, await encrypted(client, key, 'the same client'))).toBe('the same client')
  })

  it('opens after the server was killed and started again', async () => {
    const client = await fresh()
    const key = await newDataKey(client, options)
    const value = await encrypted(client, key, 'across a crash')
    await server.kill()
    server = await server.restart()
    expect(await decrypted(await fresh(), value)).toBe('across a crash')
  })
})

it('rewraps from a classic to a delegated KEK and back', async () => {
  const client = await fresh()
  const key = await newDataKey(client)
  const value = await encrypted(client, key, 'there and back')
  await application.well('rewrap', { client: await fresh(), keys: [key], masterKey: { delegated: true } })
  expect((await masterKeyOf(key)).delegated).toBe(true)
  expect(await decrypted(await fresh(), value)).toBe('there and back')
  await application.well('rewrap', { client: await fresh(), keys: [key] })
  expect((await masterKeyOf(key)).delegated ?? false).toBe(false)
  expect(await decrypted(await fresh(), value)).toBe('there and back')
})

it('rewraps many data keys at once under one KEK', async () => {
  const client = await fresh()
  const keys = [await newDataKey(client), await newDataKey(client, { delegated: true }), await newDataKey(client)]
  const values = [await encrypted(client, keys[0]!, 'one'), await encrypted(client, keys[1]!, 'two')]
  const keyId = identifierOf(await exchangeOnce(server.target(), createKey()))
  succeeded(await exchangeOnce(server.target(), about(Operation.Activate, keyId)))
  const masterKey = { keyId, delegated: true }
  expect(await application.well('rewrap', { client: await fresh(), keys, masterKey })).toBe(3)
  for (const key of keys) expect(await masterKeyOf(key)).toMatchObject(masterKey)
  const reader = await fresh()
  expect([await decrypted(reader, values[0]!), await decrypted(reader, values[1]!)]).toEqual(['one', 'two'])
})

it('refuses to use a Secret Data as the KEK of a delegated data key, and the person reads why', async () => {
  const keyId = identifierOf(await exchangeOnce(server.target(), registerSecret(Buffer.alloc(96, 7))))
  const message = await application.refused('createDataKey', {
    client: await fresh(),
    masterKey: { delegated: true, keyId },
  })
  expect(message).toMatch(/Result Status \(1\): Operation Failed\. Result Reason \(\d+\): .*Result Message: \S+/)
})

describe('a KEK that was revoked', () => {
  it('still gives its classic data keys, since Get is no use of a key', async () => {
    const client = await fresh()
    const key = await newDataKey(client)
    const value = await encrypted(client, key, 'deactivated')
    await revoke((await masterKeyOf(key)).keyId)
    expect(await decrypted(await fresh(), value)).toBe('deactivated')
  })

  it.each([
    ['deactivated', RevocationReasonCode.CessationOfOperation],
    ['compromised', RevocationReasonCode.KeyCompromise],
  ])('when %s opens its delegated data keys and wraps no more', async (word, reason) => {
    const client = await fresh()
    const key = await newDataKey(client, { delegated: true })
    const value = await encrypted(client, key, word)
    const { keyId } = await masterKeyOf(key)
    await revoke(keyId, reason)
    expect(await decrypted(await fresh(), value)).toBe(word)
    const masterKey = { delegated: true, keyId }
    const message = await application.refused('createDataKey', { client: await fresh(), masterKey })
    expect(message).toMatch(/Result Status \(1\): Operation Failed\. Result Reason \(\d+\): .*Result Message: \S+/)
    expect(await application.refused('rewrap', { client: await fresh(), keys: [key], masterKey })).toMatch(
      /Result Status \(1\): Operation Failed/,
    )
    // The way out: a new KEK for the data key that still opens.
    await application.well('rewrap', { client: await fresh(), keys: [key], masterKey: { delegated: true } })
    expect(await decrypted(await fresh(), value)).toBe(word)
  })
})

describe('two tenants, as named providers of one client', () => {
  const providers: Record<string, Provider> = {}

  beforeAll(async () => {
    for (const tenant of ['acme', 'globex']) {
      providers[`kmip:${tenant}`] = server.provider(await server.addClient('orders', tenant))
    }
  })

  it.each(kinds)('read each its own %s keys', async (_kind, options) => {
    const client = await fresh(providers)
    for (const provider of ['kmip:acme', 'kmip:globex']) {
      const key = await newDataKey(client, options, provider)
      expect((await masterKeyOf(key)).provider).toBe(provider)
      const value = await encrypted(client, key, provider)
      expect(await decrypted(await fresh(providers), value)).toBe(provider)
    }
  })

  it.each(kinds)("cannot tell each other's %s keys from keys that do not exist", async (_kind, options) => {
    const client = await fresh(providers)
    const { keyId } = await masterKeyOf(await newDataKey(client, options, 'kmip:acme'))
    const foreign = await application.refused('createDataKey', {
      client,
      provider: 'kmip:globex',
      masterKey: { ...options, keyId },
    })
    const unknownId = keyId.replace(/[0-9a-f](?=[^0-9a-f]*$)/i, (digit) => (digit === '0' ? '1' : '0'))
    const missing = await application.refused('createDataKey', {
      client,
      provider: 'kmip:globex',
      masterKey: { ...options, keyId: unknownId },
    })
    expect(foreign).toContain('Result Reason (1): Item Not Found')
    expect(foreign.replaceAll(keyId, 'ID')).toBe(missing.replaceAll(unknownId, 'ID'))
  })

  it('share the keys of a service among its clients', async () => {
    const client = await fresh(providers)
    const key = await newDataKey(client, {}, 'kmip:acme')
    const value = await encrypted(client, key, 'shared')
    const other = await server.addClient('reports', 'acme')
    expect(await decrypted(await fresh({ 'kmip:acme': server.provider(other) }), value)).toBe('shared')
  })
})

describe('who the client is', () => {
  const refusal = /Result Reason \(3\): Authentication Not Successful\. Result Message: \S+/

  it('is told to a stranger with one readable message', async () => {
    const identity = await stranger(directory, join(directory, 'stranger'))
    const client = await fresh({ kmip: server.provider(identity) })
    expect(await application.refused('createDataKey', { client, masterKey: {} })).toMatch(refusal)
  })

  it('is looked at again for each message: a revoked client reads no more, with a client that is open', async () => {
    const identity = await server.addClient('leaver', 'demo')
    const client = await fresh({ kmip: server.provider(identity) })
    const key = await newDataKey(client)
    const value = await encrypted(client, key, 'not for long')
    await server.revokeClient('leaver', 'demo')
    expect(await application.refused('createDataKey', { client, masterKey: {} })).toMatch(refusal)
    expect(
      await application.refused('decrypt', { client: await fresh({ kmip: server.provider(identity) }), value }),
    ).toMatch(refusal)
    expect(await decrypted(await fresh(), value)).toBe('not for long')
  })

  it('fits a renewed certificate of the same key, and ends when it expires under an open client', async () => {
    const lifeMs = 6_000
    const identity: Identity = await server.addClient('short-lived', 'demo')
    const renewed = await renew(directory, identity, join(directory, 'renewed'), validFor(lifeMs))
    const started = performance.now()
    const client = await fresh({ kmip: server.provider(renewed) })
    await newDataKey(client)
    expect(performance.now() - started).toBeLessThan(lifeMs)
    await sleep(lifeMs + 1_500 - (performance.now() - started))
    expect(await application.refused('createDataKey', { client, masterKey: {} })).toMatch(refusal)
    await newDataKey(await fresh({ kmip: server.provider(identity) }))
  })
})

it('tells a client when nobody listens, and serves the same client when the server is back', async () => {
  const client = await fresh()
  await server.stop()
  expect(await application.refused('createDataKey', { client, masterKey: {} })).toMatch(/KMS request failed|refused/i)
  server = await server.restart()
  await newDataKey(client)
})
