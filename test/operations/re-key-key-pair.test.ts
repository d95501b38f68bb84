import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CryptographicAlgorithm,
  LinkType,
  Operation,
  RecommendedCurve,
  RevocationReasonCode,
  UsageLimitsUnit,
} from '../../src/kmip/enums.ts'
import type { WireAttribute } from '../../src/kmip/attributes-1x.ts'
import { attribute, custom, item, named, newServer } from './fixture.ts'
import type { Client, Server } from './fixture.ts'
import { createPair, p256, registerPrivate, registerPublic } from './key-pairs.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})
afterAll(() => server.services.cryptoWork.close(0))

const ec = [
  attribute('cryptographicAlgorithm', CryptographicAlgorithm.ECDSA),
  attribute('cryptographicDomainParameters', { recommendedCurve: RecommendedCurve.SECP256K1 }),
]
let count = 0
async function newPair(common: readonly WireAttribute[] = []) {
  const name = `pair ${count++}`
  const request = createPair([...ec, ...common], {
    private: [named(`${name} private`)],
    public: [named(`${name} public`)],
  })
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = await client.send(Operation.CreateKeyPair, request)
  return { name, own: privateKeyUniqueIdentifier, other: publicKeyUniqueIdentifier }
}

const linksOf = async (id: string) =>
  ((await client.attributes(id, ['Link']))['Link'] as { linkType: number; linkedObjectIdentifier: string }[]).map(
    ({ linkType, linkedObjectIdentifier }) => [linkType, linkedObjectIdentifier],
  )

