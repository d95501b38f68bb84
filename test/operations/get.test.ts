import { beforeAll, describe, expect, test } from 'vitest'
import { KeyFormatType, KeyWrapType, Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import { decodeRequest, encodeRequest } from '../../src/kmip/request-message.ts'
import { encodeResponse } from '../../src/kmip/response-message.ts'
import { protocolVersion } from '../../src/kmip/version.ts'
import { executeBatch } from '../../src/operations/execute-batch.ts'
import { attribute, newServer, registerOpaque, registerSecret } from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
beforeAll(async () => {
  server = await newServer()
})

const key = Buffer.alloc(16, 3)

describe('Get', () => {
  test('serves a key in whatever state it is, until it is destroyed', async () => {
    const { client, colleague } = server
    const id = await client.register(key)
    expect(await client.material(id)).toEqual(key)
    await client.activate(id)
    expect(await colleague.material(id)).toEqual(key)
    await client.revoke(id)
    expect(await client.material(id)).toEqual(key)
    await client.revoke(id, RevocationReasonCode.KeyCompromise)
    expect(await client.material(id)).toEqual(key)
    await client.destroy(id)
    expect((await client.refusal(Operation.Get, { uniqueIdentifier: id })).reason).toBe('Illegal Operation')
  })

  test('serves in the format that is asked for, where it is the same bytes', async () => {
    const { client } = server
    const uniqueIdentifier = await client.register(key)
    const opaque = await client.send(Operation.Get, { uniqueIdentifier, keyFormatType: KeyFormatType.Opaque })
    expect(opaque.symmetricKey?.keyBlock).toMatchObject({
      keyFormatType: KeyFormatType.Opaque,
      keyValue: { keyMaterial: key },
    })
    const refusal = await client.refusal(Operation.Get, { uniqueIdentifier, keyFormatType: KeyFormatType.PKCS8 })
    expect(refusal.reason).toBe('Key Format Type Not Supported')
    const secret = await client.send(Operation.Register, registerSecret(key))
    const transparent = { ...secret, keyFormatType: KeyFormatType.TransparentSymmetricKey }
    expect((await client.refusal(Operation.Get, transparent)).reason).toBe('Key Format Type Not Supported')
  })

  test('refuses to compress', async () => {
    const { client } = server
    const uniqueIdentifier = await client.register(key)
    const compressed = { uniqueIdentifier, keyCompressionType: 1 }
    expect((await client.refusal(Operation.Get, compressed)).reason).toBe('Key Compression Type Not Supported')
  })

  test('refuses what is Sensitive or not Extractable, also after it was cached', async () => {
    const { client } = server
    const sensitive = await client.register(key, [attribute('sensitive', true)])
    const kept = await client.register(key, [attribute('extractable', false)])
    for (const _ of [1, 2]) {
      expect((await client.refusal(Operation.Get, { uniqueIdentifier: sensitive })).reason).toBe('Sensitive')
      expect((await client.refusal(Operation.Get, { uniqueIdentifier: kept })).reason).toBe('Not Extractable')
    }
    const older = await client.refusal(Operation.Get, { uniqueIdentifier: kept }, { version: 13 })
    expect(older.reason).toBe('General Failure')
    expect(await client.attributes(kept, ['Always Sensitive', 'Never Extractable'])).toEqual({
      'Always Sensitive': [false],
      'Never Extractable': [true],
    })
  })

  test('ends Fresh with the first Get and writes nothing after that', async () => {
    const { client, clock, store } = server
    const id = await client.register(key)
    expect(await client.attribute(id, 'Fresh')).toBe(true)
    const changed = await client.attribute(id, 'Last Change Date')
    clock.seconds += 10
    await client.material(id)
    expect(await client.attribute(id, 'Fresh')).toBe(false)
    expect(await client.attribute(id, 'Last Change Date')).toBe(changed)
    const audited = (await store.audit('data', 0, 10_000)).length
    await client.material(id)
    await client.attributes(id)
    expect((await store.audit('data', 0, 10_000)).length).toBe(audited)
  })

  test('writes nothing for an object of a client of KMIP 1.0, which knows no Fresh', async () => {
    const { client, store } = server
    const { uniqueIdentifier } = await client.send(Operation.Register, registerSecret(key), { version: 10 })
    const audited = (await store.audit('data', 0, 10_000)).length
    await client.material(uniqueIdentifier, { version: 10 })
    expect((await store.audit('data', 0, 10_000)).length).toBe(audited)
  })

  test('makes no promise when object and keys are at hand, and leaves no key behind once the answer is written', async () => {
    const { client, services } = server
    const uniqueIdentifier = await client.register(key)
    await client.material(uniqueIdentifier)
    const frame = encodeRequest({
      requestHeader: { protocolVersion: protocolVersion(14), batchCount: 1 },
      batchItems: [{ operation: Operation.Get, requestPayload: { uniqueIdentifier } }],
    })
    const answer = executeBatch(decodeRequest(frame), client.principal, services)
    if (answer instanceof Promise) throw new Error('a promise was made')
    const encoded = encodeResponse({ version: 14, timeStamp: 0, batchItems: answer })
    expect(encoded.sensitive).toBe(true)
    expect(encoded.bytes.includes(key)).toBe(true)
    expect(() => encodeResponse({ version: 14, timeStamp: 0, batchItems: answer })).toThrow(/wiped/)
  })

  test('ignores a format for an Opaque Object', async () => {
    const { client } = server
    const registered = await client.send(Operation.Register, registerOpaque(key))
    const { opaqueObject } = await client.send(Operation.Get, { ...registered, keyFormatType: KeyFormatType.Opaque })
    expect(opaqueObject?.opaqueDataValue).toEqual(key)
  })

  test('takes either Key Wrap Type for a key that is not wrapped, and refuses one that there is not', async () => {
    const { client } = server
    const uniqueIdentifier = await client.register(key)
    for (const keyWrapType of Object.values(KeyWrapType)) {
      const { symmetricKey } = await client.send(Operation.Get, { uniqueIdentifier, keyWrapType })
      expect(symmetricKey?.keyBlock.keyValue?.keyMaterial).toEqual(key)
    }
    for (const keyWrapType of [0, 3, 0x8000_0001]) {
      const refusal = await client.refusal(Operation.Get, { uniqueIdentifier, keyWrapType })
      expect(refusal.reason).toBe('Feature Not Supported')
    }
  })
})
