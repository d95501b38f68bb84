import { beforeEach, describe, expect, test } from 'vitest'
import { LinkType, Operation, State } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import * as items from '../kmip/items.ts'
import {
  attribute,
  createPayload,
  custom,
  item,
  named,
  newServer,
  refusalOf,
  registerKey,
  registerOpaque,
  registerSecret,
} from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
let id: string
beforeEach(async () => {
  server = await newServer()
  client = server.client
  id = await client.register(Buffer.alloc(16, 1), [named('first'), attribute('contactInformation', 'me')])
})

const add = (one: ReturnType<typeof custom>) => ({ uniqueIdentifier: id, attribute: one })
const remove = (attributeName: string, attributeIndex?: number) => ({
  uniqueIdentifier: id,
  attributeName,
  attributeIndex,
})

describe('Get Attributes', () => {
  test('shows the attributes that are asked for, in that order, and leaves out those that are not there', async () => {
    const attributeNames = ['State', 'x-none', 'No Such Attribute', 'Contact Information', 'Deactivation Date']
    const { attributes = [] } = await client.send(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames })
    expect(attributes.map(({ attributeName }) => attributeName)).toEqual(['State', 'Contact Information'])
  })

  test('succeeds with nothing when none is there', async () => {
    const asked = { uniqueIdentifier: id, attributeNames: ['x-Product_Version'] }
    expect(await client.send(Operation.GetAttributes, asked)).toEqual({ uniqueIdentifier: id })
  })

  test('refuses a name that is asked for twice', async () => {
    const asked = { uniqueIdentifier: id, attributeNames: ['State', 'State'] }
    expect((await client.refusal(Operation.GetAttributes, asked)).reason).toBe('Invalid Message')
  })

  test('shows every instance with its index', async () => {
    await client.send(Operation.AddAttribute, add(named('second')))
    const asked = { uniqueIdentifier: id, attributeNames: ['Name'] }
    const { attributes = [] } = await client.send(Operation.GetAttributes, asked)
    expect(attributes.map(({ index }) => index)).toEqual([undefined, 1])
  })
})

describe('Get Attribute List', () => {
  test('names each attribute once, those that the client’s version knows', async () => {
    await client.send(Operation.AddAttribute, add(named('second')))
    const list = async (version: 10 | 14) =>
      (await client.send(Operation.GetAttributeList, { uniqueIdentifier: id }, { version })).attributeNames ?? []
    const names = await list(14)
    expect(names.filter((name) => name === 'Name')).toHaveLength(1)
    expect(names).toEqual(expect.arrayContaining(['Unique Identifier', 'State', 'Fresh', 'Sensitive', 'Digest']))
    const older = await list(10)
    expect(older).toContain('State')
    expect(older).not.toContain('Fresh')
    expect(older).not.toContain('Sensitive')
  })
})

