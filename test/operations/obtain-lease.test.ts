import { beforeAll, describe, expect, test } from 'vitest'
import { Operation, RevocationReasonCode } from '../../src/kmip/enums.ts'
import { limits } from '../../src/limits.ts'
import { item, newServer, refusalOf, registerOpaque } from './fixture.ts'
import type { Client, Server } from './fixture.ts'

let server: Server
let client: Client
beforeAll(async () => {
  server = await newServer()
  client = server.client
})

const leaseOf = (uniqueIdentifier: string) => client.send(Operation.ObtainLease, { uniqueIdentifier })
const refusal = async (uniqueIdentifier: string) =>
  (await client.refusal(Operation.ObtainLease, { uniqueIdentifier })).reason

describe('Obtain Lease', () => {
  test('gives the Lease Time and the Last Change Date, and changes nothing', async () => {
    const id = await client.create()
    const lastChangeDate = server.clock.seconds
    server.clock.seconds += 10
    const lease = { uniqueIdentifier: id, leaseTime: limits.leaseSeconds, lastChangeDate }
    expect(await leaseOf(id)).toEqual(lease)
    expect(await leaseOf(id)).toEqual(lease)
    await client.activate(id)
    expect(await leaseOf(id)).toEqual({ ...lease, lastChangeDate: server.clock.seconds })
  })

  test('takes the ID Placeholder', async () => {
    const id = await client.create()
    const answers = await client.batch([
      item(Operation.GetAttributes, { uniqueIdentifier: id, attributeNames: ['State'] }),
      item(Operation.ObtainLease, { uniqueIdentifier: id }),
    ])
    expect(answers[1]!.responsePayload).toMatchObject({ uniqueIdentifier: id })
    expect(refusalOf((await client.batch([item(Operation.ObtainLease, {})]))[0]!).reason).toBe('Item Not Found')
  })

  test('is refused for what is compromised, destroyed, not there, or no cryptographic object', async () => {
    const compromised = await client.create()
    await client.send(Operation.Revoke, {
      uniqueIdentifier: compromised,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
      compromiseOccurrenceDate: server.clock.seconds,
    })
    expect(await refusal(compromised)).toBe('Permission Denied')
    const destroyed = await client.create()
    await client.destroy(destroyed)
    expect(await refusal(destroyed)).toBe('Permission Denied')
    const { uniqueIdentifier } = await client.send(Operation.Register, registerOpaque(Buffer.alloc(4)))
    expect(await refusal(uniqueIdentifier)).toBe('Permission Denied')
    expect(await refusal('00000000-0000-0000-0000-000000000000')).toBe('Item Not Found')
  })

  test('goes by an attribute that clients see and cannot set', async () => {
    const id = await client.create()
    const { attributes } = await client.send(Operation.GetAttributes, {
      uniqueIdentifier: id,
      attributeNames: ['Lease Time'],
    })
    expect(attributes).toMatchObject([{ name: 'leaseTime', value: limits.leaseSeconds }])
  })
})