describe('Re-key Key Pair', () => {
  test('makes a pair that takes over names and attributes, and links all four keys', async () => {
    const { name, own, other } = await newPair([
      custom('x-kept', 'kept'),
      attribute('activationDate', server.clock.seconds - 10),
      attribute('usageLimits', { usageLimitsTotal: 5n, usageLimitsUnit: UsageLimitsUnit.Object }),
    ])
    await client.send(Operation.Sign, {
      uniqueIdentifier: own,
      cryptographicParameters: { hashingAlgorithm: 6 },
      data: Buffer.from('x'),
    })
    const [made, placed] = await client.batch([
      item(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: own }),
      item(Operation.GetAttributes, { attributeNames: ['Unique Identifier'] }),
    ])
    const ids = made!.responsePayload as { privateKeyUniqueIdentifier: string; publicKeyUniqueIdentifier: string }
    expect(placed!.responsePayload).toMatchObject({ uniqueIdentifier: ids.privateKeyUniqueIdentifier })
    expect(await linksOf(ids.privateKeyUniqueIdentifier)).toEqual([
      [LinkType.PublicKeyLink, ids.publicKeyUniqueIdentifier],
      [LinkType.ReplacedObjectLink, own],
    ])
    expect(await linksOf(ids.publicKeyUniqueIdentifier)).toEqual([
      [LinkType.PrivateKeyLink, ids.privateKeyUniqueIdentifier],
      [LinkType.ReplacedObjectLink, other],
    ])
    expect(await linksOf(own)).toEqual([
      [LinkType.PublicKeyLink, other],
      [LinkType.ReplacementObjectLink, ids.privateKeyUniqueIdentifier],
    ])
    expect(await linksOf(other)).toEqual([
      [LinkType.PrivateKeyLink, own],
      [LinkType.ReplacementObjectLink, ids.publicKeyUniqueIdentifier],
    ])
    expect(await client.locate([named(`${name} private`)])).toEqual([ids.privateKeyUniqueIdentifier])
    expect(await client.locate([named(`${name} public`)])).toEqual([ids.publicKeyUniqueIdentifier])
    const before = await client.attributes(own)
    const after = await client.attributes(ids.privateKeyUniqueIdentifier)
    expect(before['Name']).toBeUndefined()
    expect(before['State']).toEqual([2])
    expect(after).toMatchObject({
      'x-kept': [{ value: 'kept' }],
      State: [2],
      'Activation Date': before['Activation Date'],
      'Cryptographic Algorithm': [CryptographicAlgorithm.ECDSA],
      'Cryptographic Domain Parameters': [{ recommendedCurve: RecommendedCurve.SECP256K1 }],
      'Usage Limits': [{ usageLimitsTotal: 5n, usageLimitsCount: 5n }],
      Fresh: [true],
    })
    expect(before['Usage Limits']).toMatchObject([{ usageLimitsCount: 4n }])
    expect(after['Digest']).not.toEqual(before['Digest'])
  })

  test('counts the new dates from the offset', async () => {
    const { seconds } = server.clock
    const { own } = await newPair([
      attribute('activationDate', seconds - 100),
      attribute('deactivationDate', seconds + 1000),
    ])
    const made = await client.send(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: own, offset: 50 })
    expect(await client.attributes(made.privateKeyUniqueIdentifier)).toMatchObject({
      'Activation Date': [seconds + 50],
      'Deactivation Date': [seconds + 1150],
      State: [1],
    })
  })

  test('takes what the request says instead of what the old pair has', async () => {
    const { own } = await newPair([attribute('contactInformation', 'old')])
    const made = await client.send(Operation.ReKeyKeyPair, {
      privateKeyUniqueIdentifier: own,
      commonTemplateAttribute: {
        names: [],
        attributes: [attribute('contactInformation', 'new'), custom('x-new', 'new')],
      },
    })
    expect(await client.attributes(made.publicKeyUniqueIdentifier)).toMatchObject({
      'Contact Information': ['new'],
      'x-new': [{ value: 'new' }],
    })
  })

  test('replaces a pair that was compromised, and one that was registered', async () => {
    const { own } = await newPair()
    await client.revoke(own, RevocationReasonCode.KeyCompromise)
    const made = await client.send(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: own })
    expect(await client.attribute(made.privateKeyUniqueIdentifier, 'Compromise Date')).toBeUndefined()
    const publicKey = await client.send(Operation.Register, registerPublic(p256.publicKey))
    const links = [
      attribute('link', { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: publicKey.uniqueIdentifier }),
    ]
    const privateKey = await client.send(Operation.Register, registerPrivate(p256.privateKey, links))
    await client.send(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: privateKey.uniqueIdentifier })
  })

  test('changes nothing when it is refused', async () => {
    const { name, own, other } = await newPair()
    await client.create([named('taken by a key')])
    const request = {
      privateKeyUniqueIdentifier: own,
      publicKeyTemplateAttribute: { names: [], attributes: [named('taken by a key')] },
    }
    expect((await client.refusal(Operation.ReKeyKeyPair, request)).reason).toBe('Invalid Field')
    expect(await linksOf(own)).toEqual([[LinkType.PublicKeyLink, other]])
    expect(await client.locate([named(`${name} private`)])).toEqual([own])
  })

  test('refuses what cannot be re-keyed', async () => {
    const { own, other } = await newPair()
    const refusal = async (privateKeyUniqueIdentifier: string, more: object = {}) =>
      (await client.refusal(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier, ...more })).reason
    const dates = { names: [], attributes: [attribute('activationDate', 5)] }
    const length = { names: [], attributes: [attribute('cryptographicLength', 384)] }
    expect(await refusal(other)).toBe('Permission Denied')
    expect(await refusal('nothing')).toBe('Item Not Found')
    expect(await refusal(own, { offset: 5, commonTemplateAttribute: dates })).toBe('Invalid Message')
    expect(await refusal(own, { commonTemplateAttribute: length })).toBe('Invalid Field')
    const { own: dated } = await newPair([attribute('deactivationDate', server.clock.seconds + 5)])
    expect(await refusal(dated, { offset: 5 })).toBe('Illegal Operation')
    const foreign = await server.otherService.refusal(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: own })
    expect(foreign.reason).toBe('Item Not Found')
    await client.send(Operation.ReKeyKeyPair, { privateKeyUniqueIdentifier: own })
    expect(await refusal(own)).toBe('Permission Denied')
    const { own: destroyed } = await newPair()
    await client.destroy(destroyed)
    expect(await refusal(destroyed)).toBe('Permission Denied')
    const request = registerPrivate(p256.privateKey, [
      attribute('link', { linkType: LinkType.PublicKeyLink, linkedObjectIdentifier: other }),
    ])
    const { keyValue: _, ...keyBlock } = request.privateKey!.keyBlock
    const kept = await client.send(Operation.Register, { ...request, privateKey: { keyBlock } })
    expect(await refusal(kept.uniqueIdentifier)).toBe('Key Value Not Present')
    expect(server.faults).toEqual([])
  })
})