describe('Add Attribute', () => {
  test('adds an instance, shows it with its index, and moves Last Change Date', async () => {
    server.clock.seconds += 3
    const answer = await client.send(Operation.AddAttribute, add(named('second')))
    expect(answer).toMatchObject({ uniqueIdentifier: id, attribute: { attributeName: 'Name', index: 1 } })
    const first = await client.send(Operation.AddAttribute, add(custom('x-new', 'v')))
    expect(first.attribute).toMatchObject({ attributeName: 'x-new', value: { itemType: 7, value: 'v' } })
    expect(first.attribute.index).toBeUndefined()
    expect(await client.attribute(id, 'Last Change Date')).toBe(server.clock.seconds)
    expect(await client.locate([named('second')])).toEqual([id])
    expect(await client.locate([custom('x-new', 'v')])).toEqual([id])
  })

  test('gives a new instance the index after the highest', async () => {
    await client.send(Operation.AddAttribute, add(named('second')))
    await client.send(Operation.DeleteAttribute, remove('Name', 0))
    const answer = await client.send(Operation.AddAttribute, add(named('third')))
    expect(answer.attribute.index).toBe(2)
  })

  test('activates by a date that has passed', async () => {
    await client.send(Operation.AddAttribute, add(attribute('activationDate', server.clock.seconds)))
    expect(await client.attribute(id, 'State')).toBe(State.Active)
  })

  test.each([
    ['an index', { ...named('x'), index: 1 }, 'Invalid Field'],
    ['an attribute that is there already', attribute('contactInformation', 'you'), 'Illegal Operation'],
    ['an attribute of the server', attribute('lastChangeDate', 1), 'Permission Denied'],
    ['Fresh', attribute('fresh', true), 'Permission Denied'],
    ['an attribute of other objects', attribute('cryptographicDomainParameters', {}), 'Permission Denied'],
    ['dates that exclude each other', attribute('processStartDate', -1), 'Invalid Field'],
  ])('refuses %s', async (_, one, reason) => {
    await client.send(Operation.AddAttribute, add(attribute('activationDate', server.clock.seconds + 100)))
    const refusal = await client.refusal(Operation.AddAttribute, add(one))
    expect(refusal.reason).toBe(reason)
    expect(refusal.message).not.toBe('')
  })

  test('says of what the object has one of already who changes it', async () => {
    const message = async (one: ReturnType<typeof attribute>) =>
      (await client.refusal(Operation.AddAttribute, add(one))).message
    expect(await message(attribute('contactInformation', 'you'))).toBe(
      'Use Modify Attribute to change Contact Information: the object has one already',
    )
    const made = await client.create()
    for (const one of [attribute('originalCreationDate', 1), attribute('randomNumberGenerator', { rngAlgorithm: 1 })]) {
      const again = { uniqueIdentifier: made, attribute: one }
      const refusal = await client.refusal(Operation.AddAttribute, again)
      expect(refusal).toEqual({
        reason: 'Illegal Operation',
        message: `Leave ${one.attributeName} as it is: the object has one already, and no client changes it`,
      })
      expect((await client.refusal(Operation.ModifyAttribute, again)).reason).toBe('Permission Denied')
    }
  })

  test('refuses a Name that another object has, and takes its own', async () => {
    const other = await client.register(Buffer.alloc(16), [named('other')])
    const taken = { uniqueIdentifier: other, attribute: named('first') }
    expect((await client.refusal(Operation.AddAttribute, taken)).reason).toBe('Illegal Operation')
    await client.send(Operation.AddAttribute, add(named('first')))
  })

  test('refuses a custom attribute whose Structure holds a Structure, and keeps one of plain items (3.39)', async () => {
    const inner = items.structure(0x54_0002, items.text(0x54_0003, 'inner'))
    const plain = custom('x-record', Buffer.concat([items.text(0x54_0001, 'before'), items.integer(0x54_0002, 1)]), 1)
    const nested = custom('x-record', Buffer.concat([items.text(0x54_0001, 'before'), inner]), 1)
    expect((await client.refusal(Operation.AddAttribute, add(nested))).reason).toBe('Invalid Field')
    const added = await client.send(Operation.AddAttribute, add(plain))
    expect(added.attribute).toMatchObject({ value: { itemType: 1 } })
    expect((await client.refusal(Operation.ModifyAttribute, add(nested))).reason).toBe('Invalid Field')
    expect((await client.refusal(Operation.Create, createPayload([nested]))).reason).toBe('Invalid Field')
    const registered = registerKey(Buffer.alloc(16), [nested])
    expect((await client.refusal(Operation.Register, registered)).reason).toBe('Invalid Field')
    await client.create([custom('y-record', Buffer.alloc(0), 1)])
  })

  test('refuses dates of keys on a destroyed object, and any change of it', async () => {
    await client.destroy(id)
    const wrong = [
      client.refusal(Operation.AddAttribute, add(custom('x-late', 'v'))),
      client.refusal(Operation.ModifyAttribute, add(attribute('contactInformation', 'v'))),
      client.refusal(Operation.DeleteAttribute, remove('Name')),
    ]
    for (const refusal of await Promise.all(wrong)) expect(refusal.reason).toBe('Permission Denied')
  })

  test('refuses more instances than an object may have', async () => {
    const many = Array.from({ length: 64 }, (_, i) => item(Operation.AddAttribute, add(custom('x-many', i, 2))))
    let answers: Awaited<ReturnType<Client['batch']>> = []
    for (let added = 0; added < limits.attributeInstancesMax; added += 64) answers = await client.batch(many)
    expect(refusalOf(answers.at(-1)!).reason).toBe('Index Out of Bounds')
  })

  test('refuses a second Replacement Object Link, however it comes', async () => {
    const link = (linkType: LinkType) => attribute('link', { linkType, linkedObjectIdentifier: 'another' })
    const { ReplacementObjectLink, ParentLink } = LinkType
    const uniqueIdentifier = await client.create([link(ReplacementObjectLink), link(ParentLink)])
    const refusals = [
      await client.refusal(Operation.AddAttribute, { uniqueIdentifier, attribute: link(ReplacementObjectLink) }),
      await client.refusal(Operation.ModifyAttribute, {
        uniqueIdentifier,
        attribute: { ...link(ReplacementObjectLink), index: 1 },
      }),
      await client.refusal(Operation.Create, createPayload([link(ReplacementObjectLink), link(ReplacementObjectLink)])),
    ]
    expect(refusals.map(({ reason }) => reason)).toEqual(['Invalid Field', 'Invalid Field', 'Invalid Field'])
    await client.send(Operation.AddAttribute, { uniqueIdentifier, attribute: link(ParentLink) })
  })

  test('refuses an attribute that does not belong to the kind of object', async () => {
    const secret = await client.send(Operation.Register, registerSecret(Buffer.from('s')))
    const opaque = await client.send(Operation.Register, registerOpaque(Buffer.from('o')))
    const one = attribute('protectStopDate', 5)
    expect((await client.refusal(Operation.AddAttribute, { ...secret, attribute: one })).reason).toBe(
      'Permission Denied',
    )
    const date = attribute('activationDate', 5)
    expect((await client.refusal(Operation.AddAttribute, { ...opaque, attribute: date })).reason).toBe(
      'Permission Denied',
    )
  })
})

