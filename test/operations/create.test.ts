import { beforeAll, describe, expect, test } from 'vitest'
import { CryptographicAlgorithm, ObjectType, Operation, State } from '../../src/kmip/enums.ts'
import { digest } from '../../src/crypto/digest.ts'
import { limits } from '../../src/limits.ts'
import { attribute, createPayload, custom, item, named, newServer, refusalOf } from './fixture.ts'
import type { Server } from './fixture.ts'

let server: Server
beforeAll(async () => {
  server = await newServer()
})

describe('Create', () => {
  test('makes a Pre-Active key with the attributes that were asked for and those that the server sets', async () => {
    const { client, clock } = server
    const uniqueIdentifier = await client.create([named('create-1'), attribute('objectGroup', 'g'), custom('x-1', 'v')])
    const material = await client.material(uniqueIdentifier)
    expect(material.byteLength).toBe(32)
    expect(await client.attributes(uniqueIdentifier)).toMatchObject({
      'Unique Identifier': [uniqueIdentifier],
      'Object Type': [ObjectType.SymmetricKey],
      Name: [{ nameValue: 'create-1', nameType: 1 }],
      'Object Group': ['g'],
      'x-1': [{ itemType: 7, value: 'v' }],
      'Cryptographic Algorithm': [CryptographicAlgorithm.AES],
      'Cryptographic Length': [256],
      'Cryptographic Usage Mask': [12],
      State: [State.PreActive],
      'Initial Date': [clock.seconds],
      'Original Creation Date': [clock.seconds],
      'Last Change Date': [clock.seconds],
      Digest: [{ hashingAlgorithm: 6, digestValue: digest('sha256', material), keyFormatType: 1 }],
      Sensitive: [false],
      'Always Sensitive': [false],
      Extractable: [true],
      'Never Extractable': [false],
    })
  })

  test('makes another key each time, of the length that was asked for or is usual', async () => {
    const { client } = server
    const [a, b] = [await client.create(), await client.create()]
    expect((await client.material(a)).equals(await client.material(b))).toBe(false)
    const hmac = createPayload([], { algorithm: CryptographicAlgorithm.HMACSHA512, length: 512 })
    const { uniqueIdentifier } = await client.send(Operation.Create, hmac)
    expect((await client.material(uniqueIdentifier)).byteLength).toBe(64)
    const usual = createPayload()
    const withoutLength = usual.templateAttribute.attributes.filter(({ name }) => name !== 'cryptographicLength')
    const made = await client.send(Operation.Create, {
      ...usual,
      templateAttribute: { names: [], attributes: withoutLength },
    })
    expect(await client.attribute(made.uniqueIdentifier, 'Cryptographic Length')).toBe(256)
  })

  test('makes a key without a mask, which can be fetched and not used', async () => {
    const { client } = server
    const bare = createPayload([attribute('activationDate', 0)])
    const attributes = bare.templateAttribute.attributes.filter(({ name }) => name !== 'cryptographicUsageMask')
    const made = await client.send(Operation.Create, { ...bare, templateAttribute: { names: [], attributes } })
    expect(await client.attribute(made.uniqueIdentifier, 'Cryptographic Usage Mask')).toBe(0)
    expect((await client.material(made.uniqueIdentifier)).byteLength).toBe(32)
    const refusal = await client.refusal(Operation.Encrypt, { ...made, data: Buffer.alloc(16) })
    expect(refusal.reason).toBe('Permission Denied')
  })

  test('makes an Active key when its Activation Date has passed', async () => {
    const { client, clock } = server
    const past = await client.create([attribute('activationDate', clock.seconds - 5)])
    expect(await client.attribute(past, 'State')).toBe(State.Active)
    const future = await client.create([attribute('activationDate', clock.seconds + 5)])
    expect(await client.attribute(future, 'State')).toBe(State.PreActive)
  })

  test.each([
    ['another Object Type', { ...createPayload(), objectType: ObjectType.PublicKey }, 'Invalid Field'],
    ['an algorithm that makes no symmetric key', createPayload([], { algorithm: 4, length: 2048 }), 'Invalid Field'],
    ['a length that the algorithm does not have', createPayload([], { length: 100 }), 'Invalid Field'],
    ['an attribute that the server sets', createPayload([attribute('state', State.Active)]), 'Invalid Field'],
    ['an attribute of other objects', createPayload([attribute('cryptographicDomainParameters', {})]), 'Invalid Field'],
    [
      'a second value of what there is one of',
      createPayload([attribute('contactInformation', 'a'), attribute('contactInformation', 'b')]),
      'Invalid Field',
    ],
    [
      'dates that exclude each other',
      createPayload([attribute('activationDate', 10), attribute('deactivationDate', 9)]),
      'Invalid Field',
    ],
    [
      'a generator that is not ours',
      createPayload([attribute('randomNumberGenerator', { rngAlgorithm: 3 })]),
      'Invalid Field',
    ],
    [
      'Application Data that the server should make',
      createPayload([attribute('applicationSpecificInformation', { applicationNamespace: 'n' })]),
      'Application Namespace Not Supported',
    ],
    [
      'a template',
      { ...createPayload(), templateAttribute: { names: [{ nameValue: 't', nameType: 1 }], attributes: [] } },
      'Item Not Found',
    ],
    [
      'no algorithm',
      {
        ...createPayload(),
        templateAttribute: { names: [], attributes: [attribute('cryptographicUsageMask', 12)] },
      },
      'Missing Data',
    ],
    [
      'more attributes than an object may have',
      createPayload(Array.from({ length: limits.attributeInstancesMax }, (_, i) => custom(`x-${i}`, 'v'))),
      'Index Out of Bounds',
    ],
  ])('refuses %s', async (_, payload, reason) => {
    const refusal = await server.client.refusal(Operation.Create, payload)
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
  })

  test('refuses a Name that another living object of the service has, and takes one that was another service’s', async () => {
    const { client, colleague, otherService, otherTenant } = server
    const first = await client.create([named('taken')])
    const payload = createPayload([named('taken')])
    expect((await client.refusal(Operation.Create, payload)).reason).toBe('Invalid Field')
    expect((await colleague.refusal(Operation.Create, payload)).reason).toBe('Invalid Field')
    await otherService.create([named('taken')])
    await otherTenant.create([named('taken')])
    await client.destroy(first)
    const second = await client.create([named('taken')])
    expect(await client.locate([named('taken')])).toEqual([second])
  })

  test('sees the Names of its own request', async () => {
    const { client } = server
    const answers = await client.batch([
      item(Operation.Create, createPayload([named('twice')])),
      item(Operation.Create, createPayload([named('twice')])),
    ])
    expect(refusalOf(answers[1]!).reason).toBe('Invalid Field')
    const again = await client.batch([
      item(Operation.Destroy, { uniqueIdentifier: (await client.locate([named('twice')]))[0] }),
      item(Operation.Create, createPayload([named('twice')])),
    ])
    expect(again.map(({ resultStatus }) => resultStatus)).toEqual([0, 0])
  })
})
