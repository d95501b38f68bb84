import { beforeEach, describe, expect, test } from 'vitest'
import { Operation, State } from '../../src/kmip/enums.ts'
import { attribute, createPayload, encryptDecrypt, item, named, newServer, refusalOf } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

const key = Buffer.alloc(16, 5)
const active = attribute('activationDate', 0)
const onLine = { storageStatusMask: 1 }
const archival = { storageStatusMask: 2 }
const both = { storageStatusMask: 3 }

let server: Server
let client: Client
let uniqueIdentifier: string
beforeEach(async () => {
  server = await newServer()
  client = server.client
  uniqueIdentifier = await client.register(key, [active, named('kept'), attribute('objectGroup', 'group')], {
    mask: encryptDecrypt,
  })
})
const archive = () => client.send(Operation.Archive, { uniqueIdentifier })

describe('an archived object', () => {
  test('is refused by every operation but those that look at its attributes, until it is recovered', async () => {
    expect(await archive()).toEqual({ uniqueIdentifier })
    expect(await client.attributes(uniqueIdentifier, ['Archive Date', 'Last Change Date'])).toEqual({
      'Archive Date': [server.clock.seconds],
      'Last Change Date': [server.clock.seconds],
    })
    const { attributeNames } = await client.send(Operation.GetAttributeList, { uniqueIdentifier })
    expect(attributeNames).toContain('Archive Date')
    const reason = { revocationReason: { revocationReasonCode: 1 } }
    const attempts = [
      item(Operation.Get, { uniqueIdentifier }),
      item(Operation.Encrypt, { uniqueIdentifier, data: key }),
      item(Operation.Check, { uniqueIdentifier }),
      item(Operation.ObtainLease, { uniqueIdentifier }),
      item(Operation.Revoke, { uniqueIdentifier, ...reason }),
      item(Operation.Destroy, { uniqueIdentifier }),
      item(Operation.ReKey, { uniqueIdentifier }),
      item(Operation.AddAttribute, { uniqueIdentifier, attribute: attribute('contactInformation', 'x') }),
      item(Operation.ModifyAttribute, { uniqueIdentifier, attribute: named('other') }),
      item(Operation.DeleteAttribute, { uniqueIdentifier, attributeName: 'Name' }),
      item(Operation.Archive, { uniqueIdentifier }),
    ]
    const answers = await client.batch(attempts, { header: { batchErrorContinuationOption: 1 } })
    expect(answers.map((answer) => refusalOf(answer).reason)).toEqual(attempts.map(() => 'Object archived'))

    expect(await client.send(Operation.Recover, { uniqueIdentifier })).toEqual({ uniqueIdentifier })
    expect(await client.material(uniqueIdentifier)).toEqual(key)
    expect(await client.attribute(uniqueIdentifier, 'Archive Date')).toBeUndefined()
    expect(await client.send(Operation.Recover, { uniqueIdentifier })).toEqual({ uniqueIdentifier })
  })

  test('is the ID Placeholder of what follows its Recover', async () => {
    const uniqueIdentifier = await client.register(Buffer.alloc(16, 1))
    await client.send(Operation.Archive, { uniqueIdentifier })
    for (const state of ['archived', 'there']) {
      const [, got] = await client.batch([item(Operation.Recover, { uniqueIdentifier }), item(Operation.Get, {})])
      expect([state, got!.resultStatus]).toEqual([state, 0])
    }
  })

  test('is refused in another thread, and in the request that archives it', async () => {
    const other = server.otherThread()
    expect(await other.material(uniqueIdentifier)).toEqual(key)
    const [, got] = await client.batch([
      item(Operation.Archive, { uniqueIdentifier }),
      item(Operation.Get, { uniqueIdentifier }),
    ])
    expect(refusalOf(got!).reason).toBe('Object archived')
    expect((await other.refusal(Operation.Get, { uniqueIdentifier })).reason).toBe('Object archived')
  })

  test('is located by a Storage Status Mask that asks for it, by name, group, state and none of them', async () => {
    const other = await client.register(key, [active, attribute('objectGroup', 'group')])
    const byGroup = [attribute('objectGroup', 'group')]
    const byState = [attribute('state', State.Active)]
    expect(await client.locate(byGroup, archival)).toEqual([])
    await archive()
    for (const filters of [[], byGroup, byState]) {
      expect(await client.locate(filters)).toEqual([other])
      expect(await client.locate(filters, onLine)).toEqual([other])
      expect(await client.locate(filters, archival)).toEqual([uniqueIdentifier])
      expect(await client.locate(filters, both)).toEqual([uniqueIdentifier, other])
      expect(await client.locate(filters, { ...both, offsetItems: 1 })).toEqual([other])
      expect(await client.locate(filters, { storageStatusMask: 0 })).toEqual([])
    }
    expect(await client.locate([named('kept')])).toEqual([])
    expect(await client.locate([named('kept')], both)).toEqual([uniqueIdentifier])
    expect(await client.locate([attribute('uniqueIdentifier', uniqueIdentifier)])).toEqual([])
    expect(await client.locate([attribute('uniqueIdentifier', uniqueIdentifier)], archival)).toEqual([uniqueIdentifier])
    expect((await client.refusal(Operation.Locate, { attributes: [], storageStatusMask: 4 })).reason).toBe(
      'Invalid Field',
    )
  })

  test('changes its state by a date, and is found in the new one', async () => {
    const later = await client.register(key, [attribute('activationDate', server.clock.seconds + 10)])
    await client.send(Operation.Archive, { uniqueIdentifier: later })
    server.clock.seconds += 11
    expect(await client.attribute(later, 'State')).toBe(State.Active)
    expect(await client.locate([attribute('state', State.Active)], archival)).toEqual([later])
    expect(await client.locate([attribute('state', State.PreActive)], archival)).toEqual([])
  })

  test('keeps its Name from others; what is destroyed is not archived', async () => {
    await archive()
    expect((await client.refusal(Operation.Create, createPayload([named('kept')]))).reason).toBe('Invalid Field')
    await client.send(Operation.Recover, { uniqueIdentifier })
    await client.revoke(uniqueIdentifier)
    await client.destroy(uniqueIdentifier)
    expect((await client.refusal(Operation.Archive, { uniqueIdentifier })).reason).toBe('Illegal Operation')
  })
})