describe('Modify Attribute', () => {
  test('changes one instance, shows it, and finds it under its new value only', async () => {
    await client.send(Operation.AddAttribute, add(named('second')))
    const answer = await client.send(Operation.ModifyAttribute, add(named('renamed')))
    expect(answer.attribute).toMatchObject({ attributeName: 'Name', value: { nameValue: 'renamed' } })
    expect(await client.locate([named('first')])).toEqual([])
    expect(await client.locate([named('renamed')])).toEqual([id])
    expect(await client.locate([named('second')])).toEqual([id])
    const indexed = await client.send(Operation.ModifyAttribute, add({ ...named('third'), index: 1 }))
    expect(indexed.attribute.index).toBe(1)
    expect(await client.locate([named('second')])).toEqual([])
  })

  test('remembers that an object was once not Sensitive, and once Extractable', async () => {
    await client.send(Operation.ModifyAttribute, add(attribute('sensitive', true)))
    await client.send(Operation.ModifyAttribute, add(attribute('extractable', false)))
    expect(await client.attributes(id, ['Always Sensitive', 'Never Extractable'])).toEqual({
      'Always Sensitive': [false],
      'Never Extractable': [false],
    })
    const kept = await client.register(Buffer.alloc(16), [
      attribute('sensitive', true),
      attribute('extractable', false),
    ])
    expect(await client.attributes(kept, ['Always Sensitive', 'Never Extractable'])).toEqual({
      'Always Sensitive': [true],
      'Never Extractable': [true],
    })
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier: kept, attribute: attribute('sensitive', false) })
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier: kept, attribute: attribute('extractable', true) })
    expect(await client.attributes(kept, ['Always Sensitive', 'Never Extractable'])).toEqual({
      'Always Sensitive': [false],
      'Never Extractable': [false],
    })
  })

  test.each([
    ['an attribute that was never added', attribute('description', 'd'), 'Invalid Field'],
    ['an instance that is not there', { ...named('x'), index: 7 }, 'Item Not Found'],
    ['an attribute that no client changes', attribute('cryptographicUsageMask', 1), 'Permission Denied'],
    ['the state', attribute('state', State.Active), 'Permission Denied'],
  ])('refuses %s', async (_, one, reason) => {
    expect((await client.refusal(Operation.ModifyAttribute, add(one))).reason).toBe(reason)
  })

  test('refuses a Name that another object has', async () => {
    await client.register(Buffer.alloc(16), [named('other')])
    expect((await client.refusal(Operation.ModifyAttribute, add(named('other')))).reason).toBe('Illegal Operation')
  })

  test('refuses an Activation Date once the object is Active, and other dates once they have passed', async () => {
    const { clock } = server
    await client.send(Operation.AddAttribute, add(attribute('activationDate', clock.seconds)))
    await client.send(Operation.AddAttribute, add(attribute('protectStopDate', clock.seconds + 5)))
    await client.send(Operation.AddAttribute, add(attribute('deactivationDate', clock.seconds + 50)))
    const modify = (name: 'activationDate' | 'protectStopDate' | 'deactivationDate', date: number) =>
      client.item(Operation.ModifyAttribute, add(attribute(name, date)))
    expect(refusalOf(await modify('activationDate', clock.seconds + 9)).reason).toBe('Permission Denied')
    expect((await modify('protectStopDate', clock.seconds + 6)).resultStatus).toBe(0)
    clock.seconds += 6
    expect(refusalOf(await modify('protectStopDate', clock.seconds + 9)).reason).toBe('Permission Denied')
    expect((await modify('deactivationDate', clock.seconds + 1)).resultStatus).toBe(0)
    clock.seconds += 1
    expect(refusalOf(await modify('deactivationDate', clock.seconds + 9)).reason).toBe('Permission Denied')
    expect(await client.attribute(id, 'State')).toBe(State.Deactivated)
  })
})

