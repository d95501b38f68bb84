import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LinkType, Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import { attribute, custom, item, named, newServer, refusalOf } from './fixture.ts'
import type { Client, Item, Server } from './fixture.ts'
import { p256, registerPrivate, registerPublic } from './key-pairs.ts'

let server: Server
let id: string
let publicKey: string
beforeAll(async () => {
  server = await newServer()
  id = await server.client.register(Buffer.alloc(16, 1), [named('private'), attribute('activationDate', 0)])
  await server.client.material(id)
  publicKey = (await server.client.send(Operation.Register, registerPublic(p256.publicKey))).uniqueIdentifier
})
afterAll(() => server.services.cryptoWork.close(0))

const requests = (uniqueIdentifier: string): Item[] => [
  item(Operation.Get, { uniqueIdentifier }),
  item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: [] }),
  item(Operation.GetAttributes, { uniqueIdentifier, attributeNames: ['State'] }),
  item(Operation.GetAttributeList, { uniqueIdentifier }),
  item(Operation.AddAttribute, { uniqueIdentifier, attribute: custom('x-1', 'v') }),
  item(Operation.ModifyAttribute, { uniqueIdentifier, attribute: named('v') }),
  item(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Name' }),
  item(Operation.Activate, { uniqueIdentifier }),
  item(Operation.Revoke, {
    uniqueIdentifier,
    revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
  }),
  item(Operation.Destroy, { uniqueIdentifier }),
  item(Operation.Check, { uniqueIdentifier }),
  item(Operation.Encrypt, { uniqueIdentifier, data: Buffer.alloc(16) }),
  item(Operation.Decrypt, { uniqueIdentifier, data: Buffer.alloc(16), ivCounterNonce: Buffer.alloc(16) }),
  item(Operation.Sign, { uniqueIdentifier, data: Buffer.alloc(16) }),
  item(Operation.SignatureVerify, { uniqueIdentifier, data: Buffer.alloc(16), signatureData: Buffer.alloc(16) }),
  item(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: uniqueIdentifier }),
]

describe.each(['otherService', 'otherSystem', 'otherTenant'] as const)('a client of %s', (which) => {
  test('gets, for an object that is not its own, the very bytes that it gets for one that does not exist', async () => {
    const other: Client = server[which]
    const missing = requests('00000000-0000-4000-8000-000000000000')
    for (const [i, request] of requests(id).entries()) {
      const bytes = await other.bytes([request])
      expect(bytes).toEqual(await other.bytes([missing[i]!]))
      const [answer] = await other.batch([request])
      expect(refusalOf(answer!).reason).toBe('Item Not Found')
    }
    // The very object is as it was.
    expect(await server.client.attributes(id, ['State', 'Name'])).toEqual({
      State: [2],
      Name: [{ nameValue: 'private', nameType: 1 }],
    })
  })

  test('learns nothing of a key to which its own private key has a Link', async () => {
    const other: Client = server[which]
    const answers = await Promise.all(
      [publicKey, '00000000-0000-4000-8000-000000000000'].map(async (linkedObjectIdentifier) => {
        const link = attribute('link', { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier })
        const own = await other.send(Operation.Register, registerPrivate(p256.privateKey, [link]))
        const request = { privateKeyUniqueIdentifier: own.uniqueIdentifier }
        return other.bytes([item(Operation.ReKeyKeyPair, request)])
      }),
    )
    expect(answers[0]).toEqual(answers[1])
  })

  test('locates nothing of it, and may use its Name', async () => {
    const other: Client = server[which]
    expect(await other.locate([named('private')])).toEqual([])
    expect(await other.locate([attribute('uniqueIdentifier', id)])).toEqual([])
    const own = await other.create([named('private')])
    expect(await other.locate([named('private')])).toEqual([own])
    expect(await server.client.locate([named('private')])).toEqual([id])
  })
})

test('a text that is no identifier is simply not found', async () => {
  const missing = await server.client.bytes([requests('00000000-0000-4000-8000-000000000000')[0]!])
  for (const text of ['no-such-key', '', '1', id.toUpperCase(), `${id}\0`]) {
    expect(await server.client.bytes([requests(text)[0]!])).toEqual(missing)
  }
})