describe('Delete Attribute', () => {
  test('deletes the first instance, or the one with the index, and shows it', async () => {
    await client.send(Operation.AddAttribute, add(named('second')))
    const first = await client.send(Operation.DeleteAttribute, remove('Name'))
    expect(first.attribute).toMatchObject({ attributeName: 'Name', value: { nameValue: 'first' } })
    expect(await client.locate([named('first')])).toEqual([])
    const second = await client.send(Operation.DeleteAttribute, remove('Name', 1))
    expect(second.attribute).toMatchObject({ index: 1, value: { nameValue: 'second' } })
    expect(await client.attribute(id, 'Name')).toBeUndefined()
  })

  test('asks clients of 1.0 which of several instances is to go', async () => {
    const version10 = { version: 10 } as const
    await client.send(Operation.AddAttribute, add(named('second')))
    const refusal = await client.refusal(Operation.DeleteAttribute, remove('Name'), version10)
    expect(refusal.reason).toBe('Invalid Field')
    await client.send(Operation.DeleteAttribute, remove('Name', 0), version10)
    await client.send(Operation.DeleteAttribute, remove('Name', 1), version10)
    await client.send(Operation.AddAttribute, add(named('only')))
    await client.send(Operation.DeleteAttribute, remove('Name'), version10)
    expect(await client.attribute(id, 'Name')).toBeUndefined()
  })

  test.each([
    ['an instance that is not there', remove('Name', 5), 'Item Not Found'],
    ['an attribute that the object does not have', remove('x-none'), 'Item Not Found'],
    ['a name that no attribute has', remove('No Such Attribute'), 'Item Not Found'],
    ['an attribute that always has a value', remove('State'), 'Permission Denied'],
    ['the mask', remove('Cryptographic Usage Mask'), 'Permission Denied'],
  ])('refuses %s', async (_, payload, reason) => {
    const refusal = await client.refusal(Operation.DeleteAttribute, { ...payload, uniqueIdentifier: id })
    expect(refusal.reason).toBe(reason)
  })
})

describe('Usage Limits', () => {
  test('count down with Encrypt, and are final once some were used', async () => {
    const limited = await client.register(Buffer.alloc(16), [
      attribute('usageLimits', { usageLimitsTotal: 40n, usageLimitsCount: 99n, usageLimitsUnit: 1 }),
    ])
    const limit = attribute('usageLimits', { usageLimitsTotal: 32n, usageLimitsUnit: 1 })
    await client.send(Operation.ModifyAttribute, { uniqueIdentifier: limited, attribute: limit })
    await client.activate(limited)
    const encrypt = () => client.item(Operation.Encrypt, { uniqueIdentifier: limited, data: Buffer.alloc(16) })
    expect((await encrypt()).resultStatus).toBe(0)
    expect(await client.attribute(limited, 'Usage Limits')).toEqual({
      usageLimitsTotal: 32n,
      usageLimitsCount: 16n,
      usageLimitsUnit: 1,
    })
    const again = { uniqueIdentifier: limited, attribute: limit }
    expect((await client.refusal(Operation.ModifyAttribute, again)).reason).toBe('Permission Denied')
    const gone = { uniqueIdentifier: limited, attributeName: 'Usage Limits' }
    expect((await client.refusal(Operation.DeleteAttribute, gone)).reason).toBe('Permission Denied')
    expect((await encrypt()).resultStatus).toBe(0)
    expect(refusalOf(await encrypt()).reason).toBe('Permission Denied')
  })

  test('count objects where the unit is Object', async () => {
    const limited = await client.register(Buffer.alloc(16), [
      attribute('usageLimits', { usageLimitsTotal: 1n, usageLimitsUnit: 2 }),
      attribute('activationDate', 0),
    ])
    const request = { uniqueIdentifier: limited, data: Buffer.alloc(1000) }
    await client.send(Operation.Encrypt, request)
    expect((await client.refusal(Operation.Encrypt, request)).reason).toBe('Permission Denied')
  })
})
